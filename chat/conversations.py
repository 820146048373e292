"""The verbs of conversations: ask, try again, stop, rename, delete. Each changes rows; `writing` talks to the model."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from accounts import idempotency
from accounts.errors import Refused
from accounts.models import User
from chat.models import Conversation, Message
from generation import catalog, offers
from generation.models import Upload

TEXT_LIMIT = 50_000
PICTURES_LIMIT = 4
MESSAGES_LIMIT = 400
QUESTIONS_PER_DAY = 2_000
TITLE_LENGTH = 60
EFFORTS = ("low", "medium", "high")
# Whoever writes an answer gives a sign of life every second; without any for so long, it was killed.
ABANDONED_SECONDS = 45

Role, State = Message.Role, Message.State


@dataclass(frozen=True)
class Draft:
    """What the composer was sent with; `attachments` are uris of the customer's own uploads."""

    text: str
    model: str
    attachments: tuple[str, ...] = ()
    effort: str = ""


def visible(conversation: Conversation) -> QuerySet[Message]:
    """The messages that are shown and sent, oldest first."""
    return conversation.messages.filter(replaced_at=None).select_related("generation").order_by("id")


def find_model(model: str) -> catalog.Entry:
    """The chat model with this id. Raises Refused when there is none, or it is not for sale."""
    entry = offers.find(model)
    if not entry.chat:
        raise Refused("unknown_model", f"{entry.title} does not chat.", status=404)
    return entry


# Asking


def ask(
    user: User, draft: Draft, *, conversation: Conversation | None, replaces: str = "", request_id: str
) -> tuple[Message, bool]:
    """Put a question into a conversation, or into a new one, and the row of its answer.

    `replaces` is the id of the last question when this is its edited form. Returns the answer and whether this very
    call made it: the same `request_id` again returns the first call's. Raises Refused.
    """

    def act() -> Message:
        _check(user, draft)
        thread = conversation or Conversation.objects.create(user=user, title=title_of(draft), model=draft.model)
        close_abandoned(thread)
        if replaces:
            _replace(thread, _last(thread, Role.USER, replaces))
        attachments = list(draft.attachments)
        thread.messages.create(role=Role.USER, text=draft.text, attachments=attachments, effort=draft.effort)
        return _answer(thread, draft.model, draft.effort)

    return _once(user, request_id, act)


def again(
    user: User, conversation: Conversation, answer: str, *, model: str, effort: str, request_id: str
) -> tuple[Message, bool]:
    """Have the last answer written anew, maybe by another model; the old one is replaced. Raises Refused."""

    def act() -> Message:
        _check_model(model, effort)
        close_abandoned(conversation)
        _replace(conversation, _last(conversation, Role.ASSISTANT, answer))
        return _answer(conversation, model, effort)

    return _once(user, request_id, act)


def _once(user: User, request_id: str, act: Callable[[], Message]) -> tuple[Message, bool]:
    made: list[int] = []

    def run() -> str:
        made.append(act().pk)
        return str(made[-1])

    try:
        pk = idempotency.once(user, f"chat:{request_id[:100] or uuid.uuid4()}", run)
    except IntegrityError as error:
        if "one_answer_at_a_time" not in str(error) and "chat_message.conversation_id" not in str(error):
            raise
        message = "An answer is still being written in this conversation. Wait for it, or stop it."
        raise Refused("answer_running", message, status=409) from error
    answer = Message.objects.select_related("conversation__user").filter(pk=pk, conversation__user=user).first()
    if answer is None:
        raise Refused("deleted", "This conversation was deleted.", status=404)
    return answer, bool(made)


def _answer(conversation: Conversation, model: str, effort: str) -> Message:
    if conversation.messages.count() > MESSAGES_LIMIT:
        message = f"A conversation has at most {MESSAGES_LIMIT} messages. Please start a new one."
        raise Refused("conversation_full", message, status=409, limit=MESSAGES_LIMIT)
    conversation.model, conversation.updated_at = model, timezone.now()
    conversation.save(update_fields=["model", "updated_at"])
    return conversation.messages.create(role=Role.ASSISTANT, state=State.WRITING, model=model, effort=effort)


