"""KIE's balance: thresholds with hysteresis, how long it lasts, top-ups, and a balance that cannot be read."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing.models import Alert, UpstreamBalance, UpstreamTopUp
from billing.upstream import account
from billing.upstream.account import Charged
from generation import tasks
from tests.operators.conftest import press
from tests.simulator import Simulator
from tests.upstream.conftest import raised

START = datetime.fromisoformat("2026-11-21T12:00:00+00:00")


def read(credits: float, charged: float = 0, *, minutes: float = 0, under_way: float = 0) -> UpstreamBalance:
    """A reading so many minutes after the start, with what was charged for sure and what only may be."""
    low, high = round(charged * 1000), round((charged + under_way) * 1000)
    with time_machine.travel(START + timedelta(minutes=minutes), tick=False):
        return account.record_balance(round(credits * 1000), Charged(low, high))


# Low


def test_each_threshold_is_told_once_per_fall(db: None) -> None:
    """R-AL1"""
    for minute, credits in enumerate((200, 49, 30, 9, 5, 5)):
        read(credits, 200 - credits, minutes=minute)
    assert [(alert.threshold, alert.severity) for alert in raised("balance-low")] == [
        ("50", "warning"),
        ("10", "critical"),
    ]


def test_a_balance_that_hovers_at_a_threshold_is_told_once(db: None) -> None:
    """R-AL1: hysteresis. A failed task gives some credits back; that is no news."""
    for minute, credits in enumerate((200, 49, 51, 49, 59, 48, 60, 49)):
        read(credits, 200 - credits, minutes=minute)
    assert len(raised("balance-low")) == 2, "only the rise to 60 counts"


def test_a_top_up_makes_thresholds_count_anew(olga: User) -> None:
    """R-AL1: also one that does not reach the threshold."""
    read(200)
    read(1, 199, minutes=1)
    with time_machine.travel(START + timedelta(minutes=2), tick=False):
        account.enter_top_up(5_000, timezone.now(), by=olga, note="")
    read(6, 199, minutes=3)
    read(6, 199, minutes=4)
    assert [alert.threshold for alert in raised("balance-low")] == ["10", "10"]


def test_a_fall_through_both_thresholds_is_one_alert_and_the_way_up_is_none(db: None) -> None:
    """R-AL1"""
    for minute, credits in enumerate((200, 5, 30, 49)):
        read(credits, 200 - credits, minutes=minute)
    assert [alert.threshold for alert in raised("balance-low")] == ["10"]


def test_the_thresholds_are_a_setting(db: None, settings: Any) -> None:
    settings.BALANCE_ALERT_CREDITS = ["1000", "0.5"]
    read(999)
    read(0.4, 998.6, minutes=1)
    assert [alert.threshold for alert in raised("balance-low")] == ["1000", "0.5"]


def test_without_thresholds_nothing_is_low(db: None, settings: Any) -> None:
    settings.BALANCE_ALERT_CREDITS = []
    read(0)
    assert raised("balance-low") == []


# Unreadable


def test_a_balance_that_cannot_be_read_is_not_zero(kie: Simulator, db: None) -> None:
    """R-AL1: it has an alert of its own."""
    kie.fault("http-500", count=2, path="chat/credit")
    for _ in range(2):
        tasks.read_balance()
    assert not UpstreamBalance.objects.exists()
    assert (len(raised("balance-unreadable")), raised("balance-low")) == (1, [])
    tasks.read_balance()
    assert UpstreamBalance.objects.get().millicredits == 1_000_000_000


# Soon empty


def test_an_end_within_a_day_is_told_at_this_pace(db: None) -> None:
    """500 credits at 30 an hour last for 16 hours."""
    for hour in range(3):
        read(560 - 30 * hour, 30 * hour, minutes=60 * hour)
    (alert,) = raised("balance-empty-soon")
    assert alert.threshold == "24h"
    assert "empty in 17 h at 30 an hour" in alert.message


def test_a_balance_that_lasts_is_not_told(db: None) -> None:
    for hour in range(6):
        read(5_000 - 30 * hour, 30 * hour, minutes=60 * hour)
    assert account.pace(START + timedelta(hours=6)) == 30_000
    assert raised("balance-empty-soon") == []


def test_a_top_up_does_not_slow_the_pace_down(db: None) -> None:
    read(100)
    read(1_070, 30, minutes=60)
    assert UpstreamTopUp.objects.get().millicredits == 1_000_000
    assert account.pace(START + timedelta(hours=1)) == 30_000


def test_the_pace_counts_what_is_booked_when_that_is_more(db: None) -> None:
    read(1_000)
    read(1_000, 40, minutes=60)
    assert account.pace(START + timedelta(hours=1)) == 40_000


def test_a_few_minutes_say_nothing_about_the_pace(db: None) -> None:
    read(1_000)
    read(900, 100, minutes=20)
    assert account.pace(START + timedelta(hours=1)) is None
    assert raised("balance-empty-soon") == []


# Top-ups


def test_a_balance_that_jumps_up_is_a_top_up(db: None) -> None:
    read(30)
    read(1_025, 5, minutes=5)
    top_up = UpstreamTopUp.objects.get()
    assert (top_up.millicredits, top_up.source) == (1_000_000, "inferred")
    assert len(raised("upstream-top-up")) == 1
    latest = UpstreamBalance.objects.latest()
    assert (latest.expected_low, latest.expected_high) == (1_025_000, 1_025_000)


def test_a_top_up_is_a_round_number_where_running_work_makes_it_uncertain(db: None) -> None:
    """10,500 were bought, 12 credits were charged meanwhile, or none: that is not known."""
    read(30, under_way=12)
    read(10_518, 0, minutes=5, under_way=25)
    assert UpstreamTopUp.objects.get().millicredits == 10_500_000


def test_what_a_failed_task_gives_back_is_no_top_up(db: None) -> None:
    """A video of 300 credits was charged at its start, then failed."""
    read(1_000, under_way=300)
    read(1_300, 0, minutes=5)
    assert not UpstreamTopUp.objects.exists()
    assert UpstreamBalance.objects.latest().drift == 0


def test_an_operator_corrects_a_top_up(office: Client, olga: User) -> None:
    read(30)
    read(1_131, 0, minutes=5)
    read(1_131, 0, minutes=10)
    top_up = UpstreamTopUp.objects.get()
    assert top_up.millicredits == 1_101_000
    press(office, top_up, "correct", amount="1100", reason="invoice 7")
    top_up.refresh_from_db()
    assert (top_up.millicredits, top_up.source, top_up.author) == (1_100_000, "confirmed", olga)
    assert [reading.drift for reading in UpstreamBalance.objects.order_by("read_at")] == [None, 1_000, 1_000]


def test_a_top_up_that_was_none_is_a_drift(office: Client) -> None:
    read(30)
    read(1_130, 0, minutes=5)
    press(office, UpstreamTopUp.objects.get(), "correct", amount="0", reason="a gift of KIE's")
    assert UpstreamBalance.objects.latest().drift == 1_100_000


def test_a_top_up_is_entered_by_hand(office: Client, olga: User) -> None:
    read(30)
    add = reverse("admin:billing_upstreamtopup_add")
    fields = {"millicredits": "20.5", "at_0": "2026-11-21", "at_1": "12:01:00", "note": "invoice 8"}
    assert office.post(add, fields).status_code == 302
    top_up = UpstreamTopUp.objects.get()
    assert (top_up.millicredits, top_up.source, top_up.author) == (20_500, "entered", olga)
    assert read(50.5, minutes=5).drift == 0
    for wrong in ("", "0", "-1", "NaN", "1e9", "0.0005"):
        assert office.post(add, fields | {"millicredits": wrong}).status_code == 200
    assert UpstreamTopUp.objects.count() == 1
    assert office.get(reverse("admin:billing_upstreamtopup_change", args=[top_up.pk])).status_code == 200
    assert office.post(reverse("admin:billing_upstreamtopup_delete", args=[top_up.pk])).status_code == 403


def test_a_top_up_that_was_seen_already_is_not_entered_again(office: Client, olga: User) -> None:
    read(30)
    read(1_030, minutes=5)
    with pytest.raises(Refused, match="confirm or correct"):
        account.enter_top_up(1_000_000, START, by=olga, note="")
    fields = {"millicredits": "1000", "at_0": "2026-11-21", "at_1": "12:01:00", "note": ""}
    page = office.post(reverse("admin:billing_upstreamtopup_add"), fields, follow=True).content.decode()
    assert "confirm or correct it instead" in page
    assert UpstreamTopUp.objects.count() == 1


def test_a_top_up_that_is_entered_twice_counts_once(office: Client, olga: User) -> None:
    read(30)
    fields = {"millicredits": "20.5", "at_0": "2026-11-21", "at_1": "12:01:00", "note": "invoice 8"}
    for minute in ("01", "01", "20"):
        sent = fields | {"at_1": f"12:{minute}:00"}
        page = office.post(reverse("admin:billing_upstreamtopup_add"), sent, follow=True).content.decode()
    assert "This top-up is known already." in page
    assert read(50.5, minutes=30).drift == 0
    # Another amount, or another time, is another one.
    account.enter_top_up(20_000, START, by=olga, note="")
    account.enter_top_up(20_500, START + timedelta(hours=2), by=olga, note="")
    assert UpstreamTopUp.objects.count() == 3


def test_a_top_up_that_was_confirmed_is_not_entered_again(office: Client, olga: User) -> None:
    read(30)
    read(1_030, minutes=5)
    press(office, UpstreamTopUp.objects.get(), "correct", amount="1000", reason="invoice 7")
    with pytest.raises(Refused) as refusal:
        account.enter_top_up(1_000_000, START, by=olga, note="")
    assert refusal.value.code == "top_up_known"


def test_two_operators_do_not_correct_the_same_top_up(db: None, olga: User) -> None:
    read(30)
    read(1_030, minutes=5)
    seen = UpstreamTopUp.objects.get()
    account.correct_top_up(UpstreamTopUp.objects.get(), 900_000, by=olga, note="")
    with pytest.raises(Refused):
        account.correct_top_up(seen, 800_000, by=olga, note="")
    assert UpstreamTopUp.objects.get().millicredits == 900_000
    assert Alert.objects.filter(subject__startswith="upstream-top-up").count() == 1
