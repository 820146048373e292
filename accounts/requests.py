"""What the middleware has put on a request by the time a page sees it, for type checkers and readers."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class PageRequest(HttpRequest):
    """Any visitor's."""

    htmx: HtmxDetails


class SignedInRequest(PageRequest):
    """Behind `login_required`."""

    user: User


def wants_part(request: PageRequest) -> bool:
    """Whether htmx asks for a part of the page; it restores its history from whole pages."""
    return bool(request.htmx) and not request.htmx.history_restore_request
