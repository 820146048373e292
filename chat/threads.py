"""Work that blocks, off the event loop: the database on a few threads, files of others on some more.

Threads of their own and not asgiref's, which end with the request that began the work: a chat call outlives it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

_FILES = ThreadPoolExecutor(settings.CHAT_FILE_THREADS, thread_name_prefix="chat-files")


@lru_cache(maxsize=1)
def _database() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.CHAT_DATABASE_THREADS, thread_name_prefix="chat-database")


async def database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something that uses the database. A caller that is cancelled leaves it to end by itself."""

    def work() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.shield(asyncio.get_running_loop().run_in_executor(_database(), work))


async def files(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something that fetches or looks into files, and touches no database."""
    return await asyncio.get_running_loop().run_in_executor(_FILES, lambda: function(*args, **kwargs))


def close() -> None:
    """End the threads that use the database when they have nothing to do, and their connections with them."""
    _database().shutdown()
    _database.cache_clear()
