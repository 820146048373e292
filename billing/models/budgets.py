"""Caps on upstream cost, what has been used of them, and the usual spending by hour, in KIE's millicredits."""

from django.db import models
from django.db.models import Q


class Budget(models.Model):
    """A cap on upstream cost per local calendar day and month, in KIE's millicredits.

    `scope` says of what: "platform", "model:<id>", "user:<pk>" or "key:<pk>". No cap (null) means that nothing is
    refused; zero means that everything is. Use is counted while there is a row, and for the platform always.
    """

    PLATFORM = "platform"
    # From what few share to what all share: rows are locked in this order.
    KINDS = ("key", "user", "model", PLATFORM)

    scope = models.CharField(max_length=120, primary_key=True)
    daily_cap_millicredits = models.BigIntegerField(null=True, blank=True)
    monthly_cap_millicredits = models.BigIntegerField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    # Grows when use is counted anew, so that whoever read the row before notices.
    version = models.PositiveIntegerField(default=1, editable=False)
    # Since when use is the sum over the generations; null: since there are any.
    counted_from = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(daily_cap_millicredits__gte=0), name="budget_cap_floor"),
            models.CheckConstraint(condition=Q(monthly_cap_millicredits__gte=0), name="budget_monthly_cap_floor"),
        ]

    def __str__(self) -> str:
        return self.scope

    @property
    def kind(self) -> str:
        return self.scope.partition(":")[0]

    @property
    def subject(self) -> str:
        """Which model, user or key."""
        return self.scope.partition(":")[2]


class BudgetUse(models.Model):
    """What a local day ("2026-11-21") or month ("2026-11") has used: the actual cost if known, else the estimate."""

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="uses")
    period = models.CharField(max_length=10)
    used_millicredits = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "period"], name="budget_use_unique"),
            models.CheckConstraint(condition=Q(used_millicredits__gte=0), name="budget_use_floor"),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} in {self.period}"


class SpendHour(models.Model):
    """One hour of the platform that is over: what it spent upstream, and how many generations ended well and not.

    Customers' own mistakes are in neither number (R-BRK1).
    """

    starts_at = models.DateTimeField(primary_key=True)
    cost_millicredits = models.BigIntegerField()
    succeeded = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:00}"
