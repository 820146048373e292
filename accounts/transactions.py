"""Transactions that are tried again when the database asks for it (R-LED3)."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 4
# Serialization failure, deadlock, lock timeout. SQLite has no codes, only this text.
_AGAIN = {"40001", "40P01", "55P03"}


def asks_again(error: OperationalError) -> bool:
    """Whether the same transaction may succeed when it is tried anew."""
    return getattr(error.__cause__, "sqlstate", None) in _AGAIN or "database is locked" in str(error)


def atomically(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` as one transaction, the whole of it again after a deadlock, a bounded number of times.

    Inside a larger transaction it is a savepoint, so that a refusal undoes it; the outermost is the one to be retried.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1 if connection.in_atomic_block else ATTEMPTS):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or attempt + 1 == ATTEMPTS or not asks_again(error):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
        raise AssertionError("unreachable")

    return wrapper
