"""Our account at KIE, and what operators are told."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class UpstreamBalance(models.Model):
    """KIE's credit balance as it was read, and what it should have been, in KIE's millicredits.

    `charged_…` is what KIE may have taken in all by then: what our books say for sure, and that with what still runs.
    `expected_…` is the band that follows from the last `trusted` reading before it.
    """

    millicredits = models.BigIntegerField()
    read_at = models.DateTimeField(default=timezone.now, db_index=True)
    charged_low = models.BigIntegerField(null=True)
    charged_high = models.BigIntegerField(null=True)
    expected_low = models.BigIntegerField(null=True)
    expected_high = models.BigIntegerField(null=True)
    trusted = models.BooleanField(default=False, db_index=True)
    trusted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        get_latest_by = "read_at"

    def __str__(self) -> str:
        return f"{self.millicredits} at {self.read_at:%Y-%m-%d %H:%M}"

    @property
    def drift(self) -> int | None:
        """How far the balance lies outside of what was expected: below is negative; None if nothing was expected."""
        if self.expected_low is None or self.expected_high is None:
            return None
        return min(0, self.millicredits - self.expected_low) + max(0, self.millicredits - self.expected_high)


class UpstreamCost(models.Model):
    """A change of what KIE has charged by our books; the sum of all rows is what it has charged in all.

    Many write at the same moment, so each adds a row of its own instead of waiting for one that all share. Rows are
    summed up into one now and then.
    """

    millicredits = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.millicredits)


class UpstreamTopUp(models.Model):
    """Credits that we bought at KIE: inferred from a balance that jumped up, or entered by an operator."""

    class Source(models.TextChoices):
        INFERRED = "inferred", "inferred, to be confirmed"
        CONFIRMED = "confirmed", "inferred, confirmed"
        ENTERED = "entered", "entered by hand"

    millicredits = models.BigIntegerField()
    at = models.DateTimeField(default=timezone.now, db_index=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "top-up at KIE"
        verbose_name_plural = "top-ups at KIE"
        constraints = [models.CheckConstraint(condition=models.Q(millicredits__gte=0), name="upstream_top_up_floor")]

    def __str__(self) -> str:
        return f"{self.millicredits} at {self.at:%Y-%m-%d %H:%M}"


class Breaker(models.Model):
    """Whether submission to KIE is paused, and why. One row; the reason is for operators only.

    closed: `opened_at` is null. Open: until somebody resumes, or until `retry_at` if there is one. A pause that ends
    by trying is half open from `trying_since` on: `trials_left` submissions may still be made.
    """

    class Cause(models.TextChoices):
        ACCOUNT = "account", "our key or balance at KIE"
        BUSY = "busy", "KIE asks for patience"
        OPERATOR = "operator"
        SPEND = "spend", "spending far above its usual"
        FAILURES = "failures", "failures far above their usual"

    # What was noticed by a comparison may have passed: some trials tell.
    TRIED = (Cause.SPEND, Cause.FAILURES)

    name = models.CharField(max_length=20, primary_key=True)
    cause = models.CharField(max_length=10, choices=Cause.choices, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    trying_since = models.DateTimeField(null=True)
    trials_left = models.PositiveSmallIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """Something an operator must know. One per key: subject, threshold and period are all part of it (R-AL1).

    It is open until someone acknowledges it. `url` is where in the admin to look.
    """

    class Severity(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        CRITICAL = "critical"

    key = models.CharField(max_length=200, unique=True)
    subject = models.CharField(max_length=200, db_index=True)
    threshold = models.CharField(max_length=60, blank=True)
    period = models.CharField(max_length=60, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    message = models.TextField()
    url = models.CharField(max_length=300, blank=True)
    raised_at = models.DateTimeField(default=timezone.now, db_index=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        indexes = [
            models.Index(fields=["raised_at"], condition=models.Q(acknowledged_at=None), name="alert_open"),
        ]

    def __str__(self) -> str:
        return self.key


class AlertDelivery(models.Model):
    """One alert on its way to one place. The row is the job: it is tried when `next_at` has come, null when it is over.

    `id` is the `webhook-id`, the same in every try (R-WH1).
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "alert deliveries"
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="alert_delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.alert} by {self.get_channel_display()}"


class AlertAttempt(models.Model):
    """One try to deliver an alert: the answer's status, or why there was none."""

    delivery = models.ForeignKey(AlertDelivery, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.status or self.error}"
