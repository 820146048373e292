"""KIE over HTTP. Together with `download` and the `transport` under both the only importer of httpx."""

import base64
import os
from typing import IO, Any

import httpx

from generation.kie import transport, wire
from generation.kie.errors import Unavailable, Unknown
from generation.kie.families import failures
from generation.kie.families.base import SUCCESS, Answer, Request, millicredits

# Bot-like agents are refused by the gateway in front of KIE (protocol 10, trap 52).
USER_AGENT = "Mozilla/5.0 (compatible; kieplatform)"
CONNECT_SECONDS = 5.0
MAX_QUERY_SECONDS = 10.0
UPLOAD_SECONDS = 120.0
UPLOAD_PATH = "inputs"
MAX_BODY_BYTES = 4 * 1024**2
# KIE recommends its base64 endpoint up to this size and its stream endpoint above (protocol 6.4).
MAX_BASE64_BYTES = 1024**2


class Client:
    """One account at KIE. Threads may share it; a process that forks makes its own.

    Every call has one time limit in all, not only one per read (R-UP5).
    """

    def __init__(self, base_url: str, upload_url: str, api_key: str, *, timeout_seconds: float = 30.0) -> None:
        self._create_seconds = timeout_seconds
        self._query_seconds = min(timeout_seconds, MAX_QUERY_SECONDS)
        self._upload_url = upload_url
        # As bytes, because a key that is not ASCII would otherwise be quoted by the error that httpx raises (R-SEC3).
        headers = {"Authorization": f"Bearer {api_key}".encode(errors="replace"), "User-Agent": USER_AGENT.encode()}
        options: dict[str, Any] = {"base_url": base_url, "headers": headers, "max_connections": 32}
        self._queries = transport.client(transport.Backend(), max_idle=32, **options)
        # A create never travels on a used connection: one that the other side is closing loses the request in a
        # way that cannot be told from a lost answer, and an unknown outcome is never sent again.
        self._creates = transport.client(transport.Backend(), max_idle=0, **options)

    def create(self, request: Request) -> Answer:
        """Send a paid request, once. Raises Unavailable when it never left us, Unknown when no answer came."""
        return self._send(self._creates, request, self._create_seconds)

    def query(self, request: Request) -> Answer:
        """Send a request that may be repeated. Raises Unavailable or Unknown, which mean the same here."""
        return self._send(self._queries, request, self._query_seconds)

    def _send(self, http: httpx.Client, request: Request, seconds: float, **parts: Any) -> Answer:
        body = bytearray()
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        call: dict[str, Any] = parts or {"json": request.json, "params": request.params}
        try:
            with (
                transport.time_limit(seconds),
                http.stream(request.method, request.path, timeout=timeout, **call) as response,
            ):
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        raise Unknown(f"no whole answer within {MAX_BODY_BYTES} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise Unavailable(f"no connection: {error!r}") from error
        except httpx.LocalProtocolError:
            # Its text quotes the header that cannot be sent, which is the one with the key (R-SEC3).
            raise Unavailable("the API key cannot be sent in a header", account=True) from None
        except httpx.HTTPError as error:
            raise Unknown(f"no answer: {error!r}") from error
        text = body.decode(errors="replace").replace("\x00", "")
        return Answer(response.status_code, wire.parse(text), text)

    def credit(self) -> int:
        """The account's balance in KIE's millicredits; KIE gives a number with a fraction (protocol 6.1)."""
        answer = self.query(Request("GET", "/api/v1/chat/credit"))
        balance = millicredits(answer.data)
        if answer.code != SUCCESS or balance is None:
            raise failures.refusal(answer.status, answer.code, answer.message or answer.text[:200])
        return balance

    def download_link(self, request: Request) -> str:
        """A fresh address for a file of KIE's, good for 20 minutes; "" when KIE gives none (protocol 4.2, 6.2)."""
        answer = self.query(request)
        return answer.data if answer.code == SUCCESS and isinstance(answer.data, str) else ""

    def upload(self, file: IO[bytes], name: str, content_type: str) -> str:
        """Hand an input file to KIE; returns the address to name in a request, good for 24 hours (protocol 6.4).

        `file` is seekable and sent from its start. KIE overwrites files of the same name, so `name` must be unique.
        Raises Unavailable, Rejected or Unknown; none of them costs anything.
        """
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size <= MAX_BASE64_BYTES:
            data = f"data:{content_type};base64,{base64.b64encode(file.read()).decode()}"
            return self._upload("base64", {"base64Data": data, "uploadPath": UPLOAD_PATH, "fileName": name})
        files, fields = {"file": (name, file, content_type)}, {"uploadPath": UPLOAD_PATH, "fileName": name}
        return self._upload("stream", files=files, data=fields)

    def upload_from(self, url: str, name: str) -> str:
        """As `upload`, for a public address that KIE itself fetches, within its own 30 seconds."""
        return self._upload("url", {"fileUrl": url, "uploadPath": UPLOAD_PATH, "fileName": name})

    def _upload(self, way: str, body: dict[str, Any] | None = None, **parts: Any) -> str:
        request = Request("POST", f"{self._upload_url}/api/file-{way}-upload", json=body)
        answer = self._send(self._creates, request, UPLOAD_SECONDS, **parts)
        if answer.code == SUCCESS and isinstance(url := answer.field("downloadUrl"), str):
            return url
        raise failures.refusal(answer.status, answer.code, answer.message)
