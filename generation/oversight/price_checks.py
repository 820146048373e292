"""What a price list may not do unnoticed: sell a model for less than KIE charges us."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from billing import prices
from billing.models import PriceGroup, PriceList
from billing.prices import Tariff
from generation import catalog, pricing
from generation.pricing import MILLI


@dataclass(frozen=True)
class Loss:
    """A model that would be sold below its cost, and to whom ("" for everyone)."""

    model: str
    group: str
    ratio: Decimal

    def __str__(self) -> str:
        return f"{self.model}{f' for {self.group}' if self.group else ''} ({self.ratio:.0%} of its cost)"


def losses(price_list: PriceList, groups: Iterable[PriceGroup] | None = None) -> list[Loss]:
    """Every live model of which a list gets less than its cost; for each group, where it gets less than of everyone."""
    groups = PriceGroup.objects.all() if groups is None else groups
    everyone = list(_below(prices.Tariffs.under(price_list)))
    known = {loss.model: loss.ratio for loss in everyone}
    for group in groups:
        found = _below(prices.Tariffs.under(price_list, group.name, group.discount_percent))
        everyone += [loss for loss in found if loss.ratio < known.get(loss.model, 1)]
    return everyone


def _below(tariffs: prices.Tariffs) -> Iterator[Loss]:
    for entry in catalog.all():
        if entry.price is None or entry.retired:
            continue
        ratio = worth_of_cost(entry.price, tariffs.of(entry.id))
        if ratio < 1:
            yield Loss(entry.id, tariffs.group, ratio)


def worth_of_cost(price: dict, tariff: Tariff) -> Decimal:
    """Our price in dollars for each dollar of KIE's, before anything is rounded up."""
    credits = pricing.rate_per_unit(price)
    ours, theirs = tariff.markup, Decimal(1)
    if tariff.fixed_millicredits is not None and credits:
        ours, theirs = tariff.fixed_millicredits, credits * MILLI
    return ours * settings.CREDIT_USD / (theirs * settings.KIE_CREDIT_USD)


def named(found: list[Loss], most: int = 12) -> str:
    """The models in a sentence."""
    words = [str(loss) for loss in found[:most]]
    more = len(found) - most
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")
