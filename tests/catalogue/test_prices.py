"""KIE changes a price: proposed with what it does to the margin, and quoted only once an operator accepted it."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing.models import Alert
from generation import catalog, offers
from generation.catalog.models import CatalogueChange
from tests.catalogue.conftest import BANANA, FOX, Shop, page_of, press, proposal, proposals, sync

pytestmark = pytest.mark.django_db(transaction=True)
KLING = "kling-2.6/image-to-video"
DEARER = {"unit": "image", "credits": 6}


def price(user: User, model: str = BANANA, values: dict[str, Any] | None = None) -> int:
    return offers.quote(user, model, values or FOX).price_millicredits


def test_a_new_price_counts_from_its_acceptance_on(read: Shop, office: Client, alice: User) -> None:
    """R-AD1: before and after are in the log."""
    read.change(BANANA, price=DEARER)
    sync()
    found = proposal("price", BANANA)
    assert price(alice) == 5_000
    version = offers.quote(alice, BANANA, FOX).price_version
    press(office, found, "accept-price")
    assert price(alice) == 7_500
    assert offers.quote(alice, BANANA, FOX).price_version != version
    assert catalog.get(BANANA).price_text == "6 credits (0.03 USD) per image"
    assert "per image 4 → 6" in LogEntry.objects.get(object_id=str(found.pk)).change_message
    sync()
    assert proposals(state="open") == []


def test_the_effect_on_the_margin_is_shown(read: Shop, office: Client) -> None:
    read.change(BANANA, price=DEARER)
    sync()
    page = office.get(admin_url(proposal("price", BANANA))).content.decode()
    for cell in ("4", "6", "5", "7.5", "-1 (-20 %)"):
        assert f"<td>{cell}</td>" in page, cell
    page = office.get(reverse("admin:generation_catalogueproposal_changelist")).content.decode()
    assert "-1 (-20 %) left of 5, per image" in page
    assert "per image: 4 → 6" in page


def test_the_new_numbers_are_filled_in_and_can_be_changed(read: Shop, office: Client, alice: User) -> None:
    read.change(BANANA, price=DEARER)
    sync()
    found = proposal("price", BANANA)
    field = page_of(office, found, "accept-price").context["form"]["amount_0"]
    assert field.value() == "6"
    assert "we would charge 7.5; if nothing is done, -1 (-20 %) is left." in field.help_text
    press(office, found, "accept-price", amount_0="6.4")
    assert price(alice) == 8_000


def test_only_the_rule_whose_number_changed_gets_the_new_one(read: Shop, office: Client, alice: User) -> None:
    """Two rules cost 110 before; the words of the row tell which one is meant."""
    rules = [{**rule, "when": dict(rule["when"])} for rule in catalog.get(KLING).price["rules"]]  # type: ignore[index]
    for rule in rules:
        if rule["when"] == {"sound": True, "duration": "5"}:
            rule["credits"] = 120
    read.change(KLING, price={"unit": "video", "rules": rules, "default": 110})
    sync()
    press(office, proposal("price", KLING), "accept-price")
    values = {"prompt": "a fox", "image_urls": ["https://example.com/fox.png"]}
    costs = {
        (sound, seconds): price(alice, KLING, {**values, "sound": sound, "duration": seconds}) // 1250
        for sound in (False, True)
        for seconds in ("5", "10")
    }
    assert costs == {(False, "5"): 55, (False, "10"): 110, (True, "5"): 120, (True, "10"): 220}


def test_a_text_alone_needs_the_operators_numbers(read: Shop, office: Client, alice: User) -> None:
    read.change(BANANA, price_text="From Monday on 9 credits per image")
    sync()
    found = proposal("price", BANANA)
    page = office.get(reverse("admin:generation_catalogueproposal_changelist")).content.decode()
    assert "needs your numbers" in page
    assert "What KIE asks now is not told in numbers." in page_of(office, found, "accept-price").content.decode()
    press(office, found, "accept-price", amount_0="9")
    assert price(alice) == 11_250


def test_a_price_that_is_not_told_at_the_moment_has_not_changed(read: Shop) -> None:
    read.change(BANANA, price_text="")
    sync()
    assert proposals() == []
    assert read.asked(f"{BANANA}/price") == 1


def test_the_prose_is_asked_for_where_the_list_lacks_it(read: Shop) -> None:
    read.simulator.fault("html", path=f"{BANANA}/price")
    read.change(BANANA, price_text="")
    assert sync().state == "done"
    assert proposals() == []


def test_older_endpoints_follow_the_model_that_took_their_place(read: Shop, office: Client, alice: User) -> None:
    leader = "veo-3-1"
    followers = {e.id for e in catalog.all() if e.superseded_by == leader and e.api != "market"}
    assert "veo/veo3_fast" in followers
    read.change(leader, price_text="Everything is dearer")
    sync()
    assert {model for _, model, _ in proposals(kind="price")} == {leader, *followers}


def test_the_same_difference_is_proposed_once(read: Shop) -> None:
    read.change(BANANA, price=DEARER)
    for _ in range(3):
        sync()
    assert proposals() == [("price", BANANA, "open")]


def test_a_newer_price_replaces_what_waits(read: Shop) -> None:
    for credits in (6, 7):
        read.change(BANANA, price={"unit": "image", "credits": credits})
        sync()
    assert proposals() == [("price", BANANA, "outdated"), ("price", BANANA, "open")]
    assert list(proposal("price", BANANA).before["rows"].values()) == ["4"]


def test_a_price_that_goes_back_is_withdrawn(read: Shop) -> None:
    read.change(BANANA, price=DEARER)
    sync()
    read.restore()
    sync()
    assert proposals() == [("price", BANANA, "outdated")]


def test_what_was_dismissed_stays_dismissed(read: Shop, office: Client, alice: User) -> None:
    read.change(BANANA, price=DEARER)
    sync()
    press(office, proposal("price", BANANA), "dismiss", reason="a campaign")
    sync()
    read.restore()
    sync()
    read.change(BANANA, price=DEARER)
    sync()
    assert proposals() == [("price", BANANA, "dismissed")]
    assert price(alice) == 5_000


def test_up_down_and_up_again_is_proposed_each_time(read: Shop, office: Client, alice: User) -> None:
    """An accepted price that is taken back and comes again must not go unseen."""
    for credits, expected in ((6, 7_500), (4, 5_000), (6, 7_500)):
        read.change(BANANA, price={"unit": "image", "credits": credits})
        sync()
        press(office, proposal("price", BANANA), "accept-price")
        assert price(alice) == expected
    assert [state for _, _, state in proposals()] == ["accepted"] * 3


def test_a_change_is_reverted_and_waits_again(read: Shop, office: Client, alice: User, olga: User) -> None:
    """R-AD1"""
    read.change(BANANA, price=DEARER)
    sync()
    press(office, proposal("price", BANANA), "accept-price")
    change = CatalogueChange.objects.get()
    assert "Reverted for google/nano-banana" in press(office, change, "revert", reason="too early")
    assert price(alice) == 5_000
    change.refresh_from_db()
    assert change.reverted_by == olga
    assert proposals() == [("price", BANANA, "open")]
    sync()
    assert proposals() == [("price", BANANA, "open")]
    assert "was reverted before" in press(office, change, "revert", reason="again")
    press(office, proposal("price", BANANA), "accept-price", amount_0="8")
    assert price(alice) == 10_000


def test_only_the_newest_change_of_a_model_is_reverted(read: Shop, office: Client, alice: User) -> None:
    for credits in (6, 8):
        read.change(BANANA, price={"unit": "image", "credits": credits})
        sync()
        press(office, proposal("price", BANANA), "accept-price")
    first, second = CatalogueChange.objects.order_by("pk")
    assert "Revert the later changes of this model first." in press(office, first, "revert", reason="no")
    press(office, second, "revert", reason="no")
    assert price(alice) == 7_500
    press(office, first, "revert", reason="no")
    assert price(alice) == 5_000


def test_a_decision_upon_a_page_that_is_out_of_date_is_refused(read: Shop, office: Client, alice: User) -> None:
    read.change(BANANA, price=DEARER)
    sync()
    found = proposal("price", BANANA)
    form = page_of(office, found, "accept-price").context["form"]
    sent = {"token": form["token"].value(), "version": form["version"].value(), "amount_0": "6"}
    url = admin_url(found).removesuffix("change/") + "do/accept-price/"
    press(office, found, "accept-price", amount_0="7")
    assert "decided before" in office.post(url, sent).content.decode()
    CatalogueChange.objects.update(proposal=None)
    type(found).objects.update(state="open")
    assert "changed meanwhile" in office.post(url, sent).content.decode()
    assert price(alice) == 8_750


def test_without_the_feed_the_text_alone_is_compared(read: Shop) -> None:
    """The feed is no contract of KIE's; an operator is told, and everything else goes on."""
    read.simulator.fault("html", path="model-pricing/page")
    read.change(BANANA, price=DEARER)
    assert sync().state == "done"
    found = proposal("price", BANANA)
    assert found.before["rows"] == found.after["rows"]
    assert found.after["text"] == "6 credits (0.03 USD) per image"
    assert Alert.objects.filter(key__startswith="catalogue-feed:").count() == 1
    sync()
    assert Alert.objects.filter(key__startswith="catalogue-feed:").count() == 1
    assert list(proposal("price", BANANA).after["rows"].values()) == ["6"]
