"""The checkout page in payment mode: every button, and what the session says afterwards."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe

from tests.simulating import until
from tests.stripe_simulator.conftest import CANCEL, Shop
from tests.stripe_simulator_process import StripeSimulator


def error_in(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("error", [""])[0]


def test_a_new_session_waits_for_its_payment(shop: Shop) -> None:
    session = shop.session(client_reference_id="42", metadata={"order": "7"}, items=[shop.item(500, quantity=3)])
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_subtotal, session.amount_total, session.currency) == (1500, 1500, "usd")
    assert (session.client_reference_id, session.metadata["order"]) == ("42", "7")
    assert session.url.startswith(shop.simulator.api) and session.livemode is False


def test_the_page_shows_what_is_paid_for(shop: Shop) -> None:
    session = shop.session(items=[shop.item(500, quantity=3, product_data={"name": "<b>Credits</b> & more"})])
    page = httpx.get(session.url)
    assert page.status_code == 200 and "$15.00" in page.text
    assert "&lt;b&gt;Credits&lt;/b&gt; &amp; more" in page.text and "<b>Credits" not in page.text
    for words in ("Pay $15.00", "Card declined", "Needs 3-D Secure", "Pay later, succeeds", "Cancel and go back"):
        assert words in page.text
    assert "Promotion code" not in page.text
    style = httpx.get(f"{shop.simulator.api}/_assets/style.css")
    assert style.headers["content-type"].startswith("text/css") and "<style" not in page.text


def test_paying_completes_the_session(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    session = shop.session(customer=customer.id, payment_intent_data={"metadata": {"order": "7"}})
    assert sim.pay(session.id) == f"http://shop.test/paid?session={session.id}"
    seen = shop.see(session, "payment_intent.latest_charge")
    assert (seen.status, seen.payment_status, seen.url) == ("complete", "paid", None)
    intent = seen.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata["order"]) == ("succeeded", 2500, "7")
    charge = intent.latest_charge
    assert (charge.status, charge.paid, charge.amount, charge.customer) == ("succeeded", True, 2500, customer.id)
    assert charge.payment_method_details.card.last4 == "4242"
    assert "$25.00" in httpx.get(charge.receipt_url).text
    assert seen.customer_details.email == "alice@example.com"


def test_a_session_is_paid_once(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    sim.pay(session.id)
    where = sim.pay(session.id)
    assert httpx.get(where).status_code == 410
    assert sim.totals()["usd"]["charges"] == 1


def test_a_declined_card_leads_back_and_the_next_one_pays(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    where = sim.pay(session.id, "decline")
    assert error_in(where) == "Your card was declined." in httpx.get(where).text
    seen = shop.see(session, "payment_intent")
    assert (seen.status, seen.payment_status) == ("open", "unpaid")
    assert seen.payment_intent.status == "requires_payment_method"
    assert seen.payment_intent.last_payment_error.decline_code == "generic_decline"
    sim.pay(session.id)
    again = shop.see(session, "payment_intent")
    assert again.payment_intent.id == seen.payment_intent.id and again.payment_status == "paid"
    assert shop.types().count("payment_intent.created") == 1
    assert sim.totals()["usd"]["paid"] == 2500


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000000069", "expired_card", None),
        ("4000000000000127", "incorrect_cvc", None),
        ("4000000000000341", "card_declined", "generic_decline"),
    ],
)
def test_a_test_card_is_declined_as_documented(
    shop: Shop, sim: StripeSimulator, number: str, code: str, decline_code: str | None
) -> None:
    session = shop.session()
    sim.pay(session.id, card=number)
    error = shop.see(session, "payment_intent").payment_intent.last_payment_error
    assert (error.code, error.decline_code or None) == (code, decline_code)


def test_three_d_secure_is_asked_on_a_page_of_its_own(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    where = sim.press(session.url, {"how": "3ds"})
    assert "/c/challenge/pi_" in where and "Complete" in httpx.get(where).text
    intent = shop.see(session, "payment_intent").payment_intent
    assert (intent.status, intent.next_action.redirect_to_url.url) == ("requires_action", where)
    assert sim.press(where, {"how": "complete"}).startswith("http://shop.test/paid")
    assert shop.see(session).payment_status == "paid"


def test_a_failed_three_d_secure_leads_back(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    where = sim.pay(session.id, "3ds-fail")
    assert "unable to authenticate" in error_in(where)
    intent = shop.see(session, "payment_intent").payment_intent
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert "payment_intent.payment_failed" in shop.types()
    sim.pay(session.id)
    assert shop.see(session).payment_status == "paid"


def test_a_card_may_be_declined_after_three_d_secure(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    challenge = sim.press(session.url, {"how": "pay", "card": "4000 0082 6000 3178"})
    assert error_in(sim.press(challenge, {"how": "complete"})) == "Your card has insufficient funds."
    assert shop.see(session).payment_status == "unpaid"


def test_canceling_leads_to_the_cancel_url_and_changes_nothing(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    assert sim.pay(session.id, "cancel") == CANCEL
    assert shop.see(session).status == "open"
    assert "usd" not in sim.totals()


@pytest.mark.parametrize(
    ("how", "status", "event"),
    [
        ("later", "paid", "checkout.session.async_payment_succeeded"),
        ("later-fails", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_delayed_payment_is_complete_before_it_is_paid(
    shop: Shop, sim: StripeSimulator, how: str, status: str, event: str
) -> None:
    session = shop.session()
    assert sim.pay(session.id, how).startswith("http://shop.test/paid")
    completed = sim.events("checkout.session.completed")[0]["data"]["object"]
    assert (completed["status"], completed["payment_status"]) == ("complete", "unpaid")
    until(lambda: event in shop.types())
    assert shop.see(session).payment_status == status


@pytest.mark.parametrize(("outcome", "paid"), [("succeeded", 2500), ("failed", 0)])
def test_a_delayed_payment_may_wait_for_the_control(shop: Shop, sim: StripeSimulator, outcome: str, paid: int) -> None:
    session = shop.session()
    sim.pay(session.id, "later-open")
    intent = shop.see(session, "payment_intent.latest_charge").payment_intent
    assert (intent.status, intent.latest_charge.status) == ("processing", "pending")
    assert sim.totals().get("usd", {}).get("paid", 0) == 0
    sim.settle(session.id, outcome)
    assert shop.types()[-1] == f"checkout.session.async_payment_{outcome}"
    assert sim.totals().get("usd", {}).get("paid", 0) == paid


def test_an_expired_session_cannot_be_paid(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.v1.checkout.sessions.expire(shop.session().id)
    assert (session.status, session.url) == ("expired", None)
    assert shop.types()[-1] == "checkout.session.expired"
    assert httpx.get(sim.pay(session.id)).status_code == 410
    assert "usd" not in sim.totals()
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.checkout.sessions.expire(session.id)


def test_a_challenge_of_an_expired_session_takes_no_money(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    challenge = sim.press(session.url, {"how": "3ds"})
    shop.v1.checkout.sessions.expire(session.id)
    assert httpx.post(challenge, data={"how": "complete"}).status_code == 200
    assert shop.see(session, "payment_intent").payment_intent.status == "canceled"
    assert "charge.succeeded" not in shop.types()


def test_the_amount_is_fixed_while_the_bank_asks(shop: Shop, sim: StripeSimulator) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 50})
    shop.v1.promotion_codes.create({"code": "HALF", "promotion": {"type": "coupon", "coupon": coupon.id}})
    session = shop.session(allow_promotion_codes=True)
    challenge = sim.press(session.url, {"how": "3ds"})
    assert "code_error=" in sim.press(f"{session.url}/code", {"promotion_code": "HALF"})
    sim.press(challenge, {"how": "complete"})
    assert shop.see(session).amount_total == 2500 == sim.totals()["usd"]["paid"]


def test_a_button_that_does_not_exist_does_nothing(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    assert "no button" in error_in(sim.pay(session.id, "steal"))
    assert shop.see(session).status == "open"


def test_a_card_is_saved_when_the_payment_says_so(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    sim.pay(shop.session(customer=customer.id).id)
    assert shop.v1.customers.payment_methods.list(customer.id).data == []
    data = {"setup_future_usage": "off_session"}
    sim.pay(shop.session(customer=customer.id, payment_intent_data=data).id)
    (card,) = shop.v1.customers.payment_methods.list(customer.id).data
    assert (card.card.last4, card.customer) == ("4242", customer.id)
    assert sim.events("payment_method.attached")[0]["data"]["object"]["id"] == card.id


def test_a_guest_may_become_a_customer(shop: Shop, sim: StripeSimulator) -> None:
    guest, new = shop.session(customer_email="eve@example.com"), shop.session(customer_creation="always")
    sim.pay(guest.id)
    sim.pay(new.id)
    assert shop.see(guest).customer is None and shop.see(guest).customer_details.email == "eve@example.com"
    assert shop.see(new, "customer").customer.email == "customer@example.com"


def test_setup_mode_saves_a_card_without_money(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    session = shop.session("setup", customer=customer.id, currency="usd")
    assert session.payment_status == "no_payment_required"
    sim.pay(session.id, card="4000000000000341")
    seen = shop.see(session, "setup_intent.payment_method")
    assert (seen.status, seen.setup_intent.status) == ("complete", "succeeded")
    assert seen.setup_intent.payment_method.customer == customer.id
    assert shop.types()[-3:] == ["payment_method.attached", "setup_intent.succeeded", "checkout.session.completed"]


def test_setup_mode_refuses_a_card_and_asks_for_three_d_secure(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session("setup", customer=shop.customer().id, currency="usd")
    assert error_in(sim.pay(session.id, "decline")) == "Your card was declined."
    assert "unable to authenticate" in error_in(sim.pay(session.id, "3ds-fail"))
    assert sim.pay(session.id, "3ds").startswith("http://shop.test/paid")


def test_an_invoice_comes_with_the_payment_when_asked_for(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session(customer=shop.customer().id, invoice_creation={"enabled": True})
    sim.pay(session.id)
    invoice = shop.see(session, "invoice.payments").invoice
    assert (invoice.status, invoice.amount_paid, invoice.total) == ("paid", 2500, 2500)
    assert invoice.payments.data[0].payment.payment_intent == shop.see(session).payment_intent
    assert "$25.00" in httpx.get(invoice.hosted_invoice_url).text
    paper = httpx.get(invoice.invoice_pdf)
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF-")


def test_a_delayed_payment_is_invoiced_when_it_is_paid(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session(customer=shop.customer().id, invoice_creation={"enabled": True})
    sim.pay(session.id, "later-open")
    assert shop.see(session).invoice is None
    sim.settle(session.id)
    assert shop.see(session, "invoice").invoice.status == "paid"


def test_tax_is_known_when_the_address_is(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session(automatic_tax={"enabled": True}, items=[shop.item(999)])
    assert (session.amount_total, session.automatic_tax.status) == (999, "requires_location_inputs")
    assert "Tax (20 %)" in (page := httpx.get(session.url).text) and "$11.99" in page
    sim.pay(session.id)
    seen = shop.see(session, "payment_intent")
    assert (seen.amount_subtotal, seen.total_details.amount_tax, seen.amount_total) == (999, 200, 1199)
    assert (seen.automatic_tax.status, seen.payment_intent.amount) == ("complete", 1199)


def test_tax_may_be_in_the_price(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session(automatic_tax={"enabled": True}, items=[shop.item(1200, tax_behavior="inclusive")])
    sim.pay(session.id)
    seen = shop.see(session)
    assert (seen.amount_total, seen.total_details.amount_tax) == (1200, 200)


def test_sessions_are_found_by_what_they_are_about(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    paid, other = shop.session(customer=customer.id), shop.session()
    sim.pay(paid.id)
    intent = shop.see(paid).payment_intent
    sessions = shop.v1.checkout.sessions
    assert [each.id for each in sessions.list({"payment_intent": intent}).data] == [paid.id]
    assert [each.id for each in sessions.list({"customer": customer.id}).data] == [paid.id]
    assert [each.id for each in sessions.list({"status": "open"}).data] == [other.id]
    assert sessions.line_items.list(paid.id).data[0].amount_total == 2500
