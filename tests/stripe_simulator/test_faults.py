"""Calls that go wrong: the client sees it, the money is where it should be."""

import httpx
import pytest
import stripe

from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


def test_a_500_before_anything_was_done_can_be_tried_again(shop: Shop, sim: StripeSimulator) -> None:
    sim.fault("500", path="/customers")
    options = {"idempotency_key": "once"}
    with pytest.raises(stripe.APIError) as caught:
        shop.v1.customers.create({"email": "a@example.com"}, options)  # type: ignore[arg-type]
    assert caught.value.http_status == 500
    assert shop.v1.customers.create({"email": "a@example.com"}, options).id  # type: ignore[arg-type]
    assert len(shop.v1.customers.list().data) == 1


def test_a_500_after_it_was_done_is_replayed(shop: Shop, sim: StripeSimulator) -> None:
    sim.fault("500-after", path="/customers")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "once"})
    assert len(shop.v1.customers.list().data) == 1


def test_a_call_without_an_answer_was_done_and_is_replayed(shop: Shop, sim: StripeSimulator) -> None:
    sim.fault("drop-after", path="/customers")
    options = {"idempotency_key": "once"}
    with pytest.raises(stripe.APIConnectionError):
        shop.v1.customers.create({"email": "a@example.com"}, options)  # type: ignore[arg-type]
    again = shop.v1.customers.create({"email": "a@example.com"}, options)  # type: ignore[arg-type]
    assert again.last_response.headers["idempotent-replayed"] == "true"  # type: ignore[union-attr]
    assert len(shop.v1.customers.list().data) == 1


def test_a_dropped_call_was_not_done(shop: Shop, sim: StripeSimulator) -> None:
    sim.fault("drop", path="/customers")
    with pytest.raises(stripe.APIConnectionError):
        shop.customer()
    assert shop.v1.customers.list().data == []


def test_a_call_may_hang(shop: Shop, sim: StripeSimulator) -> None:
    sim.fault("timeout", path="/customers")
    with pytest.raises(httpx.ReadTimeout):
        headers = {"Authorization": f"Bearer {sim.key}"}
        httpx.post(f"{sim.api}/v1/customers", data={"email": "a@example.com"}, headers=headers, timeout=0.3)
    assert len(shop.v1.customers.list().data) == 1


def test_too_many_requests_are_a_rate_limit_error(shop: Shop, sim: StripeSimulator) -> None:
    sim.fault("429")
    with pytest.raises(stripe.RateLimitError):
        shop.customer()


def test_rates_hit_every_call_until_they_are_cleared(shop: Shop, sim: StripeSimulator) -> None:
    sim.rates(error=1.0)
    with pytest.raises(stripe.APIError):
        shop.customer()
    sim.clear_faults()
    assert shop.customer().id


def test_a_fault_or_rate_that_does_not_exist_is_refused(sim: StripeSimulator) -> None:
    with pytest.raises(AssertionError, match="no fault is called"):
        sim.fault("nonsense")
    with pytest.raises(AssertionError, match="no rate is called"):
        sim.rates(nonsense=1.0)


def test_calls_are_in_the_journal(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    (call,) = sim.requests("/v1/customers")
    assert (call["method"], call["status"], call["params"]["email"]) == ("POST", 200, "alice@example.com")
    assert call["id"] == customer.last_response.request_id and call["idempotency_key"]


def test_a_reset_forgets_everything(shop: Shop, sim: StripeSimulator) -> None:
    shop.paid_charge()
    sim.reset()
    assert sim.totals() == {} and sim.events() == [] and sim.requests() == []
    assert shop.v1.charges.list().data == []
