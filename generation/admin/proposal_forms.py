"""What an operator decides about a difference: each form turns into the patch of an entry."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from accounts.admin_buttons import Confirmation
from billing import prices
from billing.amounts import format_credits
from generation import exact_json
from generation.admin import proposals
from generation.catalog import changes, patches
from generation.catalog import prices as catalog_prices
from generation.catalog.models import CatalogueProposal
from generation.catalog.prices import Effect, Price

Kind = CatalogueProposal.Kind
MODALITIES = ("image", "video", "music", "speech", "audio", "text")
SMALLEST = Decimal("0.000001")
# Other units count something, which only a price in JSON can name.
UNITS = ("image", "video", "request")


class CreditsOfKieField(forms.DecimalField):
    """A number of KIE's credits, exact."""

    def __init__(self, **options: Any) -> None:
        # Nothing is sold for nothing, but what KIE gives away in a table of prices may stay in it.
        options.setdefault("min_value", SMALLEST)
        super().__init__(max_digits=12, decimal_places=6, **options)

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class JsonField(forms.CharField):
    """An object as JSON; its numbers are exact."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 12, "cols": 90, "class": "vLargeTextField"}), **options)

    def prepare_value(self, value: Any) -> Any:
        return exact_json.dumps(value, indent=2) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, Any] | None:  # type: ignore[override]
        if isinstance(value, dict) or not (value or "").strip():
            return value or None
        try:
            found = exact_json.loads(value)
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise forms.ValidationError("This must be an object, {…}.")
        return found


class PatchForm(Confirmation):
    """Asks what a kind of change needs, and gives "patch", "summary" and "version" in its cleaned data."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, initial: dict[str, Any]) -> None:
        self.model: str = initial["model"]
        self.proposal: CatalogueProposal | None = initial.get("proposal")
        now = changes.current(self.model)
        self.entry = now.entry
        super().__init__(data, initial={"version": now.version})
        self.price: Price | None = self.entry.price if self.entry else None
        self.ask()

    def ask(self) -> None:
        """Add fields."""

    def patch(self, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The patch and what it does, in a sentence. Raises ValueError."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            patch, summary = self.patch(data)
        except ValueError as error:
            raise forms.ValidationError(f"This cannot be taken over: {error}") from None
        return {**data, "patch": patch, "summary": summary}

    # Prices

    def ask_price(self) -> None:
        """One field for each number of a price, or the unit and the number of a plain one; or all of it as JSON."""
        if self.price is None:
            units = [(unit, f"per {unit}") for unit in UNITS]
            self.fields["unit"] = forms.ChoiceField(choices=units, label="KIE's price")
            self.fields["credits"] = CreditsOfKieField(
                required=False,
                label="KIE's credits",
                help_text="The same for every input: what is billed by length, number or quality needs JSON."
                " Empty: not for sale yet.",
            )
        else:
            numbers = self._numbers(self.price)
            for index, (amount, effect) in enumerate(zip(self.amounts(), self._effects(self.price), strict=True)):
                self.fields[f"amount_{index}"] = CreditsOfKieField(
                    label=amount.label,
                    initial=numbers.get(amount.path, amount.credits),
                    min_value=SMALLEST if amount.credits else Decimal(0),
                    help_text=_told(effect),
                )
        self.fields["price_json"] = JsonField(
            required=False, label="Or the price as JSON", help_text="As in docs/models.md; counts instead of the above."
        )

    def amounts(self) -> list[catalog_prices.Amount]:
        return catalog_prices.amounts(self.price) if self.price else []

    def _numbers(self, price: Price) -> dict[catalog_prices.Path, Decimal]:
        return (proposals.numbers(self.proposal, price) if self.proposal else None) or {}

    def _effects(self, price: Price) -> list[Effect]:
        return catalog_prices.effects(price, self._numbers(price) or None, prices.tariff(None, self.model))

    def chosen_price(self, data: dict[str, Any]) -> Price | None:
        if data.get("price_json"):
            return _readable(data["price_json"])
        if self.price is not None:
            numbers = {amount.path: data[f"amount_{index}"] for index, amount in enumerate(self.amounts())}
            return catalog_prices.replaced(self.price, numbers)
        if data.get("credits") is None:
            return None
        plain: Price = {"unit": data["unit"], "credits": 0}
        return catalog_prices.replaced(plain, {("credits",): data["credits"]})


def _told(effect: Effect) -> str:
    now = f"KIE's price is {format_credits(effect.cost_now)}, and we charge {format_credits(effect.price_now)}."
    if effect.cost_then is None or effect.price_then is None:
        return f"{now} What KIE asks now is not told in numbers."
    then = f"KIE's new price is {format_credits(effect.cost_then)}: we would charge {format_credits(effect.price_then)}"
    return f"{now} {then}; if nothing is done, {proposals.margin(effect)} is left."


def _readable(price: Price) -> Price:
    """A price whose numbers can be told; whether it makes sense is checked with the entry. Raises ValueError."""
    try:
        numbers = [catalog_prices.decimal(amount.credits) for amount in catalog_prices.amounts(price)]
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"the price is not of the documented shape: {error!r}") from None
    if None in numbers:
        raise ValueError("a price must be a number of credits")
    return price


def _changed(before: Price | None, after: Price) -> str:
    old = {amount.label: amount.credits for amount in catalog_prices.amounts(before)} if before else {}
    new = {amount.label: amount.credits for amount in catalog_prices.amounts(after)}
    changed = [
        f"{label} {_number(old.get(label))} → {_number(new.get(label))}"
        for label in dict.fromkeys([*old, *new])
        if old.get(label) != new.get(label)
    ]
    return ", ".join(changed) or "the same numbers as before"


