"""
Who holds something, and holding a lease while a step works.

Decided here: how long, and that the lease of a process which died on this very host is taken over at once instead of waited
for. Not decided here: what a lease is (the store).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from connectors.errors import TryLater
from worker.store import leases
from worker.store.database import Store

SECONDS = 180.0


@contextmanager
def held(store: Store, name: str, seconds: float = SECONDS) -> Iterator[int]:
    """The fence of the lease `name`, or TryLater with the code BUSY where another process holds it."""
    me = _me()
    with store.write() as tx:
        fence = leases.take(tx, name, me, seconds)
        holder = leases.holder(tx, name) if fence is None else None
        if holder and died_here(holder):
            fence = leases.take(tx, name, holder, seconds)
    if fence is None:
        raise TryLater(f"`{name}` is under way in another process ({holder}). Wait until it has ended.", code="BUSY")
    try:
        yield fence
    finally:
        with store.write() as tx:
            leases.release(tx, name, fence)


@contextmanager
def beside(store: Store, name: str, unless: str, seconds: float) -> Iterator[None]:
    """Say that work called `name` is under way, which hinders nobody else's; TryLater while `unless` is held."""
    own = f"{name}:{uuid4().hex[:8]}"
    with store.write() as tx:
        holder = leases.holder(tx, unless)
        if holder and not died_here(holder):
            raise TryLater(f"`{unless}` is under way in another process ({holder}). Wait until it has ended.", code="BUSY")
        fence = leases.take(tx, own, _me(), seconds)
    try:
        yield
    finally:
        if fence is not None:
            with store.write() as tx:
                leases.drop(tx, own, fence)


def holder_name() -> str:
    """Who this process is to others: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _me() -> str:
    return f"{holder_name()}:{uuid4().hex[:8]}"


def died_here(holder: str) -> bool:
    """Whether the holder was a process of this host that is no more; of other hosts nobody can tell."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
