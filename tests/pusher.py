"""
Processes of their own that wish and push, so that a test can kill them at a crash point.

Run as a program it imports everything once and then forks a child for each order on stdin: a test waits for no imports.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connectors import registry
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.desk import Writing
from worker.steps.effects import Wishes, commit
from worker.steps.limiter import LocalLimiter
from worker.steps.push import Pushing, push
from worker.steps.sweep import sweep
from worker.steps.undo import Asked, undo
from worker.store.database import open_store
from worker.store.intents import Planned
from worker.store.records import Want

DUE = datetime(2026, 11, 23, 10, tzinfo=UTC)


class Pushers:
    """The children, from the test's side."""

    def __init__(self) -> None:
        here = Path(__file__)
        command = [sys.executable, str(here)]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=here.parent.parent
        )

    def start(self, what: str, environment: Mapping[str, str], *args: Any) -> int:
        """The process id of a child that does `what`."""
        return self._ask({"do": what, "environment": dict(environment), "args": args})

    def wait(self, pid: int) -> int:
        """How the child ended: its exit code, or minus the signal that killed it."""
        return self._ask({"wait": pid})

    def close(self) -> None:
        self._server.communicate(timeout=30)

    def _ask(self, order: Mapping[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def want(number: int, crm_id: str, **fields: Any) -> Want:
    values = {"pql_flag": True, "pql_tier": "hot", "pql_score": 71, "pql_key": f"L{number}", **fields}
    return Want(f"L{number}", "contact", values, crm_id=crm_id, because="viewed pricing 3 times")


def task(number: int, whose: str, to: str, **payload: Any) -> Planned:
    words = {"subject": f"Hot PQL: c{number}", "body": "Why now: pricing", "owner": to, "due": DUE, "person": whose}
    return Planned("task_create", f"TASK{number:022}", f"L{number}", "pql", 1, {**words, **payload})


def _push(store_url: str, url: str, token: str) -> None:
    spec = DestinationSpec(name="hubspot", kind="hubspot", options={"token": Secret("TOKEN", token), "base_url": url})
    with closing(open_store(store_url, "acme")) as store, closing(registry.crm(spec)) as crm:  # type: ignore[type-var]  # it closes
        sweep(store)
        push(store, crm, Writing("hubspot"), Pushing(seconds=10, threads=1))


def _wish(store_url: str, ids: Sequence[str], owner: str) -> None:
    wants = [want(number, id) for number, id in enumerate(ids)]
    with closing(open_store(store_url, "acme")) as store:
        commit(store, Wishes({"hubspot": wants}, {"hubspot": [task(0, ids[0], owner)]}))


def _push_to(store_url: str, kind: str, url: str, token: str) -> None:
    spec = DestinationSpec(name=kind, kind=kind, options={"token": Secret("TOKEN", token), "base_url": url})
    with closing(open_store(store_url, "acme")) as store, closing(registry.crm(spec)) as crm:  # type: ignore[type-var]  # it closes
        sweep(store)
        push(store, crm, Writing(kind, looks=True, opt_out=True), Pushing(seconds=10, threads=1))


def _undo(store_url: str, kind: str, url: str, token: str) -> None:
    spec = DestinationSpec(name=kind, kind=kind, options={"token": Secret("TOKEN", token), "base_url": url})
    with closing(open_store(store_url, "acme")) as store, closing(registry.crm(spec)) as crm:  # type: ignore[type-var]  # it closes
        tools = SimpleNamespace(store=store, crms={kind: crm}, stopping=lambda: False, progress=lambda *_: None)
        undo(tools, Asked("last", "ana"), lambda _: LocalLimiter())


def _serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                _child(order)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _child(order: Mapping[str, Any]) -> None:
    code = 1
    try:
        os.environ.update(order["environment"])
        {"push": _push, "push_to": _push_to, "wish": _wish, "undo": _undo}[order["do"]](*order["args"])
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    # what a child would import first is here before the first fork
    from connectors.crms.hubspot import HubSpot  # noqa: F401
    from connectors.crms.salesforce import Salesforce  # noqa: F401

    _serve()
