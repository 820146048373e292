"""Fetching files from addresses that others chose (R-SEC1)."""

import gzip
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from generation.kie import download
from generation.kie.download import MAX_REDIRECTS, Dead, Forbidden, Limits, TooLarge
from tests.generation.test_client import (
    DRIPS,
    LOST,
    Script,
    Server,
    answering,
    dripping,
    receive,
    refused_address,
)
from tests.generation.test_client import serve as serve

SECONDS = 0.5
PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "api.localhost",
    "printer.local",
    "metadata.google.internal",
    # The same loopback address as resolvers, but not everybody else, read it.
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "127.0.0.0x1",
    "１２７.0.0.1",
    "127。0。0。1",
    "ｌｏｃａｌｈｏｓｔ",
    "localhost。",
    "②①③⓪⑦⓪⑥④③③",
]
ODD_URLS = [
    "",
    "example.com/a.png",
    "//example.com/a.png",
    "/a.png",
    "file:///etc/passwd",
    "ftp://example.com/a.png",
    "gopher://example.com/",
    "data:image/png;base64,aGk=",
    "javascript:alert(1)",
    "http://",
    "http:///a.png",
    "http://alice@example.com/",
    "http://alice:secret@example.com/",
    "http://:secret@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com:22/",
    "http://example.com:8080/",
    "https://example.com:6379/",
    "http://example.com:0/",
    "http://example.com:99999/",
    "http://example.com:x/",
    "http://[::1/",
    "http://[nonsense]/",
]


def limits(*servers: Server, max_bytes: int = 1000, max_seconds: float = SECONDS) -> Limits:
    return Limits(max_bytes, max_seconds, frozenset(server.host for server in servers))


def content(url: str, allowed: Limits) -> bytes:
    into = io.BytesIO()
    assert download.fetch(url, into, allowed) == len(into.getvalue())
    return into.getvalue()


def refusal_of(url: str, allowed: Limits) -> Exception:
    """Why a file is not had, in time and with no more of it written than allowed."""
    into, started = io.BytesIO(), time.monotonic()
    with pytest.raises((Forbidden, Dead, TooLarge)) as caught:
        download.fetch(url, into, allowed)
    assert time.monotonic() - started < allowed.max_seconds + 0.5
    assert len(into.getvalue()) <= allowed.max_bytes
    return caught.value


def redirecting(*places: str) -> Script:
    """Answer the first request with a redirect to the first place and so on, then with a file."""
    rest = iter(places)

    def script(connection: socket.socket, stop: threading.Event) -> None:
        receive(connection)
        place = next(rest, None)
        head = "HTTP/1.1 200 OK" if place is None else f"HTTP/1.1 302 Found\r\nLocation: {place}"
        connection.sendall(f"{head}\r\nContent-Length: 5\r\nConnection: close\r\n\r\na fox".encode())

    return script


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """A name service of the test's own: names and their addresses. What is not in it does not resolve."""
    known: dict[str, list[str]] = {}
    asked: list[str] = known.setdefault("asked", [])
    original = socket.getaddrinfo

    def answer(host: str, port: Any, *args: Any, **options: Any) -> list[Any]:
        if host[0].isdigit() or ":" in host:
            return original(host, port, *args, **options)
        asked.append(host)
        if host not in known:
            raise socket.gaierror("unknown")
        return [found for address in known[host] for found in original(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    yield known


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_private_host_is_refused_by_its_looks(scheme: str, host: str) -> None:
    """R-SEC1"""
    url = f"{scheme}://{host}/a.png"
    with pytest.raises(Forbidden):
        download.check(url)
    assert isinstance(refusal_of(url, limits()), Forbidden)


@pytest.mark.parametrize("url", ODD_URLS)
def test_an_odd_address_is_refused(url: str) -> None:
    """R-SEC1: schemes, credentials, ports."""
    with pytest.raises(Forbidden):
        download.check(url)
    assert isinstance(refusal_of(url, limits()), Forbidden)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png?x=1#y",
        "HTTP://EXAMPLE.COM:80/",
        "https://example.com:443/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://1.example.com/",
        "https://0x7f.example.com/",
        "https://bücher.example/",
    ],
)
def test_a_public_address_is_not_refused(url: str) -> None:
    download.check(url)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1111", "fd00::1"], ["::ffff:10.0.0.1"]]
)
def test_a_name_with_any_private_address_is_refused(names: dict[str, list[str]], addresses: list[str]) -> None:
    """R-SEC1: it is refused before a connection is made."""
    names["fox.example"] = addresses
    assert isinstance(refusal_of("http://fox.example/a.png", limits()), Forbidden)


