"""The pages and the API of buying: amounts are refused at their field, and nobody sees what is not theirs."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from billing.models import CreditPack, CreditPlan, Payment, StripeCustomer, Wallet
from billing.payments import checkout, saved_cards
from tests.conftest import api_for
from tests.payments.conftest import signed_in
from tests.payments.paying import begin, books_are_right, buy, wallet, with_card
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
BAD_CREDITS = ["-1", "0", "NaN", "1000000000000000000", "0.0005", "", "1e6", "999.999", "200000.001", "1,000", "∞"]


def path(url: str) -> str:
    return re.sub(r"^https?://[^/]+", "", url)


def test_a_customer_buys_and_comes_back_to_credits(stripe: StripeSimulator, bob: User, pack: CreditPack) -> None:
    client = signed_in(bob)
    page = client.get("/balance/top-up/")
    assert "5500" in page.content.decode() and "$25.00" in page.content.decode()
    sent = client.post("/balance/top-up/", {"choice": str(pack.pk)})
    assert sent.status_code == 303 and sent["Location"].startswith(stripe.api)
    back = stripe.pay(sent["Location"].rsplit("/", 1)[1])
    # No webhook has come: the page itself looks.
    page = client.get(path(back))
    assert "5500 credits added" in page.content.decode() and "Receipt" in page.content.decode()
    assert wallet(bob) == {"available": 5500}
    listed = client.get("/balance/payments/").content.decode()
    assert "Studio" in listed and "$25.00" in listed
    books_are_right()


def test_who_leaves_the_page_is_charged_nothing_and_may_go_back(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    client = signed_in(bob)
    page = client.get(path(stripe.pay(str(payment.session_id), "cancel"))).content.decode()
    assert "Nothing was charged" in page and payment.url in page
    assert "hx-trigger" not in page


def test_a_page_that_waits_asks_again_and_stops_when_paid(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    client = signed_in(bob)
    assert "every 3s" in client.get(f"/balance/payments/{payment.pk}/").content.decode()
    stripe.pay(str(payment.session_id), "later-open")
    cache.clear()
    waiting = client.get(f"/balance/payments/{payment.pk}/state/").content.decode()
    assert "on its way" in waiting and "every 20s" in waiting
    stripe.settle(str(payment.session_id))
    cache.clear()
    assert "credits added" in (done := client.get(f"/balance/payments/{payment.pk}/state/").content.decode())
    assert "hx-trigger" not in done


def test_stripe_is_not_asked_more_often_because_a_page_is(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    client = signed_in(bob)
    before = len(stripe.requests())
    for _ in range(5):
        client.get(f"/balance/payments/{payment.pk}/state/")
    assert len(stripe.requests()) == before + 1


def test_a_page_says_what_we_know_when_stripe_does_not_answer(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    stripe.fault("500", count=10)
    page = signed_in(bob).get(f"/balance/payments/{payment.pk}/")
    assert page.status_code == 200 and "Not paid yet" in page.content.decode()


@pytest.mark.parametrize("credits", BAD_CREDITS)
def test_a_bad_amount_is_refused_at_its_field(stripe: StripeSimulator, bob: User, credits: str) -> None:
    client = signed_in(bob)
    answer = client.post("/balance/top-up/", {"choice": "custom", "credits": credits})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["credits"]
    assert client.get("/balance/top-up/price/", {"credits": credits}).content == b""
    if credits:
        sent = api_for(bob).post("/api/v1/checkouts", {"credits": credits}, format="json")
        assert sent.status_code in (400, 422)
        problem = sent.json()
        assert problem.get("field") == "credits" or problem["errors"][0]["field"] == "credits"
    assert not Payment.objects.exists() and stripe.requests() == []


def test_the_server_says_what_an_amount_costs(stripe: StripeSimulator, bob: User) -> None:
    """R-PR5, R-PR7: rounded up"""
    client = signed_in(bob)
    for credits, price in (("1000", "$5.00"), ("1000.001", "$5.01"), ("200000", "$1,000.00")):
        assert client.get("/balance/top-up/price/", {"credits": credits}).content.decode() == price


@pytest.mark.parametrize("choice", ["", "0", "-1", "999999", "9" * 30, "x", "²"])
def test_a_pack_that_is_not_sold_is_refused(stripe: StripeSimulator, bob: User, pack: CreditPack, choice: str) -> None:
    answer = signed_in(bob).post("/balance/top-up/", {"choice": choice})
    assert answer.status_code == 422 and "choice" in answer.context["form"].errors
    assert not Payment.objects.exists()


def test_what_is_not_active_is_not_sold(stripe: StripeSimulator, bob: User, pack: CreditPack) -> None:
    plan = CreditPlan.objects.create(name="Old", credits_millicredits=1, price_minor=1, currency="USD", active=False)
    CreditPack.objects.update(active=False)
    client = signed_in(bob)
    assert "Studio" not in client.get("/balance/top-up/").content.decode()
    assert client.post("/balance/top-up/", {"choice": str(pack.pk)}).status_code == 422
    assert client.post(f"/balance/plans/{plan.pk}/").status_code == 404
    assert api_for(bob).post("/api/v1/checkouts", {"pack": pack.pk}, format="json").status_code == 404


def test_nobody_sees_the_payments_of_others(stripe: StripeSimulator, bob: User, eve: User) -> None:
    """R-API3"""
    payment = buy(stripe, bob)
    with_card(stripe, bob)
    client = signed_in(eve)
    for url in (f"/balance/payments/{payment.pk}/", f"/balance/payments/{payment.pk}/state/"):
        assert client.get(url).status_code == 404
        assert Client().get(url).status_code == 302
    assert api_for(eve).get(f"/api/v1/checkouts/{payment.pk}").status_code == 404
    page = client.get("/balance/payments/").content.decode()
    assert "4242" not in page and str(payment.pk) not in page


def test_nobody_takes_the_card_that_another_has_saved(stripe: StripeSimulator, bob: User, eve: User) -> None:
    """R-API3: the session of a return address is a client's word."""
    url = checkout.save_card(bob)
    back = stripe.pay(url.rsplit("/", 1)[1])
    saved_cards.customer_of(eve)
    signed_in(eve).get(path(back))
    assert StripeCustomer.objects.get(user=eve).payment_method == ""
    page = signed_in(bob).get(path(back), follow=True).content.decode()
    assert "Your card is saved." in page and "Visa •••• 4242" in page
    assert StripeCustomer.objects.get(user=bob).payment_method


