"""Which price applies to whom, and when: the verbs of price lists.

The list in effect is the newest whose instant has come; nothing has to run for that. Without one, `PRICE_MARKUP` of
the settings is the price. Within a list the most specific line counts: first those of the customer's group, then those
for everyone, and of these an exact model id before a pattern, a longer pattern before a shorter. A group's discount is
taken off whatever was set for everyone, never off a line of the group itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing.amounts import format_credits
from billing.models import PriceGroup, PriceList, PriceMember

EVERY_MODEL = "*"
_KEPT = "billing.prices"


@dataclass(frozen=True)
class Tariff:
    """How our price follows from KIE's: `markup` times it, rounded up to a multiple of `step_millicredits`.

    `fixed_millicredits`, where there is one, is the price of one unit instead (a second, an image …), for models that
    have one price per unit; the rounding is the same. `version` names what set it. Raises ValueError.
    """

    markup: Decimal
    step_millicredits: int = 1
    fixed_millicredits: Decimal | None = None
    version: str = ""

    def __post_init__(self) -> None:
        for name in ("markup", "fixed_millicredits"):
            value = getattr(self, name)
            if value is None and name == "fixed_millicredits":
                continue
            if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
                raise ValueError(f"the {name} must be a positive Decimal")
        if type(self.step_millicredits) is not int or self.step_millicredits < 1:
            raise ValueError("the step must be a whole number of millicredits")


@dataclass(frozen=True)
class Line:
    """A line of a price list: for a model, or a pattern such as `veo-*`, and a group or, with "", everyone.

    Either `markup`, or `price_millicredits` for one unit.
    """

    model: str
    group: str = ""
    markup: Decimal | None = None
    price_millicredits: int | None = None

    @property
    def exact(self) -> bool:
        return EVERY_MODEL not in self.model

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The larger, the more specific."""
        return bool(self.group), self.exact, len(self.model)

    def matches(self, model: str, group: str) -> bool:
        return self.group in ("", group) and fnmatchcase(model, self.model)

    def __str__(self) -> str:
        whom = f" for {self.group}" if self.group else ""
        if self.markup is not None:
            return f"{self.model}{whom}: × {plain(self.markup)}"
        return f"{self.model}{whom}: {format_credits(self.price_millicredits or 0)} credits per unit"


def plain(number: Decimal) -> str:
    """Without trailing zeros: "1.25"."""
    return f"{number.normalize():f}"


