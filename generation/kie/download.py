"""Fetching a file from an address that somebody else chose (R-SEC1).

The name is resolved once, every address it has is checked, and the connection goes to the checked address, so that
a name cannot point elsewhere a moment later. Redirects are followed one by one under the same rule. Environment
proxies are ignored. Size and time are limited in all.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO
from urllib.parse import urljoin, urlsplit

import httpx

from generation.kie import transport
from generation.kie.client import USER_AGENT

MAX_REDIRECTS = 3
LOOKUP_SECONDS = 5.0
READ_SECONDS = 15.0
# Python 3.11 calls these global: NAT64, 6to4 and its relays, Teredo, addresses that embed or translate IPv4 ones and
# the old site-local range reach private addresses; 3fff::/20 and 5f00::/16 are reserved since.
_DENIED = [
    ipaddress.ip_network(net)
    for net in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "192.88.99.0/24",
        "2001::/32",
        "::/96",
        "::ffff:0:0:0/96",
        "fec0::/10",
        "3fff::/20",
        "5f00::/16",
    )
]
# Hosts that end in a number are IPv4 addresses to resolvers, also in octal, hexadecimal or with parts left out.
_NUMERIC = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")


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
    # As IDNA reads names: full-width letters and digits are plain ones, an ideographic full stop is a dot.
    host = unicodedata.normalize("NFKC", parts.hostname or "").replace("\u3002", ".").rstrip(".").lower()
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
        if _NUMERIC.fullmatch(host):
            raise Forbidden("the address is written in an unusual way") from None
        return
    if not public(str(literal)):
        raise Forbidden("the address is private")


def resolve(host: str, port: int, allowed: bool) -> list[str]:
    """The IP addresses of `host`; Forbidden when any of them is private and not `allowed`, Dead when it has none."""
    try:
        with transport.time_limit(LOOKUP_SECONDS):
            addresses = transport.lookup(host, port)
    except OSError as error:
        raise Dead(f"{host} does not resolve") from error
    if not allowed and not all(public(address) for address in addresses):
        raise Forbidden(f"{host} resolves to a private address")
    return addresses


class _PinnedBackend(transport.Backend):
    """Connects to the addresses that were checked, not to whatever the name says by then."""

    def __init__(self, allowed_hosts: frozenset[str]) -> None:
        self.allowed_hosts = allowed_hosts

    def addresses(self, host: str, port: int) -> list[str]:
        return resolve(host, port, host in self.allowed_hosts or f"{host}:{port}" in self.allowed_hosts)


def _http(limits: Limits) -> httpx.Client:
    # A file comes as it is: one that unpacks to thousands of times its size would pass the limits for a moment.
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    backend = _PinnedBackend(limits.allowed_hosts)
    return transport.client(backend, max_connections=1, max_idle=0, timeout=READ_SECONDS, headers=headers)


def fetch(url: str, into: IO[bytes], limits: Limits) -> int:
    """Stream the file at `url` into `into`; returns its size in bytes. Raises Forbidden, Dead or TooLarge."""
    with transport.time_limit(limits.max_seconds), _http(limits) as http:
        for _ in range(MAX_REDIRECTS + 1):
            check(url, limits.allowed_hosts)
            try:
                with http.stream("GET", url) as response:
                    if not response.has_redirect_location:
                        return _copy(response, into, limits.max_bytes)
                    url = urljoin(url, response.headers["location"])
            except httpx.HTTPError as error:
                raise Dead(repr(error)) from error
            except (httpx.InvalidURL, ValueError) as error:
                raise Forbidden(f"not an address: {error}") from error
    raise Dead("too many redirects")


def _copy(response: httpx.Response, into: IO[bytes], max_bytes: int) -> int:
    if response.status_code != 200:
        raise Dead(f"HTTP {response.status_code}")
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise TooLarge(f"{announced} bytes announced")
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes")
        into.write(chunk)
    if size == 0:
        raise Dead("the file is empty")
    return size
