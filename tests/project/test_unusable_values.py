"""Whatever stands in an address, a header or a form: who sent it is answered, and nothing breaks.

The tables are read on both databases, which refuse different things: PostgreSQL takes no NUL in a text and no time
at the ends of the calendar, SQLite no number above 64 bits.
"""

import asyncio
import base64
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import ApiKey, User
from billing.models import Lot
from chat.models import Conversation
from generation.models import Generation
from kieplatform import asgi, wsgi
from tests.conftest import api_for

# Not in one transaction: what PostgreSQL refuses would spoil the rest of it.
pytestmark = pytest.mark.django_db(transaction=True)

FOX = {"model": "google/nano-banana", "input": {"prompt": "a fox"}}
ID = "00000000-0000-4000-8000-000000000000"
HUGE = "9" * 20
# Texts that are no number, date, id or cursor, or one that no row has.
STRANGE = (
    *("-1", "0", "13", "1e9", "99999", "9223372036854775808", HUGE, "9" * 5000, "²", "１２３", "x" * 10_000, "[]"),
    *("9999-99-99", "0000-00-00", "0001-01-01", "9999-12-31", "2026-13-01", ID, f"upload:{ID}", "\U0010ffff", "\x01"),
    *(f"{moment}_{row}" for moment in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59") for row in (ID, "1")),
    *(f"2026-10-01T00:00:00Z_{row}" for row in (HUGE, "²", "-1")),
)
POSITIONS = ("", "x", "-1", HUGE, "9" * 5000, "%00", "%ED%A0%80", "9999-99-99", "2026-10-01", "2026-10-01 00:00:00")
ENDS = ("9999-12-31 23:59:59-23:59", "0001-01-01 00:00:00%2B23:59")
CURSORS = [base64.b64encode(f"p={at}".encode()).decode() for at in POSITIONS + ENDS]
CURSORS += ["!", "é", base64.b64encode(b"\xff\x00").decode(), base64.b64encode(f"o={HUGE}".encode()).decode()]

PAGES = {
    "/": ["q", "kind", "vendor"],
    "/models/google/nano-banana/": ["from", "source", "result"],
    "/generations/": ["q", "state", "kind", "before"],
    "/uploads/recent/": ["kind"],
    "/usage/": ["days", "model"],
    "/balance/": ["before"],
    "/balance/lots/": ["page", "all"],
    "/balance/lots/{lot}/": ["before"],
    "/balance/statements/": ["year"],
    "/balance/top-up/": ["credits"],
    "/balance/redeem/": ["code"],
    "/balance/payments/": ["subscription"],
    "/chat/": ["q", "before", "model"],
    "/chat/{conversation}/": ["edit", "model"],
    "/accounts/login/": ["next"],
}
LISTS = ["/api/v1/generations", "/api/v1/entries", "/api/v1/lots", "/api/v1/lots/{lot}/changes", "/api/v1/files"]
API = {
    "/api/v1/generations": ["state", "model", "limit", "cursor"],
    "/api/v1/entries": ["kind", "from", "to"],
    "/api/v1/lots": ["open"],
    "/api/v1/files": ["kind"],
    "/api/v1/models": ["kind", "vendor"],
    "/api/v1/usage": ["from", "to", "model"],
}
NUMBERED = [
    *("/balance/lots/{}/", "/balance/plans/{}/", "/keys/{}/revoke/", "/balance/{}/1/", "/balance/2026/{}/"),
    *("/balance/{}/1/statement.csv", "/balance/2026/{}/statement.pdf", f"/chat/{ID}/messages/{{}}/"),
    *("/api/v1/lots/{}/changes", "/admin/billing/wallet/{}/do/adjust/"),
]
FORMS: dict[str, dict[str, str]] = {
    "/models/google/nano-banana/": {"prompt": "a fox", "request_id": "1", "agreed_price": "5"},
    "/models/google/nano-banana/price/": {"prompt": "a fox"},
    "/keys/": {"name": "a key", "days": "30"},
    "/balance/settings/": {"time_zone": "UTC", "low_credit_millicredits": "5"},
    "/balance/time-zone/": {"time_zone": "UTC", "next": "/balance/"},
    "/balance/redeem/": {"code": "x"},
    "/chat/hold/": {"text": "hi", "model": "gemini-3-flash", "effort": "low", "conversation": ID, "replaces": "1"},
    "/chat/{conversation}/rename/": {"title": "bees"},
    "/accounts/login/": {"login": "alice@example.com", "password": "x", "next": "/"},
    "/accounts/signup/": {"email": "new@example.com", "password1": "x", "password2": "x"},
    "/accounts/password/reset/": {"email": "new@example.com"},
}


@pytest.fixture
def rows(alice: User) -> dict[str, Any]:
    """What addresses name."""
    thread = Conversation.objects.create(user=alice, title="bees", model="gemini-3-flash")
    return {"lot": Lot.objects.get(wallet=alice.pk).pk, "conversation": thread.pk}


def browser_of(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def api_of(user: User) -> APIClient:
    api = api_for(user)
    api.raise_request_exception = False
    api.handler.raise_request_exception = False
    return api


def asked(client: Any, url: str, names: list[str], values: Any) -> list[str]:
    """The addresses that broke, of all these names with all these values."""
    urls = [f"{url}?{name}={quote(value)}" for name in names for value in values]
    return [address[:200] for address in urls if client.get(address).status_code >= 500]


# NUL, which stands in no text


@pytest.mark.parametrize("url", PAGES)
def test_no_page_takes_nul_in_its_address(url: str, alice: User, rows: dict[str, Any]) -> None:
    client = browser_of(alice)
    for query in ("q=%00", "x=a%00b", "%00"):
        response = client.get(f"{url.format(**rows)}?{query}")
        assert response.status_code == 400
        assert "a character that cannot be used" in response.content.decode()


def test_no_path_takes_nul(alice: User, olga: User) -> None:
    for path in ("/models/a%00/", "/files/a%00/b", "/admin/billing/budget/%00/change/", "/%00", "/api/v1/models/%00"):
        for client in (browser_of(alice), browser_of(olga), api_of(alice)):
            assert client.get(path).status_code in (302, 400, 404), path


@pytest.mark.parametrize("url", [*API, "/api/v1/balance", "/api/v1/packs", f"/api/v1/generations/{ID}"])
def test_the_api_refuses_nul_as_it_refuses_everything(url: str, alice: User) -> None:
    response = api_of(alice).get(f"{url}?model=a%00b")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    problem = response.json()
    assert (problem["status"], problem["code"]) == (400, "unusable_characters")
    assert problem["type"] == "urn:kieplatform:problem:unusable_characters"


def test_the_chat_apis_refuse_nul_each_in_its_own_shape() -> None:
    openai = chat("GET", "/v1/models?x=%00")
    assert openai.json()["error"]["type"] == "invalid_request_error"
    assert openai.json()["error"]["code"] == "unusable_characters"
    anthropic = chat("POST", "/v1/messages?x=%00")
    assert (anthropic.json()["type"], anthropic.json()["error"]["type"]) == ("error", "invalid_request_error")
    google = chat("POST", "/v1beta/models/a%00:generateContent")
    assert google.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert {openai.status_code, anthropic.status_code, google.status_code} == {400}


def test_a_key_with_nul_is_no_key(alice: User) -> None:
    for key in ("kp_a\x00_b", "kp_\x00_\x00"):
        response = APIClient().get("/api/v1/balance", headers={"Authorization": f"Bearer {key}"})
        assert (response.status_code, response.json()["code"]) == (401, "invalid_api_key")
        assert chat("GET", "/v1/models", **{"x-api-key": key}).status_code == 401


@pytest.mark.parametrize("url", FORMS)
def test_no_form_takes_nul(url: str, alice: User, rows: dict[str, Any]) -> None:
    client = browser_of(alice)
    for name, value in FORMS[url].items():
        for sent in ({name: f"{value}\x00"}, {f"{name}\x00": value}):
            assert client.post(url.format(**rows), FORMS[url] | sent).status_code == 400, name


def test_no_list_of_the_admin_takes_nul(olga: User) -> None:
    client = browser_of(olga)
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(f"{url}?q=%00").status_code == 400, url
        assert client.post(url, {"action": "\x00", "_selected_action": "\x00"}).status_code == 400, url


def test_a_session_that_cannot_be_is_none(db: None) -> None:
    client = Client(headers={"Cookie": 'sessionid="aaaaaaaa\\000"'})
    assert client.get("/").status_code == 200
    assert client.get("/nothing-here/").status_code == 404
    assert client.get("/generations/").status_code == 302


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "utf-16", "latin-1", "idna", "zlib"])
def test_text_is_utf_8_whatever_it_is_said_to_be(charset: str, alice: User) -> None:
    """Otherwise plain letters would be NUL and half characters, or could not be read at all."""
    session = browser_of(alice).cookies["sessionid"].value
    said = {"Content-Type": f"text/plain; charset={charset}", "Cookie": f"sessionid={session}"}
    with httpx.Client(transport=httpx.WSGITransport(app=wsgi.application), base_url="http://127.0.0.1") as client:
        for text in ("%2BAAA-", "%2B2AA-", "%5Cx00", "%5Cud800", "b%C3%BCcher"):
            shown = client.get(f"/generations/?q={text}", headers=said)
            assert shown.status_code == 200
        assert 'value="bücher"' in shown.text
    assert chat("GET", "/v1/models?x=1", **said).status_code == 401


