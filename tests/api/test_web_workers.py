"""Several web processes and one wallet, over real HTTP (R-LED1, R-BUD1)."""

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.db import connection

from accounts.models import ApiKey, User
from billing import ledger
from billing.models import Budget, Wallet
from generation.models import Generation
from tests.api.test_generations import FOX
from tests.budgets.use import used
from tests.processes import Process, environment, until
from tests.simulator import Simulator

pytestmark = [
    pytest.mark.simulator,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="several writing processes need PostgreSQL"),
]


@pytest.fixture
def url(kie: Simulator) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = ["-m", "gunicorn", "kieplatform.wsgi", "-b", address, "-w", "3", "-k", "gthread", "--threads", "4"]
    process = Process(environment(kie), *server)

    def answers() -> bool:
        try:
            return httpx.get(f"http://{address}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    until(answers, "the web server")
    yield f"http://{address}/api/v1/generations"
    process.kill()


def fifty_at_once(url: str, user: User) -> Counter[int]:
    headers = {"Authorization": f"Bearer {ApiKey.issue(user, 'test')[1]}"}

    def post(number: int) -> int:
        return httpx.post(url, json=FOX, headers=headers | {"Idempotency-Key": str(number)}, timeout=60).status_code

    with ThreadPoolExecutor(16) as threads:
        return Counter(threads.map(post, range(50)))


def test_fifty_requests_against_credits_for_ten_let_ten_through(url: str, bob: User) -> None:
    ledger.top_up(bob, 50_000, payment="pay")
    assert fifty_at_once(url, bob) == {202: 10, 402: 40}
    wallet = Wallet.objects.get(pk=bob.pk)
    assert (wallet.available, wallet.held, Generation.objects.count()) == (0, 50_000, 10)


def test_fifty_requests_against_a_cap_for_twenty_let_twenty_through(url: str, alice: User) -> None:
    Budget.objects.filter(scope=Budget.PLATFORM).update(daily_cap_millicredits=20 * 4_000)
    assert fifty_at_once(url, alice) == {202: 20, 429: 30}
    assert used() == 20 * 4_000
    assert Wallet.objects.get(pk=alice.pk).held == 20 * 5_000
