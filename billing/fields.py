"""What people type: credits as decimal strings."""

from typing import Any

from django import forms

from billing.amounts import format_credits, parse_credits


class CreditsField(forms.CharField):
    """A number of credits as people write it, such as 12.5; its value is an integer in millicredits, or None."""

    def prepare_value(self, value: Any) -> Any:
        return format_credits(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]
        text = super().to_python(value)
        if not text:
            return None
        try:
            return parse_credits(text)
        except ValueError as error:
            raise forms.ValidationError(f"This {error}.") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
