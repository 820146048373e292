"""Our account at KIE, and what operators are told."""

from django.db import models
from django.utils import timezone


class UpstreamBalance(models.Model):
    """KIE's credit balance as it was read, in KIE's millicredits."""

    millicredits = models.BigIntegerField()
    read_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        get_latest_by = "read_at"

    def __str__(self) -> str:
        return f"{self.millicredits} at {self.read_at:%Y-%m-%d %H:%M}"


class Breaker(models.Model):
    """Whether submission to KIE is paused, and why. One row; the reason is for operators only."""

    class Cause(models.TextChoices):
        ACCOUNT = "account", "our key or balance at KIE"
        BUSY = "busy", "KIE asks for patience"
        OPERATOR = "operator"

    name = models.CharField(max_length=20, primary_key=True)
    cause = models.CharField(max_length=10, choices=Cause.choices, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """Something an operator must know. One per key: subject, threshold and period are all part of it (R-AL1)."""

    key = models.CharField(max_length=200, unique=True)
    message = models.TextField()
    raised_at = models.DateTimeField(default=timezone.now, db_index=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.key
