"""What a customer and a model said to each other on the chat page. What it cost is the business of generations."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from generation.models import Generation


class Conversation(models.Model):
    """A thread of messages. `model` is who answers next; each answer keeps who wrote it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations")
    title = models.CharField(max_length=120)
    model = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["user", "-updated_at", "-id"], name="conversation_list")]

    def __str__(self) -> str:
        return str(self.id)


class Message(models.Model):
    """A question or an answer. An answer's row exists before its call, and the page is what the rows say.

    `generation` is the paid call behind an answer. `replaced_at` is set when a newer one took its place: it is no
    longer shown or sent, but still counts in what the conversation cost. `beat_at` is the last sign of life of
    whoever writes it.
    """

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    class State(models.TextChoices):
        WRITING = "writing"
        STOPPING = "stopping"
        DONE = "done"
        STOPPED = "stopped"
        FAILED = "failed"
        CUT = "cut"

    OPEN = (State.WRITING, State.STOPPING)

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=10, choices=Role.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DONE)
    model = models.CharField(max_length=120, blank=True)
    effort = models.CharField(max_length=10, blank=True)
    text = models.TextField(blank=True)
    thought = models.TextField(blank=True)
    attachments = models.JSONField(default=list, blank=True)
    generation = models.ForeignKey(
        Generation, null=True, blank=True, on_delete=models.PROTECT, related_name="chat_messages"
    )
    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(state__in=["writing", "stopping"]),
                name="one_answer_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.pk} of {self.conversation_id}"

    @property
    def open(self) -> bool:
        return self.state in self.OPEN
