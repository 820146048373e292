"""What is for sale, and for how much."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.core import signing

from accounts.errors import Refused
from accounts.models import User
from billing import prices
from generation import catalog, inputs, pricing
from generation.models import ModelSwitch


def enabled() -> dict[str, bool]:
    """Every model of the catalogue with whether it is offered: the operator's switch, else the catalogue's say."""
    switches = dict(ModelSwitch.objects.values_list("model", "enabled"))
    return {entry.id: sellable(entry) and switches.get(entry.id, entry.on_by_default) for entry in catalog.all()}


def sellable(entry: catalog.Entry) -> bool:
    """Whether the entry can be sold at all: nothing without a price is (R-BUD3)."""
    return entry.priced


def find(model: str) -> catalog.Entry:
    """The entry of a model that is for sale. Raises Refused with what to tell the customer."""
    try:
        entry = catalog.get(model)
    except catalog.UnknownModel:
        raise Refused("unknown_model", f"There is no model {model!r}.", status=404) from None
    switch = ModelSwitch.objects.filter(model=model).first()
    if not sellable(entry) or not (switch.enabled if switch else entry.on_by_default):
        raise Refused("model_off", f"{entry.title} is switched off at the moment.", status=409)
    return entry


def invalid_input(errors: list[catalog.FieldError]) -> Refused:
    """The refusal that names every field that is wrong."""
    summary = "; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in errors)
    return Refused("invalid_input", f"The input is not valid. {summary}", status=422, errors=inputs.listed(errors))


def quote(user: User, model: str, values: dict[str, Any]) -> pricing.Quote:
    """Validate an input and price it. The one function behind forms, quotes and charges (R-PR4, R-PR5)."""
    entry = find(model)
    if entry.chat:
        raise Refused("chat_model", f"{entry.title} is a chat model: use /v1/chat/completions.", status=409)
    try:
        normalised = catalog.validate(entry, values)
    except catalog.InvalidInput as error:
        raise invalid_input(error.errors) from None
    if errors := inputs.check(entry, user, normalised):
        raise invalid_input(errors)
    try:
        return pricing.quote(entry, normalised, prices.tariff(user.pk, entry.id))
    except pricing.Unpriced as error:
        raise Refused("not_for_sale", f"This combination is not for sale: {error}", status=422) from None


# Quotes that bind

QUOTE_LIFETIME = timedelta(minutes=15)
_SALT = "generation.quote"


def sign(user: User, model: str, quote: pricing.Quote) -> str:
    """A quote as a token: whoever brings it back in time pays this price for this input (R-PR6)."""
    signed = [user.pk, model, _digest(quote.input), quote.price_millicredits, quote.price_version]
    return signing.dumps(signed, salt=_SALT)


def agreed(user: User, model: str, quote: pricing.Quote, token: str = "") -> tuple[int, str]:
    """The price in millicredits, and its version, that this very request is charged.

    Those that `token` promises, also when another price list has taken effect meanwhile; without a token those of
    `quote`. Raises Refused("quote_…").
    """
    if not token:
        return quote.price_millicredits, quote.price_version
    try:
        *about, price, version = signing.loads(token, salt=_SALT, max_age=QUOTE_LIFETIME)
    except signing.SignatureExpired:
        raise Refused("quote_expired", "This quote has expired; ask for a new one.", status=409) from None
    except (signing.BadSignature, ValueError):
        raise Refused("quote_unknown", "This is not a quote of this platform.", status=422) from None
    if about != [user.pk, model, _digest(quote.input)]:
        raise Refused("quote_mismatch", "This quote was made for another request.", status=409)
    return int(price), str(version)


def _digest(values: dict[str, Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
