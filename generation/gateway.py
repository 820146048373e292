"""Our account at KIE, as the settings describe it, and the record of what was said."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from generation.kie.client import Client
from generation.kie.errors import KieError
from generation.kie.families.base import Answer, Request
from generation.models import Exchange, Generation

MAX_RECORDED_CHARACTERS = 20_000


@lru_cache(maxsize=4)
def _client(process: int, base_url: str, upload_url: str, key: str, timeout_seconds: float) -> Client:
    return Client(base_url, upload_url, key, timeout_seconds=timeout_seconds)


def client() -> Client:
    """This process's client: a forked worker must not share its parent's connections."""
    address = settings.KIE_BASE_URL, settings.KIE_UPLOAD_URL
    return _client(os.getpid(), *address, settings.KIE_API_KEY, settings.KIE_TIMEOUT_SECONDS)


@dataclass(frozen=True)
class Said:
    """One exchange with KIE; `status` is None when no answer came."""

    request: Request
    status: int | None
    text: str
    milliseconds: int


def timed(send: Callable[[Request], Answer], request: Request) -> tuple[Answer | KieError, Said]:
    """Send a request; gives the answer or the error, and the exchange as it may be recorded."""
    started = time.monotonic()
    try:
        answer: Answer | KieError = send(request)
    except KieError as error:
        answer = error
    status, text = (None, repr(answer)) if isinstance(answer, KieError) else (answer.status, answer.text)
    return answer, Said(request, status, text, round((time.monotonic() - started) * 1000))


def record(generation: Generation, said: Said) -> None:
    """Keep an exchange for operators."""
    Exchange.objects.create(
        generation=generation,
        method=said.request.method,
        path=said.request.path,
        request=said.request.json or said.request.params,
        status=said.status,
        response=said.text[:MAX_RECORDED_CHARACTERS].replace("\x00", ""),
        milliseconds=said.milliseconds,
    )
