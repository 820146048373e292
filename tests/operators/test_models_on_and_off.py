"""The catalogue for operators, and its switches."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.errors import Refused
from generation import catalog, offers
from generation.models import ModelSwitch
from tests.operators.conftest import press

MODEL = "google/nano-banana"


def switch() -> ModelSwitch:
    return ModelSwitch(model=MODEL)


def listed(office: Client, **filters: str) -> set[str]:
    page = office.get(reverse("admin:generation_modelswitch_changelist"), filters)
    return {row.entry.id for row in page.context["rows"]}


def test_the_whole_catalogue_is_listed(office: Client) -> None:
    assert listed(office) == {entry.id for entry in catalog.all()}


def test_filters_narrow_the_list(office: Client) -> None:
    entries = catalog.all()
    assert listed(office, vendor="google") == {e.id for e in entries if e.vendor == "google"}
    assert listed(office, kind="video") == {e.id for e in entries if e.modality == "video"}
    assert listed(office, status="unpriced") == {e.id for e in entries if not e.priced}
    assert listed(office, on="yes") == {model for model, on in offers.enabled().items() if on}
    assert MODEL in listed(office, q="Nano banana")
    assert listed(office, q="no such model") == set()


def test_a_model_that_is_switched_off_is_refused(office: Client) -> None:
    assert offers.find(MODEL)
    press(office, switch(), "off", reason="bad results")
    with pytest.raises(Refused) as refusal:
        offers.find(MODEL)
    assert refusal.value.code == "model_off"
    assert MODEL in listed(office, on="no")
    page = office.get(reverse("admin:generation_modelswitch_changelist"), {"q": MODEL})
    assert "by an operator: bad results" in page.content.decode()


def test_a_model_is_switched_on_again(office: Client) -> None:
    press(office, switch(), "off", reason="bad results")
    press(office, switch(), "on", reason="better now")
    assert offers.find(MODEL)
    assert ModelSwitch.objects.get().reason == "better now"


def test_without_a_switch_the_catalogue_decides(office: Client) -> None:
    press(office, switch(), "off", reason="bad results")
    press(office, ModelSwitch.objects.get(), "follow")
    assert offers.find(MODEL)
    assert not ModelSwitch.objects.exists()


def test_what_cannot_be_sold_cannot_be_switched_on(office: Client) -> None:
    """R-BUD3: no price means not for sale."""
    impossible = next(entry for entry in catalog.all() if not offers.sellable(entry))
    answer = press(office, ModelSwitch(model=impossible.id), "on", reason="please")
    assert "This model cannot be sold" in answer.content.decode()
    assert not ModelSwitch.objects.exists()


def test_a_reason_is_required(office: Client) -> None:
    assert "required" in press(office, switch(), "off", reason="").content.decode()
    assert offers.find(MODEL)


def test_a_model_that_does_not_exist_is_not_found(office: Client) -> None:
    url = reverse("admin:generation_modelswitch_button", args=["nobody_2Fnothing", "off"])
    assert office.get(url).status_code == 404