def _last(conversation: Conversation, role: str, pk: str) -> Message:
    """The conversation's last message of a role, if it is the one that was meant."""
    last = visible(conversation).filter(role=role).last()
    if last is None or str(last.pk) != pk or last.open:
        message = "The conversation has changed meanwhile. Please reload the page."
        raise Refused("conversation_changed", message, status=409)
    return last


def _replace(conversation: Conversation, first: Message) -> None:
    visible(conversation).filter(pk__gte=first.pk).exclude(state__in=Message.OPEN).update(replaced_at=timezone.now())


def title_of(draft: Draft) -> str:
    """The first words of the first question."""
    words = " ".join(draft.text.split())
    if len(words) <= TITLE_LENGTH:
        return words or "Picture"
    return words[:TITLE_LENGTH].rpartition(" ")[0] or words[:TITLE_LENGTH]


# Checking


def _check(user: User, draft: Draft) -> None:
    _check_model(draft.model, draft.effort)
    if not draft.text.strip() and not draft.attachments:
        raise Refused("empty_message", "Write something first.", status=422)
    if len(draft.text) > TEXT_LIMIT:
        message = f"A message has at most {TEXT_LIMIT:,} characters; this one has {len(draft.text):,}."
        raise Refused("message_too_long", message, status=413, limit=TEXT_LIMIT)
    _check_pictures(user, draft.attachments)
    since = timezone.now() - timedelta(days=1)
    asked = Message.objects.filter(conversation__user=user, role=Role.USER, created_at__gt=since).count()
    if asked >= QUESTIONS_PER_DAY:
        message = f"You can send {QUESTIONS_PER_DAY:,} messages a day; try again tomorrow."
        raise Refused("messages_per_day", message, status=429, limit=QUESTIONS_PER_DAY)


def _check_model(model: str, effort: str) -> None:
    find_model(model)
    if effort and effort not in EFFORTS:
        raise Refused("unknown_effort", "The effort is low, medium or high.", status=422)


def _check_pictures(user: User, uris: tuple[str, ...]) -> None:
    if len(uris) > PICTURES_LIMIT:
        message = f"A message has at most {PICTURES_LIMIT} pictures."
        raise Refused("too_many_pictures", message, status=422, limit=PICTURES_LIMIT)
    found = pictures(user, uris)
    if len(found) < len(set(uris)):
        raise Refused("unknown_picture", "A picture is missing. Please attach it again.", status=404)
    if any(not upload.content_type.startswith("image/") for upload in found.values()):
        raise Refused("picture_type", "Only pictures can be attached to a message.", status=415)


def pictures(user: User, uris: tuple[str, ...] | list[str]) -> dict[str, Upload]:
    """The user's own uploads among `uris`, by uri; nobody else's exist (R-API3)."""
    keys = []
    for uri in uris:
        try:
            keys.append(uuid.UUID(uri.removeprefix("upload:")))
        except ValueError:
            continue
    return {upload.uri: upload for upload in Upload.objects.filter(user=user, pk__in=keys)}


# The rest of a conversation's life


def stop(conversation: Conversation) -> bool:
    """Ask whoever writes the answer to stop; they look every second. False when nothing is being written."""
    close_abandoned(conversation)
    return bool(conversation.messages.filter(state=State.WRITING).update(state=State.STOPPING))


def close_abandoned(conversation: Conversation) -> None:
    """End the answer of a writer who is gone. What had come is kept; the call's credits settle on their own."""
    since = timezone.now() - timedelta(seconds=ABANDONED_SECONDS)
    message = "The answer was cut off."
    abandoned = conversation.messages.filter(state__in=Message.OPEN, beat_at__lt=since)
    abandoned.update(state=State.CUT, error_code="interrupted", error_message=message)


def rename(conversation: Conversation, title: str) -> None:
    """Give a conversation another title. Raises Refused for an empty one."""
    words = " ".join(title.split())[:120]
    if not words:
        raise Refused("empty_title", "A conversation needs a title.", status=422)
    Conversation.objects.filter(pk=conversation.pk).update(title=words)


def delete(conversation: Conversation) -> None:
    """Forget what was said. The generations, and with them receipts and statement, stay."""
    conversation.delete()
