"""Stripe's documented test cards and test payment methods, and what each of them does."""

from dataclasses import dataclass

from billing.stripe_simulator.errors import invalid

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Card:
    """What a test card does.

    authentication: never, always, until_set_up (off session only; on session always), on_session.
    code and decline_code are those of a decline of every charge. attaches: whether it can be saved at all.
    afterwards: what happens to a charge that succeeded: dispute, refund-fails, refund-pending.
    """

    name: str
    code: str = ""
    decline_code: str = ""
    message: str = DECLINED
    attaches: bool = True
    authentication: str = "never"
    afterwards: str = ""
    brand: str = "visa"


def _declined(name: str, decline_code: str, code: str = "card_declined", message: str = DECLINED) -> Card:
    return Card(name, code, decline_code, message, attaches=False)


FUNDS = "Your card has insufficient funds."
CARDS = {
    "4242424242424242": Card("Visa, succeeds"),
    "5555555555554444": Card("Mastercard, succeeds", brand="mastercard"),
    "4000000000000002": _declined("Declined", "generic_decline"),
    "4000000000009995": _declined("Insufficient funds", "insufficient_funds", message=FUNDS),
    "4000000000009987": _declined("Lost card", "lost_card"),
    "4000000000009979": _declined("Stolen card", "stolen_card"),
    "4000000000000069": _declined("Expired card", "", "expired_card", "Your card has expired."),
    "4000000000000127": _declined(
        "Wrong security code", "", "incorrect_cvc", "Your card's security code is incorrect."
    ),
    "4000000000000119": _declined(
        "Processing error", "", "processing_error", "An error occurred while processing your card. Try again later."
    ),
    "4000000000000341": Card("Can be saved, is declined when charged", "card_declined", "generic_decline"),
    "4000002500003155": Card("3-D Secure unless it was set up", authentication="until_set_up"),
    "4000002760003184": Card("3-D Secure always", authentication="always"),
    "4000003800000446": Card("3-D Secure on session only", authentication="on_session"),
    "4000008260003178": Card(
        "3-D Secure, then insufficient funds", "card_declined", "insufficient_funds", FUNDS, authentication="always"
    ),
    "4000000000000259": Card("Is disputed as fraudulent", afterwards="dispute"),
    "4000000000005126": Card("Refunds fail", afterwards="refund-fails"),
    "4000000000007726": Card("Refunds are pending first", afterwards="refund-pending"),
}
# Insufficient funds is a fact of the day: such a card can be saved.
CARDS["4000000000009995"] = Card("Insufficient funds", "card_declined", "insufficient_funds", FUNDS)

SHARED = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_pendingRefund": "4000000000007726",
}
TOKENS = {name.replace("pm_card", "tok", 1): number for name, number in SHARED.items()}
NOT_A_TEST_CARD = (
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing."
)


def find(number: str, param: str = "card[number]") -> Card:
    """The card of a number, which may have spaces."""
    card = CARDS.get(number.replace(" ", ""))
    if card is None:
        raise invalid(NOT_A_TEST_CARD, param, "card_declined")
    return card
