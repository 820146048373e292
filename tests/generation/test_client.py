"""How KIE is spoken to over HTTP when the other side misbehaves."""

import gzip
import io
import itertools
import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from generation.kie.client import MAX_BASE64_BYTES, MAX_BODY_BYTES, Client
from generation.kie.errors import KieError, Rejected, Unavailable, Unknown
from generation.kie.families.base import Answer, Request
from tests.conftest import KIE_KEY
from tests.simulator import Simulator

LIMIT_SECONDS = 0.5
GRACE_SECONDS = 0.5
DRIP_SECONDS = 0.02
KEY = "a-very-secret-key"
ASK = Request("GET", "/api/v1/jobs/recordInfo", params={"taskId": "1"})
BUY = Request("POST", "/api/v1/jobs/createTask", json={"model": "m", "input": {"prompt": "a fox"}})

Script = Callable[[socket.socket, threading.Event], None]


class Server:
    """Raw connections on loopback: each runs `script(socket, stop)` in a thread of its own and is closed after it."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self._script, self._stop = script, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._script(connection, self._stop)
            except OSError:
                return

    def close(self) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Server]]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(script: Script) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def receive(connection: socket.socket) -> bytes:
    """One request, b"" when the other side has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(body: bytes, headers: str = "", status: str = "200 OK") -> Script:
    """Answer every request of a connection with `body`."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()

    def script(connection: socket.socket, stop: threading.Event) -> None:
        while receive(connection):
            connection.sendall(head + body)

    return script


def dripping(start: bytes, drop: bytes = b"a", *, listen: bool = True) -> Script:
    """Send `start`, then `drop` for ever, each time soon enough for a timeout that counts from the last byte."""

    def script(connection: socket.socket, stop: threading.Event) -> None:
        if listen:
            receive(connection)
        connection.sendall(start)
        while not stop.wait(DRIP_SECONDS):
            connection.sendall(drop)

    return script


def silent(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait()


def hanging_up(connection: socket.socket, stop: threading.Event) -> None:
    receive(connection)


def cutting_short(connection: socket.socket, stop: threading.Event) -> None:
    receive(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":200')


def sipping(connection: socket.socket, stop: threading.Event) -> None:
    """Take a large request so slowly that each piece is in time and the whole never is."""
    while not stop.wait(DRIP_SECONDS):
        connection.recv(100_000)


DRIPS = {
    "headers": dripping(b"HTTP/1.1 200 OK\r\nX: "),
    "interim answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "chunks": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
}
LOST: dict[str, Script] = DRIPS | {"silent": silent, "hang-up": hanging_up, "cut short": cutting_short}

# What KIE says, and what is made of it.
BODIES: dict[str, tuple[bytes, Any]] = {
    "nul": (rb'{"a":"x\u0000y","b\u0000":["\u0000"]}', {"a": "xy", "b": [""]}),
    "lone-surrogate": (rb'{"a":"x\ud800y","b":"\udc00"}', {"a": "xy", "b": ""}),
    "pair": (rb'{"a":"\ud83e\udd8a"}', {"a": "🦊"}),
    "nan": (b'{"a":NaN,"b":[Infinity,-Infinity]}', {"a": None, "b": [None, None]}),
    "exponents": (b'{"a":1e999999,"b":1e-999999,"c":1e99999999999999999999}', {"a": None, "b": None, "c": None}),
    "numbers": (b'{"a":2.5,"b":0.0,"c":' + b"9" * 400 + b"}", {"a": Decimal("2.5"), "b": 0, "c": int("9" * 400)}),
    "too-many-digits": (b'{"a":' + b"9" * 10_000 + b"}", None),
    "nested": (b"[" * 50 + b"]" * 50, json.loads("[" * 50 + "]" * 50)),
    "nested-deeper": (b"[" * 200 + b"]" * 200, None),
    "bottomless": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None),
    "html": (b"<html>", None),
    "empty": (b"", None),
    "not-utf-8": (b'"\xff\xfe"', "��"),
}


def client_of(url: str, key: str = KEY, seconds: float = LIMIT_SECONDS) -> Client:
    return Client(url, url, key, timeout_seconds=seconds)


def refused_address() -> str:
    """An address where nothing listens: it was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def failure_of(call: Callable[[Request], Answer], request: Request, grace: float = GRACE_SECONDS) -> KieError:
    """The error of a call, which came in time and does not show the key (R-SEC3)."""
    started = time.monotonic()
    with pytest.raises(KieError) as caught:
        call(request)
    assert time.monotonic() - started < LIMIT_SECONDS + grace
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return caught.value


