"""Models that KIE stops to sell, and those that come back."""

import pytest
from django.test import Client

from accounts.errors import Refused
from accounts.models import User
from generation import catalog, lifecycle, offers
from generation.catalog.models import Listing
from generation.models import ModelSwitch
from tests import driving
from tests.catalogue.conftest import BANANA, FOX, Shop, press, proposal, proposals, state, sync

pytestmark = pytest.mark.django_db(transaction=True)


def on(model: str = BANANA) -> bool:
    return offers.enabled()[model]


def test_a_retired_model_is_off_once_that_is_accepted(read: Shop, office: Client, alice: User) -> None:
    running = lifecycle.request(alice, BANANA, FOX)
    read.change(BANANA, status="retired")
    sync()
    assert proposals() == [("retired", BANANA, "open")]
    assert on()
    press(office, proposal("retired", BANANA), "accept-retired")
    assert not on()
    with pytest.raises(Refused):
        offers.find(BANANA)
    assert catalog.get(BANANA).title == "Nano Banana"
    assert driving.finish(running).error_code == "model_unavailable"
    sync()
    assert proposals(state="open") == []


def test_an_operators_switch_does_not_keep_it_on(read: Shop, office: Client) -> None:
    ModelSwitch.objects.create(model=BANANA, enabled=True)
    read.change(BANANA, status="retired")
    sync()
    assert "Its switch was set to off." in press(office, proposal("retired", BANANA), "accept-retired")
    assert not on()


def test_a_model_that_comes_back_is_proposed_and_on_when_accepted(read: Shop, office: Client) -> None:
    read.change(BANANA, status="retired")
    sync()
    press(office, proposal("retired", BANANA), "accept-retired")
    read.restore()
    sync()
    assert proposals(state="open") == [("returned", BANANA, "open")]
    press(office, proposal("returned", BANANA), "accept-returned")
    assert on()
    read.change(BANANA, status="retired")
    sync()
    assert proposals(state="open") == [("retired", BANANA, "open")]


def test_one_that_is_back_before_anyone_decided_is_withdrawn(read: Shop) -> None:
    read.change(BANANA, status="retired")
    sync()
    read.restore()
    sync()
    assert proposals() == [("retired", BANANA, "outdated")]


def test_a_list_that_lacks_a_quarter_at_once_is_not_believed(read: Shop) -> None:
    for listing in Listing.objects.filter(listed=True)[:80]:
        read.change(listing.model, status="retired")
    progress = sync()
    assert progress.state == "failed"
    assert "the list lacks 80 of" in state().error
    assert proposals() == []
    assert on()


def test_models_that_kie_lists_nowhere_are_not_retired(read: Shop) -> None:
    direct = {entry.id for entry in catalog.all() if entry.api not in ("market", "chat")}
    assert direct
    sync()
    assert proposals() == []