# What is no number, no date, no id


@pytest.mark.parametrize("url", PAGES)
def test_no_page_breaks_at_a_strange_value(url: str, alice: User, rows: dict[str, Any]) -> None:
    assert asked(browser_of(alice), url.format(**rows), PAGES[url], STRANGE) == []


@pytest.mark.parametrize("url", API)
def test_the_api_does_not_break_at_a_strange_value(url: str, alice: User, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 0
    assert asked(api_of(alice), url, API[url], STRANGE) == []


@pytest.mark.parametrize("url", LISTS)
def test_a_cursor_that_was_never_given_is_refused(url: str, alice: User, rows: dict[str, Any]) -> None:
    api = api_of(alice)
    found = {cursor: api.get(f"{url.format(**rows)}?cursor={quote(cursor)}").status_code for cursor in CURSORS}
    assert set(found.values()) <= {200, 404}
    assert found[CURSORS[1]] == found[CURSORS[5]] == found[CURSORS[7]] == 404


def test_what_a_cursor_leads_to_is_still_there(alice: User) -> None:
    api = api_of(alice)
    for number in range(3):
        api.post("/api/v1/generations", {**FOX, "input": {"prompt": str(number)}}, format="json")
    page, found = "/api/v1/generations?limit=1", []
    while page:
        answer = api.get(page).json()
        found += [row["input"]["prompt"] for row in answer["results"]]
        page = answer["next"]
    assert found == ["2", "1", "0"]


@pytest.mark.parametrize("url", NUMBERED)
def test_a_number_that_no_row_has_is_not_found(url: str, alice: User, olga: User, settings: Any) -> None:
    client = api_of(alice) if url.startswith("/api/") else browser_of(olga if url.startswith("/admin/") else alice)
    for number in ("0", "13", "99999", "9223372036854775808", HUGE, "9" * 4000):
        assert client.get(url.format(number)).status_code in (404, 405), number
        assert client.post(url.format(number)).status_code in (404, 405), number


@pytest.mark.parametrize("url", FORMS)
def test_no_form_breaks_at_a_strange_value(url: str, alice: User, rows: dict[str, Any]) -> None:
    client = browser_of(alice)
    for name in FORMS[url]:
        for value in ("x" * 10_000, HUGE, "-1", "²", "[]", "9999-99-99", ID):
            assert client.post(url.format(**rows), FORMS[url] | {name: value}).status_code < 500, (name, value[:30])


def test_no_object_of_the_admin_is_named_strangely(olga: User) -> None:
    client = browser_of(olga)
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for name in (HUGE, "x" * 3000, "-1", "_00", "9999-99-99"):
            for method in (client.get, client.post):
                assert method(f"{url}{name}/change/").status_code < 500, (url, name[:30])
        assert asked(client, url, ["q", "p", "o"], [HUGE, "-1", "x" * 10_000, "9999-99-99"]) == []


def test_no_list_of_the_admin_breaks_at_a_strange_filter(olga: User) -> None:
    client = browser_of(olga)
    for model, field in ((Lot, "expires_at"), (ApiKey, "created_at"), (Generation, "created_at")):
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        names = [f"{field}{lookup}" for lookup in ("", "__gte", "__lt", "__year", "__month", "__isnull")]
        assert asked(client, url, names, [HUGE, "-1", "13", "9999-99-99", "9999-12-31T23:59:59-23:00"]) == []


def test_what_is_selected_in_the_admin_is_a_row(olga: User) -> None:
    client = browser_of(olga)
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for key in ("x" * 3000, HUGE, "-1"):
            for action in ("revoke", "delete_selected", "x"):
                answer = client.post(url, {"action": action, "_selected_action": key})
                assert answer.status_code < 500, (url, key[:30], action)


def chat(method: str, path: str, **headers: str) -> httpx.Response:
    """An answer of the asynchronous side, which has no middleware for its APIs."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=asgi.application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)

    return asyncio.run(ask())
