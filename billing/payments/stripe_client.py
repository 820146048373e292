"""Stripe: the one place that makes its client and calls it. What Stripe says comes back as plain dicts.

Refused("payments_unavailable")   no answer, or Stripe is busy: the same call may succeed later; or Stripe refuses our
                                  key or account, which the operator is told
Declined                          a card was declined
NotFound                          Stripe knows no such object
Rejected                          what the call says is wrong: settings or a bug of ours
"""

import logging
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import stripe
from django.conf import settings
from django.db import connection

from accounts.errors import Refused
from billing import alerts

# Answers have the shapes of this version, whatever the account's own is.
API_VERSION = "2026-10-28.endive"
HOST = "https://api.stripe.com"
# One try and so many more, each with a time limit of its own and the same idempotency key.
RETRIES = 1
PAGE = 100
# Stripe's words about a key quote its ends, with stars between them.
_KEY = re.compile(r"\S*\*\*\S*|\b[a-z]{2}_(test|live)_\w+")

Answer = dict[str, Any]
Key = TypeVar("Key")
logger = logging.getLogger(__name__)


class Declined(Exception):
    """A card was declined; the intent, if one was made, says why."""

    def __init__(self, message: str, payment_intent: str = "") -> None:
        super().__init__(message)
        self.payment_intent = payment_intent


class Rejected(Exception):
    """Stripe understood the call and refuses it; `about` is the parameter at fault, or Stripe's code, or empty."""

    def __init__(self, message: str, about: str = "") -> None:
        super().__init__(message)
        self.about = about


class NotFound(Rejected):
    """There is no such object at Stripe."""


def configured() -> bool:
    """Whether payments are set up."""
    return bool(settings.STRIPE_SECRET_KEY)


def refuse_unless_configured() -> None:
    """Raise Refused("payments_off") where there is no key."""
    if not configured():
        raise Refused("payments_off", "Credits cannot be bought here at the moment.", status=503)


@lru_cache(maxsize=4)
def _client(key: str, base: str, timeout_seconds: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=timeout_seconds),
    )


def call(ask: Callable[[stripe.StripeClient], stripe.StripeObject]) -> Answer:
    """Ask Stripe one thing: `call(lambda api: api.v1.customers.retrieve(id))`. Never inside a transaction."""
    if connection.in_atomic_block:
        raise RuntimeError("Stripe must not be called inside a transaction.")
    refuse_unless_configured()
    api = _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, settings.STRIPE_TIMEOUT_SECONDS)
    try:
        return ask(api).to_dict(for_json=True)
    except stripe.CardError as error:
        body: Any = error.json_body or {}
        intent = body.get("error", {}).get("payment_intent")
        raise Declined(error.user_message or "The card was declined.", id_of(intent)) from error
    except stripe.InvalidRequestError as error:
        kind = NotFound if error.code == "resource_missing" else Rejected
        raise kind(_words(error), error.param or error.code or "") from error
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        # No customer can do anything about it, nor should they read it (R-API1).
        alerts.tell(f"stripe-account:{alerts.today()}", f"Stripe refuses to work for us: {_words(error)}")
        message = "Payments do not work at the moment. Nothing was charged; the operator has been told."
        raise Refused("payments_unavailable", message, status=503) from error
    except stripe.StripeError as error:
        message = "The payment service cannot be reached. Nothing was charged; try again in a minute."
        raise Refused("payments_unavailable", message, status=503, retry_after_seconds=60) from error


def _words(error: stripe.StripeError) -> str:
    """What Stripe says, for operators and logs, without any part of a key (R-SEC3)."""
    return _KEY.sub("[key]", error.user_message or str(error))


def rows(ask: Callable[[stripe.StripeClient, str], stripe.StripeObject], most: int = 10 * PAGE) -> list[Answer]:
    """The rows of a list, newest first: `ask(api, after)` asks for the page after an id ("" for the first)."""
    found: list[Answer] = []
    while True:
        after = found[-1]["id"] if found else ""
        page = call(lambda api, after=after: ask(api, after))  # type: ignore[misc]
        found += page["data"]
        if not page["has_more"] or len(found) >= most:
            return found


def for_each(keys: Sequence[Key], act: Callable[[Key], object]) -> int:
    """Do something that asks Stripe for many; what fails for one keeps none of the others. Returns how many."""
    for key in keys:
        try:
            act(key)
        except (Refused, Rejected, Declined) as failure:
            logger.warning("%s: %s", key, failure)
    return len(keys)


def after(id: str) -> Answer:
    """The parameters of a page of `rows`."""
    return {"limit": PAGE} | ({"starting_after": id} if id else {})


def id_of(field: Any) -> str:
    """The id in a field that may be expanded, or empty."""
    return (field["id"] if isinstance(field, dict) else field) or ""


def code(amount_currency: str | None) -> str:
    """A currency as we write it."""
    return (amount_currency or "").upper()
