"""What KIE says in its catalogue, read from its answers (protocol 3). Whatever cannot be read raises Unreadable."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from generation.catalog import document as catalog_document
from generation.catalog.document import Reading
from generation.catalog.prices import decimal
from generation.kie import wire
from generation.kie.families.base import Answer, Request

LIST = "/api/v1/models"
FEED = "/client/v1/model-pricing/page"
PAGE_ROWS = 100
MOST_PAGES = 60
_ID = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,119}")
_LONGEST = {"title": 200, "provider": 60, "description": 2000, "text": 4000}

Ask = Callable[[Request], Answer]


class Unreadable(Exception):
    """An answer that says nothing we could use. The text is for operators."""


@dataclass(frozen=True)
class Row:
    """A row of the price feed. It names no model but in the address of a page: `model`, or else `slug`."""

    name: str
    credits: str
    model: str
    slug: str


def models(ask: Ask) -> dict[str, dict[str, Any]]:
    """KIE's list by id: title, provider, task_types, description, text. It comes whole or not at all."""
    data = ask(Request("GET", LIST)).data
    rows = data.get("models") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise Unreadable(f"{LIST}: this is no list of models")
    if data.get("total") != len(rows):
        raise Unreadable(f"{LIST}: {len(rows)} models of {data.get('total')}")
    found = dict(filter(None, map(_model, rows)))
    if len(found) < len(rows) * 0.9:
        raise Unreadable(f"{LIST}: {len(rows) - len(found)} of {len(rows)} models cannot be read")
    return found


def _model(row: Any) -> tuple[str, dict[str, Any]] | None:
    model = row.get("model") if isinstance(row, dict) else None
    if not isinstance(model, str) or not _ID.fullmatch(model):
        return None
    named = {"title": "title", "provider": "provider", "description": "description", "text": "pricingDesc"}
    said = {ours: row.get(theirs) for ours, theirs in named.items()}
    about = {ours: _text(value, _LONGEST[ours]) for ours, value in said.items()}
    tasks = row.get("taskType")
    tasks = [_text(task, 60) for task in tasks[:20]] if isinstance(tasks, list) else []
    return model, {**about, "task_types": sorted(filter(None, tasks))}


def _text(value: Any, longest: int) -> str:
    return " ".join(value.split())[:longest] if isinstance(value, str) else ""


def price(ask: Ask, model: str) -> str:
    """The prose about a price, "" where there is none."""
    data = ask(Request("GET", f"{LIST}/{model}/price")).data
    return _text(data.get("pricingDesc"), _LONGEST["text"]) if isinstance(data, dict) else ""


def document(ask: Ask, model: str) -> Reading | None:
    """What a model takes; None where KIE has no document of it."""
    data = ask(Request("GET", f"{LIST}/{model}/schema")).data
    if not isinstance(data, dict):
        raise Unreadable(f"{model}: no schema")
    if data.get("openapi") is None:
        return None
    try:
        return catalog_document.read(wire.plain(data["openapi"]))
    except ValueError as error:
        raise Unreadable(f"{model}: {error}") from error


def success_rate(ask: Ask, model: str) -> Decimal | None:
    """Percent of successes in the last 24 hours; None where nothing was measured."""
    data = ask(Request("GET", f"{LIST}/{model}/success-rate")).data
    points = data.get("points") if isinstance(data, dict) else None
    if not isinstance(points, list):
        raise Unreadable(f"{model}: no success rate")
    said = [point.get("successRate") for point in points if isinstance(point, dict)]
    rates = [rate for rate in map(decimal, said) if rate is not None and rate <= 100]
    return (sum(rates, Decimal(0)) / len(rates)).quantize(Decimal("0.01"), ROUND_HALF_UP) if rates else None


def feed(ask: Ask) -> list[Row]:
    """All rows of the public price feed."""
    rows: list[Row] = []
    for number in range(1, MOST_PAGES + 1):
        body = {"pageNum": number, "pageSize": PAGE_ROWS, "modelDescription": "", "interfaceType": ""}
        data = ask(Request("POST", FEED, json=body)).data
        records = data.get("records") if isinstance(data, dict) else None
        if not isinstance(records, list):
            raise Unreadable(f"{FEED}: page {number} has no records")
        rows += filter(None, map(_row, records))
        if len(records) < PAGE_ROWS:
            break
    if not rows:
        raise Unreadable(f"{FEED}: no rows")
    return rows


def _row(record: Any) -> Row | None:
    if not isinstance(record, dict) or (credits := decimal(record.get("creditPrice"))) is None:
        return None
    name = ", ".join(filter(None, (_text(record.get(key), 300) for key in ("modelDescription", "creditUnit"))))
    model, slug = _named(_text(record.get("anchor"), 500))
    return Row(name, f"{credits.normalize():f}", model, slug) if name else None


def _named(anchor: str) -> tuple[str, str]:
    try:
        parts = urlsplit(anchor)
    except ValueError:
        return "", ""
    return parse_qs(parts.query).get("model", [""])[0], parts.path.strip("/").rpartition("/")[2]


def by_model(rows: Iterable[Row], models: Collection[str]) -> dict[str, dict[str, str]]:
    """The feed's numbers {row: credits} of each model. A page that stands for several models counts for all of them."""
    slugs: dict[str, set[str]] = {}
    for model in models:
        for name in (model, model.partition("/")[0]):
            slugs.setdefault(_slug(name), set()).add(model)
    found: dict[str, dict[str, str]] = {model: {} for model in models}
    for row in rows:
        for model in {row.model} if row.model in found else slugs.get(_slug(row.slug), set()):
            found[model][row.name] = row.credits
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
