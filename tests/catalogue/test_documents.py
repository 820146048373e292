"""KIE's OpenAPI documents in all their shapes, and what makes two of them different. No network, no database."""

from decimal import Decimal
from typing import Any

import pytest

from generation import catalog, exact_json
from generation.catalog import differences, prices
from generation.catalog import document as catalog_document
from generation.catalog.differences import Difference

TEXT = {"type": "string"}


def document(schema: dict[str, Any], path: str = "/api/v1/jobs/createTask", **components: Any) -> dict[str, Any]:
    job = path == "/api/v1/jobs/createTask"
    body = {"type": "object", "properties": {"model": TEXT, "input": schema}} if job else schema
    call = {"requestBody": {"content": {"application/json": {"schema": body}}}}
    return {"openapi": "3.1.0", "paths": {path: {"post": call}}, "components": {"schemas": components}}


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("a%20b", "a%20b"),
        ("a%20b", "a b"),
        ("Error ", "Error "),
        ("Error%20", "Error "),
        ("Error", "Error "),
        ("a b", "a%20b"),
        ("a~1b", "a/b"),
    ],
)
def test_references_are_followed_however_they_are_spelled(reference: str, key: str) -> None:
    found = catalog_document.read(document({"$ref": f"#/components/schemas/{reference}"}, **{key: fields(x=TEXT)}))
    assert found.input["properties"] == {"x": TEXT}


def test_alternatives_become_one_set_of_fields() -> None:
    one = {**fields(prompt=TEXT, image=TEXT), "required": ["prompt", "image"]}
    other = {**fields(prompt=TEXT, task=TEXT), "required": ["prompt", "task"]}
    found = catalog_document.read(document({"oneOf": [one, other]}))
    assert set(found.input["properties"]) == {"prompt", "image", "task"}
    assert found.input["required"] == ["prompt"]
    assert found.input["anyOf"] == [{"required": ["image"]}, {"required": ["task"]}]
    assert found.input["additionalProperties"] is False


def test_parts_of_a_whole_are_joined() -> None:
    parts = [{"$ref": "#/components/schemas/base"}, {**fields(b=TEXT), "required": ["b"]}]
    base = {**fields(a=TEXT), "required": ["a"]}
    found = catalog_document.read(document({"allOf": parts}, base=base))
    assert set(found.input["properties"]) == {"a", "b"} == set(found.input["required"])


def test_null_is_no_type_and_the_callback_is_ours() -> None:
    schema = fields(seed={"type": ["integer", "null"]}, callBackUrl=TEXT)
    found = catalog_document.read(document(schema, path="/gpt-9/v1/chat/completions"))
    assert found.input["properties"] == {"seed": {"type": "integer"}}
    assert (found.api, found.endpoint) == ("chat", "/gpt-9/v1/chat/completions")


def test_a_protocol_that_nobody_speaks_here_has_no_name() -> None:
    assert catalog_document.read(document(fields(a=TEXT), path="/api/v1/dance")).api == ""


def test_files_and_long_texts_are_recognised() -> None:
    urls = {"type": "array", "items": TEXT}
    found = catalog_document.read(document(fields(image_urls=urls, prompt=TEXT, video_url=TEXT, name=TEXT))).input
    marked = {name: field.get("items", field) for name, field in found["properties"].items()}
    assert marked["image_urls"]["x-media"] == "image"
    assert marked["video_url"] == {"type": "string", "format": "uri", "x-media": "video"}
    assert marked["prompt"]["x-multiline"] is True
    assert marked["name"] == TEXT


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        [],
        {},
        {"paths": {}},
        {"paths": {"/x": {}}},
        {"paths": {"/x": {"post": {}}}},
        {"paths": {"/x": {"post": {"requestBody": None}}}},
    ],
)
def test_what_is_no_document_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="no description"):
        catalog_document.read(wrong)


def test_a_document_that_refers_to_itself_ends() -> None:
    loop = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/loop"}}}
    with pytest.raises(ValueError, match="too large"):
        catalog_document.read(document({"$ref": "#/components/schemas/loop"}, loop=loop))
    twice = {"properties": {"a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/b"}}}
    with pytest.raises(ValueError, match="too large"):
        catalog_document.read(document({"$ref": "#/components/schemas/b"}, b=twice))


BEFORE = {
    **fields(
        size={"type": "string", "enum": ["S", "M"], "default": "S"},
        count={"type": "integer", "minimum": 1, "maximum": 4},
        shots={"type": "array", "items": fields(text=TEXT)},
    ),
    "required": ["size"],
}


