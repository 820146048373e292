"""Nobody sees, or can infer, anything of another account's money (R-API3)."""

import pytest
from django.utils import timezone

from billing import ledger, preferences
from billing.models import Lot
from tests.conftest import api_for
from tests.pages.conftest import browser_of, succeeded

pytestmark = pytest.mark.django_db
SECRET = "only alice knows"
PAGES = ["/balance/", "/balance/statements/", "/balance/lots/", "/balance/lots/?all=1", "/usage/", "/balance/settings/"]
API = ["balance", "entries", "lots", "usage", "entries?kind=grant", "lots?open=true"]


@pytest.fixture
def alices(alice):
    """Alice has an amount, a note, a generation and a choice that nobody else has."""
    ledger.grant(alice, 777_123, reason="secret", note=SECRET)
    preferences.change(alice, time_zone="Antarctica/Troll", low_credit_millicredits=654_321)
    return succeeded(alice)


def month_paths() -> list[str]:
    today = timezone.now()
    month = f"/balance/{today.year}/{today.month}/"
    return [month, f"{month}statement.csv", f"{month}statement.pdf"]


def content_of(response) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode(errors="replace")


def check(text: str, generation) -> None:
    for secret in (SECRET, "777.123", "654.321", str(generation.pk), "alice"):
        assert secret not in text
    assert "selected>Antarctica" not in text


def test_eve_sees_only_her_own_on_every_page(alices, eve):
    """R-API3"""
    hers = browser_of(eve)
    for path in [*PAGES, *month_paths()]:
        response = hers.get(path)
        assert response.status_code == 200, path
        check(content_of(response), alices)


def test_eve_sees_only_her_own_by_api(alices, eve):
    """R-API3"""
    hers = api_for(eve)
    for path in API:
        response = hers.get(f"/api/v1/{path}")
        assert response.status_code == 200, path
        check(content_of(response), alices)


def test_alices_lots_and_receipts_do_not_exist_for_eve(alices, eve):
    """R-API3: nor can it be told from an answer whether there are any."""
    hers, lot = browser_of(eve), Lot.objects.filter(wallet=alices.user_id).first()
    for there, not_there in (
        (f"/balance/lots/{lot.pk}/", "/balance/lots/999999/"),
        (f"/generations/{alices.pk}/receipt/", "/generations/00000000-0000-0000-0000-000000000000/receipt/"),
    ):
        assert [hers.get(path).status_code for path in (there, not_there)] == [404, 404]
    api = api_for(eve)
    there, not_there = (api.get(f"/api/v1/lots/{pk}/changes") for pk in (lot.pk, 999_999))
    assert (there.status_code, there.json()) == (not_there.status_code, not_there.json())
    assert there.status_code == 404


def test_eve_learns_nothing_from_alices_cursors(alices, eve, alice):
    """R-API3"""
    entry = alice.wallet.entries.order_by("-id").first()
    for path in ("/balance/", month_paths()[0]):
        response = browser_of(eve).get(path, {"before": f"{entry.created_at.isoformat()}_{entry.pk + 1}"})
        check(content_of(response), alices)
    cursor = api_for(alice).get("/api/v1/entries?limit=1").json()["next"].partition("?")[2]
    check(content_of(api_for(eve).get(f"/api/v1/entries?{cursor}")), alices)


def test_eve_cannot_ask_for_the_use_of_alices_models(alices, eve):
    """R-API3"""
    assert api_for(eve).get("/api/v1/usage", {"model": alices.model}).json()["charged"] == "0"


def test_logged_out_there_is_only_the_log_in(alices, client):
    """R-API3"""
    lot = Lot.objects.filter(wallet=alices.user_id).first()
    for path in [*PAGES, *month_paths(), f"/balance/lots/{lot.pk}/", f"/generations/{alices.pk}/receipt/"]:
        response = client.get(path)
        assert response.status_code == 302, path
        assert response["Location"].startswith("/accounts/login/")
    assert client.post("/balance/time-zone/", {"time_zone": "UTC"}).status_code == 302
    for path in [*API, f"lots/{lot.pk}/changes"]:
        assert client.get(f"/api/v1/{path}").status_code == 401


def test_nothing_of_it_stays_in_a_shared_cache(alices, alice):
    """R-API3"""
    for path in [*PAGES, *month_paths()]:
        assert "private" in browser_of(alice).get(path)["Cache-Control"]


def test_choices_are_made_by_posting_only(alice):
    assert browser_of(alice).get("/balance/time-zone/?time_zone=UTC").status_code == 405
