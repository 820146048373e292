"""KIE changes what a model takes: nothing new is for sale before an operator said so (R-PR8)."""

from typing import Any

import pytest
from django.test import Client

from accounts.errors import Refused
from accounts.models import User
from generation import catalog, lifecycle, offers
from generation.catalog.models import CatalogueChange
from tests import driving
from tests.catalogue.conftest import BANANA, FOX, Shop, page_of, press, proposal, proposals, sync_after_a_week

pytestmark = pytest.mark.django_db(transaction=True)
RULED = "nano-banana-2"


def enum(model: str, field: str) -> list[Any]:
    return catalog.get(model).schema["properties"][field]["enum"]


def refused(user: User, model: str, **values: Any) -> str:
    with pytest.raises(Refused) as caught:
        offers.quote(user, model, {**FOX, **values})
    return caught.value.code


def labels(office: Client, model: str) -> dict[str, str]:
    """The questions of the page, by name."""
    form = page_of(office, proposal("schema", model), "accept-schema").context["form"]
    return {name: str(field.label) for name, field in form.fields.items() if name[-1].isdigit()}


def test_a_new_value_that_moves_the_price_is_sold_once_it_has_one(read: Shop, office: Client, alice: User) -> None:
    """R-PR8"""
    read.change(RULED, input={"properties": {"resolution": {"enum": [*enum(RULED, "resolution"), "8K"]}}})
    sync_after_a_week(RULED)
    assert refused(alice, RULED, resolution="8K") == "invalid_input"
    assert labels(office, RULED)["price_0_0"] == "resolution: new value 8K, resolution 8K"
    press(office, proposal("schema", RULED), "accept-schema", price_0_0="30")
    assert offers.quote(alice, RULED, {**FOX, "resolution": "8K"}).price_millicredits == 37_500
    assert offers.quote(alice, RULED, {**FOX, "resolution": "1K"}).price_millicredits == 10_000
    generation = driving.finish(lifecycle.request(alice, RULED, {**FOX, "resolution": "8K"}))
    assert generation.state == "succeeded"
    sync_after_a_week(RULED)
    assert proposals(state="open") == []


def test_without_a_price_it_stays_refused(read: Shop, office: Client, alice: User) -> None:
    """R-PR8"""
    read.change(RULED, input={"properties": {"resolution": {"enum": [*enum(RULED, "resolution"), "8K"]}}})
    sync_after_a_week(RULED)
    answer = press(office, proposal("schema", RULED), "accept-schema")
    assert "Left out: resolution: new value 8K." in answer
    assert refused(alice, RULED, resolution="8K") == "invalid_input"
    sync_after_a_week(RULED)
    assert proposals(state="open") == []


def test_a_combination_without_a_price_is_refused_though_another_has_one(
    read: Shop, office: Client, alice: User
) -> None:
    """R-PR8"""
    model = "kling-2.6/image-to-video"
    read.change(model, input={"properties": {"duration": {"enum": ["5", "10", "15"]}}})
    sync_after_a_week(model)
    press(office, proposal("schema", model), "accept-schema", price_0_0="165")
    values = {"image_urls": ["https://example.com/fox.png"], "duration": "15"}
    assert offers.quote(alice, model, {**FOX, **values, "sound": False}).cost.millicredits == 165_000
    assert refused(alice, model, **values, sound=True) == "not_for_sale"


def test_a_new_value_that_does_not_move_the_price_is_refused_until_it_is_ticked(
    read: Shop, office: Client, alice: User
) -> None:
    """R-PR8: a price for everything does not cover what nobody has seen."""
    read.change(BANANA, input={"properties": {"output_format": {"enum": [*enum(BANANA, "output_format"), "tiff"]}}})
    sync_after_a_week(BANANA)
    assert refused(alice, BANANA, output_format="tiff") == "invalid_input"
    found = proposal("schema", BANANA)
    press(office, found, "accept-schema")
    assert refused(alice, BANANA, output_format="tiff") == "invalid_input"
    press(office, CatalogueChange.objects.get(), "revert", reason="it costs the same after all")
    press(office, proposal("schema", BANANA), "accept-schema", take_0="on")
    assert offers.quote(alice, BANANA, {**FOX, "output_format": "tiff"}).price_millicredits == 5_000


