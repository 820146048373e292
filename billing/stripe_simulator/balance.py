"""Balance transactions: every movement of the account, with Stripe's fee (reference: Core resources, Balance)."""

from billing.stripe_simulator import lists, money, schema
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

LIST = {**schema.PAGE, "currency": schema.currency, "source": schema.text, "type": schema.text}
DISPUTE_FEE = 1500


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("balance_transaction", ids["id"])


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By type, source or currency."""
    equal = {name: params.get(name) for name in ("currency", "source", "type")}
    return lists.page(world.all("balance_transaction"), params, "/v1/balance_transactions", equal)


def show(world: World, _params: Obj, _ids: Obj) -> Obj:
    """What the account has; here all of it is available at once."""
    sums: dict[str, int] = {}
    for each in world.all("balance_transaction"):
        sums[each["currency"]] = sums.get(each["currency"], 0) + each["net"]
    rows = [{"amount": net, "currency": code, "source_types": {"card": net}} for code, net in sums.items()]
    none = [{"amount": 0, "currency": code, "source_types": {"card": 0}} for code in sums]
    return {"object": "balance", "available": rows, "livemode": False, "pending": none}


def book_charge(world: World, charge: Obj) -> Obj:
    """Money came in."""
    return _book(world, charge, charge["amount"], "charge", "charge", money.fee(charge["amount"]), "Payment")


def book_refund(world: World, refund: Obj) -> Obj:
    """Money went back; Stripe keeps its fee."""
    return _book(world, refund, -refund["amount"], "refund", "refund", 0, "REFUND FOR CHARGE")


def book_failed_refund(world: World, refund: Obj) -> Obj:
    """A refund came back."""
    return _book(world, refund, refund["amount"], "refund_failure", "refund_failure", 0, "REFUND FAILURE")


def book_dispute(world: World, dispute: Obj) -> Obj:
    """Money was withdrawn for a dispute, with its fee."""
    return _book(world, dispute, -dispute["amount"], "adjustment", "dispute", DISPUTE_FEE, "Chargeback withdrawal")


def book_reinstated(world: World, dispute: Obj) -> Obj:
    """A dispute was won."""
    return _book(world, dispute, dispute["amount"], "adjustment", "dispute_reversal", 0, "Chargeback reversal")


def _book(world: World, source: Obj, amount: int, type: str, category: str, fee: int, words: str) -> Obj:
    currency = source["currency"]
    part = {"amount": fee, "application": None, "currency": currency, "description": "Stripe fee", "type": "stripe_fee"}
    return world.add(
        make(
            world,
            "balance_transaction",
            "txn",
            amount=amount,
            available_on=now(),
            balance_type="payments",
            currency=currency,
            description=words,
            fee=fee,
            fee_details=[part] if fee else [],
            net=amount - fee,
            reporting_category=category,
            source=source["id"],
            status="available",
            type=type,
        )
    )
