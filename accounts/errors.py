"""The one class for an expected "no"."""

from typing import Any


class Refused(Exception):
    """A request that is understood and declined.

    `code` is stable and meant for programs, `message` is for people, `status` is the HTTP status that the edges
    answer with, and `data` says which limit was met, its value and when it frees.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data
