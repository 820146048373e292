from datetime import datetime, timedelta

from django import forms
from django.utils import timezone


class KeyForm(forms.Form):
    """What a new API key is called, and for how many days it works."""

    name = forms.CharField(max_length=100, help_text="So that you recognise it, such as the program that uses it.")
    days = forms.TypedChoiceField(
        label="Expires",
        choices=[("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")],
        coerce=int,
        empty_value=None,
        required=False,
    )

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None
