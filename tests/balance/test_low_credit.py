"""The mail that says that credits run low: once per fall, to those who want it."""

import smtplib
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from billing import ledger, low_credit, preferences
from billing.models import Preferences
from tests.balance.booking import spend
from tests.pages.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def threshold(settings):
    settings.LOW_CREDIT_ALERT_CREDITS = "20"


def test_a_fall_below_the_threshold_is_told_once(alice, mailoutbox):
    """R-AL1"""
    spend(alice, 980_000)
    assert low_credit.run() == 0
    spend(alice, 1_000, "job2")
    assert low_credit.run() == 1
    assert low_credit.run() == 0
    [message] = mailoutbox
    assert message.to == ["alice@example.com"]
    assert message.subject == "19 credits left"
    assert "you have 19 credits left" in message.body
    assert "/balance/settings/" in message.body
    assert "/balance/settings/" in message.extra_headers["List-Unsubscribe"]


def test_held_credits_are_said_to_be_held(alice, mailoutbox):
    ledger.hold(alice.pk, 990_000, about="job")
    low_credit.run()
    assert "you have 10 credits left that you can spend, and 990 are held" in mailoutbox[0].body


def test_only_who_rises_well_above_can_fall_again(alice, mailoutbox):
    spend(alice, 985_000)
    assert low_credit.run() == 1
    ledger.grant(alice, 6_000, reason="a")
    assert low_credit.run() == 0
    spend(alice, 3_000, "job2")
    assert low_credit.run() == 0
    ledger.grant(alice, 7_000, reason="b")
    assert low_credit.run() == 0
    spend(alice, 7_000, "job3")
    assert low_credit.run() == 1


def test_a_rise_and_a_fall_between_two_looks_are_seen(alice):
    spend(alice, 990_000)
    assert low_credit.run() == 1
    ledger.top_up(alice, 100_000, payment="stripe:2")
    spend(alice, 100_000, "job2")
    assert low_credit.run() == 1
    assert low_credit.run() == 0


def test_who_never_had_so_many_credits_has_not_fallen(bob, mailoutbox):
    assert low_credit.run() == 0
    ledger.grant(bob, 19_000, reason="little")
    assert low_credit.run() == 0
    assert not mailoutbox


def test_who_has_opted_out_is_not_told(alice):
    browser_of(alice).post("/balance/settings/", {"time_zone": "", "low_credit_millicredits": ""})
    spend(alice, 990_000)
    assert low_credit.run() == 0


def test_everybody_chooses_their_own_threshold(alice, eve, mailoutbox):
    page = {"low_credit_mail": "on", "low_credit_millicredits": "500", "time_zone": ""}
    assert browser_of(alice).post("/balance/settings/", page).status_code == 302
    spend(alice, 500_001)
    spend(eve, 500_001, "hers")
    assert low_credit.run() == 1
    assert mailoutbox[0].to == ["alice@example.com"]


def test_what_one_sees_while_choosing_is_not_told_by_mail(alice):
    preferences.change(alice, low_credit_millicredits=2_000_000)
    assert low_credit.run() == 0
    ledger.top_up(alice, 4_000_000, payment="stripe:2")
    assert low_credit.run() == 0
    spend(alice, 4_000_000)
    assert low_credit.run() == 1


def test_a_threshold_of_nothing_tells_nobody(alice, settings):
    settings.LOW_CREDIT_ALERT_CREDITS = "0"
    spend(alice, 1_000_000)
    assert low_credit.run() == 0


def test_a_fall_of_long_ago_is_no_news(alice):
    spend(alice, 990_000)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert low_credit.run() == 0


def test_who_may_not_sign_in_is_not_told(alice):
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    spend(alice, 990_000)
    assert low_credit.run() == 0


class Refusing(EmailBackend):
    """A mail server that takes nothing for bob."""

    def send_messages(self, messages) -> int:
        if messages[0].to == ["bob@example.com"]:
            raise smtplib.SMTPRecipientsRefused({})
        return super().send_messages(messages)


def test_a_mail_that_fails_is_tried_again_and_holds_up_nobody(alice, bob, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    ledger.grant(bob, 50_000, reason="gift")
    spend(bob, 40_000, "his")
    spend(alice, 990_000)
    assert low_credit.run() == 1
    assert Preferences.objects.get(pk=bob.pk).told_at is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert low_credit.run() == 1
    assert [message.to for message in mail.outbox] == [["alice@example.com"], ["bob@example.com"]]


def test_the_number_of_queries_does_not_grow_with_those_who_are_told(alice, eve, django_assert_max_num_queries):
    spend(alice, 990_000)
    spend(eve, 990_000, "hers")
    assert low_credit.run() == 2
    with django_assert_max_num_queries(2):
        low_credit.run()
