"""Caps on upstream cost and what has been used of them, in KIE's millicredits."""

from django.db import models
from django.db.models import Q


class Budget(models.Model):
    """A cap on upstream cost per local calendar day, in KIE's millicredits. `scope` is "platform" for all of it.

    No cap (null) means that nothing is refused; usage is counted all the same.
    """

    PLATFORM = "platform"

    scope = models.CharField(max_length=120, primary_key=True)
    daily_cap_millicredits = models.BigIntegerField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(daily_cap_millicredits__gte=0), name="budget_cap_floor"),
        ]

    def __str__(self) -> str:
        return self.scope


class BudgetDay(models.Model):
    """What one local day has used of a budget: the actual cost where it is known, else the estimate (R-BUD2)."""

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    used_millicredits = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "day"], name="budget_day_unique"),
            models.CheckConstraint(condition=Q(used_millicredits__gte=0), name="budget_day_floor"),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} on {self.day}"
