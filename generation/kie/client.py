"""KIE over HTTP. Together with `download` the only importer of httpx."""

import json
import time
from decimal import Decimal
from typing import IO, Any

import httpx

from generation.kie.errors import Unavailable, Unknown
from generation.kie.families import failures
from generation.kie.families.base import SUCCESS, Answer, Request, millicredits

# Bot-like agents are refused by the gateway in front of KIE (protocol 10, trap 52).
USER_AGENT = "Mozilla/5.0 (compatible; kieplatform)"
CONNECT_SECONDS = 5.0
MAX_QUERY_SECONDS = 10.0
UPLOAD_SECONDS = 120.0
MAX_BODY_BYTES = 4 * 1024**2


class Client:
    """One account at KIE. Threads may share it; a process that forks makes its own.

    Every call has one time limit in all, not only one per read (R-UP5).
    """

    def __init__(self, base_url: str, upload_url: str, api_key: str, *, timeout_seconds: float = 30.0) -> None:
        self._create_seconds = timeout_seconds
        self._query_seconds = min(timeout_seconds, MAX_QUERY_SECONDS)
        self._upload_url = upload_url
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=20)
        options: dict[str, Any] = {
            "base_url": base_url,
            "headers": {"Authorization": f"Bearer {api_key}", "User-Agent": USER_AGENT},
            "trust_env": False,
        }
        self._queries = httpx.Client(limits=limits, **options)
        # A create never travels on a used connection: one that the other side is closing loses the request in a
        # way that cannot be told from a lost answer, and an unknown outcome is never sent again.
        self._creates = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), **options)

    def create(self, request: Request) -> Answer:
        """Send a paid request, once. Raises Unavailable when it never left us, Unknown when no answer came."""
        return self._send(self._creates, request, self._create_seconds)

    def query(self, request: Request) -> Answer:
        """Send a request that may be repeated. Raises Unavailable or Unknown, which mean the same here."""
        return self._send(self._queries, request, self._query_seconds)

    def _send(self, http: httpx.Client, request: Request, seconds: float, **parts: Any) -> Answer:
        limit = time.monotonic() + seconds
        body = bytearray()
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        call: dict[str, Any] = parts or {"json": request.json, "params": request.params}
        try:
            with http.stream(request.method, request.path, timeout=timeout, **call) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > limit or len(body) > MAX_BODY_BYTES:
                        raise Unknown(f"no whole answer within {seconds} s and {MAX_BODY_BYTES} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise Unavailable(f"no connection: {error!r}") from error
        except httpx.HTTPError as error:
            raise Unknown(f"no answer: {error!r}") from error
        text = body.decode(errors="replace")
        try:
            parsed = json.loads(text, parse_float=Decimal)
        except ValueError:
            parsed = None
        return Answer(response.status_code, parsed, text)

    def credit(self) -> int:
        """The account's balance in KIE's millicredits; KIE gives a number with a fraction (protocol 6.1)."""
        answer = self.query(Request("GET", "/api/v1/chat/credit"))
        balance = millicredits(answer.data)
        if answer.code != SUCCESS or balance is None:
            raise failures.refusal(answer.status, answer.code, answer.message or answer.text[:200])
        return balance

    def download_link(self, url: str) -> str:
        """A fresh address for a file of KIE's, good for 20 minutes; "" when KIE gives none (protocol 6.2)."""
        answer = self.query(Request("POST", "/api/v1/common/download-url", json={"url": url}))
        return answer.data if answer.code == SUCCESS and isinstance(answer.data, str) else ""

    def upload(self, file: IO[bytes], name: str, content_type: str) -> str:
        """Hand an input file to KIE; returns the address to name in a request, good for 24 hours (protocol 6.4).

        KIE overwrites files of the same name, so `name` must be unique.
        """
        parts = {"files": {"file": (name, file, content_type)}, "data": {"uploadPath": "inputs", "fileName": name}}
        request = Request("POST", f"{self._upload_url}/api/file-stream-upload")
        answer = self._send(self._creates, request, UPLOAD_SECONDS, **parts)
        if answer.code == SUCCESS and isinstance(url := answer.field("downloadUrl"), str):
            return url
        raise failures.refusal(answer.status, answer.code, answer.message)
