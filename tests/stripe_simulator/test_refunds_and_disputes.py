"""Money that goes back: refunds, disputes and the totals they leave."""

import pytest
import stripe

from tests.simulating import until
from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


def test_a_refund_returns_everything_by_default(shop: Shop, sim: StripeSimulator) -> None:
    charge = shop.paid_charge()
    refund = shop.v1.refunds.create({"payment_intent": charge.payment_intent, "reason": "requested_by_customer"})
    assert (refund.amount, refund.status, refund.charge) == (2500, "succeeded", charge.id)
    seen = shop.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (seen.amount_refunded, seen.refunded, seen.refunds.data[0].id) == (2500, True, refund.id)
    until(lambda: shop.types()[-3:] == ["refund.created", "charge.refunded", "refund.updated"])
    assert sim.totals()["usd"] | {"fees": 0} == {
        "charges": 1,
        "paid": 2500,
        "refunds": 1,
        "refunded": 2500,
        "fees": 0,
        "net": -103,
        "disputes": 0,
        "disputed": 0,
        "disputes_lost": 0,
        "disputes_won": 0,
    }


def test_a_charge_is_refunded_in_parts_and_never_beyond(shop: Shop, sim: StripeSimulator) -> None:
    charge = shop.paid_charge()
    shop.v1.refunds.create({"charge": charge.id, "amount": 1000})
    changed = sim.events("charge.refunded")[0]["data"]
    assert changed["object"]["amount_refunded"] == 1000 and not changed["object"]["refunded"]
    assert changed["previous_attributes"] == {"amount_refunded": 0}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.refunds.create({"charge": charge.id, "amount": 1501})
    assert caught.value.param == "amount"
    assert caught.value.user_message == ("Refund amount ($15.01) is greater than unrefunded amount on charge ($15.00)")
    shop.v1.refunds.create({"charge": charge.id, "amount": 1500})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.refunds.create({"charge": charge.id, "amount": 1})
    assert caught.value.code == "charge_already_refunded"
    assert [each.amount for each in shop.v1.refunds.list({"charge": charge.id}).data] == [1500, 1000]


@pytest.mark.parametrize("amount", [0, -5])
def test_a_refund_of_nothing_is_refused(shop: Shop, amount: int) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.refunds.create({"charge": shop.paid_charge().id, "amount": amount})


def test_a_payment_that_is_not_paid_cannot_be_refunded(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    sim.pay(session.id, "later-open")
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.refunds.create({"payment_intent": shop.see(session).payment_intent})


def test_a_refund_may_fail_later_and_the_money_is_back(shop: Shop, sim: StripeSimulator) -> None:
    charge = shop.paid_charge(card="4000000000005126")
    refund = shop.v1.refunds.create({"charge": charge.id})
    assert refund.status == "succeeded"
    until(lambda: "refund.failed" in shop.types())
    seen = shop.v1.refunds.retrieve(refund.id)
    assert (seen.status, seen.failure_reason) == ("failed", "expired_or_canceled_card")
    assert shop.v1.charges.retrieve(charge.id).amount_refunded == 0
    assert sim.totals()["usd"]["refunded"] == 0


def test_a_refund_may_be_pending_first(shop: Shop) -> None:
    refund = shop.v1.refunds.create({"charge": shop.paid_charge(card="4000000000007726").id})
    assert refund.status == "pending"
    until(lambda: shop.v1.refunds.retrieve(refund.id).status == "succeeded")


def test_a_dispute_withdraws_the_money(shop: Shop, sim: StripeSimulator) -> None:
    charge = shop.paid_charge()
    dispute = sim.dispute(charge.payment_intent)
    seen = shop.v1.disputes.retrieve(dispute["id"])
    assert (seen.amount, seen.status, seen.charge, seen.payment_intent) == (
        *(2500, "needs_response"),
        *(charge.id, charge.payment_intent),
    )
    assert [(each.amount, each.fee) for each in seen.balance_transactions] == [(-2500, 1500)]
    assert shop.v1.charges.retrieve(charge.id).disputed
    assert shop.types()[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert sim.totals()["usd"]["disputed"] == 2500
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.refunds.create({"charge": charge.id})
    assert caught.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("status", "events"),
    [
        ("won", ["charge.dispute.funds_reinstated", "charge.dispute.closed"]),
        ("lost", ["charge.dispute.closed"]),
    ],
)
def test_a_dispute_ends_won_or_lost(shop: Shop, sim: StripeSimulator, status: str, events: list[str]) -> None:
    dispute = sim.dispute(shop.paid_charge().id, amount=1000)
    sim.close_dispute(dispute["id"], status)
    assert shop.types()[-len(events) :] == events
    totals = sim.totals()["usd"]
    assert (totals["disputed"], totals[f"disputes_{status}"]) == (0, 1000)
    back = [each.amount for each in shop.v1.disputes.retrieve(dispute["id"]).balance_transactions]
    assert back == ([-1000, 1000] if status == "won" else [-1000])


def test_evidence_with_the_magic_words_decides_a_dispute(shop: Shop, sim: StripeSimulator) -> None:
    dispute = sim.dispute(shop.paid_charge().id)
    evidence = {"uncategorized_text": "winning_evidence"}
    assert shop.v1.disputes.update(dispute["id"], {"evidence": evidence}).status == "under_review"
    assert sim.events("charge.dispute.updated")[0]["data"]["previous_attributes"]["status"] == "needs_response"
    until(lambda: shop.v1.disputes.retrieve(dispute["id"]).status == "won")
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        shop.v1.disputes.close(dispute["id"])


def test_a_test_card_disputes_by_itself(shop: Shop) -> None:
    charge = shop.paid_charge(card="4000000000000259")
    until(lambda: shop.v1.disputes.list({"charge": charge.id}).data)


def test_a_charge_is_disputed_once_and_never_beyond(shop: Shop, sim: StripeSimulator) -> None:
    charge = shop.paid_charge()
    with pytest.raises(AssertionError, match="cannot be disputed"):
        sim.dispute(charge.id, amount=2501)
    sim.dispute(charge.id)
    with pytest.raises(AssertionError, match="cannot be disputed"):
        sim.dispute(charge.id)


def test_balance_transactions_add_up_to_the_totals(shop: Shop, sim: StripeSimulator) -> None:
    first, second = shop.paid_charge(), shop.paid_charge(1000)
    shop.v1.refunds.create({"charge": first.id, "amount": 700})
    sim.close_dispute(sim.dispute(second.id)["id"], "lost")
    rows = list(shop.v1.balance_transactions.list({"limit": 2}).auto_paging_iter())
    assert sorted(row.amount for row in rows) == [-1000, -700, 1000, 2500]
    totals = sim.totals()["usd"]
    assert sum(row.net for row in rows) == totals["net"]
    assert totals["net"] == totals["paid"] - totals["refunded"] - totals["disputes_lost"] - totals["fees"]
    assert [row.amount for row in shop.v1.balance_transactions.list({"type": "refund"}).data] == [-700]
    assert shop.v1.balance.retrieve().available[0].amount == totals["net"]
