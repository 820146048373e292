"""What KIE says of its models, what of it differs from ours, and what operators took over."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Listing(models.Model):
    """One model as KIE last told it.

    `seen` is what KIE says now, `agreed` what it said when an operator last accepted it, or at first sight:
    {"text": price in prose, "rows": {row of the price feed: credits}, "facts": what its schema allows}. The
    difference of the two is what is proposed. `seen` has also "row" (of KIE's list), "input", "endpoint" …
    """

    model = models.CharField(max_length=120, primary_key=True)
    listed = models.BooleanField(default=True)
    seen = models.JSONField(default=dict)
    agreed = models.JSONField(default=dict)
    schema_due = models.BooleanField(default=True)
    schema_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    success_rate = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    rate_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.model


class CatalogueProposal(models.Model):
    """A difference between KIE's catalogue and ours, for an operator to accept or to dismiss.

    What `before` and `after` hold depends on the kind, see `proposals`. One that KIE took back, or that a
    newer one replaced, is outdated.
    """

    class Kind(models.TextChoices):
        NEW = "new", "new model"
        RETIRED = "retired", "retired model"
        RETURNED = "returned", "model is back"
        SCHEMA = "schema", "changed input"
        PRICE = "price", "changed price"

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"
        OUTDATED = "outdated"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    model = models.CharField(max_length=120)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    seen_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "kind"], condition=Q(state="open"), name="proposal_open_once"),
        ]
        indexes = [models.Index(fields=["state", "-seen_at"], name="proposal_waiting")]

    def __str__(self) -> str:
        return f"{self.model}: {self.get_kind_display()}"


class CatalogueChange(models.Model):
    """What an operator made of an entry: keys of a data file over the shipped ones, in order of their ids.

    `patch` is JSON as text, because its amounts are exact decimals. Of a model's changes only the newest that
    counts can be reverted.
    """

    model = models.CharField(max_length=120)
    patch = models.TextField()
    summary = models.CharField(max_length=500)
    proposal = models.ForeignKey(
        CatalogueProposal, null=True, blank=True, on_delete=models.PROTECT, related_name="changes"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    reverted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reverted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["model", "id"], name="change_of_model")]

    def __str__(self) -> str:
        return f"{self.model}, {self.at:%Y-%m-%d}: {self.summary}"


class CatalogueSync(models.Model):
    """The one reading of KIE's catalogue: how far it is, who reads, and when KIE was last asked.

    `stage` is "" between two readings. `owner` reads until `lease_until`; `asked_at` keeps KIE's limit of one
    request a second over all processes.
    """

    ONE = 1

    class Stage(models.TextChoices):
        IDLE = ""
        LIST = "list"
        DETAILS = "details"

    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.IDLE, blank=True)
    owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    feed_error = models.CharField(max_length=300, blank=True)
