"""Charges given back together: filtered, previewed, refunded once each, and told."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Entry, Incident, IncidentItem, Wallet
from generation import lifecycle
from generation.models import Exchange, Generation
from generation.oversight import incidents
from generation.oversight.incidents import Criteria
from tests.operators.conftest import succeed

SORRY = "Some pictures came out black. We have returned what they cost."
ADD = "admin:billing_incident_add"


def made(user: User, model: str = "google/nano-banana") -> Generation:
    return succeed(lifecycle.request(user, model, {"prompt": "a fox"}))


def criteria(**more: Any) -> Criteria:
    now = timezone.now()
    return Criteria(**{"since": now - timedelta(hours=1), "until": now + timedelta(minutes=1), **more})


def begin(author: User, *, key: str = "one", chosen: Criteria | None = None, **more: Any) -> Incident:
    chosen = chosen or criteria()
    seen = incidents.preview(chosen)
    given = {"count": len(seen.chosen), "total": seen.total, "reason": "black pictures", "public_text": SORRY}
    return incidents.start(chosen, key=key, author=author, **{**given, **more})


def available(user: User) -> int:
    return Wallet.objects.get(pk=user.pk).available


def test_each_generation_is_refunded_once_and_each_customer_told_once(alice: User, eve: User, olga: User) -> None:
    """R-REF7"""
    rows = [made(alice), made(alice), made(eve)]
    incident = begin(olga)
    incidents.work()
    incident.refresh_from_db()
    assert incident.state == "done"
    assert (available(alice), available(eve)) == (1_000_000, 1_000_000)
    assert all(r.refunded == 5_000 for r in ledger.receipts([row.about for row in rows]).values())
    assert sorted(message.to[0] for message in mail.outbox) == ["alice@example.com", "eve@example.com"]
    told = next(message for message in mail.outbox if message.to == ["alice@example.com"])
    assert SORRY in told.body and "10 credits" in told.body and str(rows[0].pk) in told.body
    assert str(rows[2].pk) not in told.body
    entries = Entry.objects.filter(kind="refund")
    assert {(entry.author_id, entry.note) for entry in entries} == {(olga.pk, SORRY)}
    incidents.work()
    assert (len(mail.outbox), entries.count()) == (2, 3)


def test_the_text_stands_on_the_receipt_and_in_the_statement(alice: User, olga: User, client: Client) -> None:
    row = made(alice)
    begin(olga)
    incidents.work()
    client.force_login(alice)
    for url in (reverse("generation", args=[row.pk]), reverse("generation-receipt", args=[row.pk]), reverse("balance")):
        page = client.get(url).content.decode()
        assert SORRY in page and "olga" not in page and "black pictures" not in page, url


def test_the_preview_says_what_is_excluded_and_why(alice: User, eve: User, olga: User) -> None:
    chosen, refunded, failed = made(alice), made(alice), lifecycle.request(alice, "google/nano-banana", {"prompt": "x"})
    ledger.refund(refunded.about, 5_000, note="poor", author=olga)
    lifecycle.fail(failed, by="olga")
    lifecycle.request(eve, "google/nano-banana", {"prompt": "still running"})
    seen = incidents.preview(criteria())
    assert seen.chosen == [(chosen.about, alice.pk, 5_000)]
    assert dict(seen.excluded) == {
        "already refunded": 1,
        "failed or canceled: the credits were returned then": 1,
    }
    assert (seen.total, seen.customers, seen.by_customer()) == (5_000, 1, [(alice.pk, 1, 5_000)])


def test_every_filter_narrows_it(alice: User, eve: User) -> None:
    one, two = made(alice), made(eve)
    Generation.objects.filter(pk=two.pk).update(model="other", finished_at=timezone.now() - timedelta(minutes=30))
    answer = '{"code":501,"msg":"Our GPUs are on fire"}'
    Exchange.objects.create(generation=one, method="GET", path="/", status=200, response=answer, milliseconds=1)
    now = timezone.now()
    for more, expected in (
        ({}, {one, two}),
        ({"model": "other"}, {two}),
        ({"email": "eve@example.com"}, {two}),
        ({"text": "gpus are on"}, {one}),
        ({"code": 501}, {one}),
        ({"code": 50}, set()),
        ({"code": 200}, {one}),
        ({"text": "no such words"}, set()),
        ({"since": now - timedelta(minutes=10)}, {one}),
        ({"until": now - timedelta(minutes=10)}, {two}),
    ):
        assert set(incidents.find(criteria(**more))) == expected, more


def test_the_span_is_half_open(alice: User) -> None:
    at = made(alice).finished_at
    assert not incidents.find(criteria(until=at)).exists()
    assert incidents.find(criteria(since=at)).exists()


def test_pressing_twice_begins_once(alice: User, olga: User) -> None:
    made(alice)
    chosen = criteria()
    first = begin(olga, chosen=chosen)
    again = incidents.start(chosen, key="one", count=1, total=5_000, reason="x", public_text="x", author=olga)
    assert first == again
    assert (Incident.objects.count(), IncidentItem.objects.count()) == (1, 1)


def test_a_generation_is_in_one_incident_only(alice: User, olga: User) -> None:
    made(alice)
    begin(olga)
    with pytest.raises(Refused) as refusal:
        begin(olga, key="two")
    assert refusal.value.code == "nothing_to_refund"
    assert dict(incidents.preview(criteria()).excluded) == {"part of another incident": 1}


def test_what_has_changed_since_it_was_shown_is_shown_again(alice: User, olga: User) -> None:
    made(alice)
    chosen = criteria()
    made(alice)
    with pytest.raises(Refused) as refusal:
        incidents.start(chosen, key="one", count=1, total=5_000, reason="x", public_text="x", author=olga)
    assert refusal.value.code == "changed_meanwhile"
    assert not Incident.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_operators_and_many_workers_refund_each_once(alice: User, eve: User, olga: User) -> None:
    """R-REF5: two incidents about the same generations, begun at once, and worked on by four workers at once."""
    for number in range(12):
        made((alice, eve)[number % 2])
    chosen, outcomes = criteria(), []
    seen = incidents.preview(chosen)
    texts = {"reason": "x", "public_text": SORRY, "count": len(seen.chosen), "total": seen.total}

    def start(key: str) -> None:
        try:
            outcomes.append(incidents.start(chosen, key=key, author=olga, **texts).key)
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connection.close()

    def work() -> None:
        try:
            incidents.work()
        finally:
            connection.close()

    at_once([lambda: start("one"), lambda: start("two")])
    assert len(outcomes) == 2 and Incident.objects.count() == 1
    at_once([work] * 4)
    incidents.work()
    assert Incident.objects.get().state == "done"
    assert Entry.objects.filter(kind="refund").count() == 12
    assert (available(alice), available(eve)) == (1_000_000, 1_000_000)
    assert len(mail.outbox) == 2


def at_once(calls: list[Any]) -> None:
    gate = threading.Barrier(len(calls))

    def run(call: Any) -> None:
        gate.wait()
        call()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_a_refund_that_someone_made_meanwhile_is_excluded_and_not_told(alice: User, olga: User) -> None:
    row = made(alice)
    incident = begin(olga)
    ledger.refund(row.about, 1_000, note="poor", author=olga)
    incidents.work()
    assert incident.items.get().outcome == "excluded"
    assert available(alice) == 996_000
    assert not mail.outbox
    incident.refresh_from_db()
    assert incident.state == "done"


def test_a_slice_that_is_over_is_gone_on_with(alice: User, olga: User) -> None:
    for _ in range(3):
        made(alice)
    incident = begin(olga)
    for expected in (1, 2, 3):
        incidents.work(seconds=0)
        assert incidents.progress(incident).refunded == expected
    incidents.work()
    incident.refresh_from_db()
    assert (incident.state, incident.leased_until) == ("done", None)


def test_mail_that_cannot_be_sent_is_tried_again_and_given_up(alice: User, olga: User, settings: Any) -> None:
    made(alice)
    incident = begin(olga)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    incidents.work()
    incident.refresh_from_db()
    assert (incident.state, incidents.progress(incident).sent) == ("mailing", 0)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    incidents.work()
    incident.refresh_from_db()
    assert (incident.state, len(mail.outbox)) == ("done", 1)
    assert mail.outbox[0].extra_headers["Message-ID"].startswith(f"<incident-{incident.pk}-{alice.pk}@")


# The pages


def filters(**more: str) -> dict[str, str]:
    now = timezone.localtime()
    span = {
        "since": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "until": f"{now + timedelta(minutes=2):%Y-%m-%dT%H:%M}",
    }
    return {**span, **more}


def test_an_operator_filters_sees_and_begins(office: Client, olga: User, alice: User) -> None:
    """R-AD1"""
    made(alice)
    ledger.refund(made(alice).about, 5_000, note="poor", author=olga)
    page = office.get(reverse(ADD), filters(model="google/nano-banana"))
    assert "alice@example.com" in page.content.decode()
    assert "Excluded: 1 already refunded." in page.content.decode()
    said = {"seen": page.context["seen"], "reason": "black pictures", "public_text": SORRY}
    answer = office.post(reverse(ADD), said, follow=True)
    incident = Incident.objects.get()
    assert answer.redirect_chain[-1][0] == admin_url(incident)
    assert "0 of 1 refunded" in answer.content.decode()
    assert answer.headers["Refresh"] == "3"
    office.post(reverse(ADD), said)
    assert Incident.objects.count() == 1
    incidents.work()
    done = office.get(admin_url(incident))
    text = done.content.decode()
    assert "1 of 1 refunded" in text and "olga@example.com" in text and "black pictures" in text and SORRY in text
    assert "Refresh" not in done.headers
    assert office.get(reverse("admin:billing_incident_changelist")).status_code == 200
    assert "1 incident item" in office.get(reverse("admin:billing_incidentitem_changelist")).content.decode()


def test_what_is_wrong_is_refused_at_its_field(office: Client, alice: User) -> None:
    made(alice)
    for more, name in (
        ({"model": "no such model"}, "model"),
        ({"email": "nobody@example.com"}, "email"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2020-01-01T00:00"}, "__all__"),
        ({"code": "many"}, "code"),
    ):
        assert list(office.get(reverse(ADD), filters(**more)).context["filter"].errors) == [name]
    seen = office.get(reverse(ADD), filters()).context["seen"]
    for said, name in (
        ({"seen": seen, "reason": "", "public_text": "x"}, "reason"),
        ({"seen": seen, "reason": "x", "public_text": ""}, "public_text"),
        ({"seen": "mine", "reason": "x", "public_text": "x"}, "seen"),
    ):
        query = "&".join(f"{key}={value}" for key, value in filters().items())
        assert list(office.post(f"{reverse(ADD)}?{query}", said).context["start"].errors) == [name]
    assert not Incident.objects.exists()


def test_who_may_not_begin_one_sees_neither_page_nor_button(client: Client, alice: User) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(clerk)
    assert client.get(reverse(ADD)).status_code == 403
    assert client.post(reverse(ADD), {}).status_code == 403
    page = client.get(reverse("admin:billing_incident_changelist"))
    assert page.status_code == 200 and reverse(ADD) not in page.content.decode()
