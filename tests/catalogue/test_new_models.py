"""A model that KIE begins to sell: proposed, for sale only once an operator priced it, and then like any other."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client

from accounts.errors import Refused
from accounts.models import User
from billing import alert_delivery
from billing.models import Alert, Wallet
from generation import catalog, lifecycle, offers
from generation.catalog import changes
from generation.catalog.models import CatalogueChange, CatalogueProposal
from generation.oversight import alert_post
from tests import driving
from tests.catalogue.conftest import FOX, Shop, page_of, press, proposal, proposals, switch_of, sync

PAINT = "acme/paint"
pytestmark = pytest.mark.django_db(transaction=True)


def refused(user: User, model: str, values: dict[str, Any] | None = None) -> str:
    with pytest.raises(Refused) as caught:
        offers.quote(user, model, values or FOX)
    return caught.value.code


def test_from_kies_list_to_a_stored_result(read: Shop, office: Client, alice: User, olga: User) -> None:
    """R-PR8, R-AD1: nothing is sold before an operator accepted it with a price; the author and the date are kept."""
    read.add(description="Paints foxes", price={"unit": "image", "credits": 7})
    sync()
    found = proposal("new", PAINT)
    assert refused(alice, PAINT) == "unknown_model"
    assert (found.after["provider"], found.after["text"]) == ("Acme", "7 credits (0.035 USD) per image")
    answer = press(office, found, "accept-new", credits="7")
    assert "was added, KIE" in answer
    entry = catalog.get(PAINT)
    assert (entry.title, entry.vendor, entry.modality, entry.status) == ("Paint", "Acme", "image", "live")
    quote = offers.quote(alice, PAINT, FOX)
    assert (quote.cost.millicredits, quote.price_millicredits) == (7_000, 8_750)
    generation = driving.finish(lifecycle.request(alice, PAINT, FOX))
    assert (generation.state, generation.cost_millicredits) == ("succeeded", 7_000)
    assert generation.assets.get().content_type.startswith("image/")
    assert Wallet.objects.get(pk=alice.pk).spent == 8_750
    change = CatalogueChange.objects.get()
    assert (change.author, change.proposal) == (olga, found)
    found.refresh_from_db()
    assert (found.state, found.decided_by) == ("accepted", olga)
    assert "per image none → 7" in LogEntry.objects.get(object_id=str(found.pk)).change_message


def test_a_number_that_the_feed_tells_is_filled_in(read: Shop, office: Client) -> None:
    read.add(price={"unit": "image", "credits": 7.5})
    sync()
    assert page_of(office, proposal("new", PAINT), "accept-new").context["form"]["credits"].value() == "7.5"


def test_without_a_price_it_is_off_until_one_is_set(read: Shop, office: Client, alice: User) -> None:
    """R-BUD3, R-PR8"""
    read.add(price=None)
    sync()
    assert "without a price, so it is not for sale" in press(office, proposal("new", PAINT), "accept-new", credits="")
    assert refused(alice, PAINT) == "model_off"
    answer = press(office, switch_of(PAINT), "price", unit="image", credits="2.5")
    assert "per image none → 2.5" in answer
    assert offers.quote(alice, PAINT, FOX).price_millicredits == 3_125
    assert catalog.get(PAINT).price == {"unit": "image", "credits": Decimal("2.5")}


def test_a_price_with_rules_is_given_as_json(read: Shop, office: Client, alice: User) -> None:
    """R-PR8: what the rules do not name is not for sale."""
    quality = {"type": "string", "enum": ["low", "high"], "default": "low"}
    read.add(input={"properties": {"quality": quality}})
    sync()
    price = '{"unit": "image", "rules": [{"when": {"quality": "low"}, "credits": 0.1}], "default": 0.1}'
    press(office, proposal("new", PAINT), "accept-new", credits="", price_json=price)
    assert offers.quote(alice, PAINT, FOX).cost.millicredits == 100
    assert refused(alice, PAINT, {**FOX, "quality": "high"}) == "not_for_sale"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price_json": "{"}, "This is not JSON"),
        ({"price_json": "[]"}, "This must be an object"),
        ({"price_json": '{"unit": "image"}'}, "does not make a valid entry"),
        ({"price_json": '{"rules": [{"credits": 1}]}'}, "not of the documented shape"),
        ({"input": '{"type": "object"}'}, "does not make a valid entry"),
        ({"example": '{"prompt": 5, "x": 1}'}, "does not make a valid entry"),
        ({"credits": "0"}, "greater than or equal to"),
        ({"credits": "-1"}, "greater than or equal to"),
        ({"credits": "NaN"}, "Enter a number"),
        ({"title": ""}, "This field is required"),
    ],
)
def test_what_makes_no_entry_is_explained_and_changes_nothing(
    read: Shop, office: Client, fields: dict[str, str], reason: str
) -> None:
    read.add()
    sync()
    found = proposal("new", PAINT)
    assert reason in press(office, found, "accept-new", **fields)
    assert proposals() == [("new", PAINT, "open")]
    assert not CatalogueChange.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_model_without_a_document_needs_its_input_by_hand(read: Shop, office: Client, alice: User) -> None:
    read.add(documented=False)
    sync()
    found = proposal("new", PAINT)
    assert "input" not in found.after
    assert "This field is required" in press(office, found, "accept-new", credits="7")
    fields = '{"prompt": {"type": "string"}}'
    schema = f'{{"type": "object", "properties": {fields}, "required": ["prompt"], "additionalProperties": false}}'
    press(office, found, "accept-new", credits="7", input=schema, example='{"prompt": "a fox"}')
    assert driving.finish(lifecycle.request(alice, PAINT, FOX)).state == "succeeded"


def test_a_model_that_is_gone_again_is_not_proposed_any_more(read: Shop) -> None:
    read.add()
    sync()
    read.restore()
    sync()
    assert proposals() == [("new", PAINT, "outdated")]
    read.add()
    sync()
    assert proposals() == [("new", PAINT, "open")]


def test_operators_are_told_once(read: Shop, settings: Any) -> None:
    """R-AL1"""
    settings.ADMINS = [("olga", "olga@example.com")]
    read.add()
    sync()
    sync()
    alert = Alert.objects.get(key__startswith="catalogue-proposals:")
    assert "wait for a decision: 1, at http://127.0.0.1:8000/admin/generation/catalogueproposal/" in alert.message
    assert alert_delivery.deliver_due(alert_post.post) == 1
    assert len(mail.outbox) == 1


def test_other_processes_sell_it_within_seconds(read: Shop, olga: User, settings: Any) -> None:
    """What was accepted elsewhere: nobody told this process."""
    entry = catalog.get("google/nano-banana")
    patch = {**catalog.raw(entry), "id": PAINT}
    CatalogueChange.objects.create(model=PAINT, patch=changes.exact_json.dumps(patch), summary="elsewhere", author=olga)
    assert PAINT not in {e.id for e in catalog.all()}
    settings.CATALOGUE_RELOAD_SECONDS = 0
    assert catalog.get(PAINT).price == entry.price
    assert CatalogueProposal.objects.count() == 0
