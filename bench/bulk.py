"""
Changed Salesforce records by bulk jobs against collections of 200: calls, seconds and our own processor time, in one run.

ROWS says how many (20,000; 100,000 takes some minutes). The sandbox answers in no time and writes row by row, so its seconds
say what our side and the store cost; at a real org the calls are what counts.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from bench.figures import Figure
from bench.servers import sandbox
from connectors.contract import Crm
from connectors.registry import crm
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import Writing
from worker.steps.sending.push import Pushing, push
from worker.store import schema
from worker.store.database import Store, open_store
from worker.store.records import Want

ROWS = int(os.environ.get("ROWS", "20000"))
SEEDED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Sent:
    """One way to send all rows once."""

    calls: int
    seconds: float
    cpu: float
    counted: int


def measured() -> list[Figure]:
    with sandbox() as addresses, _store() as store:
        url, token = addresses["salesforce"]["url"], addresses["salesforce"]["token"]
        options = {"token": Secret("SALESFORCE_TOKEN", token), "base_url": url}
        client = crm(DestinationSpec(name="salesforce", kind="salesforce", options=options))
        list(client.provisioning.apply())
        ids = _seeded(url)
        _wish(store, ids, 0)
        calls = _sent(store, client, above=0)
        _wish(store, ids, 1)
        jobs = _sent(store, client, above=2_000)
        getattr(client, "close", lambda: None)()
    return _figures(calls, jobs)


def _figures(calls: Sent, jobs: Sent) -> list[Figure]:
    rows = f"{ROWS:,} leads"
    fewer = calls.calls / jobs.calls
    note = f"{calls.calls} by collections, {calls.counted} at least; {jobs.calls} by jobs, {jobs.counted} at least"
    spent = f"collections {calls.seconds:.1f} s ({calls.cpu:.1f} s CPU), jobs {jobs.seconds:.1f} s ({jobs.cpu:.1f} s CPU)"
    return [
        Figure("bulk", f"calls for {rows}", f"{fewer:.1f}x fewer", ">= 5x", fewer >= 5, note),
        Figure("bulk", f"seconds for {rows}", f"{jobs.seconds / calls.seconds:.2f}x", note=spent),
        Figure(
            "bulk",
            "our CPU per row",
            f"{jobs.cpu / ROWS * 1e6:.0f} us",
            note=f"{calls.cpu / ROWS * 1e6:.0f} us by collections",
        ),
    ]


@contextmanager
def _store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.sqlite'}"
        schema.migrate(url)
        with closing(open_store(url, "bench")) as opened:
            yield opened


def _seeded(url: str) -> list[str]:
    ids: list[str] = []
    for start in range(0, ROWS, SEEDED_AT_ONCE):
        people = [
            {"object": "Lead", "properties": {"LastName": f"p{n}", "Company": "X", "Email": f"p{n}@x.example"}}
            for n in range(start, min(start + SEEDED_AT_ONCE, ROWS))
        ]
        answer = requests.post(f"{url}/_sandbox/seed", json={"records": people}, timeout=300)
        answer.raise_for_status()
        ids += [one["id"] for one in answer.json()["records"]]
    return ids


def _wish(store: Store, ids: Sequence[str], turn: int) -> None:
    wants = [Want(f"L{n}", "lead", _fields(n, turn), crm_id=id) for n, id in enumerate(ids)]
    commit(store, Wishes({"salesforce": wants}, {}), f"run{turn}")


def _fields(n: int, turn: int) -> dict[str, Any]:
    says = "viewed pricing 3 times this week; 5 projects created in 14 days"
    scores = {"pql_score": n % 90 + turn, "pql_fit_score": 40 + turn, "pql_intent_score": 20 + turn}
    return {"pql_flag": False, "pql_tier": f"tier {turn}", "pql_reasons": f"{says} ({turn})", "pql_key": f"L{n}", **scores}


def _sent(store: Store, client: Crm, above: int) -> Sent:
    """Push until nothing is left, as a run does; the waits between two looks at a job count."""
    bulk: Any = client.bulk
    bulk.above = above
    before, wall, cpu, counted = client.calls, time.perf_counter(), time.process_time(), 0
    while True:
        report = push(store, client, Writing("salesforce"), replace(Pushing(), seconds=60))
        counted += report.counts.calls.minimum
        if report.next_in is None:
            break
        time.sleep(report.next_in)
    return Sent(client.calls - before, time.perf_counter() - wall, time.process_time() - cpu, counted)
