"""What users may choose, as it is posted."""

from django import forms

from billing.fields import CreditsField
from billing.preferences import zones


class PreferencesForm(forms.Form):
    """The choices as they are posted; an empty zone or number leaves it to the site."""

    time_zone = forms.CharField(required=False, max_length=64)
    low_credit_mail = forms.BooleanField(required=False)
    low_credit_millicredits = CreditsField(required=False)

    def clean_time_zone(self) -> str:
        name = self.cleaned_data["time_zone"]
        if name and name not in zones():
            raise forms.ValidationError("This is no time zone; one of the list is meant, such as Europe/Berlin.")
        return name

    def clean_low_credit_millicredits(self) -> int | None:
        number = self.cleaned_data["low_credit_millicredits"]
        if number is not None and number < 0:
            raise forms.ValidationError("This must not be less than nothing.")
        return number


class ZoneForm(forms.Form):
    """The time zone alone."""

    time_zone = PreferencesForm.base_fields["time_zone"]
    clean_time_zone = PreferencesForm.clean_time_zone