def body_of(serve: Callable[[Script], Server], raw: bytes, headers: str = "") -> Any:
    return client_of(serve(answering(raw, headers)).url).query(ASK).body


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_where_nothing_listens_nothing_was_started(scheme: str) -> None:
    client = client_of(f"{scheme}://{refused_address()}")
    assert isinstance(failure_of(client.create, BUY), Unavailable)
    assert isinstance(failure_of(client.query, ASK), Unavailable)


@pytest.mark.parametrize("way", LOST)
def test_an_answer_that_does_not_come_whole_in_time_leaves_the_outcome_unknown(
    serve: Callable[[Script], Server], way: str
) -> None:
    """R-UP5, R-UP1: one limit for the call however often a byte arrives, and one connection, so one create."""
    server = serve(LOST[way])
    assert isinstance(failure_of(client_of(server.url).create, BUY), Unknown)
    assert server.connections == 1
    assert isinstance(failure_of(client_of(server.url).query, ASK), Unknown)


def test_a_request_that_is_taken_too_slowly_leaves_the_outcome_unknown(serve: Callable[[Script], Server]) -> None:
    """R-UP5: the library's own write timeout starts anew with each piece that the other side takes."""
    large = Request("POST", "/", json={"prompt": "x" * 20_000_000})
    assert isinstance(failure_of(client_of(serve(sipping).url).create, large), Unknown)


def test_a_tls_handshake_that_trickles_started_nothing(serve: Callable[[Script], Server]) -> None:
    """R-UP5: the header of a TLS record that announces 16 KB, then a byte at a time."""
    server = serve(dripping(b"\x16\x03\x03\x40\x00", listen=False))
    client = client_of(f"https://{server.host}")
    assert isinstance(failure_of(client.create, BUY), Unavailable)


def test_a_name_that_is_looked_up_for_too_long_started_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-UP5: the system's resolver knows no time limit."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(20))
    try:
        assert isinstance(failure_of(client_of("http://kie.example").create, BUY), Unavailable)
    finally:
        over.set()


def test_calls_of_threads_that_share_a_client_have_a_limit_each(serve: Callable[[Script], Server]) -> None:
    """R-UP5: while some wait for answers that trickle, others get theirs."""
    client = client_of(serve(DRIPS["body"]).url)
    good = serve(answering(b'{"code":200}')).url

    def ask(number: int) -> KieError | Answer:
        if number % 2:
            return client.query(Request("GET", f"{good}/{number}"))
        return failure_of(client.query, ASK, grace=1.5)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(16)))
    assert [isinstance(answer, Unknown) for answer in answers] == [True, False] * 8


def test_the_limit_of_one_call_does_not_shorten_the_next(serve: Callable[[Script], Server]) -> None:
    """R-UP5: a kept connection carries no limit of the call that opened it."""
    turns = itertools.count()

    def script(connection: socket.socket, stop: threading.Event) -> None:
        while receive(connection):
            stop.wait(LIMIT_SECONDS * 0.6)
            next(turns)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = serve(script)
    client = client_of(server.url)
    assert [client.query(ASK).status for _ in range(3)] == [200] * 3
    assert (server.connections, next(turns)) == (1, 3)


def test_queries_share_a_connection_and_creates_never_do(serve: Callable[[Script], Server]) -> None:
    """R-UP1: a create on a used connection could be lost in a way that looks like a lost answer."""
    server = serve(answering(b'{"code":200}'))
    client = client_of(server.url)
    for _ in range(3):
        assert client.query(ASK).code == 200
    assert server.connections == 1
    for _ in range(3):
        assert client.create(BUY).code == 200
    assert server.connections == 4


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_read_as_a_database_can_keep_it(serve: Callable[[Script], Server], name: str) -> None:
    raw, expected = BODIES[name]
    assert body_of(serve, raw) == expected


