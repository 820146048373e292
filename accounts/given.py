"""What clients write into addresses, headers and forms, as far as a database can take it."""

from datetime import datetime

from django.http import HttpRequest, QueryDict
from django.utils.dateparse import parse_datetime

from accounts.errors import Refused

NUL = "\x00"


def storable(text: str) -> bool:
    """Whether it can be looked for and kept: PostgreSQL takes no NUL in a text, and nothing takes half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return NUL not in text


def check_address(request: HttpRequest) -> None:
    """Raises Refused for a path or a query with NUL. Half characters cannot come: both are read as UTF-8."""
    query = request.META.get("QUERY_STRING", "")
    # In a query NUL has this one spelling, and a path comes unquoted.
    if NUL in request.path_info or "%00" in query or NUL in query:
        raise Refused("unusable_characters", "The address contains a character that cannot be used (NUL).")


def check_form(fields: QueryDict) -> None:
    """The same for the names and values of a form."""
    if any(NUL in name or any(NUL in value for value in values) for name, values in fields.lists()):
        raise Refused("unusable_characters", "The form contains a character that cannot be used (NUL).")


def moment(text: str) -> datetime | None:
    """A time with its offset; None for anything else, and at the ends of the calendar.

    Some hours from those a moment has no time in other zones, and databases refuse it.
    """
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at and at.tzinfo and 1 < at.year < 9999 else None


def number(text: str) -> int | None:
    """A number that fits the ids of rows; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
