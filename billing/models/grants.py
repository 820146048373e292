"""Gifts that come again every month."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class RecurringGrant(models.Model):
    """Credits for a customer on the same day of every month, from `starts_at` until `ends_at`.

    `author` is who agreed to the highest amount it has had, `agreed_millicredits`, at `agreed_at` (None: that was not
    kept then). It counts against what an operator books alone.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recurring_grants")
    amount_millicredits = models.BigIntegerField()
    # How long each gift can be used; None: for ever.
    lasts_days = models.PositiveIntegerField(null=True, blank=True)
    note = models.CharField(max_length=500)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    # How often it was given: the next is due that many months after the start.
    given = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, editable=False, db_index=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False)
    agreed_millicredits = models.BigIntegerField(default=0, editable=False)
    agreed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_millicredits__gt=0), name="recurring_grant_amount_floor"),
            models.CheckConstraint(condition=~Q(lasts_days=0), name="recurring_grant_lasts"),
        ]

    def __str__(self) -> str:
        return f"{self.note} for {self.user}"
