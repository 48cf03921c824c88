"""
The processes of the push measurement. Each says `ready` when everything is imported and open, waits for a line, works, and
prints what it did.

    ours     pushes what is due, as a worker does, sharing the limiter in Redis
    window   calls one after another with a counter for each ten seconds in Redis, as many tools do
    rescue   what another host does after one was lost: sweeps at its times and pushes, until all is acknowledged
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import closing
from importlib import import_module
from types import SimpleNamespace
from typing import Any

ALLOWED, WINDOW = 190, 10.0


def ours(said: dict[str, Any]) -> dict[str, Any]:
    """One worker process of a destination, until nothing is ready any more."""
    from connectors import registry
    from worker.steps.sending.desk import Writing
    from worker.steps.sending.push import Pushing, push
    from worker.store.database import open_store
    from worker.wiring.limiters import Limiters

    kind, spec = said["kind"], _spec(said)
    with closing(open_store(said["store"], "bench")) as store, closing(registry.crm(spec)) as crm:  # type: ignore[type-var]
        tools: Any = SimpleNamespace(store=store, crms={kind: crm}, settings=SimpleNamespace(destinations={kind: spec}))
        limiters = Limiters(tools, said["redis"])
        crm.records.batch = said.get("batch", crm.records.batch)
        import_module("hubspot.crm.objects" if kind == "hubspot" else "simple_salesforce")  # a worker has long done so
        _ready()
        limiter = limiters.of(kind)
        cpu, records, rejected, calls = time.process_time(), 0, 0, 0
        while True:
            report = push(store, crm, Writing(kind), Pushing(seconds=60, limiter=limiter))
            counts = report.counts
            records += counts.records.updated
            rejected += counts.records.rejected
            calls += counts.calls.writing
            if not counts.calls.made and not report.next_in and not report.limited:
                break
            time.sleep(min(report.next_in or 0.0, 1.0))  # as the schedule waits: a bulk job that is looked at is not hurried
        cpu = time.process_time() - cpu
        limiters.close()
    return {"records": records, "rejected": rejected, "writing": calls, "made": crm.calls, "cpu": cpu}


def rescue(said: dict[str, Any]) -> dict[str, Any]:
    """Seconds from now until no row waits that the lost host had in hand, and until nothing waits at all."""
    from connectors import registry
    from worker.steps.pacing.periods import Periods
    from worker.steps.sending.desk import Writing
    from worker.steps.sending.push import Pushing, push
    from worker.steps.sending.sweep import sweep
    from worker.store import record_claims
    from worker.store.database import open_store

    periods, found = Periods.from_environment(), 0.0
    with closing(open_store(said["store"], "bench")) as store, closing(registry.crm(_spec(said))) as crm:  # type: ignore[type-var]
        _ready()
        begun = time.monotonic()
        while True:
            sweep(store)
            push(store, crm, Writing(said["kind"]), Pushing(seconds=periods.sweep))
            with store.read() as tx:
                held, waits = record_claims.holders(tx), record_claims.waiting(tx, said["kind"])
            found = found or (0.0 if held else time.monotonic() - begun)
            if not held and not waits:
                return {"taken_up": found, "done": time.monotonic() - begun}


def _spec(said: dict[str, Any]) -> Any:
    from settings.destinations import DestinationSpec
    from settings.terms import Secret

    kind = said["kind"]
    return DestinationSpec(name=kind, kind=kind, options={"token": Secret("TOKEN", said["token"]), "base_url": said["url"]})


def window(said: dict[str, Any]) -> dict[str, Any]:
    """One process of a client whose limiter counts calls per calendar window."""
    import requests
    from redis import Redis

    until, lock = 0.0, threading.Lock()
    counts = {"good": 0, "refused": 0}
    counter = Redis.from_url(said["redis"])
    body = {"inputs": [{"id": said["id"]}], "properties": ["email"]}
    _ready()
    begun = time.time()
    # its window ends a few seconds after it begins, as it would nearly always
    shift = WINDOW - 4.0 - begun % WINDOW
    until = begun + said["seconds"]

    def call() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {said['token']}"
            while (now := time.time()) < until:
                part, rest = divmod(now + shift, WINDOW)
                if int(counter.incr(f"window:{part:.0f}")) > ALLOWED:
                    time.sleep(WINDOW - rest)
                    continue
                answer = session.post(f"{said['url']}/crm/v3/objects/contacts/batch/read", json=body, timeout=30)
                with lock:
                    counts["refused" if answer.status_code == 429 else "good"] += 1
                if answer.status_code == 429:
                    time.sleep(1.0)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counter.close()
    return counts


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    done = {"ours": ours, "window": window, "rescue": rescue}[sys.argv[1]](json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(done) + "\n")