def test_a_new_field_is_refused_until_it_is_ticked(read: Shop, office: Client, alice: User) -> None:
    """R-PR8"""
    strength = {"type": "number", "minimum": 0, "maximum": 1}
    read.change(BANANA, input={"properties": {"strength": strength}})
    sync_after_a_week(BANANA)
    assert refused(alice, BANANA, strength=0.5) == "invalid_input"
    assert labels(office, BANANA) == {"take_0": "strength: a new field (number)"}
    press(office, proposal("schema", BANANA), "accept-schema", take_0="on")
    assert offers.quote(alice, BANANA, {**FOX, "strength": 0.5})
    assert refused(alice, BANANA, strength=2) == "invalid_input"


def test_what_only_takes_away_is_ticked(read: Shop, office: Client, alice: User) -> None:
    prompt = {"maxLength": 100}
    kept = enum(BANANA, "output_format")[:1]
    changes = {"prompt": prompt, "nsfw_checker": None, "output_format": {"enum": kept, "default": kept[0]}}
    read.change(BANANA, input={"properties": changes})
    sync_after_a_week(BANANA)
    assert all(label.endswith(("gone", "now", "→ 100")) for label in labels(office, BANANA).values())
    press(office, proposal("schema", BANANA), "accept-schema")
    assert refused(alice, BANANA, nsfw_checker=True) == "invalid_input"
    assert refused(alice, BANANA, prompt="x" * 101) == "invalid_input"
    assert enum(BANANA, "output_format") == kept


def test_a_value_that_is_gone_takes_its_price_along(read: Shop, office: Client, alice: User) -> None:
    read.change(RULED, input={"properties": {"resolution": {"enum": ["2K", "4K"], "default": "2K"}}})
    sync_after_a_week(RULED)
    press(office, proposal("schema", RULED), "accept-schema")
    assert refused(alice, RULED, resolution="1K") == "invalid_input"
    assert offers.quote(alice, RULED, FOX).cost.millicredits == 12_000
    price = catalog.get(RULED).price
    assert price is not None
    assert [rule["when"] for rule in price["rules"]] == [{"resolution": "2K"}, {"resolution": "4K"}]


def test_a_raised_limit_is_sold_only_when_it_is_ticked(read: Shop, office: Client, alice: User) -> None:
    """R-PR8: more of something may cost more."""
    model = "bytedance/seedream-v4-text-to-image"
    most = catalog.get(model).schema["properties"]["max_images"]["maximum"]
    read.change(model, input={"properties": {"max_images": {"maximum": most + 4}}})
    sync_after_a_week(model)
    assert labels(office, model) == {"take_0": f"max_images: maximum {most} → {most + 4}"}
    press(office, proposal("schema", model), "accept-schema")
    assert refused(alice, model, max_images=most + 1) == "invalid_input"


def test_a_field_that_the_price_needs_can_only_go_with_another_price(read: Shop, office: Client, alice: User) -> None:
    read.change(RULED, input={"properties": {"resolution": None}})
    sync_after_a_week(RULED)
    found = proposal("schema", RULED)
    assert "does not make a valid entry" in press(office, found, "accept-schema")
    press(office, found, "accept-schema", price_json='{"unit": "image", "credits": 8}')
    assert offers.quote(alice, RULED, FOX).cost.millicredits == 8_000


def test_titles_descriptions_and_the_order_are_no_difference(read: Shop) -> None:
    described = {"description": "Now with other words", "title": "Prompt!", "examples": ["a hen"]}
    backwards = enum(BANANA, "output_format")[::-1]
    properties = {"prompt": described, "output_format": {"enum": backwards}}
    read.change(BANANA, title="Nano Banana, now better", input={"properties": properties})
    before = read.asked(f"{BANANA}/schema")
    sync_after_a_week(BANANA)
    assert read.asked(f"{BANANA}/schema") == before + 1
    assert proposals() == []


def test_a_document_that_is_gone_for_a_while_is_no_difference(read: Shop) -> None:
    read.change(BANANA, title="Banana", documented=False)
    sync_after_a_week(BANANA)
    assert proposals() == []


def test_a_schema_that_changes_back_is_withdrawn(read: Shop) -> None:
    read.change(BANANA, title="Banana", input={"properties": {"strength": {"type": "number"}}})
    sync_after_a_week(BANANA)
    assert proposals() == [("schema", BANANA, "open")]
    read.restore()
    sync_after_a_week(BANANA)
    assert proposals() == [("schema", BANANA, "outdated")]
