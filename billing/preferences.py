"""What users have chosen: their time zone, and when they are told that credits run low."""

from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from billing.amounts import parse_credits
from billing.models import Preferences, Wallet


def of(user_id: int) -> Preferences:
    """A user's preferences, with a row or without."""
    return Preferences.objects.filter(pk=user_id).first() or Preferences(user_id=user_id)


def zone_of(user_id: int) -> ZoneInfo:
    """The time zone in which a user reads statements: their own, or that of the site."""
    return zone(of(user_id))


def zone(preferences: Preferences) -> ZoneInfo:
    """The same from preferences that are read already."""
    return ZoneInfo(preferences.time_zone or settings.TIME_ZONE)


def default_threshold() -> int:
    """Below how many millicredits those are told who have chosen nothing else; 0 tells nobody."""
    return parse_credits(settings.LOW_CREDIT_ALERT_CREDITS)


def threshold_of(preferences: Preferences) -> int:
    """Below how many millicredits a user is told."""
    own = preferences.low_credit_millicredits
    return default_threshold() if own is None else own


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """The zones that have a place in their name, and UTC."""
    places = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return ("UTC", *sorted(name for name in available_timezones() if name.partition("/")[0] in places))


def change(user: User, **choices: Any) -> Preferences:
    """Keep a user's choices. Nobody is told about what they see at that moment: only a fall from now on counts."""
    row, _ = Preferences.objects.update_or_create(user=user, defaults=choices)
    wallet = Wallet.objects.filter(pk=user.pk).first()
    if wallet and row.told_at is None and wallet.available < threshold_of(row):
        Preferences.objects.filter(pk=row.pk).update(told_at=timezone.now(), income_then=-wallet.outside)
    return row
