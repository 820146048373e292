"""What an accepted proposal changes in an entry: keys of a data file. Pure; `changes` checks the outcome."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from generation.catalog import Entry, document, prices
from generation.catalog import differences as catalog_differences
from generation.catalog.differences import Difference

RETIRED = {"status": "retired"}
RETURNED = {"status": "live"}
SOURCE = "KIE's catalogue"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The single changes of a proposal about a schema, in a stable order."""
    return catalog_differences.differences(before.get("facts", {}), after.get("facts", {}))


def price(price: dict[str, Any], text: str, today: date) -> dict[str, Any]:
    """A price of the operator's; `text` is how KIE tells it, "" keeps to the numbers."""
    words = text or "; ".join(f"{amount.label}: {amount.credits:f}" for amount in prices.amounts(price))
    return {"price": price, "price_text": words, "price_source": f"{SOURCE} and an operator, {today}"}


def schema(entry: Entry, changed: dict[str, Any], price: dict[str, Any] | None, today: date) -> dict[str, Any]:
    """The entry with a changed input, and an example and a price that fit it."""
    if not isinstance(changed.get("properties"), dict):
        raise ValueError("the input must be a JSON Schema with properties")
    patch = {
        "input": changed,
        "example": document.repaired(changed, entry.example),
        "source": SOURCE,
        "schema_as_of": str(today),
    }
    if price is not None:
        patch["price"] = prices.fitted(price, changed)
    return patch


def taken_over(entry: Entry, taken: Collection[Difference], source: dict[str, Any]) -> dict[str, Any]:
    """The entry's input with some of KIE's changes. Raises ValueError for what must be done by hand."""
    return catalog_differences.apply(entry.schema, list(taken), source)


def new(model: str, after: Mapping[str, Any], chosen: Mapping[str, Any], today: date) -> dict[str, Any]:
    """A whole entry. `chosen` is what the operator decides: title, vendor, modality, task, input, example, price."""
    known = price(chosen["price"], after.get("text", ""), today) if chosen["price"] else {}
    return {
        "id": model,
        "api": after.get("api", "market"),
        "method": after.get("method", "POST"),
        "endpoint": after.get("endpoint", document.CREATE_PATH),
        "status": "live",
        "confidence": "docs",
        "price_text": after.get("text") or "none known",
        "price_source": None,
        "source": SOURCE,
        "schema_as_of": str(today),
        "listed_as_of": str(today),
        **chosen,
        **known,
    }
