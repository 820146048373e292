"""What operators do about money: adjustments, refunds after an incident, and the proof of the books."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from billing.models.ledger import Entry


def _person(**more: Any) -> models.ForeignKey:
    return models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", **more)


class Adjustment(models.Model):
    """Credits that an operator gave, took or corrected, or asks a second person to (R-AD1).

    `before_…` and `after_…` are what was available around it, null until it is booked. Above a limit it waits until
    someone else approves it: the database accepts nobody who approves their own.
    """

    class Kind(models.TextChoices):
        GRANT = "grant"
        ADJUST = "adjust", "adjustment"

    class State(models.TextChoices):
        PENDING = "pending", "waits for a second person"
        BOOKED = "booked"
        DECLINED = "declined"

    user = _person()
    kind = models.CharField(max_length=6, choices=Kind.choices)
    amount_millicredits = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    expires_at = models.DateTimeField(null=True, blank=True)
    key = models.CharField(max_length=120, unique=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    needs_approval = models.BooleanField()
    author = _person()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    decided_by = _person(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)
    entry = models.OneToOneField(Entry, null=True, blank=True, on_delete=models.PROTECT, related_name="adjustment")
    before_millicredits = models.BigIntegerField(null=True, blank=True)
    after_millicredits = models.BigIntegerField(null=True, blank=True)

    class Meta:
        permissions = [("approve_adjustment", "Can approve adjustments of others")]
        constraints = [
            models.CheckConstraint(condition=~Q(amount_millicredits=0), name="adjustment_some"),
            models.CheckConstraint(
                condition=~Q(kind="grant") | Q(amount_millicredits__gt=0), name="adjustment_grant_floor"
            ),
            models.CheckConstraint(
                condition=~Q(state="booked") | Q(entry__isnull=False), name="adjustment_booked_has_entry"
            ),
            models.CheckConstraint(
                condition=~Q(state="booked", needs_approval=True)
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("author"))),
                name="adjustment_second_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class MoneyCheck(models.Model):
    """One run of all checks of verify_money. `found` are the first violations, `counts` how many each check found."""

    started_at = models.DateTimeField(default=timezone.now, db_index=True)
    milliseconds = models.PositiveIntegerField()
    entries = models.BigIntegerField()
    violations = models.PositiveIntegerField()
    counts = models.JSONField(default=list)
    found = models.JSONField(default=list)

    class Meta:
        get_latest_by = "started_at"
        verbose_name = "check of the books"
        verbose_name_plural = "checks of the books"
        permissions = [("view_money", "Can see the money dashboard")]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}: {self.violations or 'no'} violations"


class Incident(models.Model):
    """Charges that are given back together because something went wrong. The row is the job.

    `criteria` are what was filtered by, `public_text` what customers are told. Whoever works on it holds it until
    `leased_until`.
    """

    class State(models.TextChoices):
        REFUNDING = "refunding"
        MAILING = "mailing", "telling the customers"
        DONE = "done"

    key = models.CharField(max_length=60, unique=True)
    criteria = models.JSONField()
    reason = models.CharField(max_length=300)
    public_text = models.CharField(max_length=500)
    author = _person()
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.REFUNDING)
    leased_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "incident refund"
        indexes = [models.Index(fields=["state"], condition=~Q(state="done"), name="incident_open")]

    def __str__(self) -> str:
        return f"incident {self.pk}"


class IncidentItem(models.Model):
    """One charge of an incident; `about` is the job. A job is in one incident at most."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        REFUNDED = "refunded"
        EXCLUDED = "excluded", "was refunded meanwhile"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="items")
    user = _person()
    about = models.CharField(max_length=120, unique=True)
    amount_millicredits = models.BigIntegerField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.WAITING)
    entry = models.OneToOneField(Entry, null=True, on_delete=models.PROTECT, related_name="incident_item")

    class Meta:
        indexes = [
            models.Index(fields=["incident", "id"], condition=Q(outcome="waiting"), name="incident_item_waiting"),
            models.Index(fields=["incident", "user"], name="incident_item_of_user"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_millicredits__gt=0), name="incident_item_floor"),
            models.CheckConstraint(
                condition=Q(outcome="refunded", entry__isnull=False) | ~Q(outcome="refunded") & Q(entry=None),
                name="incident_item_entry",
            ),
        ]

    def __str__(self) -> str:
        return self.about


class IncidentMail(models.Model):
    """What one customer is told about an incident, once; tried again until it was handed over."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="mails")
    user = _person()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "user"], name="incident_mail_once")]

    def __str__(self) -> str:
        return f"{self.incident} to {self.user}"
