"""verify_money on a platform that is at work."""

import threading

import pytest
from django.db import DatabaseError, connection

from accounts.models import User
from billing.models import Wallet
from generation import lifecycle
from generation.oversight import verify
from tests.verify.conftest import ALL, ask, succeed
from tests.verify.conftest import verify as run


@pytest.mark.django_db(transaction=True)
def test_running_traffic_is_no_violation(alice: User) -> None:
    def traffic() -> None:
        try:
            for number in range(30):
                generation = ask(alice)
                succeed(generation) if number % 2 else lifecycle.fail(generation, by="olga")
        finally:
            connection.close()

    thread = threading.Thread(target=traffic)
    thread.start()
    runs = [run()]
    while thread.is_alive():
        runs.append(run())
    thread.join()
    assert {code for code, _ in runs} == {0}, runs
    assert run() == (0, f"{ALL} checks, 61 entries: all good\n")


@pytest.mark.django_db(transaction=True)
def test_the_snapshot_neither_moves_nor_makes_others_wait(alice: User) -> None:
    def elsewhere() -> None:
        try:
            ask(alice)
        finally:
            connection.close()

    with verify.snapshot():
        before = Wallet.objects.get(pk=alice.pk).held
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(timeout=10)
        assert not thread.is_alive()
        assert Wallet.objects.get(pk=alice.pk).held == before
    assert Wallet.objects.get(pk=alice.pk).held > before


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_snapshot_cannot_write(alice: User) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no read-only transaction")
    with pytest.raises(DatabaseError, match="read-only"), verify.snapshot():
        Wallet.objects.update(held=0)
