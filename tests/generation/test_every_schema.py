"""Every schema of the catalogue, with inputs that nobody thought of."""

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation import catalog, pricing
from generation.kie.simulator import pricing as kie_pricing
from generation.kie.simulator.catalogue import Catalogue

MODELS = [entry for entry in catalog.all() if entry.status == "live" and not entry.chat]
KIE = Catalogue(catalog.DIRECTORY)
LONGEST, MOST = 40, 4
ADDRESSES = ["https://files.example.com/a.png", "https://files.example.com/b.mp4"]


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Anything of a schema's shape, of moderate length; what its conditions forbid is weeded out by the caller."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if branches := schema.get("oneOf", []) if "properties" not in schema else []:
        return st.one_of([values(branch) for branch in branches])
    return {"object": objects, "array": lists, "boolean": lambda _: st.booleans()}.get(schema["type"], scalars)(schema)


def objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """All required fields and any of the others; the fields that alternatives require are drawn often."""
    fields = {name: values(field) for name, field in schema.get("properties", {}).items()}
    required = {name for name in schema.get("required", []) if name in fields}
    alternatives = [set(branch.get("required", [])) for branch in schema.get("anyOf", []) + schema.get("oneOf", [])]
    shapes = [required | (alternative & set(fields)) for alternative in alternatives] or [required]
    return st.one_of(
        [
            st.fixed_dictionaries(
                {name: fields[name] for name in shape},
                optional={name: value for name, value in fields.items() if name not in shape},
            )
            for shape in shapes
        ]
    )


def lists(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    least = schema.get("minItems", 0)
    most = max(least, min(schema.get("maxItems", MOST), MOST))
    return st.lists(values(schema["items"]), min_size=least, max_size=most)


def scalars(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", -1)
    high = schema.get("maximum", low + 1000)
    if schema["type"] == "integer":
        step = schema.get("multipleOf", 1)
        return st.integers(-(-low // step), high // step).map(lambda number: number * step)
    if schema["type"] == "number":
        return st.integers(round(low * 100), round(high * 100)).map(lambda hundredths: hundredths / 100)
    if schema.get("format") == "uri":
        return st.sampled_from(ADDRESSES)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    least = schema.get("minLength", 0)
    most = max(least, min(schema.get("maxLength", LONGEST), LONGEST))
    return st.text(string.printable.strip() + " äß漢🦊", min_size=least, max_size=most)


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.id)
def test_a_charge_is_at_most_the_quote_and_what_is_sent_is_what_was_priced(entry: catalog.Entry) -> None:
    """R-PR4, R-PR6, R-UP2, R-PR7: for any valid input, against KIE's own reading of the same input."""
    theirs = KIE.get(entry.api, entry.id)
    priced = 0

    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(values(entry.schema), st.booleans())
    def check(drawn: dict[str, Any], as_texts: bool) -> None:
        nonlocal priced
        sent = {name: str(value) if as_texts and type(value) is int else value for name, value in drawn.items()}
        try:
            normalised = catalog.validate(entry, sent)
            cost = pricing.cost(entry, normalised)
        except (catalog.InvalidInput, pricing.Unpriced):
            return
        priced += 1
        assert json.loads(json.dumps(normalised)) == normalised
        assert catalog.validate(entry, normalised) == normalised
        theirs.check(normalised)
        debited = kie_pricing.cost(theirs.price, theirs.defaults | normalised)
        assert round(debited * 1000) <= cost.millicredits

    check()
    assert priced, "no input that was drawn could be priced"