def told(after: dict[str, Any], before: dict[str, Any] = BEFORE) -> list[str]:
    return [str(d) for d in differences.differences(*map(differences.facts, (before, after)))]


def test_every_kind_of_change_is_told_by_its_path() -> None:
    after = fields(
        size={"type": "string", "enum": ["S", "L"], "default": "L"},
        count={"type": "number", "minimum": 0, "maximum": 4},
        shots={"type": "array", "maxItems": 3, "items": fields(text=TEXT, seconds={"type": "integer"})},
        style=fields(name=TEXT),
    )
    assert told(after) == [
        'count: type ["integer"] → ["number"]',
        "count: minimum 1 → 0",
        "shots: maxItems none → 3",
        "shots[].seconds: a new field (integer)",
        "size: not required any more",
        "size: default S → L",
        "size: new value L",
        "size: no M now",
        "style: a new field (object)",
    ]


def test_words_the_order_and_marks_are_no_change() -> None:
    after = {**BEFORE, "title": "Other", "properties": dict(reversed(BEFORE["properties"].items()))}
    after["properties"]["size"] = {**after["properties"]["size"], "enum": ["M", "S"], "description": "Other"}
    assert told(after) == []


@pytest.mark.parametrize(
    ("what", "before", "after", "widens"),
    [
        ("new value", None, "L", True),
        ("value gone", "L", None, False),
        ("new field", None, {}, True),
        ("field gone", {}, None, False),
        ("maximum", 4, 8, True),
        ("maximum", 8, 4, False),
        ("maximum", 8, None, True),
        ("maximum", None, 8, False),
        ("minimum", 1, 0, True),
        ("minLength", 0, 1, False),
        ("enum", ["a"], None, True),
        ("enum", None, ["a"], False),
        ("required", None, True, False),
        ("default", "a", "b", False),
    ],
)
def test_what_would_sell_more_than_before_is_known(what: str, before: Any, after: Any, widens: bool) -> None:
    """R-PR8"""
    assert Difference("x", what, before, after).widens is widens


@pytest.mark.parametrize("entry", [e for e in catalog.all() if e.api == "market"][::7], ids=lambda entry: entry.id)
def test_taking_every_change_over_leads_from_one_schema_to_the_other(entry: catalog.Entry) -> None:
    """From a schema of some model to that of another, and no difference is left."""
    source = catalog.get("kling-3.0/video").schema
    before, after = differences.facts(entry.schema), differences.facts(source)
    changes = differences.differences(before, after)
    plain = [d for d in changes if "." not in d.path and "[" not in d.path]
    result = differences.apply(entry.schema, plain, source)
    left = differences.differences(differences.facts(result), after)
    assert not [str(d) for d in left if d.path in {p.path for p in plain} and d.what != "default"]


@pytest.mark.parametrize("entry", [e for e in catalog.all() if e.price], ids=lambda entry: entry.id)
def test_every_price_survives_its_form_and_its_storage(entry: catalog.Entry) -> None:
    """R-PR7"""
    price: dict[str, Any] = entry.price  # type: ignore[assignment]
    numbers = {amount.path: amount.credits for amount in prices.amounts(price)}
    assert prices.replaced(price, numbers) == price
    assert exact_json.loads(exact_json.dumps(price)) == price
    assert prices.fitted(price, entry.schema) == price
    doubled = prices.replaced(price, {path: number * 2 for path, number in numbers.items()})
    patch = {**catalog.raw(entry), "price": doubled}
    assert catalog.build(patch, entry.as_of, {e.id for e in catalog.all()}).price == doubled


def test_numbers_stay_exact() -> None:
    """R-PR7"""
    text = '{"a": 0.1, "b": 1.048576, "c": 3, "d": "0.1"}'
    value = exact_json.loads(text)
    assert value == {"a": Decimal("0.1"), "b": Decimal("1.048576"), "c": 3, "d": "0.1"}
    assert exact_json.dumps(value) == text
    for wrong in ("NaN", "[Infinity]"):
        with pytest.raises(ValueError, match="not a number"):
            exact_json.loads(wrong)
    with pytest.raises(TypeError):
        exact_json.dumps({"a": object()})


def test_rows_that_contradict_each_other_suggest_nothing() -> None:
    price = {"unit": "image", "credits": 4}
    assert prices.suggested(price, {"a": "4", "b": "4"}, {"a": "5", "b": "6"}) == {}
    assert prices.suggested(price, {"a": "4"}, {"a": "5"}) == {("credits",): Decimal(5)}
    assert prices.suggested(price, {"a": "3"}, {"a": "5"}) == {}
    assert prices.suggested(price, {"a": "4"}, {"a": "free"}) == {}
