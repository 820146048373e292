"""Many at once, with real connections."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import ledger
from billing.models import Entry, Wallet

pytestmark = pytest.mark.django_db(transaction=True)


def all_at_once(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Run every job in a thread, and so on a connection, of its own, started together."""
    results: list[Any] = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = jobs[number]()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_fifty_holds_of_a_hundred_against_a_thousand_let_ten_through(bob: User) -> None:
    """R-LED1"""
    ledger.top_up(bob, 1000, payment="pay")
    results = all_at_once([partial(ledger.hold, bob.pk, 100, about=f"job{n}") for n in range(50)])
    assert sum(isinstance(result, Entry) for result in results) == 10
    assert sum(isinstance(result, Refused) for result in results) == 40
    wallet = Wallet.objects.get(pk=bob.pk)
    assert (wallet.available, wallet.held) == (0, 1000)


def test_charging_and_returning_at_the_same_moment_settles_once(alice: User) -> None:
    """R-REF5"""
    for number in range(20):
        about = f"job{number}"
        ledger.hold(alice.pk, 100, about=about)
        charges = [100, 0, 100, 0]
        results = all_at_once([partial(ledger.settle, about, charge) for charge in charges])
        assert {result.spent for result in results if isinstance(result, Entry)} in ({0}, {100})
        assert Entry.objects.filter(key=f"settle:{about}").count() == 1
    assert Wallet.objects.get(pk=alice.pk).held == 0


def test_the_same_payment_ten_times_in_parallel_credits_once(bob: User) -> None:
    """R-PAY1"""
    results = all_at_once([lambda: ledger.top_up(bob, 500, payment="stripe:pi")] * 10)
    assert {result.pk for result in results} == {Entry.objects.get().pk}
    assert Wallet.objects.get(pk=bob.pk).available == 500


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer and so no deadlock")
def test_a_deadlock_retries_the_whole_transaction(alice: User, eve: User) -> None:
    """R-LED3: two transactions lock two wallets in opposite order; both end well."""
    meet = threading.Barrier(2, timeout=5)
    tries: list[int] = []

    def crosswise(first: User, second: User) -> Callable[[], None]:
        @atomically
        def transfer() -> None:
            tries.append(1)
            ledger.adjust(first, 10, reason=f"a{first.pk}", note="", author=first)
            if len(tries) <= 2:
                meet.wait()
            ledger.adjust(second, 10, reason=f"b{first.pk}", note="", author=first)

        return transfer

    results = all_at_once([crosswise(alice, eve), crosswise(eve, alice)])
    assert results == [None, None]
    assert len(tries) == 3
    assert all(Wallet.objects.get(pk=user.pk).available == 1_000_020 for user in (alice, eve))


def test_a_transaction_that_never_succeeds_is_given_up(db: None) -> None:
    tries: list[int] = []

    @atomically
    def hopeless() -> None:
        tries.append(1)
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        hopeless()
    assert len(tries) == 4
