"""Any sequence of the verbs of money, with time passing: the books add up and equal a model of a few lines."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.errors import Refused
from accounts.models import User
from billing import ledger, verify
from billing.models import Lot, Wallet

START = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
AMOUNTS = st.integers(1, 300)
numbers = itertools.count(1)


@dataclass
class Credits:
    """A lot in the model."""

    expires_at: datetime
    priority: int
    number: int
    left: int
    lapsed: int = 0

    @property
    def order(self) -> tuple[datetime, int, int]:
        return self.expires_at, self.priority, self.number


@dataclass
class Books:
    """What a customer should have, in the plainest words there are."""

    lots: list[Credits] = field(default_factory=list)
    holds: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    frozen: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    charged: dict[str, list[tuple[Credits, int]]] = field(default_factory=dict)
    payments: dict[str, list[Any]] = field(default_factory=dict)
    spent: int = 0
    owed: int = 0
    expired: int = 0

    @property
    def held(self) -> int:
        return sum(amount for amount, _ in [*self.holds.values(), *self.frozen.values()])

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots) - self.held

    def add(self, amount: int, expires_at: datetime, priority: int) -> Credits | None:
        if not amount:
            return None
        self.lots.append(Credits(expires_at, priority, next(numbers), amount))
        return self.lots[-1]

    def take(self, amount: int, since: datetime, first: Credits | None = None) -> list[tuple[Credits, int]]:
        taken = []
        for lot in sorted(self.lots, key=lambda lot: (lot is not first, lot.expires_at <= since, lot.order)):
            part = min(lot.left, amount)
            if part:
                lot.left -= part
                amount -= part
                taken.append((lot, part))
        return taken

    def due(self, now: datetime) -> list[tuple[Credits, int]]:
        """What has ended, less what was held in time."""
        found, kept = [], 0
        for lot in sorted(self.lots, key=lambda lot: lot.order):
            if lot.left and lot.expires_at <= now:
                made = [*self.holds.values(), *self.frozen.values()]
                in_time = sum(amount for amount, at in made if at < lot.expires_at)
                keeps = min(lot.left, max(0, in_time - kept))
                kept += keeps
                found.append((lot, lot.left - keeps))
        return found

    def expire(self, now: datetime) -> None:
        for lot, amount in self.due(now):
            self.expired += amount
            lot.lapsed += amount
            lot.left -= amount

    def repay(self, back: int, now: datetime) -> None:
        paid = max(0, min(self.owed, self.available, back))
        self.owed -= paid
        self.take(paid, now)


class Money(RuleBasedStateMachine):
    """One customer, and everything that can happen to what they have."""

    @initialize()
    def open(self) -> None:
        self.clock = time_machine.travel(START, tick=False)
        self.traveller = self.clock.start()
        self.now = START
        self.run = next(numbers)
        self.user = User.objects.create_user(f"money{self.run}@example.com")
        ledger.open_wallet(self.user)
        self.books = Books()

    def teardown(self) -> None:
        if hasattr(self, "clock"):
            self.clock.stop()

    def name(self, kind: str) -> str:
        return f"{kind}:{self.run}:{next(numbers)}"

    @rule(amount=AMOUNTS, days=st.none() | st.integers(1, 20))
    def top_up(self, amount: int, days: int | None) -> None:
        payment, expires = self.name("pay"), self.now + timedelta(days=days) if days else None
        ledger.top_up(self.user, amount, payment=payment, expires_at=expires)
        paid = min(self.books.owed, amount)
        self.books.owed -= paid
        lot = self.books.add(amount - paid, expires or NEVER, Lot.PURCHASE_PRIORITY)
        self.books.payments[payment] = [amount, lot]

    @rule(amount=AMOUNTS, days=st.integers(1, 20))
    def grant(self, amount: int, days: int) -> None:
        expires = self.now + timedelta(days=days)
        ledger.grant(self.user, amount, reason=self.name("gift"), expires_at=expires)
        self.books.add(amount, expires, Lot.GIFT_PRIORITY)

    @rule(amount=AMOUNTS)
    def hold(self, amount: int) -> None:
        job = self.name("job")
        self.books.expire(self.now)
        if amount > self.books.available:
            with pytest.raises(Refused):
                ledger.hold(self.user.pk, amount, about=job)
            ledger.expire(self.user.pk)
            return
        ledger.hold(self.user.pk, amount, about=job)
        ledger.expire(self.user.pk)
        self.books.holds[job] = amount, self.now

    @precondition(lambda self: self.books.holds)
    @rule(data=st.data(), share=st.fractions(0, 1, max_denominator=10))
    def settle(self, data: st.DataObject, share: Any) -> None:
        job = data.draw(st.sampled_from(list(self.books.holds)))
        held, at = self.books.holds.pop(job)
        charge = int(held * share)
        ledger.settle(job, charge)
        if charge:
            self.books.charged[job] = self.books.take(charge, at)
            self.books.spent += charge
        self.books.repay(held - charge, self.now)

    @precondition(lambda self: self.books.charged)
    @rule(data=st.data(), share=st.fractions(0, 1, max_denominator=10))
    def refund(self, data: st.DataObject, share: Any) -> None:
        job = data.draw(st.sampled_from(list(self.books.charged)))
        paid = self.books.charged.pop(job)
        amount = left = max(1, int(sum(part for _, part in paid) * share))
        ledger.refund(job, amount, note="sorry", author=None)
        self.books.spent -= amount
        for lot, part in reversed(paid):
            if lot.expires_at > self.now:
                lot.left += min(part, left)
                left -= min(part, left)
        self.books.add(left, self.now + timedelta(days=30), Lot.PURCHASE_PRIORITY)
        self.books.repay(amount, self.now)

    @rule(amount=AMOUNTS)
    def freeze(self, amount: int) -> None:
        dispute = self.name("dispute")
        ledger.freeze(self.user.pk, amount, dispute=dispute)
        if part := min(amount, max(0, self.books.available)):
            self.books.frozen[dispute] = part, self.now

    @precondition(lambda self: self.books.frozen)
    @rule(data=st.data(), won=st.booleans())
    def unfreeze(self, data: st.DataObject, won: bool) -> None:
        dispute = data.draw(st.sampled_from(list(self.books.frozen)))
        self.books.expire(self.now)
        ledger.unfreeze(dispute, won=won)
        back, _ = self.books.frozen.pop(dispute)
        if won:
            moved = 0
            for lot, amount in self.books.due(self.now):
                part = min(amount, back - moved)
                lot.left -= part
                moved += part
            self.books.add(moved, self.now + timedelta(days=30), Lot.PURCHASE_PRIORITY)
        self.books.repay(back, self.now)
        self.books.expire(self.now)
        ledger.expire(self.user.pk)

    @precondition(lambda self: self.books.payments)
    @rule(data=st.data(), amount=AMOUNTS)
    def reverse(self, data: st.DataObject, amount: int) -> None:
        payment = data.draw(st.sampled_from(list(self.books.payments)))
        left, lot = self.books.payments[payment]
        self.books.expire(self.now)
        ledger.expire(self.user.pk)
        if amount > left:
            with pytest.raises(Refused):
                ledger.reverse(payment, amount, reason=self.name("reversal"))
            return
        ledger.reverse(payment, amount, reason=self.name("reversal"))
        self.books.payments[payment][0] -= amount
        lapsed = min(max(0, amount - lot.left), lot.lapsed) if lot else 0
        if lot:
            lot.lapsed -= lapsed
        taken = min(amount - lapsed, max(0, self.books.available))
        self.books.take(taken, self.now, first=lot)
        self.books.expired -= lapsed
        self.books.owed += amount - lapsed - taken

    @rule(hours=st.integers(1, 200))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.traveller.move_to(self.now)
        self.books.expire(self.now)
        ledger.expire(self.user.pk)

    @invariant()
    def the_books_are_what_they_should_be(self) -> None:
        if not hasattr(self, "books"):
            return
        wallet = Wallet.objects.get(pk=self.user.pk)
        has = (wallet.available, wallet.held, wallet.spent, wallet.owed, wallet.expired)
        books = self.books
        assert has == (books.available, books.held, books.spent, books.owed, books.expired)
        remaining = Lot.objects.filter(wallet=self.user.pk, remaining__gt=0).order_by("id")
        assert list(remaining.values_list("remaining", flat=True)) == [lot.left for lot in books.lots if lot.left]

    @invariant()
    def every_check_is_good(self) -> None:
        assert [line for _, check in verify.CHECKS for line in check()] == []


@pytest.mark.django_db
def test_any_sequence_of_movements_adds_up() -> None:
    """R-LED4, R-LED7, R-LED8, R-PAY6, R-PAY7: lots, expiry, disputes and refunds in any order."""
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