def test_a_card_is_removed_on_the_page(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob)
    client = signed_in(bob)
    assert "Your card was removed." in client.post("/balance/payments/card/remove/", follow=True).content.decode()
    assert "No card is saved" in client.get("/balance/payments/").content.decode()


def test_a_form_may_lead_to_stripes_page_and_nowhere_else(stripe: StripeSimulator, bob: User) -> None:
    """R-SEC6"""
    client = signed_in(bob)
    for url in ("/balance/top-up/", "/balance/payments/"):
        policy = client.get(url)["Content-Security-Policy"]
        (form_action,) = (part for part in policy.split("; ") if part.startswith("form-action"))
        assert "https://checkout.stripe.com" in form_action and "*" not in form_action
    assert "stripe" not in client.get("/balance/redeem/")["Content-Security-Policy"]


def test_a_reseller_buys_by_api(stripe: StripeSimulator, bob: User, pack: CreditPack) -> None:
    api = api_for(bob)
    sold = api.get("/api/v1/packs").json()
    assert sold["packs"] == [
        {
            "id": pack.pk,
            "name": "Studio",
            "credits": "5500",
            "bonus": "500",
            "price": "25.00",
            "currency": "USD",
            "lasts_days": 365,
        }
    ]
    assert sold["custom"] == {"smallest": "1000", "largest": "200000", "credit_price": "0.005", "currency": "USD"}
    made = api.post("/api/v1/checkouts", {"pack": pack.pk}, format="json")
    assert made.status_code == 201
    begun = made.json()
    assert (begun["state"], begun["credits"], begun["price"]) == ("open", "5500", "25.00")
    stripe.pay(begun["url"].rsplit("/", 1)[1])
    done = api.get(f"/api/v1/checkouts/{begun['id']}").json()
    assert (done["state"], done["url"]) == ("paid", None) and done["receipt_url"]
    assert api.get("/api/v1/balance").json()["available"] == "5500"


