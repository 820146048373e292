"""Keys, versions, errors, idempotency, lists and expansion, as the official client meets them."""

import httpx
import pytest
import stripe

from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


def test_a_wrong_key_is_an_authentication_error(sim: StripeSimulator) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        Shop(sim, "sk_test_somebody_else").customer()
    assert caught.value.http_status == 401
    assert "Invalid API Key provided: sk_test_" in str(caught.value)
    assert "somebody_else" not in str(caught.value)


def test_every_answer_names_its_request_and_the_version(shop: Shop) -> None:
    answer = shop.customer().last_response
    assert answer.headers["request-id"].startswith("req_") and answer.request_id
    assert answer.headers["stripe-version"] == stripe.api_version


def test_another_version_of_the_api_is_refused(sim: StripeSimulator) -> None:
    headers = {"Authorization": f"Bearer {sim.key}", "Stripe-Version": "2020-08-27"}
    answer = httpx.get(f"{sim.api}/v1/customers", headers=headers)
    assert answer.status_code == 400 and "version" in answer.json()["error"]["message"]


def test_the_key_may_come_as_a_user_name(sim: StripeSimulator) -> None:
    assert httpx.get(f"{sim.api}/v1/customers", auth=(sim.key, "")).json()["object"] == "list"


def test_a_path_that_does_not_exist_is_404_in_stripes_words(sim: StripeSimulator) -> None:
    answer = httpx.get(f"{sim.api}/v1/nothing", headers={"Authorization": f"Bearer {sim.key}"})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Unrecognized request URL (GET: /v1/nothing)."