def test_the_text_of_an_answer_has_no_nul(serve: Callable[[Script], Server]) -> None:
    answer = client_of(serve(answering(b"<html>\x00\xff", status="502 Bad Gateway")).url).query(ASK)
    assert (answer.status, answer.body, answer.text) == (502, None, "<html>�")


def test_a_body_beyond_the_limit_is_not_read_on(serve: Callable[[Script], Server]) -> None:
    """Neither as it comes nor unpacked."""
    large = b'"' + b"x" * MAX_BODY_BYTES + b'"'
    for script in (answering(large), answering(gzip.compress(large), "Content-Encoding: gzip\r\n")):
        assert isinstance(failure_of(client_of(serve(script).url, seconds=5).query, ASK, grace=5), Unknown)
    assert body_of(serve, gzip.compress(b"[1]"), "Content-Encoding: gzip\r\n") == [1]


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}ü", f"{KEY}\udcff", f"{KEY}\x00"])
def test_a_key_that_no_header_can_carry_is_not_shown(serve: Callable[[Script], Server], key: str) -> None:
    """R-SEC3: h11 quotes the header it refuses."""
    server = serve(answering(b'{"code":401,"msg":"You do not have access permissions"}'))
    client = client_of(server.url, key)
    try:
        assert client.create(BUY).code == 401
    except Unavailable as error:
        assert error.account
        assert KEY not in "".join(traceback.format_exception(error))


# With the simulator


@pytest.fixture
def account(kie: Simulator) -> Client:
    return Client(kie.api, kie.files, KIE_KEY)


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("size", "way"), [(1, "base64"), (MAX_BASE64_BYTES, "base64"), (MAX_BASE64_BYTES + 1, "stream")]
)
def test_a_file_is_uploaded_the_way_that_kie_recommends_for_its_size(
    kie: Simulator, account: Client, size: int, way: str
) -> None:
    file = io.BytesIO(b"x" * size)
    file.read()
    url = account.upload(file, "a.png", "image/png")
    response = httpx.get(url, trust_env=False)
    assert (response.content, response.headers["content-type"]) == (file.getvalue(), "image/png")
    assert [kie.requests(f"file-{name}-upload") for name in ("base64", "stream")] == [way == "base64", way == "stream"]


@pytest.mark.simulator
def test_kie_fetches_a_file_by_itself(kie: Simulator, account: Client) -> None:
    source = account.upload(io.BytesIO(b"a fox"), "a.png", "image/png")
    copy = account.upload_from(source, "b.png")
    assert copy != source
    assert httpx.get(copy, trust_env=False).content == b"a fox"
    assert kie.requests("file-url-upload") == 1


@pytest.mark.simulator
def test_an_upload_that_fails_says_what_to_do(kie: Simulator, account: Client) -> None:
    with pytest.raises(Unavailable):
        account.upload_from(f"http://{refused_address()}/", "a.png")
    with pytest.raises(Rejected):
        account.upload_from("ftp://example.com/a.png", "a.png")
    stranger = Client(kie.api, kie.files, "another-key")
    for size in (1, MAX_BASE64_BYTES + 1):
        with pytest.raises(Unavailable) as caught:
            stranger.upload(io.BytesIO(b"x" * size), "a.png", "image/png")
        assert caught.value.account
    with pytest.raises(Unavailable):
        client_of(f"http://{refused_address()}").upload(io.BytesIO(b"x"), "a.png", "image/png")


@pytest.mark.simulator
def test_a_fresh_link_is_asked_for_with_the_request_of_the_family(account: Client) -> None:
    url = account.upload(io.BytesIO(b"a fox"), "a.png", "image/png")
    link = account.download_link(Request("POST", "/api/v1/common/download-url", json={"url": url}))
    assert httpx.get(link, trust_env=False).content == b"a fox"
    foreign = {"url": "https://example.com/a.png"}
    assert account.download_link(Request("POST", "/api/v1/common/download-url", json=foreign)) == ""


@pytest.mark.simulator
def test_the_balance_is_read_in_millicredits(kie: Simulator, account: Client) -> None:
    kie.balance(35.9504)
    assert account.credit() == 35_951
    with pytest.raises(Unavailable):
        Client(kie.api, kie.files, "another-key").credit()
