"""The chat page: parse, call one verb, answer. Only `send` talks to a model, so only `send` is asynchronous."""

import asyncio
import io
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import Refused
from accounts.models import User
from accounts.requests import SignedInRequest, wants_part
from billing.models import Wallet
from chat import calls, context, conversations, showing, writing
from chat.conversations import Draft
from chat.models import Conversation, Message
from generation.media import kinds
from generation.models import Upload

EVENT_STREAM = "text/event-stream"
PICTURE_SECONDS = 24 * 3600


def owned(user: User, pk: Any) -> Conversation:
    """The user's conversation; anybody else's does not exist (R-API3)."""
    try:
        return Conversation.objects.select_related("user").get(pk=pk, user=user)
    except (Conversation.DoesNotExist, ValidationError, ValueError):
        raise Http404 from None


# The page


@login_required
@require_GET
def index(request: SignedInRequest) -> HttpResponse:
    """A new conversation beside the list of the others; the list alone for htmx."""
    part = wants_part(request)
    response = render(request, "chat/_list.html", _list(request)) if part else _page(request, None)
    patch_vary_headers(response, ["HX-Request"])
    return response


@login_required
@require_GET
def conversation(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    thread = owned(request.user, pk)
    conversations.close_abandoned(thread)
    return _page(request, thread)


def _list(request: SignedInRequest) -> dict[str, Any]:
    q = request.GET.get("q", "").strip()[:120]
    return {"page": showing.listed(request.user, q, request.GET.get("before", "")), "q": q}


def _page(
    request: SignedInRequest, thread: Conversation | None, *, draft: Draft | None = None, refused: Refused | None = None
) -> HttpResponse:
    rows = list(conversations.visible(thread)) if thread else []
    hidden = 0 if "all" in request.GET else max(0, len(rows) - showing.SHOWN_MESSAGES)
    edited = None if draft else _edited(rows, request.GET.get("edit", ""))
    if edited:
        draft = Draft(edited.text, "", tuple(edited.attachments), edited.effort)
    found = showing.choices(request.user)
    wanted = [draft.model if draft else "", request.GET.get("model", ""), thread.model if thread else ""]
    shown = _list(request) | {
        "conversation": thread,
        "shown": showing.messages(request.user, rows[hidden:]),
        "hidden": hidden,
        "total": showing.total(thread) if thread else 0,
        "busy": any(row.open for row in rows),
        "choices": found,
        "chosen": showing.chosen(found, *wanted, _used(request)),
        "efforts": conversations.EFFORTS,
        "draft": draft,
        "drafted": list(conversations.pictures(request.user, draft.attachments).values()) if draft else [],
        "edited": edited,
        "refused": refused,
        "request_id": uuid.uuid4(),
        "pictures_limit": conversations.PICTURES_LIMIT,
    }
    return render(request, "chat/chat.html", shown, status=refused.status if refused else 200)


def _edited(rows: list[Message], pk: str) -> Message | None:
    """The last question, when it is the one to be edited and nothing is being written."""
    questions = [row for row in rows if row.role == Message.Role.USER]
    editable = questions and str(questions[-1].pk) == pk and not any(row.open for row in rows)
    return questions[-1] if editable else None


def _used(request: SignedInRequest) -> str:
    last = Conversation.objects.filter(user=request.user).order_by("-updated_at").values_list("model", flat=True)
    return last.first() or ""


@login_required
@require_GET
def message(request: SignedInRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """One message as it is now, for a page that does not write it itself; 204 while nothing has changed."""
    thread = owned(request.user, pk)
    conversations.close_abandoned(thread)
    row = conversations.visible(thread).filter(pk=number).first()
    if row is None:
        raise Http404
    (shown,) = showing.messages(request.user, [row])
    if request.GET.get("seen") == shown.version:
        return HttpResponse(status=204)
    whole = {"shown": shown, "conversation": thread, "total": showing.total(thread), "watched": True}
    return render(request, "chat/_message.html", whole)


# Asking


@login_required
@require_POST
async def send(request: HttpRequest) -> HttpResponseBase:
    """Ask, edit and ask, or have an answer written anew. The answer streams to a script; a bare form gets it whole."""
    user = await request.auser()
    if not isinstance(user, User):
        raise Http404
    streamed = EVENT_STREAM in request.headers.get("Accept", "")
    try:
        answer, new = await sync_to_async(_asked)(request, user)
    except Refused as refused:
        return await sync_to_async(_refused)(request, user, refused, streamed)
    if streamed and new:
        return _stream(request, user, answer)
    if new:
        # Waiting does not tie the writer to this request: it writes on when the visitor is gone.
        await asyncio.wait([writing.start(answer, lambda name, data: None)])
    address = reverse("conversation", args=[answer.conversation_id])
    return JsonResponse({"url": address}) if streamed else redirect(address)


@login_required
@require_POST
async def hold(request: HttpRequest) -> HttpResponse:
    """The most that the message as it stands could cost, which is what is held while it is answered."""
    user = await request.auser()
    if not isinstance(user, User):
        raise Http404
    try:
        messages = await sync_to_async(_drafted)(request, user)
        effort = request.POST.get("effort") or None
        quote = await calls.quote(user, request.POST.get("model", ""), messages, effort=effort)
    except Refused as refused:
        return await sync_to_async(render)(request, "chat/_hold.html", {"refused": refused})
    known = await sync_to_async(_affordable)(user, quote.price_millicredits)
    return await sync_to_async(render)(request, "chat/_hold.html", known)


def _drafted(request: HttpRequest, user: User) -> list[dict[str, Any]]:
    draft = _draft(request)
    thread = owned(user, request.POST["conversation"]) if request.POST.get("conversation") else None
    question = Message(role=Message.Role.USER, text=draft.text[: conversations.TEXT_LIMIT] or "?")
    question.attachments = list(draft.attachments[: conversations.PICTURES_LIMIT])
    replaced = visible_number(request.POST.get("replaces", ""))
    return context.draft(user, thread, question, until=replaced)


def visible_number(text: str) -> int | None:
    """The number of a message that a form names; None for none."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _affordable(user: User, most: int) -> dict[str, Any]:
    wallet = Wallet.objects.filter(pk=user.pk).first() or Wallet(user=user)
    available = wallet.available + wallet.overdraft_limit
    return {"most": most, "available": available, "missing": most > available}


def _asked(request: HttpRequest, user: User) -> tuple[Message, bool]:
    data = request.POST
    thread = owned(user, data["conversation"]) if data.get("conversation") else None
    draft, request_id = _draft(request), data.get("request_id", "")
    if (answer := data.get("retry")) and thread:
        model = draft.model or thread.model
        return conversations.again(user, thread, answer, model=model, effort=draft.effort, request_id=request_id)
    replaces = data.get("replaces", "")
    return conversations.ask(user, draft, conversation=thread, replaces=replaces, request_id=request_id)


def _draft(request: HttpRequest) -> Draft:
    data = request.POST
    text = writing.storable(data.get("text", "").replace("\r\n", "\n").strip())
    attachments = tuple(dict.fromkeys(data.getlist("attachment")))
    return Draft(text, data.get("model", ""), attachments, data.get("effort", ""))


def _refused(request: Any, user: User, refused: Refused, streamed: bool) -> HttpResponse:
    if streamed:
        html = render_to_string("chat/_problem.html", {"code": refused.code, "message": refused.message})
        return JsonResponse({"code": refused.code, "html": html}, status=refused.status)
    thread = owned(user, request.POST["conversation"]) if request.POST.get("conversation") else None
    return _page(request, thread, draft=_draft(request), refused=refused)


def _stream(request: HttpRequest, user: User, answer: Message) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        yield writing.event("started", await sync_to_async(_started)(request, user, answer))
        async for part in writing.stream(answer, lambda: _ended(user, answer)):
            yield part

    response = StreamingHttpResponse(body(), content_type=EVENT_STREAM)
    response["Cache-Control"] = "no-store, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


def _started(request: HttpRequest, user: User, answer: Message) -> dict[str, Any]:
    """What the page needs to show a conversation that goes on, or that has just begun."""
    thread = answer.conversation
    question = conversations.visible(thread).filter(pk__lt=answer.pk).last()
    head = {"conversation": thread, "total": showing.total(thread)}
    return {
        "url": reverse("conversation", args=[thread.pk]),
        "stop": reverse("chat-stop", args=[thread.pk]),
        "conversation": str(thread.pk),
        "title": thread.title,
        "number": answer.pk,
        "visible": list(conversations.visible(thread).values_list("pk", flat=True)),
        "head": render_to_string("chat/_head.html", head, request=request),
        "item": render_to_string("chat/_item.html", {"row": thread, "conversation": thread}),
        "question": showing.message_html(user, question, conversation=thread) if question else "",
        "answer": showing.message_html(user, answer, conversation=thread),
        "request_id": str(uuid.uuid4()),
    }


def _ended(user: User, answer: Message) -> dict[str, Any]:
    row = conversations.visible(answer.conversation).filter(pk=answer.pk).first()
    if row is None:
        return {"html": "", **showing.money(user, answer.conversation)}
    html = showing.message_html(user, row, conversation=answer.conversation, watched=True)
    return {"html": html, **showing.money(user, answer.conversation)}


# Buttons


@login_required
@require_POST
def stop(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    thread = owned(request.user, pk)
    conversations.stop(thread)
    return redirect("conversation", pk=thread.pk)


@login_required
@require_POST
def rename(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    thread = owned(request.user, pk)
    try:
        conversations.rename(thread, request.POST.get("title", ""))
    except Refused as refused:
        return _page(request, thread, refused=refused)
    return redirect("conversation", pk=thread.pk)


@login_required
@require_POST
def delete(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    conversations.delete(owned(request.user, pk))
    return redirect("chat")


@login_required
@require_GET
def picture(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """A small form of a picture that the user has attached, made anew as WebP (R-SEC5)."""
    upload = Upload.objects.filter(pk=pk, user=request.user, content_type__startswith="image/").first()
    if upload is None:
        raise Http404
    try:
        with upload.file.open("rb") as file:
            small = kinds.preview(io.BytesIO(file.read()), kinds.Media("image", "", upload.content_type))
    except FileNotFoundError:
        small = None
    if small is None:
        raise Http404
    response = HttpResponse(small, content_type="image/webp")
    response["Cache-Control"] = f"private, max-age={PICTURE_SECONDS}, immutable"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
