"""What an operator can do to a generation: each button calls one verb."""

from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing.models import Wallet
from generation import lifecycle
from generation.models import Generation
from tests.operators.conftest import button_url, press, token_of


def fresh(generation: Generation) -> Generation:
    return Generation.objects.get(pk=generation.pk)


def test_fail_and_refund_returns_the_credits(office: Client, olga: User, alice: User, queued: Generation) -> None:
    assert Wallet.objects.get(pk=alice.pk).available == 995_000
    answer = press(office, queued, "fail").content.decode()
    assert "Failed, and the held credits were returned." in answer
    assert (fresh(queued).state, fresh(queued).error_code) == ("failed", "stopped_by_operator")
    wallet = Wallet.objects.get(pk=alice.pk)
    assert (wallet.available, wallet.held, wallet.spent) == (1_000_000, 0, 0)
    assert queued.events.last().by == str(olga)
    assert LogEntry.objects.get(user=olga).object_id == str(queued.pk)


def test_what_has_ended_cannot_be_failed(office: Client, alice: User, succeeded: Generation) -> None:
    """R-REF7"""
    assert "has ended already" in press(office, succeeded, "fail").content.decode()
    assert fresh(succeeded).state == "succeeded"
    assert not LogEntry.objects.exists()


def test_check_now_makes_it_due(office: Client, queued: Generation) -> None:
    later = timezone.now() + timedelta(hours=1)
    Generation.objects.filter(pk=queued.pk).update(state="running", check_at=later)
    assert "It is looked at now." in press(office, queued, "check").content.decode()
    assert fresh(queued).check_at <= timezone.now()


def test_run_again_makes_another_for_the_same_customer(office: Client, olga: User, succeeded: Generation) -> None:
    press(office, succeeded, "repeat")
    again = Generation.objects.exclude(pk=succeeded.pk).get()
    assert (again.user, again.model, again.input) == (succeeded.user, succeeded.model, succeeded.input)
    assert again.events.last().by == str(olga)
    assert str(again.pk) in LogEntry.objects.get(user=olga).change_message


def test_run_again_sent_twice_runs_once(office: Client, succeeded: Generation) -> None:
    url = button_url(succeeded, "repeat")
    token = token_of(office.get(url))
    assert office.post(url, {"token": token}).status_code == 302
    assert office.post(url, {"token": token}).status_code == 302
    assert Generation.objects.count() == 2


def test_run_again_says_why_it_cannot(office: Client, alice: User, succeeded: Generation) -> None:
    Generation.objects.filter(pk=succeeded.pk).update(model="nobody/nothing")
    assert "There is no model" in press(office, succeeded, "repeat").content.decode()
    assert Generation.objects.count() == 1


def test_only_what_makes_sense_is_offered(office: Client, queued: Generation, succeeded: Generation) -> None:
    def offered(generation: Generation) -> set[str]:
        page = office.get(admin_url(generation)).content.decode()
        return {name for name in ("check", "fail", "repeat", "refund") if f"/do/{name}/" in page}

    assert offered(queued) == {"check", "fail", "repeat"}
    assert offered(succeeded) == {"repeat", "refund"}
    press(office, succeeded, "refund", amount="1", reason="a poor fox")
    assert offered(succeeded) == {"repeat"}


def test_a_selection_is_failed_after_a_confirmation(office: Client, alice: User, succeeded: Generation) -> None:
    two = [lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"}) for _ in range(2)]
    url = reverse("admin:generation_generation_changelist")
    chosen = {"action": "fail", "_selected_action": [str(g.pk) for g in (*two, succeeded)]}
    page = office.post(url, chosen)
    assert page.status_code == 200
    assert {fresh(g).state for g in two} == {"queued"}
    answer = office.post(url, {**chosen, "confirmed": "yes", "token": token_of(page)}, follow=True).content.decode()
    assert {fresh(g).state for g in two} == {"failed"}
    assert f"Generation {succeeded}: This generation has ended already." in answer
    assert LogEntry.objects.count() == 2