def _number(credits: Decimal | None) -> str:
    return "none" if credits is None else f"{credits.normalize():f}"


class PriceForm(PatchForm):
    """KIE's price of a model, as an operator knows it."""

    def ask(self) -> None:
        self.ask_price()

    def patch(self, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
        price = self.chosen_price(data)
        if price is None:
            raise ValueError("a price is missing")
        text = self.proposal.after.get("text") if self.proposal else ""
        summary = f"KIE's price of {self.model}: {_changed(self.price, price)}"
        return patches.price(price, text or "", timezone.localdate()), summary


class StatusForm(PatchForm):
    """Retired, or back."""

    def patch(self, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
        retired = self.proposal is not None and self.proposal.kind == Kind.RETIRED
        words = "is retired and not for sale any more" if retired else "is live again"
        return patches.RETIRED if retired else patches.RETURNED, f"{self.model} {words}."


class SchemaForm(PatchForm):
    """One decision for each change. What would become for sale has to be ticked or priced (R-PR8)."""

    def ask(self) -> None:
        assert self.proposal is not None
        self.changes = patches.differences(self.proposal.before, self.proposal.after)
        moving = catalog_prices.ruled(self.price) if self.price else set()
        self.openings: dict[int, list] = {}
        for index, change in enumerate(self.changes):
            if change.what == "new value" and change.path in moving and self.price:
                self.openings[index] = catalog_prices.openings(self.price, change.path, change.after)
                for number, (_, when) in enumerate(self.openings[index]):
                    self.fields[f"price_{index}_{number}"] = CreditsOfKieField(
                        required=False,
                        label=f"{change}, {catalog_prices.words(when)}",
                        help_text=f"KIE's credits per {self.price['unit']}. Empty: not for sale.",
                    )
                continue
            self.fields[f"take_{index}"] = forms.BooleanField(
                required=False,
                initial=not change.widens,
                label=str(change),
                help_text="Not for sale unless ticked; then it costs what the price of today says."
                if change.widens
                else "",
            )
        words = "Only where the above is not enough; counts instead of it."
        self.fields["input_json"] = JsonField(required=False, label="The whole input as JSON", help_text=words)
        self.fields["price_json"] = JsonField(required=False, label="The whole price as JSON", help_text=words)

    def patch(self, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
        assert self.proposal is not None
        if self.entry is None:
            raise ValueError("the model is unknown")
        price, taken = self.price, []
        for index, change in enumerate(self.changes):
            if index in self.openings:
                numbers = [data[f"price_{index}_{number}"] for number in range(len(self.openings[index]))]
                if price is None or not any(number is not None for number in numbers):
                    continue
                price = catalog_prices.extended(price, self.openings[index], numbers)
            elif not data[f"take_{index}"]:
                continue
            taken.append(change)
        if data.get("price_json"):
            price = _readable(data["price_json"])
        source = self.proposal.after["input"]
        changed = data.get("input_json") or patches.taken_over(self.entry, taken, source)
        patch = patches.schema(self.entry, changed, price, timezone.localdate())
        left = [str(change) for change in self.changes if change not in taken]
        words = [f"Taken over for {self.model}: {'; '.join(map(str, taken)) or 'nothing'}."]
        return patch, " ".join([*words, *([f"Left out: {'; '.join(left)}."] if left else [])])


class NewModelForm(PatchForm):
    """A model that KIE sells and we do not. Without a price it is off."""

    def ask(self) -> None:
        assert self.proposal is not None
        after = self.proposal.after
        task = (after.get("task_types") or ["other"])[0].lower().replace(" ", "-")
        kinds = [(kind, kind) for kind in MODALITIES]
        fields: dict[str, forms.Field] = {
            "title": forms.CharField(max_length=120, initial=_short(after.get("title") or self.model)),
            "vendor": forms.CharField(max_length=60, initial=after.get("provider")),
            "modality": forms.ChoiceField(choices=kinds, label="Kind", initial=_modality(task)),
            "task": forms.CharField(max_length=60, initial=task),
            "input": JsonField(
                initial=after.get("input"),
                help_text="A JSON Schema; check what is marked as a file."
                if "input" in after
                else "KIE has no description of it: write a JSON Schema, for a job of createTask.",
            ),
            "example": JsonField(initial=after.get("example"), help_text="A complete input that is accepted."),
        }
        self.fields.update(fields)
        self.ask_price()
        known = {catalog_prices.decimal(credits) for credits in (after.get("rows") or {}).values()}
        if len(known) == 1:
            self.fields["credits"].initial = known.pop()

    def patch(self, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
        assert self.proposal is not None
        if not self.proposal.after.get("api", "market"):
            raise ValueError(f"the protocol of {self.proposal.after['endpoint']} is not spoken here")
        price = self.chosen_price(data)
        chosen = {name: data[name] for name in ("title", "vendor", "modality", "task", "input", "example")}
        patch = patches.new(self.model, self.proposal.after, {**chosen, "price": price}, timezone.localdate())
        words = f"KIE's price: {_changed(None, price)}" if price else "without a price, so it is not for sale"
        return patch, f"{self.model} was added, {words}."


def _short(title: str) -> str:
    """KIE's titles are advertisements: "Affordable Kling 2.1 Master API — …"."""
    words = title.partition(" — ")[0].partition(" | ")[0].removeprefix("Affordable ").removesuffix(" API")
    return words[:120]


def _modality(task: str) -> str:
    made = task.rpartition("to-")[2]
    return next((kind for kind in MODALITIES if kind in made), "image")