def test_the_connection_goes_to_the_address_that_was_checked(
    serve: Callable[[Script], Server], names: dict[str, list[str]]
) -> None:
    """R-SEC1: the name is asked for once, so it cannot point elsewhere a moment later."""
    server = serve(answering(b"a fox"))
    host = server.host.replace("127.0.0.1", "fox.example")
    names["fox.example"] = ["127.0.0.1"]
    assert content(f"http://{host}/a.png", Limits(10, SECONDS, frozenset([host]))) == b"a fox"
    assert names["asked"] == ["fox.example"]


def test_another_address_of_the_name_is_tried_where_one_does_not_answer(
    serve: Callable[[Script], Server], names: dict[str, list[str]]
) -> None:
    server = serve(answering(b"a fox"))
    host = server.host.replace("127.0.0.1", "fox.example")
    names["fox.example"] = ["127.0.0.9", "127.0.0.1"]
    assert content(f"http://{host}/a.png", Limits(10, SECONDS, frozenset([host]))) == b"a fox"


def test_only_the_allowed_hosts_may_be_private(serve: Callable[[Script], Server]) -> None:
    """R-SEC1"""
    server, other = serve(answering(b"a fox")), serve(answering(b"a secret"))
    assert content(f"{server.url}/a.png", limits(server)) == b"a fox"
    by_name = server.url.replace("127.0.0.1", "localhost")
    assert isinstance(refusal_of(by_name, limits(server)), Forbidden)
    assert content(by_name, Limits(10, SECONDS, frozenset(["localhost"]))) == b"a fox"
    assert isinstance(refusal_of(other.url, limits(server)), Forbidden)
    assert other.connections == 0


@pytest.mark.parametrize("host", ["fox.example", "a" * 70 + ".example", "fox..example", "bücher.example"])
def test_a_name_that_does_not_resolve_is_dead_or_refused(names: dict[str, list[str]], host: str) -> None:
    assert isinstance(refusal_of(f"http://{host}/a.png", limits()), Dead | Forbidden)