def test_an_unknown_object_is_resource_missing(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.customers.retrieve("cus_none")
    error = caught.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    assert error.user_message == "No such customer: 'cus_none'"


def test_an_unknown_object_in_a_parameter_is_400(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.session(customer="cus_none")
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, "resource_missing", "customer")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types", "parameter_unknown"),
        ({"payment_intent_data": {"color": "red"}}, "payment_intent_data[color]", "parameter_unknown"),
        ({"mode": "gift"}, "mode", None),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"expires_at": 12}, "expires_at", None),
        ({"customer_email": "a@b.c", "customer": "CUSTOMER"}, "customer", None),
        ({"subscription_data": {"description": "x"}}, "subscription_data", None),
    ],
)
def test_a_session_with_wrong_parameters_is_refused_by_name(
    shop: Shop, fields: dict[str, object], param: str, code: str | None
) -> None:
    if fields.get("customer"):
        fields = fields | {"customer": shop.customer().id}
    usual = {"mode": "payment", "success_url": "http://shop.test/", "line_items": [shop.item()]}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.checkout.sessions.create({**usual, **fields})  # type: ignore
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize(("amount", "code"), [(49, "amount_too_small"), (100_000_000, "amount_too_large")])
def test_amounts_outside_stripes_limits_are_refused(shop: Shop, amount: int, code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.session(items=[shop.item(amount)])
    assert caught.value.code == code


@pytest.mark.parametrize("amount", ["-5", "12.5", "NaN", "1e3", "9" * 30])
def test_an_amount_that_is_no_whole_number_is_refused(shop: Shop, amount: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.payment_intents.create({"amount": amount, "currency": "usd"})  # type: ignore
    assert caught.value.param == "amount"


def test_the_same_idempotency_key_gives_the_same_answer(shop: Shop) -> None:
    options = {"idempotency_key": "once"}
    first = shop.v1.customers.create({"email": "a@example.com"}, options)  # type: ignore[arg-type]
    second = shop.v1.customers.create({"email": "a@example.com"}, options)  # type: ignore[arg-type]
    assert first.id == second.id
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert second.last_response.headers["idempotency-key"] == "once"
    assert len(shop.v1.customers.list().data) == 1


def test_the_same_idempotency_key_for_something_else_is_an_error(shop: Shop) -> None:
    options = {"idempotency_key": "once"}
    shop.v1.customers.create({"email": "a@example.com"}, options)  # type: ignore[arg-type]
    with pytest.raises(stripe.IdempotencyError) as caught:
        shop.v1.customers.create({"email": "b@example.com"}, options)  # type: ignore[arg-type]
    assert caught.value.http_status == 400
    assert len(shop.v1.customers.list().data) == 1


def test_a_decline_is_replayed_and_a_refused_parameter_is_not(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    card = sim.save_card(customer.id, "4000000000009995")
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            params = {"amount": 500, "currency": "usd", "customer": customer.id, "payment_method": card}
            params |= {"confirm": True, "off_session": True}
            shop.v1.payment_intents.create(params, {"idempotency_key": "charge"})  # type: ignore
    assert len(shop.v1.payment_intents.list().data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.payment_intents.create({"amount": 1, "currency": "usd"}, {"idempotency_key": "small"})
    assert shop.v1.payment_intents.create({"amount": 100, "currency": "usd"}, {"idempotency_key": "small"}).id


def test_lists_are_newest_first_and_go_on_after_a_cursor(shop: Shop) -> None:
    made = [shop.customer().id for _ in range(5)]
    first = shop.v1.customers.list({"limit": 2})
    assert [each.id for each in first.data] == made[:2:-1] and first.has_more
    rest = shop.v1.customers.list({"limit": 3, "starting_after": first.data[-1].id})
    assert [each.id for each in rest.data] == made[2::-1] and not rest.has_more
    back = shop.v1.customers.list({"limit": 10, "ending_before": made[2]})
    assert [each.id for each in back.data] == made[:2:-1]
    assert [each.id for each in shop.v1.customers.list({"limit": 2}).auto_paging_iter()] == made[::-1]


def test_lists_can_be_narrowed_by_time(shop: Shop) -> None:
    created = shop.customer().created
    assert len(shop.v1.customers.list({"created": {"gte": created}}).data) == 1
    assert len(shop.v1.customers.list({"created": {"gt": created + 5}}).data) == 0


@pytest.mark.parametrize("limit", [0, 101, "many"])
def test_a_limit_outside_1_to_100_is_refused(shop: Shop, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.customers.list({"limit": limit})
    assert caught.value.param == "limit"


def test_ids_become_objects_when_expanded(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session(customer=shop.customer().id)
    sim.pay(session.id)
    seen = shop.see(session, "customer", "payment_intent.latest_charge.balance_transaction", "line_items")
    assert seen.customer.email == "alice@example.com"
    assert seen.payment_intent.latest_charge.balance_transaction.net == 2500 - 103
    assert seen.line_items.data[0].description == "Credits"
    listed = shop.v1.charges.list({"expand": ["data.customer"]})
    assert listed.data[0].customer.email == "alice@example.com"


def test_what_is_no_object_cannot_be_expanded(shop: Shop) -> None:
    session = shop.session()
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.see(session, "amount_total")
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.see(session, "nonsense")


def test_metadata_is_merged_and_unset(shop: Shop) -> None:
    customer = shop.customer(metadata={"a": "1", "b": "2"})
    changed = shop.v1.customers.update(customer.id, {"metadata": {"b": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    assert shop.customer(metadata={"7": "seven"}).metadata.to_dict() == {"7": "seven"}


def test_a_customer_is_found_by_the_exact_address(shop: Shop) -> None:
    alice = shop.customer()
    shop.customer(email="bob@example.com")
    assert [each.id for each in shop.v1.customers.list({"email": "alice@example.com"}).data] == [alice.id]
    assert shop.v1.customers.list({"email": "Alice@example.com"}).data == []


def test_the_default_client_of_the_library_works_too(sim: StripeSimulator) -> None:
    client = stripe.StripeClient(sim.key, base_addresses={"api": sim.api})
    assert client.v1.customers.create({"email": "a@example.com"}).email == "a@example.com"
