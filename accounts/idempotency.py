"""`Idempotency-Key` for requests that move money (R-API2).

The key is inserted in the transaction that moves the money and the answer is stored beside it, so both exist or
neither does: a crash leaves no key that blocks its owner, and a refusal leaves the key free for another try. A
second request with the same key waits on the row of the first, and past the `lock_timeout` is told to come back.
"""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import OperationalError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import given
from accounts.api import user_of
from accounts.errors import Refused
from accounts.models import IdempotencyKey, User
from accounts.transactions import atomically

LONGEST = 255
# A header's value never begins with a blank, so what clients name is never what we name.
_OURS = " "
IN_PROGRESS = Refused(
    "request_in_progress",
    "A request with this Idempotency-Key is still being worked on.",
    status=409,
    retry_after_seconds=1,
)


def key_of(request: Request, longest: int = LONGEST) -> str:
    """The key that the client sent, "" for none. Raises Refused."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > longest:
        raise Refused("idempotency_key_too_long", f"An Idempotency-Key has at most {longest} characters.")
    if not given.storable(key):
        raise Refused("unusable_characters", "The Idempotency-Key contains characters that cannot be used.")
    return key


def fingerprint(request: Request) -> str:
    """A hash of what was asked: method, path and the body in a canonical form."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _insert(user: User, key: str, fingerprint: str) -> IdempotencyKey | None:
    """The new row of this key, or None when the key was used before."""
    row = IdempotencyKey(user=user, key=key, fingerprint=fingerprint, status=0, body={})
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    return IdempotencyKey.objects.filter(user=user, key=key, status=0).first()


@atomically
def once(user: User, key: str, act: Callable[[], str]) -> str:
    """Do `act` at most once for a key of our making; its answer, also when the page or request is sent again."""
    row = _insert(user, _OURS + key, "")
    if row is None:
        return str(IdempotencyKey.objects.get(user=user, key=_OURS + key).body)
    answer = act()
    IdempotencyKey.objects.filter(pk=row.pk).update(status=200, body=answer)
    return answer


def _replay(request: Request, key: str) -> Response:
    row = IdempotencyKey.objects.get(user=user_of(request), key=key)
    if row.fingerprint != fingerprint(request):
        message = "This Idempotency-Key was used for another request; use a new key."
        raise Refused("idempotency_key_reused", message, status=422)
    return Response(row.body, status=row.status, headers={"Idempotent-Replayed": "true"})


def idempotent(view: Callable[..., Response]) -> Callable[..., Response]:
    """Run a POST method of an API view at most once per account and `Idempotency-Key`."""

    @wraps(view)
    def wrapper(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = key_of(request)
        if not key:
            return view(self, request, *args, **kwargs)
        return _answered_once(request, key, lambda: view(self, request, *args, **kwargs))

    return wrapper


@atomically
def _answered_once(request: Request, key: str, view: Callable[[], Response]) -> Response:
    try:
        row = _insert(user_of(request), key, fingerprint(request))
    except OperationalError as error:
        raise IN_PROGRESS from error
    if row is None:
        return _replay(request, key)
    response = view()
    IdempotencyKey.objects.filter(pk=row.pk).update(status=response.status_code, body=response.data)
    return response
