"""Codes for credits: shown once, kept hashed, used as often as was meant and never by two at once."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import adjustments
from billing.models import Alert, Entry, Lot, RedeemBatch, RedeemCode, Redemption
from billing.payments import redeem
from tests.billing.test_concurrency import all_at_once
from tests.conftest import api_for, person
from tests.operators.conftest import button_url, press
from tests.payments.conftest import signed_in
from tests.payments.paying import wallet

pytestmark = pytest.mark.django_db


def issue(author: User, count: int = 1, **about: Any) -> list[str]:
    about = {"note": "Fair 2026", "credits_millicredits": 100_000, "author": author} | about
    return redeem.issue(RedeemBatch(**about), count)


def refusal(user: User, code: str) -> str:
    with pytest.raises(Refused) as refused:
        redeem.redeem(user, code)
    return refused.value.code


def test_a_code_gives_its_credits_once(bob: User, eve: User, olga: User) -> None:
    (code,) = issue(olga, lasts_days=30)
    redeem.redeem(bob, code)
    assert wallet(bob) == {"available": 100}
    lot = Lot.objects.get(wallet=bob.pk)
    assert lot.source == Lot.Source.GIFT and lot.expires_at
    assert refusal(bob, code) == "code_limit"
    assert refusal(eve, code) == "code_used"
    assert Entry.objects.get(wallet=bob.pk).note == f"Code …{code[-4:]}: Fair 2026"


@pytest.mark.parametrize("write", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_code_may_be_written_in_any_way(bob: User, olga: User, write: Any) -> None:
    (code,) = issue(olga)
    redeem.redeem(bob, write(code))
    assert wallet(bob) == {"available": 100}


def test_letters_that_look_like_digits_are_read_as_digits(bob: User, olga: User) -> None:
    codes = issue(olga, 200, credits_millicredits=1_000, uses_per_user=None)
    code = next(code for code in codes if "0" in code and "1" in code)
    redeem.redeem(bob, code.replace("0", "O").replace("1", "l"))
    assert wallet(bob) == {"available": 1}


def test_a_code_is_kept_hashed(olga: User) -> None:
    (code,) = issue(olga)
    row = RedeemCode.objects.get()
    assert code.replace("-", "") not in str(row.__dict__)
    assert len(row.digest) == 64 and row.hint == code[-4:]
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code)


def test_a_code_for_many_is_used_once_by_each_until_it_is_used_up(bob: User, eve: User, olga: User) -> None:
    (code,) = issue(olga, uses_per_code=2)
    redeem.redeem(bob, code)
    assert refusal(bob, code) == "code_limit"
    redeem.redeem(eve, code)
    assert refusal(olga, code) == "code_used"


def test_who_may_use_one_code_of_a_batch_may_not_use_another(bob: User, olga: User) -> None:
    first, second = issue(olga, 2)
    redeem.redeem(bob, first)
    assert refusal(bob, second) == "code_limit"


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_code_whose_time_is_over_says_so(bob: User, olga: User, how: str) -> None:
    (code,) = issue(olga, expires_at=timezone.now() + timedelta(hours=1))
    if how == "expired":
        RedeemBatch.objects.update(expires_at=timezone.now())
    else:
        assert redeem.revoke(RedeemBatch.objects.get())
    assert refusal(bob, code) == "code_expired"
    assert wallet(bob) == {}


@pytest.mark.parametrize("text", ["", "X", "0000-0000-0000-0000", "é" * 50, "\0", "'; DROP TABLE", "9" * 5000])
def test_what_is_no_code_is_refused(bob: User, olga: User, text: str) -> None:
    issue(olga)
    assert refusal(bob, text) == "code_unknown"


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_get_it_once(olga: User) -> None:
    people = [person(f"guest{number}") for number in range(8)]
    (code,) = issue(olga)
    results = all_at_once([partial(redeem.redeem, user, code) for user in people])
    assert sum(isinstance(result, Entry) for result in results) == 1
    assert [result.code for result in results if isinstance(result, Refused)] == ["code_used"] * 7
    assert Redemption.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_person_with_two_codes_at_once_gets_one(bob: User, olga: User) -> None:
    codes = issue(olga, 6)
    results = all_at_once([partial(redeem.redeem, bob, code) for code in codes])
    assert [result.code for result in results if isinstance(result, Refused)] == ["code_limit"] * 5
    assert wallet(bob) == {"available": 100}


@pytest.mark.django_db(transaction=True)
def test_guessing_is_slowed_down_exactly(bob: User) -> None:
    results = all_at_once([partial(redeem.count_try, bob) for _ in range(redeem.TRIES + 6)])
    assert sum(isinstance(result, Refused) for result in results) == 6


def test_who_has_tried_too_often_waits_on_the_page_and_by_api(bob: User, eve: User, olga: User) -> None:
    (code,) = issue(olga)
    client, api = signed_in(bob), api_for(bob)
    for number in range(redeem.TRIES):
        if number % 2:
            assert client.post("/balance/redeem/", {"code": "wrong"}).status_code == 404
        else:
            # Also with a key that makes the request undo what it did.
            sent = api.post("/api/v1/redeem", {"code": "wrong"}, format="json", HTTP_IDEMPOTENCY_KEY=f"k{number}")
            assert sent.status_code == 404
    assert client.post("/balance/redeem/", {"code": code}).status_code == 429
    answer = api.post("/api/v1/redeem", {"code": code}, format="json")
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert answer.json()["code"] == "too_many_tries" and answer.json()["limit"] == redeem.TRIES
    redeem.redeem(eve, code)


def test_a_code_is_redeemed_on_the_page(bob: User, olga: User) -> None:
    (code,) = issue(olga)
    client = signed_in(bob)
    page = client.get(f"/balance/redeem/?code={code}").content.decode()
    assert code in page
    assert "100 credits were added." in client.post("/balance/redeem/", {"code": code}, follow=True).content.decode()
    again = client.post("/balance/redeem/", {"code": code})
    assert again.status_code == 409 and "You have used this code already." in again.content.decode()


def test_a_code_is_redeemed_by_api_and_the_answer_replayed(bob: User, olga: User) -> None:
    (code,) = issue(olga)
    api = api_for(bob)
    for _ in range(2):
        answer = api.post("/api/v1/redeem", {"code": code}, format="json", HTTP_IDEMPOTENCY_KEY="once")
        assert (answer.status_code, answer.json()) == (200, {"credits": "100", "available": "100"})
    unknown = api.post("/api/v1/redeem", {"code": "0000"}, format="json")
    assert (unknown.status_code, unknown.json()["code"], unknown.json()["field"]) == (404, "code_unknown", "code")
    assert api.post("/api/v1/redeem", {}, format="json").json()["errors"][0]["field"] == "code"


def test_an_operator_issues_codes_and_sees_them_once(olga: User, bob: User) -> None:
    client = signed_in(olga)
    sent = {"note": "Fair", "credits_millicredits": "12.5", "count": "3", "uses_per_code": "1", "uses_per_user": "1"}
    answer = client.post("/admin/billing/redeembatch/add/", sent)
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    codes = re.findall(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", answer.content.decode())
    assert len(codes) == 3
    batch = RedeemBatch.objects.get()
    page = client.get(f"/admin/billing/redeembatch/{batch.pk}/change/").content.decode()
    assert not any(code in page for code in codes)
    redeem.redeem(bob, codes[0])
    assert "bob@example.com" in client.get(f"/admin/billing/redeembatch/{batch.pk}/change/").content.decode()
    form = client.get(url := f"/admin/billing/redeembatch/{batch.pk}/do/revoke/").context["form"]
    assert client.post(url, {"token": form["token"].value()}).status_code == 302
    assert refusal(olga, codes[1]) == "code_expired"


@pytest.mark.parametrize("credits", ["-1", "0", "NaN", "1000000000000000000", "0.0005", "", "1e3"])
def test_an_amount_that_is_none_is_refused_at_its_field(olga: User, credits: str) -> None:
    sent = {"note": "x", "credits_millicredits": credits, "count": "1", "uses_per_code": "1"}
    answer = signed_in(olga).post("/admin/billing/redeembatch/add/", sent)
    assert "credits_millicredits" in answer.context["adminform"].form.errors
    assert not RedeemBatch.objects.exists()


@pytest.mark.parametrize("wrong", [{"count": "0"}, {"count": "1001"}, {"uses_per_code": "0"}, {"lasts_days": "0"}])
def test_a_batch_that_makes_no_sense_is_refused_at_its_field(olga: User, wrong: dict[str, str]) -> None:
    sent = {"note": "x", "credits_millicredits": "1", "count": "1", "uses_per_code": "1", **wrong}
    answer = signed_in(olga).post("/admin/billing/redeembatch/add/", sent)
    assert list(answer.context["adminform"].form.errors) == list(wrong)


# The second person


@pytest.mark.parametrize(
    ("count", "about", "waits"),
    [
        (10, {"uses_per_code": 1}, False),
        (5, {"uses_per_code": 2}, False),
        (11, {"uses_per_code": 1}, True),
        (2, {"uses_per_code": 6}, True),
        (1, {"credits_millicredits": 1, "uses_per_code": None}, True),
    ],
)
def test_codes_above_the_limit_wait_for_a_second_person(
    bob: User, olga: User, count: int, about: dict[str, Any], waits: bool
) -> None:
    """R-AD1: what counts is credits × codes × uses; without a limit of uses it is above any."""
    code = issue(olga, count, **about)[0]
    batch = RedeemBatch.objects.get()
    assert batch.waits == waits and redeem.waiting() == waits
    if waits:
        assert refusal(bob, code) == "code_waits" and wallet(bob) == {}
        assert Alert.objects.get(subject=f"redeem-batch:{batch.pk}").url == admin_url(batch)
        redeem.approve(batch, by=person("max", is_staff=True))
    assert redeem.redeem(bob, code).available == batch.credits_millicredits


def test_codes_count_towards_what_their_author_books_alone(alice: User, olga: User) -> None:
    """R-AD1: many batches are no way around the limit, and neither is a batch and an adjustment."""

    def granted(key: str) -> str:
        return adjustments.ask(alice, "grant", 100_001, key=key, reason="x", author=olga).state

    issue(olga, 9)
    assert granted("above") == "pending"
    issue(olga, 1)
    issue(olga, 1)
    assert list(RedeemBatch.objects.order_by("pk").values_list("needs_approval", flat=True)) == [False, False, True]
    RedeemBatch.objects.update(created_at=timezone.now() - adjustments.ALONE_WITHIN)
    assert granted("a day later") == "booked"


def test_the_author_of_codes_is_never_the_second_person(bob: User, olga: User) -> None:
    """R-AD1: also not for a superuser, nor by hand in the database."""
    (code,) = issue(olga, uses_per_code=None)
    batch = RedeemBatch.objects.get()
    assert "Somebody else has to approve this" in press(signed_in(olga), batch, "approve").content.decode()
    with pytest.raises(IntegrityError), transaction.atomic():
        RedeemBatch.objects.update(approved_by=olga)
    assert refusal(bob, code) == "code_waits"


def test_codes_are_approved_once_by_who_may(bob: User, olga: User) -> None:
    """R-AD1"""
    (code,) = issue(olga, uses_per_code=None)
    batch = RedeemBatch.objects.get()
    clerk = person("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_redeembatch", "change_redeembatch"]))
    assert "Approve…" not in signed_in(clerk).get(admin_url(batch)).content.decode()
    assert signed_in(clerk).post(button_url(batch, "approve"), {}).status_code == 403
    second = person("max", is_staff=True, is_superuser=True)
    done = "Issued by olga@example.com, approved by max@example.com: these codes can be used now."
    assert done in press(signed_in(second), batch, "approve").content.decode()
    page = signed_in(olga).get(admin_url(batch)).content.decode()
    assert "max@example.com" in page and "Approve…" not in page
    with pytest.raises(Refused) as refused:
        redeem.approve(batch, by=second)
    assert refused.value.code == "already_decided"
    redeem.redeem(bob, code)


def test_codes_that_were_revoked_are_not_approved(bob: User, olga: User) -> None:
    (code,) = issue(olga, uses_per_code=None)
    batch = RedeemBatch.objects.get()
    redeem.revoke(batch)
    with pytest.raises(Refused) as refused:
        redeem.approve(batch, by=bob)
    assert refused.value.code == "already_decided"
    assert refusal(bob, code) == "code_expired"


def test_the_page_with_the_codes_says_that_they_wait(olga: User) -> None:
    sent = {"note": "Fair", "credits_millicredits": "1000", "count": "1", "uses_per_code": "1", "uses_per_user": "1"}
    client, url = signed_in(olga), "/admin/billing/redeembatch/add/"
    assert "second person" not in client.post(url, sent).content.decode()
    assert "a second person has to approve them" in client.post(url, sent).content.decode()
    assert "awaited" in client.get("/admin/billing/redeembatch/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_batches_at_once_do_not_both_find_the_limit_unused(olga: User) -> None:
    """R-AD1"""
    results = all_at_once([partial(issue, olga, count) for count in (6, 7)])
    assert [result for result in results if isinstance(result, Exception)] == []
    assert sorted(RedeemBatch.objects.values_list("needs_approval", flat=True)) == [False, True]
