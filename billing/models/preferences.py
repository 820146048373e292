"""What users choose about how they are told of their money."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Preferences(models.Model):
    """A user's own choices; without a row, or where one is empty, the settings decide.

    `told_at` is when the user was last told that credits run low, until they have risen again; `income_then` is what
    had come in by then.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preferences"
    )
    time_zone = models.CharField(max_length=64, blank=True)
    low_credit_mail = models.BooleanField(default=True)
    low_credit_millicredits = models.BigIntegerField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, editable=False)
    income_then = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name_plural = "preferences"
        constraints = [
            models.CheckConstraint(
                condition=Q(low_credit_millicredits=None) | Q(low_credit_millicredits__gte=0), name="low_credit_floor"
            )
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"