def test_the_same_key_begins_one_checkout(stripe: StripeSimulator, bob: User) -> None:
    """R-API2"""
    api = api_for(bob)

    def post(body: dict[str, Any], key: str = "one") -> Any:
        return api.post("/api/v1/checkouts", body, format="json", HTTP_IDEMPOTENCY_KEY=key)

    first, again = post({"credits": "1500"}), post({"credits": "1500"})
    assert first.json() == again.json()
    assert post({"credits": "1600"}).status_code == 422
    assert post({"credits": "1500"}, "two").json()["id"] != first.json()["id"]
    assert post({"credits": "1500"}, "x" * 300).status_code == 400
    assert Payment.objects.count() == 2


@pytest.mark.parametrize("body", [{}, {"pack": 1, "credits": "1000"}, {"pack": "x"}, {"pack": 0}, {"credits": []}, []])
def test_a_request_that_makes_no_sense_is_refused(stripe: StripeSimulator, bob: User, body: Any) -> None:
    answer = api_for(bob).post("/api/v1/checkouts", body, format="json")
    assert answer.status_code == 400 and answer.json()["code"] == "invalid_request"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"credits_millicredits": value} for value in ("-1", "0", "NaN", "1000000000000000000", "0.0005", "")),
        *({"price": value} for value in ("-1", "0", "NaN", "1000000000000000000", "1.005", "", "1e2")),
        *({"bonus_millicredits": value} for value in ("-1", "NaN", "0.0005")),
        *({"lasts_days": value} for value in ("0", "-1", "99999999999")),
        *({"currency": value} for value in ("", "US", "1$€")),
    ],
)
def test_an_operator_cannot_sell_nonsense(olga: User, wrong: dict[str, str]) -> None:
    good = {"name": "P", "credits_millicredits": "10", "bonus_millicredits": "0", "price": "5.00"}
    good |= {"currency": "usd", "position": "0", "active": "on", "lasts_days": ""}
    answer = signed_in(olga).post("/admin/billing/creditpack/add/", good | wrong)
    assert answer.status_code == 200
    assert next(iter(wrong)) in answer.context["adminform"].form.errors
    assert not CreditPack.objects.exists()


def test_an_operator_sells_a_pack_and_changes_it(olga: User) -> None:
    good = {"name": "P", "credits_millicredits": "10.5", "bonus_millicredits": "0", "price": "5"}
    good |= {"currency": "usd", "position": "0", "active": "on", "lasts_days": ""}
    client = signed_in(olga)
    assert client.post("/admin/billing/creditpack/add/", good).status_code == 302
    pack = CreditPack.objects.get()
    assert (pack.credits_millicredits, pack.price_minor, pack.currency) == (10_500, 500, "USD")
    change = f"/admin/billing/creditpack/{pack.pk}/change/"
    assert 'value="5.00"' in client.get(change).content.decode()
    assert client.post(change, good | {"price": "7.25", "currency": "jpy"}).status_code == 200
    assert client.post(change, good | {"price": "7.25"}).status_code == 302
    pack.refresh_from_db()
    assert pack.price_minor == 725
    plan = {"name": "M", "credits_millicredits": "10", "price": "9.99", "currency": "EUR", "position": "0"}
    assert client.post("/admin/billing/creditplan/add/", plan).status_code == 302
    for name in ("creditpack", "creditplan", "payment", "subscription", "autorecharge", "stripeevent", "redeembatch"):
        assert client.get(f"/admin/billing/{name}/").status_code == 200


def test_a_wallet_without_payments_has_pages(stripe: StripeSimulator, bob: User) -> None:
    Wallet.objects.filter(pk=bob.pk).delete()
    client = signed_in(bob)
    for url in ("/balance/top-up/", "/balance/payments/", "/balance/redeem/"):
        assert client.get(url).status_code == 200
        assert Client().get(url).status_code == 302
