"""What every endpoint of the REST API shares: the base view, pages, throttle."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

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


class KeyThrottle(SimpleRateThrottle):
    """`API_RATE_PER_MINUTE` requests per account, told in the `RateLimit-*` headers of every answer."""

    cache = caches["throttle"]
    scope = "api"
    num_requests: int
    duration: int

    def get_rate(self) -> str:
        return f"{settings.API_RATE_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        ident = f"user-{request.user.pk}" if request.user else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def allow_request(self, request: Request, view: APIView) -> bool:
        allowed = super().allow_request(request, view)
        oldest = self.history[-1] if self.history else self.now
        request.rate_limit = {  # type: ignore[attr-defined]
            "RateLimit-Limit": self.num_requests,
            "RateLimit-Remaining": max(0, self.num_requests - len(self.history)),
            "RateLimit-Reset": max(0, round(self.duration - (self.now - oldest))),
        }
        return allowed


class ApiView(APIView):
    """A view that tells the caller how much of the rate limit is left."""

    throttle_classes = [KeyThrottle]

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(request, "rate_limit", {}).items():
            response[name] = str(value)
        return response
