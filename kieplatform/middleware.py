"""What every request is looked at for before anybody works on it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from accounts import given, problems
from accounts.errors import Refused

REST_API = "/api/"


class StorableText(MiddlewareMixin):
    """Answers 400 to text that no database takes, so that views may use what they are given.

    It stands before the sessions. Addresses and forms are searched for one character. Bodies of APIs are not read:
    what is taken from them is checked where it is taken. The chat APIs have no middleware and look for themselves.
    """

    def process_request(self, request: HttpRequest) -> None:
        # A quoted cookie may hold any character. There is no such session, so it is none.
        if given.NUL in request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        try:
            given.check_address(request)
            # What is exempt is no page, and reads its body itself.
            if request.method == "POST" and not getattr(view, "csrf_exempt", False):
                given.check_form(request.POST)
        except Refused as refused:
            return _answer(request, refused)
        except OSError:
            # The visitor is gone in the middle of a form. What guards against forgery meets that, too, and refuses.
            return None
        return None


def _answer(request: HttpRequest, refused: Refused) -> HttpResponse:
    if request.path_info.startswith(REST_API):
        body = problems.problem(refused.status, refused.code, refused.message).data
        return JsonResponse(body, status=refused.status, content_type="application/problem+json")
    return render(request, "400.html", {"message": refused.message}, status=refused.status)
