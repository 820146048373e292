"""Every model that is for sale fails once, each by another of KIE's markers, and every credit comes back."""

import pytest

from accounts.models import User
from billing import ledger
from billing.models import Wallet
from generation import catalog, lifecycle
from generation.kie.simulator.faults import FAILURES
from tests import driving, examples
from tests.generation.test_every_entry import FOR_SALE
from tests.simulator import Simulator

# What customers are told of each way to fail.
MARKERS = {
    "policy": "content_policy",
    "fail": "upstream_failed",
    "flag2": "upstream_failed",
    "flag3": "upstream_failed",
    "fail-501": "upstream_failed",
    "fail-fetch": "input_unreachable",
    "fail-later": "upstream_failed",
    "fail-408": "upstream_timeout",
    "fail-413": "content_policy",
    "fail-531": "upstream_failed",
    "failed-but-charged": "upstream_failed",
}
# Answers of an order that mean that it has failed; others of these codes would say that nothing was begun.
AT_ONCE = {name: MARKERS[name] for name in ("policy", "fail", "flag3", "fail-501", "fail-413")}
BY_FAMILY = {"suno-at-once": AT_ONCE, "gemini-omni": AT_ONCE}
# Ways of their own: the first has no task, the second one failure for all, the third a stage that others do not have.
OWN_WAY = {
    "veo3-api/get-1080p-video": ("422", "invalid_input"),
    "veo3-api/get-4k-video": ("fail", "upstream_failed"),
    "suno/generate": ("fail-after-first", "upstream_failed"),
}


def case(number: int, model: str) -> tuple[str, str, str]:
    """A model with a marker and the error that it means: the models go through all markers in turn."""
    markers = list(BY_FAMILY.get(catalog.get(model).family, MARKERS).items())
    return (model, *OWN_WAY.get(model, markers[number % len(markers)]))


CASES = [case(number, model) for number, model in enumerate(FOR_SALE)]


@pytest.fixture(scope="module")
def simulator_process(quick_simulator: Simulator) -> Simulator:
    return quick_simulator


@pytest.mark.any_database
@pytest.mark.simulator
@pytest.mark.parametrize(("model", "marker", "error"), CASES, ids=lambda value: str(value))
def test_a_failure_gives_every_credit_back(kie: Simulator, alice: User, model: str, marker: str, error: str) -> None:
    """R-REF1"""
    ledger.top_up(alice, 10_000_000, payment="more")
    values = examples.example(alice, model)
    before = Wallet.objects.get(pk=alice.pk).available
    kie.fault(marker, path=catalog.get(model).endpoint)
    generation = driving.finish(lifecycle.request(alice, model, values))
    assert (generation.state, generation.error_code) == ("failed", error), generation.events.last().why
    wallet = Wallet.objects.get(pk=alice.pk)
    assert (wallet.available, wallet.held) == (before, 0)
    receipt = ledger.receipts([generation.about])[generation.about]
    assert (receipt.held, receipt.charged) == (generation.price_millicredits, 0)
    assert receipt.returned == receipt.held > 0


def test_every_marker_is_used() -> None:
    assert set(FAILURES) <= {marker for _, marker, _ in CASES}
