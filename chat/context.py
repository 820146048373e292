"""What of a conversation is sent to the model: the newest messages, within limits, in the form of chat completions."""

import base64
import functools
import io
from collections.abc import Iterable
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from accounts.errors import Refused
from accounts.models import User
from chat import conversations
from chat.models import Conversation, Message
from generation.models import Upload

MESSAGES = 60
CHARACTERS = 200_000
PICTURES = 8
# Models look at a picture in about this size; a larger one costs more and shows them nothing more.
PICTURE_PIXELS = 1568
# The price is asked for while a question is typed, each time with the same pictures; each takes some 300 KB.
KEPT_PICTURES = 32


def before(answer: Message) -> list[dict[str, Any]]:
    """The messages that lead to `answer`, oldest first, as `calls.answer` takes them. Reads the pictures' files."""
    rows = conversations.visible(answer.conversation).filter(pk__lt=answer.pk)
    return compose(answer.conversation.user, list(rows.order_by("-id")[:MESSAGES]))


def draft(
    user: User, conversation: Conversation | None, question: Message, *, until: int | None
) -> list[dict[str, Any]]:
    """The same for a question that is not asked yet; `until` is the first message that it would replace."""
    rows = conversations.visible(conversation).order_by("-id") if conversation else Message.objects.none()
    rows = rows.filter(pk__lt=until) if until else rows
    return compose(user, [question, *rows[: MESSAGES - 1]])


def compose(user: User, newest_first: Iterable[Message]) -> list[dict[str, Any]]:
    """Messages in the form of chat completions; user and assistant alternate, and the user begins."""
    chosen = list(reversed(list(_within_limits(newest_first))))
    uploads = _newest_pictures(user, chosen)
    turns: list[dict[str, Any]] = []
    for message in chosen:
        parts = _parts(message, uploads)
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += parts
        elif parts and (turns or message.role == Message.Role.USER):
            turns.append({"role": str(message.role), "content": parts})
    return [turn | {"content": _plain(turn["content"])} for turn in turns]


def _within_limits(newest_first: Iterable[Message]) -> Iterable[Message]:
    left = CHARACTERS
    for index, message in enumerate(newest_first):
        left -= len(message.text)
        if left < 0 and index > 0:
            return
        yield message


def _newest_pictures(user: User, chosen: list[Message]) -> dict[str, Upload]:
    uris = [uri for message in chosen for uri in message.attachments]
    return conversations.pictures(user, uris[-PICTURES:])


def _parts(message: Message, uploads: dict[str, Upload]) -> list[dict[str, Any]]:
    found = [uploads[uri] for uri in message.attachments if uri in uploads]
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": data_url(upload)}} for upload in found]
    return [*parts, {"type": "text", "text": message.text}] if message.text.strip() else parts


def _plain(parts: list[dict[str, Any]]) -> Any:
    """Text alone as a plain string, which every model takes."""
    if any(part["type"] != "text" for part in parts):
        return parts
    return "\n\n".join(part["text"] for part in parts)


def data_url(upload: Upload) -> str:
    """A picture as a JPEG in a data URL, no larger than models look at. Raises Refused when its file is gone."""
    try:
        return _encoded(str(upload.file))
    except FileNotFoundError:
        raise Refused("unknown_picture", "A picture is missing. Please attach it again.", status=404) from None


@functools.lru_cache(maxsize=KEPT_PICTURES)
def _encoded(name: str) -> str:
    with default_storage.open(name, "rb") as file, Image.open(file) as image:
        image.thumbnail((PICTURE_PIXELS, PICTURE_PIXELS))
        whole = ImageOps.exif_transpose(image).convert("RGBA")
    # What is transparent would turn black.
    flat = Image.new("RGB", whole.size, "white")
    flat.paste(whole, mask=whole.getchannel("A"))
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
