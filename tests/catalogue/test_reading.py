"""Reading KIE's catalogue on a bad day: slowly, once at a time, and never losing what was read."""

import json
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from billing.models import Alert
from generation import tasks
from generation.catalog import readings
from generation.catalog import sync as catalog_sync
from generation.catalog.models import CatalogueSync, Listing
from generation.kie.families.base import Answer
from generation.management.commands import worker
from tests.catalogue.conftest import BANANA, Shop, command, proposals, state, sync
from tests.processes import Process, environment, until
from tests.simulator import Simulator

pytestmark = pytest.mark.django_db(transaction=True)


def failures() -> int:
    return Alert.objects.filter(key__startswith="catalogue-sync:").count()


@pytest.mark.parametrize("fault", ["html", "bad-json", "http-500", "500", "401", "drop", "error-400"])
def test_a_list_that_cannot_be_read_changes_nothing_and_is_told_once(read: Shop, fault: str) -> None:
    """R-AL1"""
    read.add()
    for _ in range(2):
        read.simulator.fault(fault, path="/api/v1/models")
        assert sync().state == "failed"
    assert proposals() == []
    assert (state().stage, failures()) == ("list", 1)
    assert sync().state == "done"
    assert proposals() == [("new", "acme/paint", "open")]
    assert state().error == ""


def test_kie_that_is_busy_is_asked_again(read: Shop) -> None:
    read.add()
    read.simulator.fault("429", count=3, path="/api/v1/models")
    assert sync().state == "done"
    assert failures() == 0


def test_kie_that_stays_busy_is_left_alone(read: Shop) -> None:
    read.simulator.fault("429", count=4, path="/api/v1/models")
    assert sync().state == "failed"
    assert failures() == 1


def test_one_model_that_cannot_be_read_holds_up_no_other(read: Shop) -> None:
    read.add("acme/paint")
    read.add("acme/brush")
    read.simulator.fault("html", count=9, path="acme/brush/schema")
    assert sync().state == "done"
    assert proposals() == [("new", "acme/paint", "open")]
    assert "1 models could not be read, such as acme/brush" in state().error
    read.simulator.clear_faults()
    sync()
    assert proposals() == [("new", "acme/brush", "open"), ("new", "acme/paint", "open")]


def test_after_some_failures_in_a_row_the_rest_waits(read: Shop) -> None:
    Listing.objects.update(schema_due=True)
    read.simulator.fault("http-500", count=1000, path="/schema")
    before = read.asked("/schema")
    assert sync().state == "failed"
    assert read.asked("/schema") - before == catalog_sync.MOST_FAILURES
    assert (state().stage, failures()) == ("details", 1)
    read.simulator.clear_faults()
    assert catalog_sync.work(600).state == "done"


def test_without_kie_there_is_an_alert_and_nothing_else(read: Shop, settings: Any) -> None:
    settings.KIE_BASE_URL = "http://127.0.0.1:9"
    assert sync().state == "failed"
    with pytest.raises(CommandError, match="cannot be read"):
        command(stdout=StringIO())
    assert failures() == 1


def test_a_reading_stops_in_time_and_goes_on_where_it_was(shop: Shop) -> None:
    assert catalog_sync.work(0.3).state == "more"
    first = Listing.objects.exclude(schema_at=None).count()
    asked = shop.asked("/schema")
    assert 0 < first < Listing.objects.count()
    assert catalog_sync.work(600).state == "done"
    assert shop.asked("/schema") - asked == Listing.objects.filter(listed=True).count() - first
    assert shop.asked("/api/v1/models") - shop.asked("/api/v1/models/") == 1
    assert proposals() == []


