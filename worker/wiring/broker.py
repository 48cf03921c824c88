"""
The broker's address, and what makes it safe to use.

Decided here: a `rediss` address checks the certificate unless PQL_REDIS_TLS_VERIFY says false, aloud; an address outside
this machine needs a password or TLS, unless PQL_REDIS_OPEN says that its network is closed. Nothing here connects.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

USUAL = "redis://localhost:6379/0"
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class BadBroker(Exception):
    """The broker's address is one that must not be used."""


@dataclass(frozen=True, slots=True)
class Broker:
    """An address that may hold a password, so it never shows itself; TLS options; what to say about it at the start."""

    url: str = field(repr=False)
    tls: dict[str, Any] | None = None
    warning: str = ""


def broker(url: str | None, environment: Mapping[str, str] = os.environ) -> Broker:
    """The broker at an address, or BadBroker."""
    place = urlsplit(url or USUAL)
    if place.scheme not in ("redis", "rediss"):
        raise BadBroker(f"The broker's address begins with {place.scheme!r}. Write redis://host:port/number or rediss://...")
    if any(name.startswith("ssl_") for name in parse_qs(place.query)):
        raise BadBroker("The broker's address carries ssl_ options. Leave them out and set PQL_REDIS_TLS_VERIFY instead.")
    if place.scheme == "rediss":
        return _with_tls(url or USUAL, _switch(environment, "PQL_REDIS_TLS_VERIFY", usual=True))
    if (
        not place.password
        and not _loopback(place.hostname or "")
        and not _switch(environment, "PQL_REDIS_OPEN", usual=False)
    ):
        raise BadBroker(
            f"The broker at {place.hostname} has neither a password nor TLS, so anybody who reaches it may ring. Give it"
            " one of them, or set PQL_REDIS_OPEN=true where nobody else is on its network."
        )
    return Broker(url or USUAL)


def _with_tls(url: str, verify: bool) -> Broker:
    if verify:
        return Broker(url, {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True})
    warning = (
        "The broker's certificate is not checked (PQL_REDIS_TLS_VERIFY=false): anybody in between can pretend to be it."
    )
    return Broker(url, {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}, warning)


def _switch(environment: Mapping[str, str], name: str, *, usual: bool) -> bool:
    said = environment.get(name, "").strip().lower()
    if said and said not in (*_YES, *_NO):
        raise BadBroker(f"{name} is {said!r}. Write true or false.")
    return said in _YES if said else usual


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
