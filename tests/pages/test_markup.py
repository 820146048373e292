"""What every page keeps: nothing inline (the policy forbids it), and a name for every control."""

import re
from html.parser import HTMLParser

import pytest

from tests.pages.conftest import BANANA, failed, requested, succeeded

pytestmark = pytest.mark.django_db
ACCOUNT = ["email/", "password/change/", "logout/", "password/reset/"]
ENTRANCE = ["login/", "signup/", "password/reset/", "password/reset/done/"]


class Page(HTMLParser):
    """What is inline, the ids, and the controls with what could name them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inline, self.ids, self.labels, self.controls, self.depth = [], [], set(), [], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.inline += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        data_only = given.get("type") == "application/json"
        if tag == "style" or (tag == "script" and not given.get("src") and not data_only):
            self.inline.append(tag)
        if any(str(value).startswith("javascript:") for value in given.values()):
            self.inline.append("javascript:")
        self.ids += [given["id"]] if "id" in given else []
        self.depth += tag == "label"
        if tag == "label" and "for" in given:
            self.labels.add(given["for"])
        if tag in ("select", "textarea") or (tag == "input" and given.get("type") not in ("hidden", "submit")):
            self.controls.append((given.get("name"), given.get("id"), bool(self.depth or given.get("aria-label"))))

    def handle_endtag(self, tag):
        self.depth -= tag == "label"

    @property
    def nameless(self) -> list:
        return [name for name, id, named in self.controls if not named and id not in self.labels]


def pages_of(alice) -> list[str]:
    generations = [requested(alice), failed(alice), succeeded(alice)]
    models = [BANANA, "kling-3.0/video", "ai-music-api/generate", "elevenlabs/text-to-dialogue-v3", "veo-3-1"]
    return [
        "/",
        "/?all=1",
        "/generations/",
        "/balance/",
        "/keys/",
        "/api/",
        "/nowhere/",
        *(f"/generations/{generation.pk}/" for generation in generations),
        *(f"/models/{model}/" for model in models),
        *(f"/accounts/{path}" for path in ACCOUNT),
    ]


def check(response) -> None:
    page = Page(response.content.decode())
    assert not page.inline
    assert not page.nameless
    assert len(page.ids) == len(set(page.ids))
    assert "'unsafe" not in response["Content-Security-Policy"]


def test_no_page_of_a_customer_has_anything_inline_or_nameless(browser, alice):
    for path in pages_of(alice):
        response = browser.get(path)
        assert response.status_code in (200, 404), path
        check(response)


def test_no_page_of_a_visitor_has_anything_inline_or_nameless(client):
    for path in ["/", "/api/", f"/models/{BANANA}/", *(f"/accounts/{path}" for path in ENTRANCE)]:
        check(client.get(path))


def test_account_pages_look_like_the_rest(client):
    for path in ENTRANCE:
        page = client.get(f"/accounts/{path}").content.decode()
        assert "site-navbar" in page
        assert 'class="card account-card"' in page or path.endswith("done/")


def test_only_operators_are_led_to_the_administration(browser, olga, client):
    assert b'href="/admin/"' not in browser.get("/").content
    client.force_login(olga)
    assert b'href="/admin/"' in client.get("/").content


def test_the_error_page_needs_nothing_that_may_be_broken(client, settings):
    from django.template.loader import render_to_string

    page = render_to_string("500.html")
    assert "Your credits are safe" in page
    assert not Page(page).inline


def test_signing_up_takes_a_code_and_leads_to_the_models(client, mailoutbox):
    client.post("/accounts/signup/", {"email": "carol@example.com", "password1": "a long good password"})
    code = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}|\b[A-Z0-9]{6}\b", mailoutbox[0].body)[0]
    response = client.post("/accounts/confirm-email/", {"code": code}, follow=True)
    assert response.redirect_chain[-1][0] == "/"
    assert b"carol@example.com" in response.content
