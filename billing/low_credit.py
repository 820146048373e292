"""Telling customers by e-mail that their credits run low: once per fall, and again only after they have risen.

`run` is called every minute. It looks at balances as they are now; one that rose well above the threshold since the
last mail, seen so or by what came in, may fall again. Who never had so many credits has not fallen.
"""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from billing import preferences
from billing.amounts import format_credits
from billing.models import Entry, Preferences, Wallet

BATCH, SECONDS = 200, 45
# Who rises to five quarters of the threshold can fall again; less is the same low tide.
RISEN, FALLEN = 5, 4
# Of those who spent their last credits longer ago nobody waits for a mail: alerts were off then, or the platform was.
RECENT = timedelta(days=1)
logger = logging.getLogger(__name__)


def run() -> int:
    """Tell those whose credits have fallen below their threshold; returns how many mails were sent."""
    _rearm()
    told, until = 0, time.monotonic() + SECONDS
    for wallet in list(_fallen()[:BATCH]):
        # A mail server that does not answer must not hold up the queue; the rest are told in a minute.
        if time.monotonic() > until:
            break
        told += _tell(wallet)
    return told


def _rearm() -> None:
    level = Q(available__gte=F("threshold") * RISEN / FALLEN)
    risen = _with_threshold().filter(level, user__preferences__told_at__isnull=False)
    Preferences.objects.filter(pk__in=risen.values("pk")).update(told_at=None, income_then=0)


def _with_threshold() -> QuerySet[Wallet]:
    own, default = "user__preferences__low_credit_millicredits", Value(preferences.default_threshold())
    return Wallet.objects.annotate(threshold=Coalesce(own, default))


def _fallen() -> QuerySet[Wallet]:
    """Whose balance is low and was not, and who has not been told."""
    came_in = -F("outside")
    first = Q(user__preferences=None) | Q(user__preferences__told_at=None)
    again = Q(threshold__lte=(came_in - F("user__preferences__income_then")) * FALLEN / RISEN)
    recent = Entry.objects.filter(wallet=OuterRef("pk"), created_at__gt=timezone.now() - RECENT)
    wanted = Q(user__preferences=None) | Q(user__preferences__low_credit_mail=True)
    low = Q(threshold__gt=0, available__lt=F("threshold"), outside__lte=-F("threshold"))
    fallen = _with_threshold().filter(low, wanted)
    return fallen.filter(first | again, Exists(recent), user__is_active=True).select_related("user").order_by("pk")


def _tell(wallet: Wallet) -> bool:
    """One mail, unless somebody else sends it or the credits have risen meanwhile."""
    now, (row, _) = timezone.now(), Preferences.objects.get_or_create(user_id=wallet.pk)
    before = {"told_at": row.told_at, "income_then": row.income_then}
    threshold = preferences.threshold_of(row)
    still = Q(user__wallet__available__lt=threshold, low_credit_mail=True)
    low = Preferences.objects.filter(still, pk=row.pk)
    claim = Preferences.objects.filter(pk__in=low.values("pk"), **before)
    if not claim.update(told_at=now, income_then=-wallet.outside):
        return False
    try:
        _mail(wallet, threshold).send()
    # Mail servers fail in many ways; each of them is a reason to try again in a minute.
    except Exception:
        logger.exception("The mail about low credits of user %s was not sent", wallet.pk)
        Preferences.objects.filter(pk=row.pk, told_at=now).update(**before)
        return False
    return True


def _mail(wallet: Wallet, threshold: int) -> EmailMessage:
    settings_url = settings.PUBLIC_URL + reverse("balance-settings")
    left = max(0, wallet.available)
    words = {
        "left": left,
        "held": wallet.held,
        "threshold": threshold,
        "top_up_url": settings.PUBLIC_URL + _top_up(),
        "settings_url": settings_url,
    }
    body = render_to_string("billing/mail/low_credit.txt", words)
    subject = f"{format_credits(left)} credits left"
    return EmailMessage(subject, body, to=[wallet.user.email], headers={"List-Unsubscribe": f"<{settings_url}>"})


def _top_up() -> str:
    try:
        return reverse("top_up")
    except NoReverseMatch:
        return reverse("balance")
