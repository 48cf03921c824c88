"""
Processes of their own that wish and push, so that a test can kill them at a crash point.

Run as a program it imports everything once and then forks a child for each order on stdin: a test waits for no imports.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chaos.clock import Clock

from connectors import registry
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.mending.undo import Asked, undo
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import Writing
from worker.steps.sending.push import Pushing, push
from worker.steps.sending.sweep import sweep
from worker.store.database import Store, open_store
from worker.store.intents import Planned
from worker.store.records import Want
from worker.store.values import unpacked

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


def opened(kind: str, url: str, token: str, **more: Any) -> Any:
    """The connector to a sandbox CRM."""
    options = {"token": Secret("TOKEN", token), "base_url": url, **more}
    return registry.crm(DestinationSpec(name=kind, kind=kind, options=options))


@contextmanager
def _store(doc: Mapping[str, Any]) -> Iterator[Store]:
    """The store of a scene, at the scene's time."""
    with closing(open_store(doc["store"], "acme")) as store:
        if not store.on_postgres:  # Postgres tells the time by itself
            Clock(doc["ahead"]).rule(store)
        yield store


def _push(doc: Mapping[str, Any]) -> None:
    kind, url, token = doc["crm"]
    modes = {(object, name): mode for object, name, mode in doc["rules"]["modes"]}
    rules = Writing(kind, modes, "when_unowned", frozenset(doc["rules"]["unowned"]))
    how = {name: doc[name] for name in ("seconds", "threads", "part") if name in doc}
    with _store(doc) as store, closing(opened(kind, url, token, **doc.get("options", {}))) as crm:
        sweep(store)
        push(store, crm, rules, Pushing(**{"seconds": 10, "threads": 1, **how}))


def _file(doc: Mapping[str, Any]) -> None:
    """A push into Salesforce that goes on until its bulk jobs are over, in small parts."""
    kind, url, token = doc["crm"]
    with _store(doc) as store, closing(opened(kind, url, token, bulk_above=3)) as crm:
        for _ in range(20):
            sweep(store)
            report = push(store, crm, Writing(kind), Pushing(seconds=10, threads=1, part=5))
            if report.next_in is None:
                return
            time.sleep(min(report.next_in, 1.0))


def _wish(doc: Mapping[str, Any]) -> None:
    kind = doc["crm"][0]
    wants = [Want(**one) for one in doc["wants"]]
    tasks = [Planned(**{**one, "payload": unpacked(one["payload"])}) for one in doc["tasks"]]
    with _store(doc) as store:
        commit(store, Wishes({kind: wants}, {kind: tasks}))


def _push_to(store_url: str, kind: str, url: str, token: str) -> None:
    spec = DestinationSpec(name=kind, kind=kind, options={"token": Secret("TOKEN", token), "base_url": url})
    with closing(open_store(store_url, "acme")) as store, closing(registry.crm(spec)) as crm:  # type: ignore[type-var]  # it closes
        sweep(store)
        push(store, crm, Writing(kind, looks=True, opt_out=True), Pushing(seconds=10, threads=1))


def _undo(store_url: str, kind: str, url: str, token: str) -> None:
    with closing(open_store(store_url, "acme")) as store, closing(opened(kind, url, token)) as crm:
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
        does = {"push": _push, "push_to": _push_to, "wish": _wish, "undo": _undo, "file": _file}
        does[order["do"]](*order["args"])
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    # what a child would import first is here before the first fork
    import simple_salesforce  # noqa: F401
    from hubspot import HubSpot
    from hubspot.crm import objects, properties  # noqa: F401

    from connectors.crms import hubspot, salesforce  # noqa: F401

    HubSpot(access_token="unused").crm.objects.batch_api  # noqa: B018

    _serve()
