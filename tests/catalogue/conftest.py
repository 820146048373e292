"""KIE's catalogue as the simulator tells it, a reading of it that was made before, and an operator who decides."""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from generation.catalog import changes as catalog_changes
from generation.catalog import sync as catalog_sync
from generation.catalog.models import CatalogueProposal, CatalogueSync, Listing
from generation.models import ModelSwitch
from tests.conftest import KIE_KEY
from tests.simulator import Simulator

FOX = {"prompt": "A red fox in the snow"}
BANANA = "google/nano-banana"


class Shop:
    """KIE's side: what it sells, and what it is asked."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def change(self, model: str, **changes: Any) -> None:
        response = httpx.post(f"{self.simulator.api}/_sim/catalogue", json={"model": model, **changes})
        assert response.status_code == 200, response.text

    def restore(self) -> None:
        httpx.delete(f"{self.simulator.api}/_sim/catalogue")

    def add(self, model: str = "acme/paint", **changes: Any) -> None:
        about = {"title": "Paint", "vendor": "Acme", "price": {"unit": "image", "credits": 7}}
        self.change(model, like=BANANA, **{**about, **changes})

    def asked(self, path: str = "") -> int:
        return self.simulator.requests(path)


@pytest.fixture(scope="session")
def shop_process() -> Iterator[Simulator]:
    simulator = Simulator.start(key=KIE_KEY, speed=40, create_limit=0, balance=1_000_000, catalogue_interval=0)
    yield simulator
    simulator.stop()


@pytest.fixture(autouse=True)
def fresh_overlay(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sells by what another one accepted, whose rows are gone with it."""
    monkeypatch.setattr(catalog_changes, "_current", catalog_changes.Overlay((0, 0)))
    settings.CATALOGUE_SYNC_SECONDS = 0
    settings.CATALOGUE_RELOAD_SECONDS = 3600
    catalog_changes.forget()
    yield
    catalog_changes.forget()


@pytest.fixture
def shop(shop_process: Simulator, settings: Any) -> Shop:
    shop_process.reset()
    settings.KIE_API_KEY = KIE_KEY
    settings.KIE_BASE_URL = shop_process.api
    settings.KIE_UPLOAD_URL = shop_process.files
    settings.DOWNLOAD_ALLOW_HOSTS = [shop_process.files.removeprefix("http://")]
    settings.KIE_TIMEOUT_SECONDS = 2.0
    return Shop(shop_process)


_first_reading: list[Listing] = []


@pytest.fixture
def read(shop: Shop, transactional_db: None) -> Shop:
    """KIE's whole catalogue was read before; nothing has changed since."""
    if not _first_reading:
        assert sync().state == "done"
        _first_reading.extend(Listing.objects.all())
    else:
        Listing.objects.bulk_create(_first_reading)
    return shop


def sync() -> catalog_sync.Progress:
    """A whole reading, now."""
    return catalog_sync.work(math.inf, now=True)


def sync_after_a_week(*models: str) -> catalog_sync.Progress:
    """A whole reading, when the schemas of these models were read more than a week ago."""
    Listing.objects.filter(model__in=models).update(schema_at=timezone.now() - timedelta(days=8))
    return sync()


def proposals(**filters: Any) -> list[tuple[str, str, str]]:
    rows = CatalogueProposal.objects.filter(**filters).order_by("kind", "model", "pk")
    return list(rows.values_list("kind", "model", "state"))


def proposal(kind: str, model: str, state: str = "open") -> CatalogueProposal:
    return CatalogueProposal.objects.get(kind=kind, model=model, state=state)


@pytest.fixture
def office(olga: User) -> Client:
    """A browser in which olga is signed in."""
    client = Client()
    client.force_login(olga)
    return client


def page_of(office: Client, obj: Any, button: str) -> Any:
    url = reverse(f"admin:generation_{obj._meta.model_name}_change", args=[obj.pk]).removesuffix("change/")
    return office.get(f"{url}do/{button}/")


def press(office: Client, obj: Any, button: str, **fields: Any) -> str:
    """Open a button's page, send its form as it is but for `fields`, and read the page after it."""
    page = page_of(office, obj, button)
    assert page.status_code == 200, page.status_code
    form = page.context["form"]
    values = {name: _sent(form[name]) for name in form.fields}
    sent = {name: value for name, value in {**values, **fields}.items() if value is not None}
    return office.post(page.wsgi_request.path, sent, follow=True).content.decode()


def _sent(bound: Any) -> Any:
    """What a browser sends for a field: nothing for an empty box, the first choice where none is chosen."""
    value, choices = bound.value(), getattr(bound.field, "choices", None)
    if isinstance(value, bool):
        return "on" if value else None
    return choices[0][0] if value is None and choices else value


def switch_of(model: str) -> ModelSwitch:
    return ModelSwitch(model=model)


def command(*arguments: str, **options: Any) -> None:
    call_command("sync_catalogue", *arguments, **options)


def state() -> CatalogueSync:
    return CatalogueSync.objects.get()
