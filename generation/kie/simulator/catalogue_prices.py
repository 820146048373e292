"""The prices of the catalogue as KIE's pages tell them: in prose, and as rows of the public feed (protocol 3.5)."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

USD_PER_CREDIT = 0.005
UNITS = {"1k_chars": "1,000 characters", "million_tokens": "million tokens"}
TOKENS = {
    "credits": "input",
    "output_credits": "output",
    "cached_input_credits": "cached input",
    "cache_write_credits": "cache write",
}
KINDS = {"speech": "music", "audio": "music", "text": "chat"}


def rows(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """One record for each number in a model's price. The id is in the anchor only."""
    return [_row(raw, words, credits) for words, credits in _tiers(raw["price"])]


def prose(price: dict[str, Any] | None) -> str:
    """A price as a sentence: "resolution 1K: 4 credits (0.02 USD) per image, …"."""
    if price is None:
        return ""
    unit = _unit(price)
    return ", ".join(f"{words}: {_amount(c)} {unit}" if words else f"{_amount(c)} {unit}" for words, c in _tiers(price))


def _amount(credits: float) -> str:
    return f"{credits:g} credits ({credits * USD_PER_CREDIT:g} USD)"


def _unit(price: dict[str, Any]) -> str:
    return f"per {UNITS.get(price['unit'], price['unit'])}"


def _tiers(price: dict[str, Any] | None) -> Iterator[tuple[str, float]]:
    """Every number of a price with the words that tell it from the others."""
    if price is None:
        return
    if price["unit"] == "million_tokens":
        yield from ((words, price[key]) for key, words in TOKENS.items() if key in price)
        return
    if "credits" in price:
        yield "", price["credits"]
    for rule in price.get("rules", []):
        yield _words(rule["when"]), rule["credits"]
    present = price.get("rules_if_present", {})
    for rule in present.get("rules", []):
        yield f"with {present['field']}, {_words(rule['when'])}", rule["credits"]
    for surcharge in price.get("surcharges", []):
        yield f"each of {surcharge['field']}", surcharge["credits"]


def _words(when: dict[str, Any]) -> str:
    return " ".join(f"{name} {str(value).lower() if value in (True, False) else value}" for name, value in when.items())


def _row(raw: dict[str, Any], words: str, credits: float) -> dict[str, Any]:
    slug = re.sub(r"[^a-z0-9]+", "-", raw["id"].lower())
    return {
        "modelDescription": ", ".join(filter(None, [raw["title"], raw["task"], words])),
        "interfaceType": KINDS.get(raw["modality"], raw["modality"]),
        "provider": raw["vendor"],
        "creditPrice": f"{credits:g}",
        "creditUnit": f" {_unit(raw['price'])}",
        "usdPrice": f"{credits * USD_PER_CREDIT:g}",
        "falPrice": "",
        "discountRate": 0.0,
        "anchor": f"https://kie.ai/{slug}?model={quote(raw['id'], safe='')}",
        "discountPrice": False,
    }