def test_a_name_that_is_looked_up_for_too_long_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-UP5"""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(20))
    try:
        assert isinstance(refusal_of("http://fox.example/a.png", limits()), Dead)
    finally:
        over.set()


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::1]/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "http://alice:secret@example.com/",
        "http://example.com:22/",
    ],
)
def test_a_redirect_to_where_nothing_may_be_fetched_is_refused(serve: Callable[[Script], Server], place: str) -> None:
    """R-SEC1"""
    server = serve(redirecting(place))
    assert isinstance(refusal_of(server.url, limits(server)), Forbidden)


@pytest.mark.parametrize("place", ["http://[::1", "http://example.com:port/", "https://"])
def test_a_redirect_to_nonsense_is_dead_or_refused(serve: Callable[[Script], Server], place: str) -> None:
    server = serve(redirecting(place))
    assert isinstance(refusal_of(server.url, limits(server)), Dead | Forbidden)


def test_a_redirect_to_a_private_server_never_reaches_it(serve: Callable[[Script], Server]) -> None:
    """R-SEC1"""
    other = serve(answering(b"a secret"))
    server = serve(redirecting(f"{other.url}/a.png"))
    assert isinstance(refusal_of(server.url, limits(server)), Forbidden)
    assert other.connections == 0


def test_redirects_are_followed_a_bounded_number_of_times(serve: Callable[[Script], Server]) -> None:
    server = serve(redirecting(*["/next"] * MAX_REDIRECTS))
    assert content(server.url, limits(server)) == b"a fox"
    many = serve(redirecting(*["/next"] * (MAX_REDIRECTS + 1)))
    assert isinstance(refusal_of(many.url, limits(many)), Dead)
    loop = serve(redirecting(*["/"] * 100))
    assert isinstance(refusal_of(loop.url, limits(loop)), Dead)
    assert loop.connections == MAX_REDIRECTS + 1


def test_a_file_of_just_the_limit_is_had(serve: Callable[[Script], Server]) -> None:
    server = serve(answering(b"x" * 1000))
    assert content(server.url, limits(server)) == b"x" * 1000


def test_a_file_beyond_the_limit_is_refused_announced_or_not(serve: Callable[[Script], Server]) -> None:
    announced = serve(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"))
    error = refusal_of(announced.url, limits(announced))
    assert isinstance(error, TooLarge)
    assert "1001" in str(error)
    chunk = b"200\r\n" + b"x" * 512 + b"\r\n"
    for head, drop in (("Transfer-Encoding: chunked\r\n", chunk), ("Connection: close\r\n", b"x" * 512)):
        server = serve(dripping(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode(), drop))
        assert isinstance(refusal_of(server.url, limits(server)), TooLarge)
    packed = serve(answering(gzip.compress(b"x" * 100_000), "Content-Encoding: gzip\r\n"))
    assert isinstance(refusal_of(packed.url, limits(packed)), TooLarge)


@pytest.mark.parametrize("way", LOST)
def test_a_file_that_does_not_come_whole_in_time_is_dead(serve: Callable[[Script], Server], way: str) -> None:
    """R-UP5: also when a byte arrives now and then."""
    server = serve(LOST[way])
    assert isinstance(refusal_of(server.url, limits(server, max_bytes=10**9)), Dead)


def test_the_time_limit_is_for_all_redirects_together(serve: Callable[[Script], Server]) -> None:
    """R-UP5"""
    turns = iter([b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"] * 3)

    def script(connection: socket.socket, stop: threading.Event) -> None:
        receive(connection)
        stop.wait(SECONDS * 0.6)
        connection.sendall(next(turns))

    server = serve(script)
    assert isinstance(refusal_of(server.url, limits(server)), Dead)
    assert server.connections == 2


def test_a_tls_handshake_that_trickles_is_dead(serve: Callable[[Script], Server]) -> None:
    """R-UP5"""
    server = serve(dripping(b"\x16\x03\x03\x40\x00", listen=False))
    assert isinstance(refusal_of(f"https://{server.host}/", limits(server)), Dead)


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "304 Not Modified", "404 Not Found"])
def test_anything_but_200_is_dead(serve: Callable[[Script], Server], status: str) -> None:
    server = serve(answering(b"" if status[0] != "4" else b"gone", status=status))
    assert isinstance(refusal_of(server.url, limits(server)), Dead)


def test_an_empty_file_is_dead(serve: Callable[[Script], Server]) -> None:
    server = serve(answering(b""))
    assert isinstance(refusal_of(server.url, limits(server)), Dead)


def test_where_nothing_listens_is_dead() -> None:
    host = refused_address()
    assert isinstance(refusal_of(f"http://{host}/", Limits(10, SECONDS, frozenset([host]))), Dead)


def test_proxies_of_the_environment_are_ignored(
    serve: Callable[[Script], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-SEC1: behind a proxy nothing of what was checked would hold."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{refused_address()}")
    server = serve(answering(b"a fox"))
    assert content(server.url, limits(server)) == b"a fox"


def test_a_limit_is_over_with_its_fetch(serve: Callable[[Script], Server]) -> None:
    slow, quick = serve(DRIPS["body"]), serve(answering(b"a fox"))
    assert isinstance(refusal_of(slow.url, limits(slow, max_bytes=10**9)), Dead)
    assert content(quick.url, limits(quick)) == b"a fox"
