"""What was charged, by day and by model."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from billing import ledger, preferences
from billing.models import Entry
from generation import usage
from generation.models import Generation
from generation.pages import usage_chart
from tests.pages.conftest import BANANA, browser_of, failed, requested, succeeded

pytestmark = pytest.mark.django_db
UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
VEO = "veo-3-1"


def made(user, moment, model=BANANA):
    with time_machine.travel(moment, tick=False):
        generation = succeeded(user)
    Generation.objects.filter(pk=generation.pk).update(model=model)
    return generation


@pytest.fixture
def alices(alice, olga):
    """Two models on three days, one refunded on another day, one failed, one still open."""
    made(alice, NOON)
    made(alice, NOON)
    made(alice, NOON, VEO)
    late = made(alice, NOON - timedelta(days=2), VEO)
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        ledger.refund(late.about, 2_000, note="sorry", author=olga)
        failed(alice)
        requested(alice)
    return alice


def test_use_is_the_sum_of_what_entries_charged(alices):
    """R-LED7"""
    found = usage.of(alices.pk, date(2026, 5, 18), date(2026, 5, 20), UTC_ZONE)
    assert [(use.day.day, use.model, use.charged, use.generations) for use in found.uses] == [
        (18, VEO, 5_000, 1),
        (19, VEO, -2_000, 0),
        (20, BANANA, 10_000, 2),
        (20, VEO, 5_000, 1),
    ]
    spent = Entry.objects.filter(wallet=alices.pk).values_list("spent", flat=True)
    assert found.charged == sum(spent) == 18_000
    assert found.by_model() == [(BANANA, 10_000, 2), (VEO, 8_000, 2)]


def test_days_are_half_open_and_of_the_users_zone(alice):
    """R-TZ1, R-LED8"""
    midnight = datetime(2026, 5, 20, tzinfo=ZoneInfo("Asia/Kathmandu"))
    made(alice, midnight)
    made(alice, midnight - timedelta(microseconds=1))
    days = usage.of(alice.pk, date(2026, 5, 18), date(2026, 5, 20), ZoneInfo("Asia/Kathmandu"))
    assert [(use.day.day, use.generations) for use in days.uses] == [(19, 1), (20, 1)]
    assert usage.of(alice.pk, date(2026, 5, 20), date(2026, 5, 20), UTC_ZONE).uses == []


def test_both_days_on_which_clocks_change_are_one_day(alice):
    """R-TZ1"""
    berlin = ZoneInfo("Europe/Berlin")
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        midnight = datetime(day.year, day.month, day.day, tzinfo=berlin)
        end = datetime(day.year, day.month, day.day + 1, tzinfo=berlin)
        made(alice, midnight)
        made(alice, end.astimezone(UTC) - timedelta(microseconds=1))
        assert [(use.day, use.generations) for use in usage.of(alice.pk, day, day, berlin).uses] == [(day, 2)]


@pytest.mark.parametrize("days", [-1, usage.MAX_DAYS])
def test_a_period_has_a_limit(alice, days):
    with pytest.raises(ValueError, match="period"):
        usage.of(alice.pk, date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=days), UTC_ZONE)


def test_the_page_shows_days_and_models_and_one_model_alone(alices):
    with time_machine.travel(NOON, tick=False):
        browser = browser_of(alices)
        context = browser.get("/usage/").context
        assert (context["usage"].charged, len(context["chart"].bars)) == (18_000, 30)
        assert [one.charged for one in context["chart"].series] == [10_000, 8_000]
        assert browser.get("/usage/", {"days": "7", "model": VEO}).context["usage"].charged == 8_000
        for odd in ("x", "31", "-1", "²"):
            assert browser.get("/usage/", {"days": odd, "model": "no/such"}).context["usage"].charged == 18_000


def test_the_page_counts_days_in_the_users_zone(alice):
    preferences.change(alice, time_zone="Pacific/Auckland")
    with time_machine.travel(NOON, tick=False):
        assert browser_of(alice).get("/usage/").context["usage"].last == date(2026, 5, 21)


def test_bars_stand_on_each_other_and_fill_the_scale(alices):
    chart = usage_chart.of(usage.of(alices.pk, date(2026, 5, 18), date(2026, 5, 20), UTC_ZONE))
    assert chart.ticks == (20_000, 10_000, 0)
    assert [(part.colour, part.y, part.height) for part in chart.bars[2].parts] == [(0, 500, 500), (1, 250, 250)]
    assert chart.bars[1].parts == []
    assert "2026-05-19: -2 credits" in chart.bars[1].words


@pytest.mark.parametrize(
    ("amount", "top"), [(0, 2_000), (2_000, 2_000), (2_001, 4_000), (10_001, 20_000), (45_500, 100_000)]
)
def test_the_scale_ends_at_an_even_number(amount, top):
    assert usage_chart.nice(amount) == top


def test_models_beyond_the_colours_share_one(alice):
    uses = [usage.Use(date(2026, 5, 20), f"m{n}", 1_000 * (20 - n), 1) for n in range(10)]
    chart = usage_chart.of(usage.Usage(date(2026, 5, 20), date(2026, 5, 20), uses))
    assert [one.colour for one in chart.series] == [0, 1, 2, 3, 4, 5, 6, 6, 6, 6]
