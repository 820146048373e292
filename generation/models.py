"""What was asked for. `Generation.state`, `check_at` and `deadline` are the queue: the row is the job."""

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey
from generation.catalog import models as catalog_models  # noqa: F401


def new_callback_token() -> str:
    return secrets.token_urlsafe(24)


class Generation(models.Model):
    """One paid job at KIE. Amounts in millicredits; `cost_…` are KIE's credits, `price_…` are ours."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        STORING = "storing"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELED = "canceled"

    class CostSource(models.TextChoices):
        """How the cost is known. Nothing as long as it is not."""

        REPORTED = "reported", "reported by KIE"
        ESTIMATED = "estimated", "our estimate, because KIE gives none"
        FREE = "free", "nothing was bought, or KIE gave it back"
        ENTERED = "entered", "entered by an operator"

    OPEN = (State.QUEUED, State.RUNNING, State.STORING)
    TERMINAL = (State.SUCCEEDED, State.FAILED, State.CANCELED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generations")
    api_key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    model = models.CharField(max_length=120)
    kind = models.CharField(max_length=10)
    input = models.JSONField()
    metadata = models.JSONField(default=dict, blank=True)

    price_millicredits = models.BigIntegerField()
    price_exact = models.BooleanField(default=True)
    price_version = models.CharField(max_length=60)
    cost_estimate_millicredits = models.BigIntegerField()
    cost_millicredits = models.BigIntegerField(null=True, blank=True)
    cost_source = models.CharField(max_length=9, choices=CostSource.choices, blank=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # A task that KIE gets later than this could hardly end before the deadline: it would be bought for nobody.
    submit_by = models.DateTimeField()
    deadline = models.DateTimeField()
    check_at = models.DateTimeField(null=True, blank=True)
    checks = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)

    callback_token = models.CharField(max_length=40, unique=True, default=new_callback_token, editable=False)
    kie_task_id = models.CharField(max_length=200, null=True, blank=True, unique=True)
    # Where KIE has the customer's files, by what the input names; null while they are still to be handed over.
    kie_files = models.JSONField(null=True, blank=True)
    kie_results = models.JSONField(default=list, blank=True)
    # The first of several results, while KIE works on the others; each keeps its place among `kie_results`.
    kie_partial = models.JSONField(default=list, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    # Set on the one that answers an identical request of a moment later.
    duplicate = False

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(price_millicredits__gt=0), name="generation_priced"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "storing"], finished_at=None)
                | Q(state__in=["succeeded", "failed", "canceled"], finished_at__isnull=False),
                name="generation_finished_once",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="generation_history"),
            models.Index(fields=["check_at"], condition=Q(check_at__isnull=False), name="generation_due"),
            models.Index(fields=["state", "user", "created_at"], condition=Q(state="queued"), name="generation_queue"),
            models.Index(fields=["deadline"], condition=Q(finished_at=None), name="generation_open"),
            models.Index(fields=["user", "api_key"], condition=Q(finished_at=None), name="generation_running"),
            models.Index(fields=["created_at"], name="generation_created"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="generation_finished"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def terminal(self) -> bool:
        return self.state in self.TERMINAL

    @property
    def about(self) -> str:
        """The name under which the ledger knows this job."""
        return f"generation:{self.id}"


class Event(models.Model):
    """One transition: the receipt, the operator's timeline and the feed of the API."""

    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    state_from = models.CharField(max_length=10, blank=True)
    state_to = models.CharField(max_length=10)
    why = models.CharField(max_length=60)
    by = models.CharField(max_length=120, default="platform")

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.state_from} → {self.state_to}: {self.why}"


class Asset(models.Model):
    """A result in our storage.

    `view` is what it is where its type of file does not say (`families.base.VIEWS`), `data` its content where that
    is text or a structure, `details` what customers read about it (title, duration …), `kie_id` KIE's name for it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="assets")
    index = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10)
    file = models.FileField(max_length=300)
    preview = models.FileField(max_length=300, blank=True)
    content_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    view = models.CharField(max_length=20, blank=True)
    data = models.JSONField(null=True, blank=True)
    details = models.JSONField(default=dict, blank=True)
    kie_id = models.CharField(max_length=200, blank=True)
    source_url = models.URLField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["generation", "index"], name="asset_once")]

    def __str__(self) -> str:
        return f"{self.generation_id}[{self.index}]"


class Upload(models.Model):
    """A customer's input file in our storage; it is handed to KIE when a generation that names it is submitted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="uploads")
    name = models.CharField(max_length=200)
    file = models.FileField(max_length=300)
    content_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def uri(self) -> str:
        """What stands in a generation's input in place of an address."""
        return f"upload:{self.id}"


class Exchange(models.Model):
    """One raw exchange with KIE, for operators only. The key never is in it."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="exchanges")
    at = models.DateTimeField(default=timezone.now)
    method = models.CharField(max_length=6)
    path = models.CharField(max_length=500)
    request = models.JSONField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    response = models.TextField(blank=True)
    milliseconds = models.PositiveIntegerField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ModelSwitch(models.Model):
    """An operator's decision that a model is on or off; without one the catalogue decides."""

    model = models.CharField(max_length=120, primary_key=True)
    enabled = models.BooleanField()
    reason = models.CharField(max_length=300, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "model switches"

    def __str__(self) -> str:
        return f"{self.model}: {'on' if self.enabled else 'off'}"


class CostDeviation(models.Model):
    """A success that cost something else than was expected, or left less than the margin floor.

    `expected_…` and `actual_…` are KIE's millicredits, `charged_…` are ours.
    """

    generation = models.OneToOneField(Generation, on_delete=models.PROTECT, related_name="deviation")
    model = models.CharField(max_length=120)
    expected_millicredits = models.BigIntegerField()
    actual_millicredits = models.BigIntegerField()
    charged_millicredits = models.BigIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["model", "at"], name="deviation_of_model")]

    def __str__(self) -> str:
        return f"{self.model}: {self.actual_millicredits} for {self.expected_millicredits}"


class SubmitSlot(models.Model):
    """One of KIE's creates per window. Taking a slot that was free for a whole window keeps the rate exactly,
    over all processes (R-UP6); who took it lets waiting work be shared fairly."""

    used_at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")


class Heartbeat(models.Model):
    """When a part of the platform last showed that it is alive."""

    SWEEP, QUEUE = "sweep", "queue"

    name = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField()
    owner = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"
