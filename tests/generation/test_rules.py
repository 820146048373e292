"""Rules of money that no other file is about."""

import pytest
from django.test import Client

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.ledger import KeyReused
from billing.models import Breaker
from billing.upstream import breaker
from generation import lifecycle
from generation.models import Generation
from tests import driving
from tests.generation.test_faults import IMAGE, order
from tests.simulator import Simulator


def test_money_and_state_change_together_or_not_at_all(alice: User) -> None:
    """R-REF3: when the ledger refuses, the generation has not ended either."""
    generation = order(alice, IMAGE, "a fox")
    ledger.settle(generation.about, 1)
    with pytest.raises(KeyReused):
        lifecycle.finish(generation, "failed", "test", error="upstream_failed", cost=0)
    current = Generation.objects.get(pk=generation.pk)
    assert (current.state, current.finished_at, current.cost_millicredits) == ("queued", None, None)
    assert current.events.count() == 1


def test_what_was_charged_or_returned_is_no_column_of_a_generation() -> None:
    """R-REF6: it is read from the entries, so the two can never disagree."""
    columns = {field.name for field in Generation._meta.get_fields()}
    assert not [name for name in columns if "refund" in name or "charge" in name or "return" in name]


@pytest.mark.simulator
def test_the_row_knows_its_task_before_anything_else_is_done_with_it(kie: Simulator, alice: User) -> None:
    """R-UP4: the row is running when KIE hears of it, and keeps the id although nothing else was done since."""
    generation = order(alice, IMAGE, "a fox sim:never")
    driving.until(lambda: bool(kie.tasks()))
    current = Generation.objects.get(pk=generation.pk)
    assert (current.state, current.kie_task_id) == ("running", kie.tasks()[0]["id"])


@pytest.mark.simulator
def test_mistakes_and_empty_wallets_of_customers_pause_nothing(kie: Simulator, alice: User, bob: User) -> None:
    """R-BRK1"""
    for prompt in ("sim:422", "sim:policy", "sim:fail"):
        driving.finish(order(alice, IMAGE, prompt))
    with pytest.raises(Refused):
        order(bob, IMAGE, "a fox")
    assert not breaker.paused()
    assert not Breaker.objects.filter(opened_at__isnull=False).exists()


def test_the_page_has_no_price_that_the_server_did_not_make(alice: User, client: Client) -> None:
    """R-PR5: what the browser sends back is a limit that it agrees to, never the price."""
    client.force_login(alice)
    cheaper = client.post(f"/models/{IMAGE}/", {"prompt": "a fox", "agreed_price": "0.001"})
    assert cheaper.status_code == 409
    client.post(f"/models/{IMAGE}/", {"prompt": "a fox", "agreed_price": "900"})
    assert Generation.objects.get().price_millicredits == 5_000
