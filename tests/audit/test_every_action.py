"""R-AD1: no page, button or action of the admin can be used without leaving a row."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from accounts.admin_buttons import ButtonsAdmin
from accounts.audit_rows import AuditRow
from accounts.models import ApiKey, User
from billing import alerts
from billing.upstream import account
from generation.models import Generation

# Signing in is not yet being signed in: its rows are written where people sign in.
NOT_WATCHED = {"login"}
MONEY = ["/admin/money/", "/admin/money/check/", "/admin/money/days.csv"]


@pytest.fixture
def things(succeeded: Generation, queued: Generation, alice: User) -> None:
    """An object of many kinds, so that pages have something to be about."""
    ApiKey.issue(alice, "shop")
    alerts.tell("test", "something")
    account.record_balance(7_000)


def some_pk(model: type[Model]) -> str:
    """The key of some object that is no person who acts here; of none, one that does not exist."""
    found = model._default_manager.exclude(pk=User.objects.get(email="olga@example.com").pk) if model is User else None
    obj = (found if found is not None else model._default_manager.all()).first()
    return quote(obj.pk) if obj else "1"


def flat(patterns: list[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from flat(pattern.url_patterns)
        else:
            yield pattern


def address(pattern: URLPattern, models: dict[str, type[Model]]) -> str | None:
    """An address of a named page of the admin."""
    model = next((models[name] for name in models if (pattern.name or "").startswith(f"{name}_")), User)
    known = {"app_label": "billing", "model_name": "entry", "content_type_id": 1, "name": "no-such-button"}
    known |= {"object_id": some_pk(model), "id": some_pk(model), "url": "nowhere"}
    names = pattern.pattern.converters or pattern.pattern.regex.groupindex  # type: ignore[union-attr]
    try:
        return reverse(f"admin:{pattern.name}", kwargs={name: known[name] for name in names if name in known})
    except NoReverseMatch:
        return None


def pages() -> list[str]:
    models = {f"{m._meta.app_label}_{m._meta.model_name}": m for m in admin.site._registry}
    found = [address(p, models) for p in flat(admin.site.get_urls()) if p.name and p.name not in NOT_WATCHED]
    return [url for url in found if url] + MONEY


def test_every_post_to_any_page_leaves_a_row(office: Client, olga: User, things: None) -> None:
    """R-AD1: whatever comes of it."""
    urls = pages()
    assert len(urls) > 4 * len(admin.site._registry)
    for url in urls:
        office.force_login(olga)
        before = AuditRow.objects.count()
        office.raise_request_exception = False
        answer = office.post(url, {"_selected_action": "1", "action": "nothing"} if url.endswith("/") else {})
        rows = list(AuditRow.objects.order_by("pk")[before:])
        assert rows, f"{url} ({answer.status_code}) left no row"
        assert rows[0].user == olga and rows[0].path.startswith(url.split("?")[0]), url


def test_every_button_leaves_a_row_that_names_it(office: Client, things: None) -> None:
    """R-AD1"""
    pressed = 0
    for model, model_admin in admin.site._registry.items():
        for button in model_admin.buttons if isinstance(model_admin, ButtonsAdmin) else ():
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_button"
            before = AuditRow.objects.count()
            office.post(reverse(name, args=[some_pk(model), button.name]), {})
            rows = AuditRow.objects.order_by("pk")[before:]
            assert [row.action for row in rows] == [button.name]
            pressed += 1
    assert pressed > 20


def test_every_list_is_taken_away_as_csv_and_that_leaves_a_row(office: Client, things: None) -> None:
    """R-AD1: an export is a copy of personal data."""
    for model in admin.site._registry:
        app, name = model._meta.app_label, model._meta.model_name
        answer = office.get(reverse("admin:export", args=[app, name]))
        assert answer.status_code == 200, model
        lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        assert lines and lines[0].count(",") >= 1, model
        row = AuditRow.objects.latest("pk")
        assert (row.action, row.message) == ("export", f"{name}.csv")
