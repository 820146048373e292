"""The POST of an alert: one time limit in all, no proxies, no redirects, nothing read beyond the status."""

import os
from functools import lru_cache

import httpx

from generation.kie import transport

SECONDS = 10.0


@lru_cache(maxsize=1)
def _client(process: int) -> httpx.Client:
    return transport.client(transport.Backend(), max_connections=4, max_idle=0, follow_redirects=False)


def post(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status of the answer. Raises OSError when there is none in time."""
    try:
        with (
            transport.time_limit(SECONDS),
            _client(os.getpid()).stream("POST", url, headers=headers, content=body, timeout=SECONDS) as response,
        ):
            return response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"no answer: {error!r}") from error