def test_a_process_that_is_killed_half_way_is_followed_by_another(shop: Shop) -> None:
    """What it had read is kept; who comes next waits for its lease to end, and no longer."""
    process = Process(environment(shop.simulator, CATALOGUE_SYNC_SECONDS=0.02), "manage.py", "sync_catalogue")
    until(lambda: Listing.objects.exclude(schema_at=None).count() > 5, "five models that were read")
    process.kill()
    known = Listing.objects.exclude(schema_at=None).count()
    assert catalog_sync.work(600).state == "busy"
    CatalogueSync.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    before = shop.asked("/schema")
    assert catalog_sync.work(600).state == "done"
    listed = Listing.objects.filter(listed=True).count()
    # The model that was being asked for when the process died is asked for once more.
    assert shop.asked("/schema") - before in (listed - known, listed - known + 1)
    assert proposals() == []


def test_two_at_once_are_one(shop: Shop) -> None:
    first = Process(environment(shop.simulator, CATALOGUE_SYNC_SECONDS=0.02), "manage.py", "sync_catalogue")
    try:
        until(lambda: Listing.objects.exists(), "a list that was read")
        with pytest.raises(CommandError, match="Another process is reading"):
            command(stdout=StringIO())
        assert sync().state == "busy"
    finally:
        first.kill()
    assert shop.asked("/api/v1/models") - shop.asked("/api/v1/models/") == 1


def test_kies_limit_is_kept(settings: Any, shop: Shop) -> None:
    """One request in each interval, over the four kinds of requests and the feed; KIE refuses what is too early."""
    settings.CATALOGUE_SYNC_SECONDS = 0.12
    simulator = Simulator.start(key=shop.simulator.key, catalogue_interval=0.1)
    try:
        settings.KIE_BASE_URL = simulator.api
        started = time.monotonic()
        progress = catalog_sync.work(2.5)
        took = time.monotonic() - started
        assert (progress.state, progress.failures) == ("more", 0)
        assert 10 < progress.requests <= took / 0.12 + 1
        assert progress.requests == simulator.requests()
    finally:
        simulator.stop()


def test_a_clock_that_was_set_back_does_not_stop_it(shop: Shop, settings: Any) -> None:
    settings.CATALOGUE_SYNC_SECONDS = 0.01
    CatalogueSync.objects.create(pk=1, asked_at=timezone.now() + timedelta(days=1))
    assert catalog_sync.work(0.1).requests > 0


def test_once_a_day_is_enough(read: Shop) -> None:
    sync()
    assert catalog_sync.work(60).state == "idle"
    CatalogueSync.objects.update(started_at=timezone.now() - timedelta(hours=25))
    assert catalog_sync.work(60).state == "done"


def test_success_rates_are_read_every_day(read: Shop) -> None:
    before = read.asked("/success-rate")
    Listing.objects.filter(model=BANANA).update(rate_at=timezone.now() - timedelta(days=1), success_rate=None)
    sync()
    assert read.asked("/success-rate") == before + 1
    assert Listing.objects.get(model=BANANA).success_rate


def test_the_queue_goes_on_with_it_in_slices(read: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CATALOGUE_SLICE_SECONDS", 0)
    read.add()
    tasks.sync_catalogue()
    assert [task.func() for task in OrmQ.objects.all()] == ["generation.tasks.sync_catalogue"]
    monkeypatch.undo()
    tasks.sync_catalogue()
    assert OrmQ.objects.count() == 1
    assert proposals() == [("new", "acme/paint", "open")]


def test_the_worker_has_it_in_its_orders(db: Any) -> None:
    worker.schedule()
    worker.schedule()
    order = Schedule.objects.get(func="generation.tasks.sync_catalogue")
    assert order.next_run > timezone.now() + timedelta(minutes=5)
    assert "sync_catalogue" not in json.dumps([task.func() for task in OrmQ.objects.all()])


@pytest.mark.parametrize(
    "answer",
    [
        {"total": 0, "models": []},
        {"total": 2, "models": [{"model": "a"}]},
        {"total": 1, "models": {"model": "a"}},
        {"total": 2, "models": [{"model": "../../x"}, {"model": 7}]},
        None,
        "models",
    ],
)
def test_a_list_of_another_shape_is_no_list(answer: Any) -> None:
    with pytest.raises(readings.Unreadable):
        readings.models(lambda request: Answer(200, {"code": 200, "data": answer}))
