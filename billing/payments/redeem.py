"""Codes for credits. A code is 80 random bits, kept as a keyed hash; its batch says what it is worth and how often."""

import re
import secrets
from datetime import timedelta

from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User, key_digest
from accounts.transactions import atomically
from billing import adjustments, alerts, ledger
from billing.amounts import format_credits
from billing.models import Entry, RedeemBatch, RedeemCode, RedeemTries, Redemption, Wallet

# Crockford's alphabet: no letter that looks like a digit.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS = 16
GROUP = 4
LARGEST_BATCH = 1000
TRIES = 10
WINDOW = timedelta(minutes=10)
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})


@atomically
def issue(batch: RedeemBatch, count: int) -> list[str]:
    """Save a batch with so many codes; returns them as people read them, for the only time.

    If their author may not book alone what they are worth, they wait for a second person (R-AD1).
    """
    worth = batch.worth(count)
    batch.needs_approval = worth is None or worth > adjustments.left_alone(batch.author)
    batch.save()
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(count)]
    RedeemCode.objects.bulk_create(RedeemCode(batch=batch, digest=_digest(code), hint=code[-GROUP:]) for code in codes)
    if batch.waits:
        _tell(batch, count, worth)
    return ["-".join(code[at : at + GROUP] for at in range(0, LETTERS, GROUP)) for code in codes]


def _tell(batch: RedeemBatch, count: int, worth: int | None) -> None:
    in_all = "used without a limit" if worth is None else f"in all {format_credits(worth)}"
    what = f"{count} redeem codes for {format_credits(batch.credits_millicredits)} credits, {in_all}"
    message = f"{batch.author} asks for a second person: {what}. {batch.note}"
    url = reverse("admin:billing_redeembatch_change", args=[batch.pk])
    alerts.about(f"redeem-batch:{batch.pk}", message, severity=alerts.Severity.INFO, url=url)


def approve(batch: RedeemBatch, *, by: User) -> None:
    """Let codes that wait be used. Raises Refused for their author, and when they wait no more."""
    if batch.author_id == by.pk:
        raise Refused("second_person", "Somebody else has to approve this: you issued it.", status=403)
    waiting = RedeemBatch.objects.filter(pk=batch.pk, needs_approval=True, approved_by=None, revoked_at=None)
    if not waiting.update(approved_by=by, approved_at=timezone.now()):
        raise Refused("already_decided", "These codes wait for nobody. Look at them again.", status=409)


def waiting() -> int:
    """How many batches wait for a second person."""
    return RedeemBatch.objects.filter(needs_approval=True, approved_by=None, revoked_at=None).count()


def count_try(user: User) -> None:
    """Count an attempt before its code is looked at. Raises Refused("too_many_tries"); exact under concurrency.

    Call it outside of the transaction that redeems: a refusal there must not undo the count.
    """
    now = timezone.now()
    RedeemTries.objects.bulk_create([RedeemTries(user=user)], ignore_conflicts=True)
    mine = RedeemTries.objects.filter(user=user)
    mine.filter(since__lte=now - WINDOW).update(since=now, tries=0)
    if not mine.filter(tries__lt=TRIES).update(tries=F("tries") + 1):
        frees = mine.get().since + WINDOW
        seconds = max(1, round((frees - now).total_seconds()))
        message = f"You can try {TRIES} codes in {WINDOW.seconds // 60} minutes. Try again in {seconds} s."
        data = {"limit": TRIES, "frees_at": frees.isoformat(), "retry_after_seconds": seconds}
        raise Refused("too_many_tries", message, status=429, **data)


@atomically
def redeem(user: User, text: str) -> Entry:
    """Give what a code is worth. Raises Refused: code_unknown, code_expired, code_waits, code_used, code_limit."""
    # The row is locked: of two people at once one is second, and the unique numbers say so too.
    found = RedeemCode.objects.select_for_update(of=("self",), no_key=True).select_related("batch")
    code = found.filter(digest=_digest(_normal(text))).first()
    if code is None:
        raise Refused("code_unknown", "There is no such code. Check each character.", status=404, field="code")
    batch = code.batch
    if batch.revoked_at or (batch.expires_at and batch.expires_at <= timezone.now()):
        raise Refused("code_expired", "This code has expired.", status=410, field="code")
    if batch.waits:
        raise Refused("code_waits", "This code cannot be used yet. Try again later.", status=409, field="code")
    ledger.open_wallet(user)
    Wallet.objects.select_for_update(no_key=True).get(pk=user.pk)
    use, number = code.redemptions.count() + 1, batch.redemptions.filter(user=user).count() + 1
    if batch.uses_per_user and number > batch.uses_per_user:
        message = "You have used this code already." if batch.uses_per_user == 1 else "You have used it up."
        raise Refused("code_limit", message, status=409, field="code", limit=batch.uses_per_user)
    if batch.uses_per_code and use > batch.uses_per_code:
        raise Refused("code_used", "This code has been used.", status=409, field="code", limit=batch.uses_per_code)
    used = Redemption.objects.create(batch=batch, code=code, user=user, use=use, number=number)
    ends = used.created_at + timedelta(days=batch.lasts_days) if batch.lasts_days else None
    note = f"Code …{code.hint}: {batch.note}"
    return ledger.grant(user, batch.credits_millicredits, reason=f"redeem:{used.pk}", note=note, expires_at=ends)


def revoke(batch: RedeemBatch) -> bool:
    """None of its codes can be used from now on; False when that was so before."""
    return bool(RedeemBatch.objects.filter(pk=batch.pk, revoked_at=None).update(revoked_at=timezone.now()))


def _normal(text: str) -> str:
    """A code as it was made, however it was typed."""
    return re.sub(r"[\s-]", "", text[:100]).upper().translate(_READ_AS)


def _digest(code: str) -> str:
    return key_digest(f"redeem:{code}")
