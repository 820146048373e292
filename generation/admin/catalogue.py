"""The catalogue as operators see it: every model with its prices, its status, how reliable and whether it is on."""

from dataclasses import dataclass
from decimal import Decimal

from billing import prices
from generation import catalog, offers, pricing
from generation.catalog.models import Listing
from generation.models import ModelSwitch

STATUSES = ["live", "retired", "unknown", "unpriced"]


@dataclass(frozen=True)
class Row:
    """A model and what is known of it; `reason` is that of the operator's switch, None without one.

    `success_rate` is KIE's, in percent of the last day as it was last read.
    """

    entry: catalog.Entry
    price: str
    statuses: list[str]
    sellable: bool
    enabled: bool
    reason: str | None
    success_rate: Decimal | None


def statuses(entry: catalog.Entry) -> list[str]:
    """What can be said of a model; several may hold."""
    unpriced = [] if entry.priced else ["unpriced"]
    return [entry.status, *unpriced]


def rows(q: str = "", vendor: str = "", kind: str = "", status: str = "", on: str = "") -> list[Row]:
    """The models that match, in three queries. `on` is "yes", "no" or "" for both."""
    enabled = offers.enabled()
    reasons = dict(ModelSwitch.objects.values_list("model", "reason"))
    rates = dict(Listing.objects.values_list("model", "success_rate"))
    tariffs = prices.tariffs()
    return [
        Row(
            entry=entry,
            price=pricing.describe(entry, tariffs.of(entry.id)),
            statuses=statuses(entry),
            sellable=offers.sellable(entry),
            enabled=enabled[entry.id],
            reason=reasons.get(entry.id),
            success_rate=rates.get(entry.id),
        )
        for entry in catalog.all()
        if all(word in f"{entry.id} {entry.title} {entry.vendor}".lower() for word in q.lower().split())
        and vendor in ("", entry.vendor)
        and kind in ("", entry.modality)
        and (not status or status in statuses(entry))
        and (not on or enabled[entry.id] == (on == "yes"))
    ]


def choices() -> dict[str, list[str]]:
    """The values of each filter."""
    entries = catalog.all()
    vendors, kinds = ({getattr(entry, name) for entry in entries} for name in ("vendor", "modality"))
    return {"vendor": sorted(vendors), "kind": sorted(kinds), "status": STATUSES, "on": ["yes", "no"]}
