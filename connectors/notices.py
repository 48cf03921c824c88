"""
What people are told through, and the records that cross to it: the part of the contract that is not about sources and CRMs.

Decided here: shapes and meanings. Not decided here: what is said (the worker), when a message is sent again (the store).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Notice:
    """
    What people are told. `id` is the same each time one notice is sent, so that a receiver can drop the second copy.

    `facts` is a JSON document that says the same for programs.
    """

    id: str
    subject: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail goes out. `tls`: starttls, tls from the first byte, or off, which is for this machine only."""

    host: str
    sender: str
    port: int = 587
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["starttls", "tls", "off"] = "starttls"


@runtime_checkable
class Notifier(Protocol):
    """One channel to people. Opening one sends nothing; raises Refused where it cannot work as it is set up."""

    where: str
    """Where it leads, in words that hold no secret."""

    def notify(self, notice: Notice) -> None:
        """Send once. Raises TryLater (nothing was sent), Unknown (it may have been sent) or Refused; repeats nothing."""
        ...


class Heartbeat(Protocol):
    """A monitoring service that tells people when it has heard nothing for too long. Each call may be repeated."""

    where: str

    def start(self) -> None: ...

    def success(self) -> None: ...

    def fail(self, why: str) -> None: ...
