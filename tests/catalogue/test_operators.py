"""The page of differences: what it shows, and who may decide."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing.models import Alert
from generation import catalog, offers
from generation.catalog.models import CatalogueChange, CatalogueProposal, Listing
from tests.catalogue.conftest import BANANA, Shop, press, proposal, proposals, state, switch_of, sync

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:generation_catalogueproposal_changelist"
CHANGES = "admin:generation_cataloguechange_changelist"


@pytest.fixture
def differing(read: Shop) -> Shop:
    """One difference of each kind."""
    read.add()
    read.change(BANANA, price={"unit": "image", "credits": 6})
    read.change("nano-banana-2", status="retired")
    read.change("nano-banana-pro", title="Pro", input={"properties": {"strength": {"type": "number"}}})
    Listing.objects.filter(model="nano-banana-pro").update(schema_due=True)
    sync()
    assert [kind for kind, _, _ in proposals()] == ["new", "price", "retired", "schema"]
    return read


def urls(button: str = "dismiss") -> list[str]:
    found = CatalogueProposal.objects.order_by("kind")
    return [f"{admin_url(p).removesuffix('change/')}do/{button or f'accept-{p.kind}'}/" for p in found]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_every_difference_is_listed_with_its_buttons(differing: Shop, office: Client) -> None:
    page = office.get(reverse(LIST)).content.decode()
    for text in (
        "acme/paint",
        "Acme; Text to Image; 7 credits (0.035 USD) per image",
        "per image: 4 → 6",
        "KIE does not list it any more.",
        "strength: a new field (number)",
        "Read to the end",
    ):
        assert text in page, text
    for kind in ("new", "price", "retired", "schema"):
        assert f"/do/accept-{kind}/" in page
    assert page.count("/do/dismiss/") == 4
    assert "Differences to KIE&#x27;s catalogue: 4" in office.get(
        reverse("admin:generation_modelswitch_changelist")
    ).content.decode().replace("&#39;", "&#x27;")


def test_every_page_opens_and_brings_no_scripts_or_styles_of_its_own(differing: Shop, office: Client) -> None:
    """R-SEC6"""
    press(office, proposal("retired", "nano-banana-2"), "accept-retired")
    pages = [reverse(LIST), reverse(LIST) + "?state=all", reverse(CHANGES), *urls(), *urls("")]
    pages += [admin_url(obj) for model in (CatalogueProposal, CatalogueChange) for obj in model.objects.all()]
    for url in pages:
        answer = office.get(url)
        assert answer.status_code == 200, url
        page = answer.content.decode()
        for text in (" style=", "<style", " onclick=", "<script>"):
            assert text not in page, (url, text)


def test_what_kie_says_is_shown_as_text(read: Shop, office: Client) -> None:
    """R-SEC5"""
    read.add(title="<b>Paint</b>", description="<script>alert(1)</script>", price_text="<i>7</i>")
    sync()
    found = proposal("new", "acme/paint")
    for url in (reverse(LIST), admin_url(found), urls("")[0]):
        page = office.get(url).content.decode()
        assert "<b>Paint" not in page and "<script>alert" not in page and "<i>7" not in page


def test_what_is_dismissed_is_logged_with_its_reason_and_leaves_the_page(differing: Shop, office: Client) -> None:
    """R-AD1"""
    found = proposal("price", BANANA)
    assert "This field is required" in press(office, found, "dismiss")
    press(office, found, "dismiss", reason="a campaign")
    found.refresh_from_db()
    assert (found.state, found.reason, str(found.decided_by)) == ("dismissed", "a campaign", "olga@example.com")
    assert LogEntry.objects.get(object_id=str(found.pk)).change_message == "Dismissed: a campaign"
    assert "per image: 4 → 6" not in office.get(reverse(LIST)).content.decode()
    assert "per image: 4 → 6" in office.get(reverse(LIST), {"state": "dismissed"}).content.decode()


def test_what_is_decided_is_not_decided_again(differing: Shop, office: Client) -> None:
    found = proposal("retired", "nano-banana-2")
    press(office, found, "dismiss", reason="no")
    assert "decided before" in press(office, found, "accept-retired")
    assert offers.enabled()["nano-banana-2"]


def test_a_button_of_another_kind_does_nothing(differing: Shop, office: Client) -> None:
    assert "differences of another kind" in press(office, proposal("price", BANANA), "accept-retired")
    assert offers.enabled()[BANANA]
    assert not CatalogueChange.objects.exists()


def test_customers_see_and_decide_nothing(differing: Shop, eve: User, client: Client) -> None:
    """R-API3"""
    for visitor in (client, signed_in(eve)):
        for url in (reverse(LIST), reverse(CHANGES), *urls(), *urls("")):
            assert visitor.get(url).status_code == 302
            assert visitor.post(url, {"token": "x"}).status_code == 302
    assert {state for _, _, state in proposals()} == {"open"}


def test_staff_decide_only_what_they_may(differing: Shop, office: Client) -> None:
    stranger = User.objects.create_user("new@example.com", is_staff=True)
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    press(office, proposal("price", BANANA), "accept-price")
    change = CatalogueChange.objects.get()
    revert = f"{admin_url(change).removesuffix('change/')}do/revert/"
    price = f"{admin_url(switch_of(BANANA)).removesuffix('change/')}do/price/"
    assert signed_in(stranger).get(reverse(LIST)).status_code == 403
    page = signed_in(clerk).get(reverse(LIST))
    assert page.status_code == 200
    assert "/do/" not in page.content.decode()
    for url in (*urls(), *urls(""), revert, price):
        for user in (stranger, clerk):
            assert signed_in(user).get(url).status_code == 403
            assert signed_in(user).post(url, {"token": "x", "version": "0"}).status_code == 403
    assert CatalogueChange.objects.filter(reverted_at=None).count() == 1


def test_nothing_is_added_edited_or_deleted_but_by_buttons(differing: Shop, office: Client) -> None:
    press(office, proposal("price", BANANA), "accept-price")
    for obj in (CatalogueProposal.objects.first(), CatalogueChange.objects.first()):
        assert obj is not None
        assert office.post(admin_url(obj), {"state": "accepted", "patch": "{}"}).status_code == 403
        assert office.post(admin_url(obj, "delete"), {"post": "yes"}).status_code == 403
        assert office.post(reverse(f"admin:generation_{obj._meta.model_name}_add"), {}).status_code == 403


def test_a_longer_list_costs_no_more_queries(differing: Shop, office: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert office.get(reverse(LIST), {"state": "all"}).status_code == 200
        return len(captured)

    queries()
    before = queries()
    for number in range(5):
        CatalogueProposal.objects.create(kind="retired", model=f"acme/{number}", fingerprint=str(number))
    assert queries() == before


def test_looking_at_the_catalogue_costs_no_query(read: Shop, office: Client, settings: Any) -> None:
    settings.CATALOGUE_RELOAD_SECONDS = 0
    with CaptureQueriesContext(connection) as captured:
        assert catalog.get(BANANA) in catalog.all()
    assert len(captured) == 0


def test_success_rates_are_shown_in_the_catalogue(read: Shop, office: Client) -> None:
    Listing.objects.filter(model=BANANA).update(success_rate="98.25")
    page = office.get(reverse("admin:generation_modelswitch_changelist"), {"q": BANANA}).content.decode()
    assert "98.25 %" in page


def test_trouble_is_shown_above_the_list(read: Shop, office: Client) -> None:
    read.simulator.fault("html", path="model-pricing")
    sync()
    assert "Price feed" in office.get(reverse(LIST)).content.decode()
    read.simulator.fault("html", path="/api/v1/models")
    sync()
    page = office.get(reverse(LIST)).content.decode()
    assert "Trouble" in page and "Reading now" in page
    assert state().stage == "list"


def test_a_change_that_does_not_fit_any_more_takes_the_model_off(read: Shop, office: Client, olga: User) -> None:
    """R-BUD3: a release may ship other fields than an accepted price was made for."""
    patch = '{"price": {"unit": "image", "rules": [{"when": {"gone": 1}, "credits": 1}], "default": 1}}'
    CatalogueChange.objects.create(model=BANANA, patch=patch, summary="for another schema", author=olga)
    CatalogueChange.objects.create(model="acme/old", patch='{"id": "acme/old"}', summary="a half", author=olga)
    sync()
    assert not offers.enabled()[BANANA]
    assert "acme/old" not in offers.enabled()
    told = Alert.objects.get(key__startswith=f"catalogue-broken:{BANANA}")
    assert "there is no field 'gone'" in told.message
    press(office, switch_of(BANANA), "price", price_json='{"unit": "image", "credits": 5}')
    assert offers.enabled()[BANANA]


def test_an_accepted_entry_is_held_to_the_rules_of_the_data_files(read: Shop, office: Client) -> None:
    """R-PR8: an input stays closed, and what moves a price stays explicit."""
    answer = press(office, switch_of(BANANA), "price", price_json='{"unit": "hour", "credits": 5}')
    assert "must be one of image" in answer
    rules = '[{"when": {"nsfw_checker": true}, "credits": 5}]'
    answer = press(
        office, switch_of(BANANA), "price", price_json=f'{{"unit": "image", "rules": {rules}, "default": 5}}'
    )
    assert "moves the price, so it needs a default or must be required" in answer.replace("&#x27;", "'")
    assert not CatalogueChange.objects.exists()
