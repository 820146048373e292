"""Fetching a file from an address that somebody else chose (R-SEC1).

The name is resolved once, every address it has is checked, and the connection goes to the checked address, so that
a name cannot point elsewhere a moment later. Redirects are followed one by one under the same rule. Environment
proxies are ignored. Size and time are limited in all.
"""

import ipaddress
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from generation.kie.client import USER_AGENT

MAX_REDIRECTS = 3
CHUNK_BYTES = 256 * 1024
# Python 3.11 calls these global: NAT64, 6to4 and the old site-local range reach private IPv4 addresses.
_DENIED = [
    ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10", "2001::/32")
]


class Forbidden(Exception):
    """The address is not one that may be fetched."""


class Dead(Exception):
    """The file cannot be had there (gone, cut short, too slow); another address may have it."""


class TooLarge(Exception):
    """The file is larger than the limit."""


@dataclass(frozen=True)
class Limits:
    max_bytes: int
    max_seconds: float
    # Hosts ("name" or "name:port") that may resolve to private addresses, such as simulators on loopback.
    allowed_hosts: frozenset[str] = frozenset()


def public(address: str) -> bool:
    """Whether an IP address is one of the open Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        return public(str(mapped))
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _DENIED)


def check(url: str, allowed_hosts: Iterable[str] = ()) -> None:
    """Raise Forbidden unless `url` is http(s), without credentials, on a usual port and not private by its looks."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden(f"not an address: {error}") from error
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise Forbidden("only plain http and https addresses are fetched")
    if host in allowed_hosts or f"{host}:{port}" in allowed_hosts:
        return
    if port not in (None, 80, 443):
        raise Forbidden(f"port {port} is not allowed")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        raise Forbidden("the address is private")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return
    if not public(str(literal)):
        raise Forbidden("the address is private")


def resolve(host: str, port: int, allowed: bool) -> str:
    """An IP address of `host`; Forbidden when any of its addresses is private, Dead when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Dead(f"{host} does not resolve") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allowed and not all(public(address) for address in addresses):
        raise Forbidden(f"{host} resolves to a private address")
    return addresses[0]


class _PinnedBackend(httpcore.SyncBackend):
    """Connects to the address that was checked, not to whatever the name says by then."""

    def __init__(self, allowed_hosts: frozenset[str]) -> None:
        self.allowed_hosts = allowed_hosts

    def connect_tcp(self, host: str, port: int, *args: object, **kwargs: object) -> httpcore.NetworkStream:
        allowed = host in self.allowed_hosts or f"{host}:{port}" in self.allowed_hosts
        return super().connect_tcp(resolve(host, port, allowed), port, *args, **kwargs)  # type: ignore[arg-type]


def _http(limits: Limits) -> httpx.Client:
    transport = httpx.HTTPTransport(trust_env=False)
    transport._pool = httpcore.ConnectionPool(
        ssl_context=httpx.create_ssl_context(trust_env=False), network_backend=_PinnedBackend(limits.allowed_hosts)
    )
    timeout = httpx.Timeout(min(15.0, limits.max_seconds))
    return httpx.Client(transport=transport, timeout=timeout, trust_env=False, headers={"User-Agent": USER_AGENT})


def fetch(url: str, into: IO[bytes], limits: Limits) -> int:
    """Stream the file at `url` into `into`; returns its size in bytes. Raises Forbidden, Dead or TooLarge."""
    until = time.monotonic() + limits.max_seconds
    with _http(limits) as http:
        for _ in range(MAX_REDIRECTS + 1):
            check(url, limits.allowed_hosts)
            try:
                with http.stream("GET", url) as response:
                    if response.has_redirect_location:
                        url = urljoin(url, response.headers["location"])
                        continue
                    if response.status_code != 200:
                        raise Dead(f"HTTP {response.status_code}")
                    return _copy(response, into, limits.max_bytes, until)
            except httpx.HTTPError as error:
                raise Dead(repr(error)) from error
    raise Dead("too many redirects")


def _copy(response: httpx.Response, into: IO[bytes], max_bytes: int, until: float) -> int:
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise TooLarge(f"{announced} bytes announced")
    size = 0
    for chunk in response.iter_bytes(CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes")
        if time.monotonic() > until:
            raise Dead("the file came too slowly")
        into.write(chunk)
    if size == 0:
        raise Dead("the file is empty")
    return size
