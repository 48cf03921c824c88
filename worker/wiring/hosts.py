"""
Whether this host may work here: an SQLite store serves one host, and all hosts see the same lake.

Decided here: how that is noticed. Workers leave signs in the store with the name of their host; the newest file that is
listed must be in the lake that this host sees. Two hosts that share nothing but a name are not noticed.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from worker.steps.tools import Tools
from worker.store import beats, landing

HOST = socket.gethostname()
RECENT = timedelta(minutes=3)
REFUSED = "refused"
"""Before the name of a worker that may not work: it is shown, and does not count as one at work."""


class WrongPlace(Exception):
    """This host must not work on this store and lake."""


def me() -> str:
    """The name of this process to others; asked each time, because a pool forks."""
    return f"{HOST}:{os.getpid()}"


def check(tools: Tools) -> None:
    """Raise WrongPlace where this host must not work."""
    _one_host_on_sqlite(tools)
    _one_lake(tools)


def _one_host_on_sqlite(tools: Tools) -> None:
    if tools.store.on_postgres:
        return
    with tools.store.read() as tx:
        now, signs = tx.now(), beats.workers(tx)
    others = {_host(one["worker"]): one["at"] for one in reversed(signs) if _counts(one["worker"], one["at"], now)}
    if others:
        host, at = max(others.items(), key=lambda one: one[1])
        ago = int((now - at).total_seconds())
        raise WrongPlace(
            f"The store is an SQLite file, and {host} works on it too (last sign {ago} s ago). Several hosts need Postgres:"
            f" set PQL_STORE. If {host} is gone, this worker goes on {int(RECENT.total_seconds()) - ago} s from now."
        )


def _counts(worker: str, at: datetime, now: datetime) -> bool:
    return not worker.startswith(REFUSED) and _host(worker) != HOST and now - at < RECENT


def _host(worker: str) -> str:
    return worker.rpartition(":")[0]


def _one_lake(tools: Tools) -> None:
    with tools.store.read() as tx:
        newest = landing.newest(tx)
    if newest is not None and not Path(tools.lake.path(newest.path)).exists():
        raise WrongPlace(
            f"{newest.path}, which the store lists, is not in the lake that {HOST} sees ({tools.lake.root}). Point PQL_LAKE"
            " at a folder that all workers share."
        )
