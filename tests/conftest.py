"""The cast of all tests: alice pays, bob is broke, eve pokes at other people's things, olga operates."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import TransactionTestCase
from rest_framework.test import APIClient

from accounts.models import ApiKey, User
from billing import ledger
from billing.models import Budget
from tests.simulator import Simulator

KIE_KEY = "test-key"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What touches no database is the same on any: one run is enough."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if not {"db", "transactional_db"}.intersection(fixtures) and not item.get_closest_marker("django_db"):
            item.add_marker("any_database")


@pytest.fixture(autouse=True)
def quick_and_quiet(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.POLL_FIRST_SECONDS = 0.05
    settings.POLL_MAX_SECONDS = 0.2
    settings.KIE_CREATE_LIMIT = 0
    settings.MAX_RUNNING_PER_USER = 0
    settings.DUPLICATE_WINDOW_SECONDS = 0
    settings.KIE_CALLBACKS = False
    settings.PRICE_MARKUP = Decimal("1.25")
    for cache in caches.all():
        cache.clear()


def _flush(original: Any) -> Any:
    """Empty the database between tests, but keep what its migrations made.

    SQLite empties tables with DELETE, which the ledger refuses: its guards are lifted meanwhile.
    """

    def flush(self: Any) -> None:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_kept'")
                guards = cursor.fetchall()
                for name, _ in guards:
                    cursor.execute(f"DROP TRIGGER {name}")
                original(self)
                for _, sql in guards:
                    cursor.execute(sql)
        else:
            original(self)
        Budget.objects.create(scope=Budget.PLATFORM, daily_cap_millicredits=20_000_000)

    return flush


TransactionTestCase._fixture_teardown = _flush(TransactionTestCase._fixture_teardown)  # type: ignore


def person(name: str, credits: int = 0, **fields: Any) -> User:
    user = User.objects.create_user(f"{name}@example.com", "correct horse battery", **fields)
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    ledger.open_wallet(user)
    if credits:
        ledger.top_up(user, credits * 1000, payment=f"test:{name}")
    return user


@pytest.fixture
def alice(db: Any) -> User:
    return person("alice", credits=1000)


@pytest.fixture
def bob(db: Any) -> User:
    return person("bob")


@pytest.fixture
def eve(db: Any) -> User:
    return person("eve", credits=1000)


@pytest.fixture
def olga(db: Any) -> User:
    return person("olga", is_staff=True, is_superuser=True)


def api_for(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiKey.issue(user, 'test')[1]}")
    return client


@pytest.fixture
def api(alice: User) -> APIClient:
    return api_for(alice)


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[Simulator]:
    simulator = Simulator.start(key=KIE_KEY, speed=40, create_limit=0, balance=1_000_000)
    yield simulator
    simulator.stop()


@pytest.fixture
def kie(simulator_process: Simulator, settings: Any) -> Simulator:
    """KIE as the simulator plays it, at forty times its usual speed, with results on a loopback host."""
    simulator_process.reset()
    settings.KIE_API_KEY = KIE_KEY
    settings.KIE_BASE_URL = simulator_process.api
    settings.KIE_UPLOAD_URL = simulator_process.files
    settings.DOWNLOAD_ALLOW_HOSTS = [simulator_process.files.removeprefix("http://")]
    settings.KIE_TIMEOUT_SECONDS = 1.0
    settings.DOWNLOAD_MAX_SECONDS = 3.0
    settings.LEASE_SECONDS = 1
    return simulator_process
