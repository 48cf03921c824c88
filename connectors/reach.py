"""
Where a connector may go, and connections that keep to it and to a deadline.

Decided here: allowed addresses (https at the vendor's hosts, http on loopback, one `allow_host`), no private address behind
a public name, the time a whole answer may take. Not decided here: what an answer means (`connectors.http`).
"""

from __future__ import annotations

import fnmatch
import http.client
import io
import ipaddress
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from connectors.errors import Refused, TryLater


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to reach the far side, and seconds for the whole answer after the request was sent."""

    connect: float = 5.0
    answer: float = 30.0


@dataclass(frozen=True, slots=True)
class Reach:
    """
    Where a connector may go: https at these hosts (`*.example.com` takes subdomains), http on loopback, and `allow_host`.

    Without hosts any public https address will do, and names that lead to a private address are refused at connecting.
    """

    hosts: tuple[str, ...] = ()
    allow_host: str | None = None

    def checked(self, url: str) -> str:
        """Return the URL without its last slash; raise `Refused` for an address outside the reach."""
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname or "", parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        if not host or parts.username or parts.password or re.search(r"[\s\\]", url):
            raise Refused("This is no address we can use. Write it as https://host, without a user name.", code="BAD_URL")
        schemes = {"http", "https"} if is_loopback(host) else {"https"} if self._knows(host) else set()
        if parts.scheme not in schemes:
            said = f"Calls to {parts.scheme}://{host} are not allowed."
            raise Refused(
                f"{said} Use https at the vendor's own host, or name the host in allow_host.", code="HOST_NOT_ALLOWED"
            )
        return url.rstrip("/")

    def _knows(self, host: str) -> bool:
        if self.allow_host and host == self.allow_host.lower():
            return True
        if self.hosts:
            return any(fnmatch.fnmatchcase(host, pattern) for pattern in self.hosts)
        return is_public(host)

    def needs_public(self, host: str) -> bool:
        """Whether a connection to this name must end at a public address: true for names nobody vouched for."""
        return not self.hosts and not is_loopback(host) and host != (self.allow_host or "").lower()


def is_loopback(host: str) -> bool:
    """
    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "10.0.0.1", "2130706433")]
    [True, True, True, False, False]
    """
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def is_public(host: str) -> bool:
    """Whether a name could be public; a literal address must be, and every numeric spelling but the usual one is not."""
    address = _address(host)
    if address is None:
        return (
            "." in host
            and not re.fullmatch(r"[0-9a-fx.]+", host)
            and not host.endswith((".internal", ".local", ".localhost"))
        )
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return bool(mapped.is_global and address.is_global and not address.is_multicast)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


# ---------------------------------------------------------------------------------------- connections with a deadline


class _Paced(io.RawIOBase):
    """Bytes of one answer; each wait is cut to what is left of the deadline, so a dripping server cannot hold us."""

    def __init__(self, raw: Any, wire: socket.socket, until: float) -> None:
        self._raw, self._wire, self._until = raw, wire, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._wire.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, wire: socket.socket, until: float, method: str | None) -> None:
        super().__init__(wire, method=method)
        buffered: Any = self.fp  # what makefile("rb") gives
        self.fp = io.BufferedReader(_Paced(buffered.detach(), wire, until))


# urllib3's connections are mixed with what follows; mypy sees them as the plain one.
if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection as Mixed
else:
    Mixed = object


class _Watched(Mixed):
    """The deadline, and the address a name leads to."""

    within: float
    reach: Reach
    _until = 0.0
    _dns_host: str

    def request(self, *args: Any, **named: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.within)  # a reused one keeps what the last answer left of its time
        self._until = time.monotonic() + self.within
        super().request(*args, **named)

    def response_class(  # type: ignore[override]  # http.client calls it, so a method will do for a class
        self, wire: socket.socket, method: str | None = None
    ) -> _Answer:
        return _Answer(wire, self._until or time.monotonic() + self.within, method)

    def _new_conn(self) -> socket.socket:
        if not self.reach.needs_public(self.host):
            return super()._new_conn()
        name = self._dns_host
        self._dns_host = _public_address(name, self.port)
        try:
            return super()._new_conn()
        finally:
            self._dns_host = name  # TLS verifies the name, the socket went to the address we looked at


def _public_address(name: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as problem:
        raise TryLater(
            f"The name {name} could not be looked up. Check the address and the network.", code="DNS"
        ) from problem
    addresses = [str(one[4][0]) for one in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise Refused(
            f"{name} leads to a private address. Name the host in allow_host if that is intended.", code="HOST_NOT_ALLOWED"
        )
    return addresses[0]


def pool_classes(reach: Reach, timeouts: Timeouts) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools for a urllib3 PoolManager (`pool_classes_by_scheme`) that keep the deadline and the reach."""
    extras = {"within": timeouts.answer, "reach": reach}
    plain = type("Plain", (_Watched, HTTPConnection), extras)
    secure = type("Secure", (_Watched, HTTPSConnection), extras)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
