"""What an operator types into a draft of the price list; whatever is wrong is said at its field."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core import signing
from django.utils import timezone

from billing import prices
from billing.amounts import MILLI
from billing.fields import CreditsField
from billing.models import PriceGroup, PriceList
from billing.models.prices import LARGEST_MARKUP, LARGEST_STEP_MILLICREDITS
from billing.prices import EVERY_MODEL, Line
from generation import catalog, pricing
from generation.oversight import price_checks
from generation.oversight.price_checks import Loss

SALT = "generation.rehearsed"
REHEARSAL_SECONDS = 24 * 3600
LARGEST_PRICE_MILLICREDITS = 1_000_000 * MILLI
FARTHEST = timedelta(days=2 * 366)
MOST_LINES = 300


class FactorField(forms.DecimalField):
    """A number that KIE's price is multiplied by, such as 1.25."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=Decimal("0.0001"), max_value=LARGEST_MARKUP, max_digits=8, decimal_places=4, **options
        )
        self.widget.attrs |= {"step": "any", "inputmode": "decimal"}

    def prepare_value(self, value: Any) -> Any:
        return prices.plain(value) if isinstance(value, Decimal) else value


class DraftForm(forms.Form):
    """A price list that is not saved yet."""

    effective_from = forms.DateTimeField(
        required=False,
        label="In effect from",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    markup = FactorField(label="Markup", help_text="Our price for KIE's price: 1.25 adds a quarter.")
    step = CreditsField(label="Rounded up to", help_text="Every price becomes a multiple of this many credits.")
    reason = forms.CharField(
        max_length=300,
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
        help_text="For the books; operators can read it.",
    )
    below_cost = forms.BooleanField(required=False, label="Sell them below cost all the same")
    rehearsed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, replaces: PriceList | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.replaces = replaces
        zone = timezone.get_current_timezone_name()
        self.fields["effective_from"].help_text = f"Time zone: {zone}. Empty: at once."

    def clean_effective_from(self) -> Any:
        at = self.cleaned_data["effective_from"]
        if at is None:
            return None
        if at <= timezone.now():
            raise forms.ValidationError("This is in the past: what was charged then stays as it is.")
        if at > timezone.now() + FARTHEST:
            raise forms.ValidationError("This is too far away: at most two years.")
        other = PriceList.objects.filter(effective_from=at).first()
        if other and other != self.replaces:
            raise forms.ValidationError(f"At this instant {other} takes effect.")
        return at

    def clean_step(self) -> int:
        step = self.cleaned_data["step"]
        if not 1 <= step <= LARGEST_STEP_MILLICREDITS:
            raise forms.ValidationError("This must be at least 0.001 and at most 1000 credits.")
        return step


class LineForm(forms.Form):
    """One line of a draft: a model or a pattern, maybe a group, and either a markup or a price per unit."""

    model = forms.CharField(
        label="Model or pattern",
        max_length=120,
        widget=forms.TextInput(attrs={"list": "models", "autocomplete": "off"}),
    )
    group = forms.ChoiceField(required=False, label="For")
    markup = FactorField(required=False)
    price = CreditsField(required=False, label="Or credits per unit")

    def __init__(self, *args: Any, groups: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["group"].choices = [("", "everyone"), *((name, name) for name in groups)]  # type: ignore[attr-defined]

    def clean_model(self) -> str:
        model = self.cleaned_data["model"]
        known = {entry.id for entry in catalog.all()}
        if EVERY_MODEL not in model and model not in known:
            raise forms.ValidationError(f"There is no model {model!r}.")
        if not any(Line(model).matches(name, "") for name in known):
            raise forms.ValidationError("No model matches this pattern.")
        return model

    def clean_price(self) -> int | None:
        price = self.cleaned_data["price"]
        if price is not None and not 0 < price <= LARGEST_PRICE_MILLICREDITS:
            raise forms.ValidationError("This must be more than nothing and at most 1000000 credits.")
        return price

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if (data["markup"] is None) == (data["price"] is None):
            self.add_error("markup", "Either a markup or a price per unit.")
        elif data["price"] is not None and not _fixable(data["model"]):
            words = "Only a model that costs the same for every unit can have a price per unit: give a markup."
            self.add_error("price", words)
        return data

    def line(self) -> Line:
        data = self.cleaned_data
        return Line(data["model"], data["group"], data["markup"], data["price"])


def _fixable(model: str) -> bool:
    if EVERY_MODEL in model:
        return False
    price = catalog.get(model).price
    return price is not None and pricing.rate_per_unit(price) is not None


class LineForms(forms.BaseFormSet):
    """All lines of a draft; each is for something else."""

    def clean(self) -> None:
        seen: set[tuple[str, str]] = set()
        for form in self.kept():
            about = form.cleaned_data.get("model"), form.cleaned_data.get("group")
            if None in about:
                continue
            if about in seen:
                form.add_error("model", "There is another line for this.")
            seen.add(about)

    def kept(self) -> list[Any]:
        """The forms that say something and are not to be removed."""
        gone = self.deleted_forms if self.is_bound and hasattr(self, "cleaned_data") else []
        return [form for form in self.forms if form.has_changed() and form not in gone]


def _line_forms(extra: int) -> Any:
    return forms.formset_factory(
        LineForm, formset=LineForms, extra=extra, can_delete=True, max_num=MOST_LINES, validate_max=True
    )


class Draft:
    """The form of a draft with its lines: what it says, whether that holds, and whether it was rehearsed."""

    def __init__(self, data: Any = None, *, source: PriceList, replaces: PriceList | None = None) -> None:
        groups = list(PriceGroup.objects.order_by("name").values_list("name", flat=True))
        initial = {
            "markup": source.markup,
            "step": source.step_millicredits,
            "effective_from": replaces.effective_from if replaces else None,
            "reason": replaces.reason if replaces else "",
        }
        rows = [{**vars(line), "price": line.price_millicredits} for line in prices.lines(source)]
        lines = _line_forms(extra=0 if data else 3)
        self.form = DraftForm(data, initial=initial, replaces=replaces)
        # What is posted is compared with nothing, so that every line counts as given.
        self.lines = lines(data, initial=None if data else rows, prefix="line", form_kwargs={"groups": groups})
        self.replaces = replaces
        self.losses: list[Loss] = []

    def is_valid(self) -> bool:
        # Both, so that everything wrong is shown at once.
        return all([self.form.is_valid(), self.lines.is_valid()])

    def price_list(self) -> PriceList:
        """What was typed, unsaved."""
        data = self.form.cleaned_data
        return PriceList(
            effective_from=data["effective_from"],
            markup=data["markup"],
            step_millicredits=data["step"],
            overrides=prices.stored(form.line() for form in self.lines.kept()),
            reason=data["reason"],
        )

    def check(self, price_list: PriceList, *, saving: bool) -> bool:
        """Whether it may be saved: it was rehearsed as it is, and what it sells below cost is confirmed."""
        self.losses = price_checks.losses(price_list)
        rehearsed = self._rehearsed() == _content(price_list)
        if saving and not rehearsed:
            self.form.add_error(None, "Not saved: this was not rehearsed as it stands here. See below what it does.")
        if saving and self.losses and not self.form.cleaned_data["below_cost"]:
            self.form.add_error("below_cost", f"This sells below its cost: {price_checks.named(self.losses)}.")
        return saving and not self.form.errors

    def sign(self, price_list: PriceList) -> str:
        """What the page keeps to prove that this very draft was rehearsed."""
        return signing.dumps(_content(price_list), salt=SALT)

    def _rehearsed(self) -> Any:
        try:
            return signing.loads(self.form.cleaned_data["rehearsed"], salt=SALT, max_age=REHEARSAL_SECONDS)
        except signing.BadSignature:
            return None


def _content(price_list: PriceList) -> list[Any]:
    return [prices.plain(price_list.markup), price_list.step_millicredits, price_list.overrides]


class GroupForm(forms.ModelForm):
    """A group of customers, with its discount."""

    below_cost = forms.BooleanField(required=False, label="Sell below cost all the same")

    class Meta:
        model = PriceGroup
        fields = ["name", "discount_percent", "note"]
        labels = {"discount_percent": "Discount, in percent"}
        help_texts = {
            "name": "Such as resellers. It cannot be changed later.",
            "discount_percent": "Off what the price list says for everyone; from now on. Lines for this group count as"
            " they are.",
        }

    def clean_discount_percent(self) -> Decimal:
        percent = self.cleaned_data["discount_percent"]
        if not 0 <= percent < 100:
            raise forms.ValidationError("This must be at least 0 and less than 100.")
        return percent

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors or data.get("below_cost") or "discount_percent" not in self.changed_data:
            return data
        name = self.instance.pk or data["name"]
        group = PriceGroup(name=name, discount_percent=data["discount_percent"])
        lists = [prices.in_effect(), *PriceList.objects.filter(effective_from__gt=timezone.now())]
        found = [loss for price_list in lists for loss in price_checks.losses(price_list, [group])]
        if mine := [loss for loss in dict.fromkeys(found) if loss.group]:
            self.add_error("below_cost", f"This sells below its cost: {price_checks.named(mine)}.")
        return data
