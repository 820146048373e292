"""Every model that is for sale runs from its example to a stored result, for exactly its price."""

import functools
from typing import Any

import pytest

from accounts.models import User
from billing import ledger
from generation import catalog, lifecycle
from generation.kie.families.base import millicredits
from generation.models import Generation
from tests import driving
from tests.simulator import Simulator

FOR_SALE = [entry.id for entry in catalog.all() if entry.on_by_default]
KINDS = {
    "image": {"image", "text"},
    "video": {"video", "image"},
    "music": {"audio", "image", "text"},
    "speech": {"audio"},
    "audio": {"audio"},
    "text": {"text"},
}


def finished(user: User, model: str) -> Generation:
    """The model's example, run to its end; what it builds upon is made first."""
    entry = catalog.get(model)
    values = dict(entry.example)
    for field, sources in catalog.generation_fields(entry).items():
        if field in values:
            source = _source(user, sources)
            values[field] = str(source.pk)
            if "audio_id" in values:
                values["audio_id"] = source.assets.first().details["audio_id"]
    return driving.finish(lifecycle.request(user, model, values))


def _source(user: User, models: list[str]) -> Generation:
    """A finished generation of one of the models that need nothing before them."""
    plain = [model for model in models if not set(catalog.get(model).example) & set(_fields(model))]
    return finished(user, plain[0] if plain else models[0])


@functools.cache
def _fields(model: str) -> dict[str, list[str]]:
    return catalog.generation_fields(catalog.get(model))


def received(kie: Simulator, generation: Generation) -> dict[str, Any]:
    """What KIE was sent, without what every request has."""
    body = generation.exchanges.first().request
    return {name: value for name, value in body.get("input", body).items() if name not in ("callBackUrl",)}


@pytest.mark.simulator
@pytest.mark.parametrize("model", FOR_SALE)
def test_the_example_ends_in_our_storage_for_its_price(kie: Simulator, alice: User, model: str) -> None:
    """R-PR4, R-PR6, R-UP2: charge is at most the quote, and what was priced is what was sent."""
    ledger.top_up(alice, 10_000_000, payment="more")
    generation = finished(alice, model)
    entry = catalog.get(model)
    assert generation.state == "succeeded", generation.events.last().why
    assets = list(generation.assets.all())
    assert len(assets) == len(generation.kie_results) > 0
    assert {asset.kind for asset in assets} <= KINDS[entry.modality]
    receipt = ledger.receipts([generation.about])[generation.about]
    assert receipt.held == generation.price_millicredits
    assert 0 < receipt.charged <= receipt.held
    if generation.price_exact:
        assert receipt.charged == receipt.held
    if entry.family == "market":
        task = kie.task(generation.kie_task_id)
        assert generation.cost_millicredits == millicredits(task["cost"])
        assert generation.cost_millicredits <= generation.cost_estimate_millicredits
    references = catalog.generation_fields(entry)
    sent = received(kie, generation)
    for name, value in generation.input.items():
        if name not in references:
            assert str(sent[name]) == str(value)


def test_nothing_that_is_for_sale_lacks_a_price_or_a_family() -> None:
    """R-BUD3"""
    assert len(FOR_SALE) > 170
    for entry in catalog.all():
        assert entry.on_by_default <= (entry.available and entry.priced and not entry.retired)
