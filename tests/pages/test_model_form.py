"""The form of every model: it renders, and what it sends is what an API request would."""

from urllib.parse import quote

import pytest
from django.http import QueryDict

from generation import catalog, offers
from generation.models import Generation, ModelSwitch
from generation.pages import forms, labels
from tests.pages.conftest import BANANA, succeeded
from tests.pages.controls import of_form

pytestmark = pytest.mark.django_db
ENTRIES = [entry for entry in catalog.all() if offers.sellable(entry) and not entry.chat]
CHATS = [entry for entry in catalog.all() if offers.sellable(entry) and entry.chat]


def posted(data: dict[str, list[str]]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, values in data.items():
        query.setlist(name, values)
    return query


@pytest.mark.any_database
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_the_example_goes_through_the_form_unchanged(entry, browser):
    ModelSwitch.objects.create(model=entry.id, enabled=True)
    response = browser.get(f"/models/{entry.id}/", {"example": "1"})
    assert response.status_code == 200
    data = of_form(response)
    for path in [*catalog.generation_fields(entry), *catalog.result_fields(entry)]:
        name = path.replace("[]", "[0]")
        assert name in data
        given = entry.example.get(path.removesuffix("[]"), "")
        data[name] = [given[0] if isinstance(given, list) else given]
    values = forms.parse(entry.schema, posted(data))
    assert catalog.validate(entry, values) == catalog.validate(entry, entry.example)


@pytest.mark.any_database
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_an_untouched_form_says_nothing_but_defaults(entry, browser):
    ModelSwitch.objects.create(model=entry.id, enabled=True)
    values = forms.parse(entry.schema, posted(of_form(browser.get(f"/models/{entry.id}/"))))
    for name, value in values.items():
        field = entry.schema["properties"][name]
        assert value == [] or labels.as_text(value) == labels.as_text(field.get("default")), name


@pytest.mark.any_database
@pytest.mark.parametrize("entry", CHATS, ids=lambda entry: entry.id)
def test_a_model_that_chats_has_no_form_but_the_chat(entry, client):
    ModelSwitch.objects.create(model=entry.id, enabled=True)
    response = client.get(f"/models/{entry.id}/")
    assert (response.status_code, response["Location"]) == (302, f"/chat/?model={quote(entry.id, safe='')}")


def test_deprecated_fields_are_not_offered(browser):
    data = of_form(browser.get(f"/models/{BANANA}/"))
    assert "aspect_ratio" in data
    assert "image_size" not in data


def test_posting_requests_a_generation_and_leads_to_it(browser, alice):
    response = browser.post(f"/models/{BANANA}/", {"prompt": "A red fox\r\nin the snow"})
    generation = Generation.objects.get(user=alice)
    assert response.status_code == 302
    assert response["Location"] == f"/generations/{generation.pk}/"
    assert generation.input["prompt"] == "A red fox\nin the snow"


def test_running_again_starts_from_the_earlier_input(browser, alice):
    earlier = succeeded(alice, "A very particular fox")
    data = of_form(browser.get(f"/models/{BANANA}/", {"from": str(earlier.pk)}))
    assert data["prompt"] == ["A very particular fox"]


def test_a_field_for_an_earlier_generation_offers_ones_own_that_fit(browser, alice, eve):
    mine, other, hers = succeeded(alice, "mine"), succeeded(alice, "unfit"), succeeded(eve, "hers")
    source = "grok-imagine/text-to-image"
    Generation.objects.filter(pk__in=[mine.pk, hers.pk]).update(model=source)
    page = browser.get("/models/grok-imagine/image-to-video/").content.decode()
    assert str(mine.pk) in page
    assert str(other.pk) not in page
    assert str(hers.pk) not in page


def test_lists_of_objects_keep_their_order_whatever_rows_were_removed():
    entry = catalog.get("elevenlabs/text-to-dialogue-v3")
    data = {"dialogue[10].text": ["last"], "dialogue[2].text": ["first"], "dialogue[3].text": [""]}
    assert [row["text"] for row in forms.parse(entry.schema, posted(data))["dialogue"]] == ["first", "last"]


def test_anonymous_people_see_the_form_and_are_asked_to_sign_in(client):
    page = client.get(f"/models/{BANANA}/").content.decode()
    assert 'name="prompt"' in page
    assert "Sign in to generate" in page
    response = client.post(f"/models/{BANANA}/", {"prompt": "x"})
    assert response["Location"].startswith("/accounts/login/?next=/models/google/nano-banana/")


@pytest.mark.parametrize(
    "name,schema,wanted",
    [
        ("image_urls", {"type": "array", "items": {"x-media": "image"}}, "Images"),
        ("image_url", {"x-media": "image"}, "Image"),
        ("cfgScale", {"type": "number"}, "CFG scale"),
        ("task_id", {"x-generation": ["veo-3-1"]}, "Earlier generation"),
        ("persona_id", {"x-result": ["suno/generate-persona"]}, "Persona"),
        ("character_ids", {"type": "array", "items": {"x-result": ["x"]}}, "Characters"),
        ("reference_link_urls", {"type": "array", "items": {}}, "Reference link URLs"),
    ],
)
def test_names_are_shown_as_people_say_them(name, schema, wanted):
    assert labels.label(name, schema) == wanted
