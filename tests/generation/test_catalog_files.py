"""A data file that is wrong is refused at load, naming the file, the entry and the reason."""

import copy
import json

import pytest

from generation import catalog

ENTRY = {
    "id": "acme/paint",
    "title": "Paint",
    "vendor": "Acme",
    "api": "market",
    "method": "POST",
    "endpoint": "/api/v1/jobs/createTask",
    "modality": "image",
    "task": "text-to-image",
    "status": "live",
    "confidence": "docs",
    "input": {
        "type": "object",
        "properties": {
            "prompt": {"type": "string"},
            "quality": {"type": "string", "enum": ["low", "high"], "default": "low"},
            "count": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1},
        },
        "required": ["prompt"],
        "additionalProperties": False,
    },
    "example": {"prompt": "a fox"},
    "price": {
        "unit": "image",
        "rules": [
            {"when": {"quality": "low"}, "credits": 1.5},
            {"when": {"quality": "high"}, "credits": 3},
        ],
        "default": 1.5,
        "quantity_field": "count",
    },
    "price_text": "1.5 or 3 credits per image",
    "price_source": "a price list",
    "source": "https://docs.example.com/paint",
    "schema_as_of": "2026-10",
    "listed_as_of": "2026-10-07",
}


def write(directory, *entries, name="acme.json", **document):
    whole = {"vendor": "Acme", "as_of": "2026-10-09", "models": list(entries)} | document
    (directory / name).write_text(json.dumps(whole))


def changed(path, value):
    """The entry with one place changed; None as the value removes it."""
    entry = copy.deepcopy(ENTRY)
    *parents, last = path
    place = entry
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return entry


def test_a_good_file_loads(tmp_path):
    write(tmp_path, ENTRY)
    entry = catalog.load(tmp_path)["acme/paint"]
    assert (entry.title, entry.as_of, entry.on_by_default) == ("Paint", "2026-10-09", True)


CORRUPTIONS = [
    (["title"], None, "'title' is required"),
    (["titel"], "Paint", "'titel' is not a field"),
    (["vendor"], "Other", "is not the file's 'Acme'"),
    (["api"], "fax", "'api' must be one of market"),
    (["status"], "soon", "'status' must be one of live"),
    (["schema_as_of"], "yesterday", "'schema_as_of'"),
    (["superseded_by"], "acme/brush", "there is no model 'acme/brush'"),
    (["input", "additionalProperties"], True, "'input.additionalProperties' must be false"),
    (["input", "properties", "prompt"], {"type": "strnig"}, "input: "),
    (["input", "properties", "prompt"], True, "input: prompt: must be an object"),
    (["input", "properties", "quality", "default"], "best", "input: quality: the default does not fit"),
    (["input", "properties", "prompt", "x-media"], "smell", "input: prompt: 'x-media' must be one of"),
    (["input", "properties", "prompt", "x-mutliline"], True, "input: prompt: "),
    (["input", "properties", "prompt", "x-generation"], ["acme/x"], "there is no model 'acme/x'"),
    (["input", "properties", "count", "x-alias-of"], "number", "input: count: x-alias-of names no field"),
    (["input", "properties", "count", "x-alias-of"], "prompt", "input: count: an alias must be deprecated"),
    (["example"], {}, "example: 'prompt' is required"),
    (["example", "quality"], "best", "example: 'quality' must be one of low, high"),
    (["price", "unit"], "hour", "price: 'unit' must be one of"),
    (["price", "discount"], 1, "price: 'discount' is not a field"),
    (["price", "credits"], 1, "price: "),
    (["price", "default"], None, "price: "),
    (["price", "default"], 2, "price: the default 2 is the price of no rule"),
    (["price", "rules", 0, "credits"], -1, "price: 'rules[0].credits' must be at least 0"),
    (["price", "rules", 0, "credits"], "1", "price: 'rules[0].credits' must be a number"),
    (["price", "rules", 0, "credits"], True, "price: 'rules[0].credits' must be a number"),
    (["price", "rules", 0, "when"], {"quality": "best"}, "price: quality='best' does not fit"),
    (["price", "rules", 0, "when"], {"size": "big"}, "price: there is no field 'size'"),
    (["price", "rules", 0, "when"], {}, "price: 'rules[0].when'"),
    (["price", "quantity_field"], "number", "price: there is no field 'number'"),
    (["price", "quantity_from"], "output_duration", "price: "),
    (["price", "max_seconds"], 10, "price: "),
    (["input", "properties", "quality", "default"], None, "price: 'quality' moves the price"),
    (["input", "properties", "count", "default"], None, "price: 'count' moves the price"),
    (["price", "extra_seconds"], {"field": "clip", "max_seconds": 5, "source": "x"}, "no field 'clip'"),
    (["price", "surcharges"], [{"field": "clip", "per": "item", "credits": 1}], "no field 'clip'"),
    (["price", "unpriced"], [{"quality": "best"}], "price: quality='best' does not fit"),
]


@pytest.mark.parametrize(("path", "value", "reason"), CORRUPTIONS)
def test_a_corrupt_entry_is_named_with_its_file_and_the_reason(tmp_path, path, value, reason):
    write(tmp_path, changed(path, value))
    with pytest.raises(catalog.CatalogError) as caught:
        catalog.load(tmp_path)
    assert str(caught.value).startswith("acme.json: acme/paint: ")
    assert reason in str(caught.value)


def test_a_token_price_needs_a_bound_on_the_reply(tmp_path):
    write(tmp_path, changed(["price"], {"unit": "million_tokens", "credits": 1, "output_credits": 2}))
    with pytest.raises(catalog.CatalogError, match=r"acme/paint: price: .*max_output_tokens"):
        catalog.load(tmp_path)


def test_an_id_may_be_used_once(tmp_path):
    write(tmp_path, ENTRY)
    write(tmp_path, ENTRY, name="zeta.json")
    with pytest.raises(catalog.CatalogError, match=r"zeta.json: acme/paint: the id is also in acme.json"):
        catalog.load(tmp_path)


@pytest.mark.parametrize("models", [[7], [{}], ["acme/paint"]])
def test_something_that_is_no_entry_is_refused(tmp_path, models):
    write(tmp_path, *models)
    with pytest.raises(catalog.CatalogError, match=r"acme.json: an entry: "):
        catalog.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"vendor": "Acme", "as_of": "soon", "models": []}'])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path, text):
    (tmp_path / "acme.json").write_text(text)
    with pytest.raises(catalog.CatalogError, match=r"acme.json: "):
        catalog.load(tmp_path)
