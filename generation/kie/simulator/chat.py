"""The synchronous chat endpoints (protocol 5): no task and no callback, the answer is the response.

The paths are those of the catalogue's chat entries; what the path ends with tells the style.
"""

import time
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import (
    chat_claude,
    chat_completions,
    chat_gemini,
    chat_reading,
    chat_reply,
    chat_responses,
)
from generation.kie.simulator.answers import answer_among
from generation.kie.simulator.catalogue import Catalogue, Entry
from generation.kie.simulator.chat_call import TOOL, Asked, Call, Part, pieces
from generation.kie.simulator.chat_delivery import Delivery
from generation.kie.simulator.create import read_object
from generation.kie.simulator.envelope import Refusal
from generation.kie.simulator.faults import Faults, asked_for
from generation.kie.simulator.world import World

UNAUTHORISED = "Unauthorized – Authentication failed"
UNSUPPORTED = "The model is not supported"
STYLES: dict[str, ModuleType] = {
    "/chat/completions": chat_completions,
    "/responses": chat_responses,
    "/messages": chat_claude,
    ":streamGenerateContent": chat_gemini,
}


def endpoints(catalogue: Catalogue) -> list[tuple[str, str, Callable[[World, Request], Awaitable[Response]]]]:
    """Return method, path and handler of each path that the catalogue's chat entries name."""
    return [("POST", path, talk) for path in sorted({entry.endpoint for entry in catalogue.at("chat")})]


async def talk(world: World, request: Request) -> Response:
    """Answer one chat call of any style."""
    path, body = request.url.path, await read_object(request)
    style = next(style for ending, style in STYLES.items() if path.endswith(ending))
    entry = _entry(world, path, body)
    chat_reading.check(entry, body, style.TALK)
    asked: Asked = style.read(body, entry)
    faults = world.armoury.for_create(path, entry.id) | asked_for(asked.last.text)
    refused = answer_among(faults)
    if refused:
        return refused
    # Costs are known only afterwards, so anything above zero is enough to begin.
    if world.account.balance <= 0:
        raise Refusal(402)
    call = _call(world, path, entry, body, asked, faults)
    world.chats.append(call)
    return Delivery(world, call, style.stream, style.whole)


def _entry(world: World, path: str, body: dict[str, Any]) -> Entry:
    """Find the model: in the body where the schema demands it there, else in the path."""
    entries = world.catalogue.at("chat", path)
    in_body = "model" in entries[0].validator.schema["required"]  # type: ignore[index]
    found = [entry for entry in entries if not in_body or entry.id == body.get("model")]
    if not found:
        raise Refusal(422, UNSUPPORTED)
    return found[0]


def _call(world: World, path: str, entry: Entry, body: dict[str, Any], asked: Asked, faults: Faults) -> Call:
    token = world.new_token()
    parts = _limited(chat_reply.parts(asked, faults, token), asked.max_tokens)
    call = Call(
        id=token,
        path=path,
        entry=entry,
        body=body,
        asked=asked,
        # Absent means streaming, live and whatever the pages say, where there is such a field (protocol 5.3).
        streams=bool(body.get("stream", entry.knows("stream"))),
        faults=faults,
        parts=parts,
        input_tokens=chat_reply.tokens_of(asked),
        created=int(time.time()),
    )
    if "no-content" in faults or "usage-only" in faults:
        call.parts = []
    if "usage-only" in faults:
        call.reply_tokens = sum(len(pieces(part.text)) for part in parts)
    return call


def _limited(parts: list[Part], most_tokens: int | None) -> list[Part]:
    """Cut texts at the highest number of tokens."""
    if most_tokens is None:
        return parts
    limited, left = [], most_tokens
    for part in parts:
        kept = part.text if part.kind == TOOL else "".join(pieces(part.text)[: max(0, left)])
        left -= len(pieces(kept))
        if kept:
            limited.append(Part(part.kind, kept, part.id, part.name))
    return limited
