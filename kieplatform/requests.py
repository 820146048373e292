"""Requests whose text is UTF-8, whatever they say.

A charset of the client's choice makes NUL and half characters of plain letters, and Python knows some that are no
charsets of text at all, at which Django fails before any middleware is asked.
"""

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest


class _Utf8:
    @property
    def encoding(self) -> None:
        """None is Django's word for its own default, which is UTF-8."""
        return

    @encoding.setter
    def encoding(self, said: Any) -> None:
        """What the Content-Type says is not taken."""


class Wsgi(_Utf8, WSGIRequest):  # type: ignore[misc]
    """For `WSGIHandler.request_class`."""


class Asgi(_Utf8, ASGIRequest):  # type: ignore[misc]
    """For `ASGIHandler.request_class`."""
