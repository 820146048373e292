"""What every endpoint of the REST API shares: the base view, pages, throttles."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from accounts import given
from accounts.errors import Refused
from accounts.models import ApiKey, User


def user_of(request: Request) -> User:
    """The caller: every endpoint that asks is one that needs a key."""
    assert isinstance(request.user, User)
    return request.user


def key_of(request: Request) -> ApiKey:
    """The key that the caller used."""
    assert isinstance(request.auth, ApiKey)
    return request.auth


class Pages(CursorPagination):
    """Newest first; `{next, previous, results}`. A cursor stays right while rows are added in front of it."""

    ordering = ("-created_at", "-pk")
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises NotFound for a cursor that we never gave."""
        cursor = super().decode_cursor(request)
        if cursor and cursor.position is not None and not self.is_position(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    @staticmethod
    def is_position(text: str) -> bool:
        """Whether it is a value of the first column of `ordering`."""
        return given.moment(text) is not None


class UserThrottle(SimpleRateThrottle):
    """Requests per minute of a user, all keys together: the user's own limit, or `API_RATE_PER_MINUTE`.

    What is left is told in the `RateLimit-*` headers of every answer, of the limit that leaves less. Raises Refused.
    """

    cache = caches["throttle"]
    scope = "user"
    whose = "Your account"

    def __init__(self) -> None:
        """The limit is known only with the request."""

    def limit(self, request: Request) -> int:
        """Requests per minute, 0 for any number."""
        own = getattr(request.user, "requests_per_minute", None)
        return settings.API_RATE_PER_MINUTE if own is None else own

    def ident(self, request: Request) -> str:
        return f"user-{request.user.pk}" if request.user else self.get_ident(request)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": "api", "ident": self.ident(request)}

    def allow_request(self, request: Request, view: APIView) -> bool:
        limit = self.limit(request)
        if limit == 0:
            return True
        self.rate = f"{limit}/min"
        self.num_requests, self.duration = limit, 60
        allowed = super().allow_request(request, view)
        oldest = self.history[-1] if self.history else self.now
        seconds = max(0, round(self.duration - (self.now - oldest)))
        _tell(request, limit, max(0, limit - len(self.history)), seconds)
        if not allowed:
            raise self._refusal(limit, max(1, seconds))
        return True

    def _refusal(self, limit: int, seconds: int) -> Refused:
        message = f"{self.whose} may send {limit} requests in a minute. Try again in {seconds} s."
        frees = (timezone.now() + timedelta(seconds=seconds)).isoformat()
        data = {"limit": self.scope, "requests_per_minute": limit, "frees_at": frees}
        return Refused("throttled", message, status=429, retry_after_seconds=seconds, **data)


class KeyThrottle(UserThrottle):
    """The same for one key: its own limit, or `API_RATE_PER_KEY_PER_MINUTE`."""

    scope = "key"
    whose = "This API key"

    def limit(self, request: Request) -> int:
        if not isinstance(request.auth, ApiKey):
            return 0
        own = request.auth.requests_per_minute
        return settings.API_RATE_PER_KEY_PER_MINUTE if own is None else own

    def ident(self, request: Request) -> str:
        return f"key-{request.auth.pk}" if isinstance(request.auth, ApiKey) else ""


# The key first: what it may not send does not use up what the account may.
THROTTLES = (KeyThrottle, UserThrottle)


def _tell(request: Request, limit: int, left: int, seconds: int) -> None:
    told = getattr(request, "rate_limit", {})
    if not told or left < told["RateLimit-Remaining"]:
        headers = {"RateLimit-Limit": limit, "RateLimit-Remaining": left, "RateLimit-Reset": seconds}
        request.rate_limit = headers  # type: ignore[attr-defined]


class ApiView(APIView):
    """A view that tells the caller how much of the rate limit is left."""

    throttle_classes = THROTTLES

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(request, "rate_limit", {}).items():
            response[name] = str(value)
        return response
