"""Every model that is for sale runs from its example to a stored result, for exactly its price."""

from typing import Any

import pytest

from accounts.models import User
from billing import ledger
from generation import catalog
from generation.kie.families import FAMILIES
from generation.kie.families.base import millicredits
from generation.models import Generation
from tests import examples
from tests.simulator import Simulator

FOR_SALE = [entry.id for entry in catalog.all() if entry.on_by_default and not entry.chat]
KINDS = {
    "image": {"image", "text"},
    "video": {"video", "image"},
    "music": {"audio", "image", "text"},
    "speech": {"audio"},
    "audio": {"audio"},
    "text": {"text"},
}
# Helpers of films, listed among them: what they make is only named there.
HELPERS = {"gemini-omni/audio-create", "gemini-omni/character-create"}


@pytest.fixture(scope="module")
def simulator_process(quick_simulator: Simulator) -> Simulator:
    return quick_simulator


def received(generation: Generation) -> dict[str, Any]:
    """What KIE was sent, without what every request has."""
    body = generation.exchanges.first().request
    return body.get("input", body)


@pytest.mark.any_database
@pytest.mark.simulator
@pytest.mark.parametrize("model", FOR_SALE)
def test_the_example_ends_in_our_storage_for_its_price(kie: Simulator, alice: User, model: str) -> None:
    """R-PR4, R-PR6, R-UP2: charge is at most the quote, and what was priced is what was sent."""
    ledger.top_up(alice, 10_000_000, payment="more")
    generation = examples.finished(alice, model)
    entry = catalog.get(model)
    assert generation.state == "succeeded", generation.events.last().why
    assets = list(generation.assets.all())
    assert len(assets) == len(generation.kie_results) > 0
    assert {asset.kind for asset in assets} <= ({"text"} if model in HELPERS else KINDS[entry.modality])
    receipt = ledger.receipts([generation.about])[generation.about]
    assert receipt.held == generation.price_millicredits
    assert 0 < receipt.charged <= receipt.held
    if generation.price_exact:
        assert receipt.charged == receipt.held
    if entry.family == "market":
        task = kie.task(generation.kie_task_id)
        assert generation.cost_millicredits == millicredits(task["cost"])
        assert generation.cost_millicredits <= generation.cost_estimate_millicredits
    sent = received(generation)
    for name, value in generation.input.items():
        if name not in references(entry):
            assert str(sent[name]) == str(value)
        else:
            assert sent[name] and sent[name] != value


def references(entry: catalog.Entry) -> set[str]:
    """The fields that take ids of ours, which are never sent."""
    fields = [*catalog.generation_fields(entry), *catalog.result_fields(entry)]
    return {path.partition(".")[0].removesuffix("[]") for path in fields}


def test_nothing_that_is_for_sale_lacks_a_price_or_a_family() -> None:
    """R-BUD3"""
    assert len(FOR_SALE) > 200
    for entry in catalog.all():
        assert entry.on_by_default <= (entry.priced and not entry.retired)
        assert entry.chat or entry.family in FAMILIES