def stored(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Lines as they stand in `PriceList.overrides`."""
    rows = [{**vars(line), "markup": None if line.markup is None else plain(line.markup)} for line in lines]
    return [{name: value for name, value in row.items() if value not in (None, "")} for row in rows]


def lines(price_list: PriceList) -> list[Line]:
    """The lines of a list, the most specific first."""
    found = [
        Line(**{**row, "markup": Decimal(row["markup"]) if "markup" in row else None}) for row in price_list.overrides
    ]
    return sorted(found, key=lambda line: line.rank, reverse=True)


@dataclass(frozen=True)
class Tariffs:
    """What one customer pays, or everyone without a group: all models under one list."""

    price_list: PriceList
    group: str = ""
    discount_percent: Decimal = Decimal(0)
    lines: list[Line] = field(default_factory=list)

    @classmethod
    def under(cls, price_list: PriceList, group: str = "", discount_percent: Decimal = Decimal(0)) -> "Tariffs":
        return cls(price_list, group, discount_percent, lines(price_list))

    def of(self, model: str) -> Tariff:
        """The tariff of a model."""
        found = [line for line in self.lines if line.matches(model, self.group)]
        markup, version = self._less(self.price_list.markup)
        for line in found:
            if line.markup is not None:
                markup, version = self._less(line.markup, line.group)
                break
        fixed = None
        if found and found[0].price_millicredits is not None:
            fixed, version = self._less(Decimal(found[0].price_millicredits), found[0].group)
        return Tariff(markup, self.price_list.step_millicredits, fixed, version)

    def _less(self, number: Decimal, group: str = "") -> tuple[Decimal, str]:
        """A number that was set for a group, or for everyone, less the discount; and the version that says so."""
        version = name(self.price_list)
        if group or not self.discount_percent:
            return number, version
        return number * (100 - self.discount_percent) / 100, f"{version}-{plain(self.discount_percent)}%"


def name(price_list: PriceList) -> str:
    """How a list is called in the price version of a generation: "p12"; the default of the settings is "x1.25"."""
    return f"p{price_list.pk}" if price_list.pk else f"x{plain(price_list.markup)}"


# Reading


def tariffs(user_id: int | None = None, at: datetime | None = None) -> Tariffs:
    """What a customer, or without one everyone, pays now or at a time to come. A query where there are groups.

    A list that was saved by another process a moment ago counts within `PRICES_RELOAD_SECONDS`.
    """
    lists, discounts = _kept()
    at = at or timezone.now()
    # The newest come first.
    price_list = next((one for one in lists if one.effective_from <= at), None) or default()
    group = _group_of(user_id) if user_id and discounts else ""
    # A group that is too new to be known yet gives nothing off for these seconds.
    return Tariffs.under(price_list, group, discounts.get(group, Decimal(0)))


def tariff(user_id: int | None, model: str) -> Tariff:
    """What a customer pays for a model now."""
    return tariffs(user_id).of(model)


def in_effect(at: datetime | None = None) -> PriceList:
    """The list at a time, straight from the database; an unsaved one from the settings where there is none."""
    return PriceList.objects.filter(effective_from__lte=at or timezone.now()).first() or default()


def default() -> PriceList:
    """What is charged where there is no list: `PRICE_MARKUP`."""
    return PriceList(markup=settings.PRICE_MARKUP)


def _group_of(user_id: int) -> str:
    return PriceMember.objects.filter(user=user_id).values_list("group", flat=True).first() or ""


def _kept() -> tuple[list[PriceList], Mapping[str, Decimal]]:
    """The lists that count now or later, and the discount of each group, at most a few seconds old."""
    cache = caches["process"]
    found = cache.get(_KEPT)
    if found is None:
        found = _read()
        cache.set(_KEPT, found, settings.PRICES_RELOAD_SECONDS)
    return found


def _read() -> tuple[list[PriceList], dict[str, Decimal]]:
    now = timezone.now()
    coming, past = PriceList.objects.filter(effective_from__gt=now), PriceList.objects.filter(effective_from__lte=now)
    return [*coming, *past[:1]], dict(PriceGroup.objects.values_list("name", "discount_percent"))


def forget() -> None:
    """Have this process look anew, now and when what it does is committed."""
    caches["process"].delete(_KEPT)
    transaction.on_commit(lambda: caches["process"].delete(_KEPT))


# Changing


def issue(draft: PriceList, *, author: User | None, replaces: PriceList | None = None) -> PriceList:
    """Save a draft as a new version, in effect from its instant, or at once where it has none.

    `replaces` is a list whose time has not come yet. Raises Refused.
    """
    now = timezone.now()
    if draft.effective_from is not None and draft.effective_from <= now:
        raise Refused("price_list_past", "A list cannot take effect in the past: the prices of then were charged.")
    with transaction.atomic():
        if replaces is not None:
            withdraw(replaces)
        draft.effective_from = draft.effective_from or now
        draft.author = author
        try:
            with transaction.atomic():
                draft.save(force_insert=True)
        except IntegrityError:
            message = "Another list takes effect at this very instant."
            raise Refused("price_list_instant", message, status=409) from None
        forget()
    return draft


def withdraw(price_list: PriceList) -> None:
    """Take back a list whose time has not come. Raises Refused."""
    gone, _ = PriceList.objects.filter(pk=price_list.pk, effective_from__gt=timezone.now()).delete()
    if not gone:
        raise Refused("price_list_in_effect", "This list has taken effect and stays as it is.", status=409)
    forget()


def join(user: User, group: PriceGroup | None) -> None:
    """Put a customer into a group, out of any other; None: into none."""
    if group is None:
        PriceMember.objects.filter(user=user).delete()
    else:
        PriceMember.objects.update_or_create(user=user, defaults={"group": group})


def mentioned(group: str) -> bool:
    """Whether a line of any list is for a group: then the group has to stay."""
    return any(line.group == group for price_list in PriceList.objects.all() for line in lines(price_list))
