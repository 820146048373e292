"""R-AD1: adjustments and gifts have an author, a reason, before and after, and above a limit a second person."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import adjustments, ledger
from billing.models import Adjustment, Alert, Entry, Lot, Wallet
from tests.conftest import person
from tests.operators.conftest import button_url, press

LARGE = 1_000_001


@pytest.fixture
def max_(db: Any) -> User:
    """A second operator."""
    return person("max", is_staff=True, is_superuser=True)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked(user: User, author: User, amount: int = LARGE, kind: str = "adjust", **more: Any) -> Adjustment:
    return adjustments.ask(user, kind, amount, key=f"{kind}:test:{amount}", reason="a mistake", author=author, **more)


def available(user: User) -> int:
    return Wallet.objects.get(pk=user.pk).available


def test_below_the_limit_it_is_booked_with_before_and_after(alice: User, olga: User) -> None:
    row = asked(alice, olga, 1_000_000)
    assert (row.state, row.before_millicredits, row.after_millicredits) == ("booked", 1_000_000, 2_000_000)
    assert row.entry and (row.entry.author, row.entry.note) == (olga, "a mistake")
    assert (row.author, row.needs_approval) == (olga, False)


def test_many_small_amounts_are_no_way_around_the_limit(alice: User, olga: User, max_: User) -> None:
    assert asked(alice, olga, 600_000).state == "booked"
    assert asked(alice, olga, -399_999).state == "booked"
    assert asked(alice, olga, 2, kind="grant").state == "pending"
    assert asked(alice, olga, 1, kind="grant").state == "booked"
    assert asked(alice, max_, 999_999).state == "booked", "the limit is each operator's own"


def test_what_was_booked_a_day_ago_or_approved_does_not_use_up_the_limit(alice: User, olga: User, max_: User) -> None:
    adjustments.approve(asked(alice, olga), by=max_)
    asked(alice, olga, 900_000)
    Adjustment.objects.filter(needs_approval=False).update(created_at=timezone.now() - adjustments.ALONE_WITHIN)
    assert asked(alice, olga, 1_000_000).state == "booked"


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_do_not_both_find_the_limit_unused(alice: User, olga: User) -> None:
    start, rows = threading.Barrier(2), []

    def ask(amount: int) -> None:
        start.wait(10)
        rows.append(asked(alice, olga, amount))
        connection.close()

    threads = [threading.Thread(target=ask, args=[amount]) for amount in (600_000, 600_001)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(row.state for row in rows) == ["booked", "pending"]


@pytest.mark.parametrize(("kind", "amount"), [("adjust", LARGE), ("adjust", -LARGE), ("grant", LARGE)])
def test_above_the_limit_nothing_is_booked_before_a_second_person_approves(
    kind: str, amount: int, alice: User, olga: User, max_: User
) -> None:
    ledger.top_up(alice, 1_000_000, payment="test:more")
    row = asked(alice, olga, amount, kind)
    assert (row.state, row.entry, available(alice)) == ("pending", None, 2_000_000)
    assert Alert.objects.get(subject=f"adjustment:{row.pk}").url == admin_url(row)
    adjustments.approve(row, by=max_)
    row.refresh_from_db()
    assert (row.state, available(alice)) == ("booked", 2_000_000 + amount)
    assert (row.author, row.decided_by, row.entry.author) == (olga, max_, olga)
    assert (row.before_millicredits, row.after_millicredits) == (2_000_000, 2_000_000 + amount)


def test_the_author_is_never_the_second_person(alice: User, olga: User) -> None:
    """Also not for a superuser, nor by hand in the database."""
    row = asked(alice, olga)
    with pytest.raises(Refused) as refusal:
        adjustments.approve(row, by=olga)
    assert refusal.value.code == "second_person"
    assert "Somebody else has to approve this" in press(browser(olga), row, "approve").content.decode()
    entry = ledger.adjust(alice, 1, reason="test:hand", note="x", author=olga)
    with pytest.raises(IntegrityError), transaction.atomic():
        Adjustment.objects.filter(pk=row.pk).update(state="booked", entry=entry, decided_by=olga)
    with pytest.raises(IntegrityError), transaction.atomic():
        Adjustment.objects.filter(pk=row.pk).update(state="booked", entry=entry)


def test_approving_twice_books_once(alice: User, olga: User, max_: User) -> None:
    row = asked(alice, olga)
    assert (
        "Asked for by olga@example.com, approved by max@example.com"
        in press(browser(max_), row, "approve").content.decode()
    )
    with pytest.raises(Refused) as refusal:
        adjustments.approve(Adjustment.objects.get(pk=row.pk), by=max_)
    assert refusal.value.code == "already_decided"
    assert available(alice) == 1_000_000 + LARGE
    assert Entry.objects.filter(kind="adjust").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_who_approve_at_once_book_once(alice: User, olga: User, max_: User) -> None:
    row = asked(alice, olga)
    others = [max_, *(person(f"second{number}", is_staff=True) for number in range(5))]
    outcomes: list[str] = []
    gate = threading.Barrier(len(others))

    def approve(by: User) -> None:
        gate.wait()
        try:
            adjustments.approve(Adjustment.objects.get(pk=row.pk), by=by)
            outcomes.append("booked")
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve, args=[by]) for by in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["already_decided"] * 5 + ["booked"]
    assert available(alice) == 1_000_000 + LARGE


def test_what_is_declined_is_not_booked(alice: User, olga: User, max_: User) -> None:
    row = asked(alice, olga)
    assert "Declined by max@example.com: no" in press(browser(max_), row, "decline", reason="no").content.decode()
    with pytest.raises(Refused):
        adjustments.approve(Adjustment.objects.get(pk=row.pk), by=max_)
    assert available(alice) == 1_000_000


def test_an_approval_that_the_wallet_does_not_cover_leaves_it_waiting(bob: User, olga: User, max_: User) -> None:
    """R-LED6"""
    row = asked(bob, olga, -LARGE)
    assert "0 are available" in press(browser(max_), row, "approve").content.decode()
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("pending", None)


def test_the_page_says_that_it_waits_and_the_trail_names_both(alice: User, olga: User, max_: User) -> None:
    answer = press(browser(olga), alice, "grant", amount="1000.001", reason="sorry").content.decode()
    assert "Nothing is booked yet" in answer and "wait for a second person" in answer
    press(browser(max_), Adjustment.objects.get(), "approve")
    trail = browser(olga).get(admin_url(Entry.objects.get(kind="grant"))).content.decode()
    assert "Who decided" in trail and "olga@example.com" in trail and "max@example.com" in trail


def test_asking_twice_with_one_page_asks_once(alice: User, olga: User) -> None:
    """R-LED9"""
    asked(alice, olga)
    with pytest.raises(Refused) as refusal:
        asked(alice, olga)
    assert refusal.value.code == "already_done"
    assert Adjustment.objects.count() == 1


@pytest.mark.parametrize("amount", ["0", "NaN", "inf", "1e3", "1000000000000000000", "0.0005", "", "1,5", "12.5 "])
@pytest.mark.parametrize("button", ["grant", "adjust"])
def test_amounts_that_are_none_are_refused_at_their_field(
    button: str, amount: str, office: Client, alice: User
) -> None:
    form = press(office, alice, button, amount=amount, reason="x").context
    if amount == "12.5 ":
        assert available(alice) == 1_012_500
        return
    assert list(form["form"].errors) == ["amount"]
    assert not Adjustment.objects.exists()


def test_a_gift_is_not_negative_and_a_reason_is_required(office: Client, alice: User) -> None:
    assert list(press(office, alice, "grant", amount="-1", reason="x").context["form"].errors) == ["amount"]
    assert list(press(office, alice, "adjust", amount="-1", reason="").context["form"].errors) == ["reason"]
    assert not Entry.objects.filter(kind__in=["grant", "adjust"]).exists()


def test_a_gift_ends_after_its_last_day(office: Client, bob: User, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    day = timezone.localdate() + timedelta(days=10)
    press(office, bob, "grant", amount="5", reason="x", last_day=day.isoformat())
    ends = timezone.localtime(Lot.objects.get(wallet=bob.pk).expires_at)
    assert (ends.date(), ends.hour, ends.minute) == (day + timedelta(days=1), 0, 0)
    over = (timezone.localdate() - timedelta(days=1)).isoformat()
    assert list(press(office, bob, "grant", amount="5", reason="x", last_day=over).context["form"].errors) == [
        "last_day"
    ]


def test_a_gift_that_has_expired_while_it_waited_is_not_booked(bob: User, olga: User, max_: User) -> None:
    row = asked(bob, olga, LARGE, "grant", expires_at=timezone.now() + timedelta(hours=1))
    Adjustment.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    row.refresh_from_db()
    with pytest.raises(Refused) as refusal:
        adjustments.approve(row, by=max_)
    assert refusal.value.code == "expired"
    assert available(bob) == 0


def test_who_may_not_approve_sees_no_button(alice: User, olga: User) -> None:
    row = asked(alice, olga)
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_adjustment", "add_entry"]))
    client = browser(clerk)
    assert "/do/" not in client.get(admin_url(row)).content.decode()
    assert client.post(button_url(row, "approve"), {}).status_code == 403
    clerk.user_permissions.set([])
    assert browser(User.objects.get(pk=clerk.pk)).get(reverse("admin:billing_adjustment_changelist")).status_code == 403
