"""What the queue does for wallets from time to time."""

from datetime import timedelta

from django.utils import timezone
from django_q.models import Schedule

from accounts.models import User
from billing import grants, ledger
from billing.models import RecurringGrant, Wallet
from generation import tasks
from generation.management.commands import worker


def test_it_is_done_every_minute(db: None) -> None:
    worker.schedule()
    assert Schedule.objects.get(func="generation.tasks.tend_wallets").minutes == 1


def test_orders_of_an_earlier_version_are_withdrawn(db: None) -> None:
    for name, func in (("generation.gone.work", "generation.gone.work"), ("by an operator", "generation.tasks.beat")):
        Schedule.objects.create(name=name, func=func, schedule_type=Schedule.MINUTES, minutes=1)
    worker.schedule()
    assert not Schedule.objects.filter(func="generation.gone.work").exists()
    assert Schedule.objects.filter(name="by an operator").exists()


def test_what_has_expired_is_booked_and_monthly_gifts_are_given(bob: User, olga: User) -> None:
    """R-LED8: the books are right also for those who never come back."""
    ledger.grant(bob, 100, reason="gift", expires_at=timezone.now() - timedelta(seconds=1))
    gift = RecurringGrant(user=bob, author=olga, amount_millicredits=40, note="Monthly", starts_at=timezone.now())
    grants.schedule(gift)
    tasks.tend_wallets()
    wallet = Wallet.objects.get(pk=bob.pk)
    assert (wallet.available, wallet.expired) == (40, 100)
