"""The rows of the audit log."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone


class AuditRow(models.Model):
    """What someone did in the admin, or tried. The database lets nobody change or delete a row (R-AD1).

    `by` is the address that was signed in, or that somebody tried to sign in as. `changes` are the fields that changed:
    {"daily_cap_millicredits": [1000, 2000]}; secrets are masked. One request may make several rows, one per object.
    """

    class Outcome(models.TextChoices):
        DONE = "done"
        UNCHANGED = "unchanged", "changed nothing"
        REFUSED = "refused"
        FAILED = "failed"

    at = models.DateTimeField(default=timezone.now, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    by = models.CharField(max_length=254)
    address = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    status = models.PositiveSmallIntegerField(null=True)
    subject = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=200, blank=True)
    object_repr = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    changes = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    path = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "audit log entry"
        verbose_name_plural = "audit log entries"
        indexes = [models.Index(fields=["subject", "object_id", "at"], name="audit_of_object")]

    def __str__(self) -> str:
        return f"{self.action} by {self.by}"
