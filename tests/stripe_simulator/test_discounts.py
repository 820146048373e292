"""Coupons and promotion codes, by API and on the checkout page."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe

from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


def code(shop: Shop, name: str, coupon: dict[str, object], **fields: object) -> object:
    made = shop.v1.coupons.create(coupon)  # type: ignore[arg-type]
    promotion = {"type": "coupon", "coupon": made.id}
    return shop.v1.promotion_codes.create({"promotion": promotion, "code": name, **fields})  # type: ignore


def test_a_code_that_is_typed_takes_something_off(shop: Shop, sim: StripeSimulator) -> None:
    promotion = code(shop, "SPRING", {"percent_off": 12.5})
    session = shop.session(allow_promotion_codes=True, items=[shop.item(999)])
    assert "Promotion code" in httpx.get(session.url).text
    sim.pay(session.id, promotion_code="spring")
    seen = shop.see(session)
    assert (seen.amount_subtotal, seen.total_details.amount_discount, seen.amount_total) == (999, 125, 874)
    assert seen.discounts[0].promotion_code == promotion.id  # type: ignore[attr-defined]
    assert sim.totals()["usd"]["paid"] == 874
    assert shop.v1.promotion_codes.retrieve(promotion.id).times_redeemed == 1  # type: ignore[attr-defined]


def test_a_code_is_applied_and_removed_on_the_page(shop: Shop, sim: StripeSimulator) -> None:
    code(shop, "FIVER", {"amount_off": 500, "currency": "usd"})
    session = shop.session(allow_promotion_codes=True)
    page = httpx.get(sim.press(f"{session.url}/code", {"promotion_code": "FIVER"})).text
    assert "Pay $20.00" in page and "FIVER" in page and "-$5.00" in page
    page = httpx.get(sim.press(f"{session.url}/code", {"promotion_code": ""})).text
    assert "Pay $25.00" in page and "FIVER" not in page


@pytest.mark.parametrize(
    ("coupon", "fields"),
    [
        ({"amount_off": 500, "currency": "eur"}, {}),
        ({"percent_off": 10}, {"restrictions": {"minimum_amount": 9999, "minimum_amount_currency": "usd"}}),
        ({"percent_off": 10}, {"expires_at": 1}),
        ({"percent_off": 10, "redeem_by": 1}, {}),
        ({"percent_off": 10}, {"active": False}),
        ({"amount_off": 2460, "currency": "usd"}, {}),
    ],
)
def test_a_code_that_does_not_fit_is_refused_on_the_page(
    shop: Shop, sim: StripeSimulator, coupon: dict[str, object], fields: dict[str, object]
) -> None:
    code(shop, "NOPE", coupon, **fields)
    session = shop.session(allow_promotion_codes=True)
    where = sim.press(f"{session.url}/code", {"promotion_code": "NOPE"})
    assert parse_qs(urlsplit(where).query)["code_error"][0]
    assert "error=" in sim.pay(session.id, promotion_code="NOPE")
    assert (shop.see(session).status, shop.see(session).amount_total) == ("open", 2500)


def test_a_code_for_another_customer_is_refused(shop: Shop, sim: StripeSimulator) -> None:
    code(shop, "ALICE", {"percent_off": 50}, customer=shop.customer().id)
    session = shop.session(allow_promotion_codes=True, customer=shop.customer().id)
    assert "error=" in sim.pay(session.id, promotion_code="ALICE")


def test_a_code_is_used_up(shop: Shop, sim: StripeSimulator) -> None:
    code(shop, "ONCE", {"percent_off": 10}, max_redemptions=1)
    first, second = shop.session(allow_promotion_codes=True), shop.session(allow_promotion_codes=True)
    sim.pay(first.id, promotion_code="ONCE")
    assert "error=" in sim.pay(second.id, promotion_code="ONCE")
    assert not shop.v1.promotion_codes.list({"code": "ONCE"}).data[0].active


def test_codes_are_ignored_where_they_are_not_allowed(shop: Shop, sim: StripeSimulator) -> None:
    code(shop, "SPRING", {"percent_off": 10})
    session = shop.session()
    assert "error=" in sim.pay(session.id, promotion_code="SPRING")
    assert shop.see(session).status == "open"


def test_a_session_may_come_with_its_discount(shop: Shop) -> None:
    promotion = code(shop, "TEN", {"percent_off": 10})
    session = shop.session(discounts=[{"promotion_code": promotion.id}])  # type: ignore[attr-defined]
    assert (session.amount_total, session.total_details.amount_discount) == (2250, 250)
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        shop.session(allow_promotion_codes=True, discounts=[{"promotion_code": promotion.id}])  # type: ignore


def test_everything_off_needs_no_payment(shop: Shop, sim: StripeSimulator) -> None:
    code(shop, "FREE", {"percent_off": 100})
    session = shop.session(allow_promotion_codes=True)
    sim.pay(session.id, promotion_code="FREE")
    seen = shop.see(session)
    assert (seen.amount_total, seen.payment_status, seen.payment_intent) == (0, "no_payment_required", None)
    assert "charge.succeeded" not in shop.types()


def test_codes_are_found_as_they_are_typed_and_are_unique(shop: Shop) -> None:
    promotion = code(shop, "Spring25", {"percent_off": 25})
    found = shop.v1.promotion_codes.list({"code": "SPRING25", "active": True, "expand": ["data.promotion.coupon"]})
    assert found.data[0].id == promotion.id  # type: ignore[attr-defined]
    assert found.data[0].promotion.coupon.percent_off == 25  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        code(shop, "spring25", {"percent_off": 5})
    shop.v1.promotion_codes.update(promotion.id, {"active": False})  # type: ignore[attr-defined]
    code(shop, "spring25", {"percent_off": 5})


@pytest.mark.parametrize("coupon", [{}, {"percent_off": 0}, {"percent_off": 101}, {"amount_off": 100}])
def test_a_coupon_that_makes_no_sense_is_refused(shop: Shop, coupon: dict[str, object]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.coupons.create(coupon)  # type: ignore[arg-type]
