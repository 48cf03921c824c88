"""
The whole push against each sandbox, which answers after 300 ms; HubSpot's takes 190 calls in ten seconds and no more.

Four worker processes share one limiter. Beside them, on the same portal: one call after another, one call per record, and
a limiter that counts per calendar window. PUSH_RECORDS sets the size (100,000 takes two minutes more than the default);
PUSH_BATCH puts fewer records into each HubSpot call, for a machine that is too busy for 1,840 records a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from sqlalchemy import update

from bench.figures import Figure, at_least, at_most, skipped
from bench.pushing import ALLOWED, WINDOW
from bench.servers import ROOT, postgres, redis, sandbox
from connectors.registry import crm
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.store import links, records
from worker.store.database import Store, open_store
from worker.store.schema import migrate
from worker.store.tables import record_sync

RECORDS = int(os.environ.get("PUSH_RECORDS") or 30_000)
PROCESSES, LATENCY, AT_ONCE = 4, 0.3, 5_000
SAMPLE = 30
"""Calls of the clients beside ours."""
BAD = 10_000
"""One record in so many has a value that the CRM refuses."""
HUBSPOT_BATCH, SALESFORCE_BATCH = int(os.environ.get("PUSH_BATCH") or 100), 200


@dataclass(frozen=True, slots=True)
class Place:
    """One sandbox CRM with the records it holds."""

    kind: str
    url: str
    token: str
    ids: list[str]

    def ask(self, path: str, body: Any = None, **query: Any) -> Any:
        answer = requests.request(
            "GET" if body is None else "POST", f"{self.url}/_sandbox/{path}", json=body, params=query, timeout=600
        )
        answer.raise_for_status()
        return answer.json()


def measured() -> list[Figure]:
    """Postgres and Redis as in an installation with several workers."""
    try:
        with sandbox() as addresses, postgres() as store, redis() as broker:
            migrate(store)
            hubspot, salesforce = (filled(kind, addresses[kind]) for kind in ("hubspot", "salesforce"))
            figures = [*_hubspot(hubspot, store, broker), *_others(hubspot, broker)]
            return figures + _salesforce(salesforce, store, broker)
    except LookupError as problem:
        return skipped("push", str(problem))


def filled(kind: str, address: dict[str, str], number: int = RECORDS) -> Place:
    """A CRM with so many people and our fields, which answers late from now on."""
    ids: list[str] = []
    place = Place(kind, address["url"], address["token"], ids)
    for start in range(0, number, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, number))
        people = [{"object": "contact", "properties": _person(kind, n)} for n in numbers]
        ids += [one["id"] for one in place.ask("seed", {"records": people})["records"]]
    options = {"token": Secret("TOKEN", place.token), "base_url": place.url}
    client = crm(DestinationSpec(name=kind, kind=kind, options=options))
    list(client.provisioning.apply())
    place.ask("weather", [{"match": {"path": "/"}, "rate": 1.0, "fault": "latency", "args": {"seconds": LATENCY}}])
    return place


def _person(kind: str, number: int) -> dict[str, str]:
    if kind == "salesforce":
        return {"LastName": f"P{number}", "Email": f"p{number}@x.example"}
    return {"email": f"p{number}@x.example"}


def wish(place: Place, store_url: str) -> None:
    """Want something new of all of them; of a few what the CRM refuses."""
    with closing(open_store(store_url, "bench")) as store:
        _want(store, place, {"pql_flag": True, "pql_tier": "hot"}, lambda n: "much" if n % BAD == BAD // 2 else n % 100)


def changed(place: Place, store_url: str) -> None:
    """The same of leads that the CRM holds already with other values: flag, tier and score differ, three fields do not."""
    with closing(open_store(store_url, "bench")) as store:
        _want(store, place, {"pql_flag": False, "pql_tier": "cold"}, lambda _: 0)
        with store.write() as tx:
            rows = update(record_sync).where(record_sync.c.destination == place.kind)
            tx.run(rows.values(status="in_sync", acknowledged=record_sync.c.wanted, ack_seq=record_sync.c.seq))
            links.put(tx, place.kind, [links.Link(f"L{n}", "contact", id, "email") for n, id in enumerate(place.ids)])
    wish(place, store_url)


def _want(store: Store, place: Place, said: dict[str, Any], score: Callable[[int], Any]) -> None:
    fields = {**said, "pql_fit_score": 40, "pql_intent_score": 20, "pql_plan": "starter"}
    for start in range(0, len(place.ids), AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, len(place.ids)))
        rows = [records.Want(f"L{n}", "contact", fields | {"pql_score": score(n)}, crm_id=place.ids[n]) for n in numbers]
        with store.write() as tx:
            records.want(tx, place.kind, rows, "run")


def _together(what: str, said: dict[str, Any]) -> tuple[list[dict[str, Any]], float]:
    """What so many processes did that begin at one moment, and the seconds until the last of them was done."""
    words = [sys.executable, "-m", "bench.pushing", what, json.dumps(said)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    running = [subprocess.Popen(words, cwd=ROOT, text=True, **pipes) for _ in range(PROCESSES)]  # type: ignore[call-overload]
    for process in running:
        process.stdout.readline()
    begun = time.monotonic()
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in running]
    return told, time.monotonic() - begun


def _pushed(place: Place, store: str, broker: str) -> tuple[dict[str, float], list[dict[str, Any]], float]:
    """What the workers did in sum, what arrived at the CRM, and how long it took."""
    changed(place, store)
    since = max((row["seq"] for row in place.ask("requests")), default=0)
    said = {"kind": place.kind, "url": place.url, "token": place.token, "store": store, "redis": broker}
    batch = HUBSPOT_BATCH if place.kind == "hubspot" else SALESFORCE_BATCH
    told, seconds = _together("ours", {**said, "batch": batch})
    return {name: sum(one[name] for one in told) for name in told[0]}, place.ask("requests", since=since), seconds


def _hubspot(place: Place, store: str, broker: str) -> list[Figure]:
    place.ask("switches", {"enforce_limits": True})
    done, calls, seconds = _pushed(place, store, broker)
    place.ask("switches", {"enforce_limits": False})
    least = -(-len(place.ids) // HUBSPOT_BATCH)
    used, refused = _used(calls), sum(1 for row in calls if row["status"] == 429)
    size = f"{len(place.ids):,} contacts, {PROCESSES} processes, {seconds:.0f} s"
    bad = f"{done['rejected']:.0f} records were refused and their batches sent again"
    return [
        at_most(
            "push",
            "HubSpot: calls against the least",
            done["writing"] / least,
            1.02,
            "x",
            f"{done['writing']:.0f} of {least}; {bad}",
        ),
        at_least("push", "HubSpot: share of 190 calls in 10 s", 100 * used, 95, "%", size),
        at_most("push", "HubSpot: calls refused with 429", refused, 0, "calls", f"of {len(calls)}"),
        at_most(
            "push",
            "HubSpot: CPU of the workers per record",
            done["cpu"] / len(place.ids) * 1e6,
            120,
            "us",
            "all of them, threads included",
        ),
    ]


def _salesforce(place: Place, store: str, broker: str) -> list[Figure]:
    done, calls, seconds = _pushed(place, store, broker)
    least = -(-len(place.ids) // SALESFORCE_BATCH)
    size = f"{len(place.ids):,} contacts, {PROCESSES} processes, {seconds:.0f} s, {len(calls)} requests of any kind"
    return [
        at_most(
            "push",
            "Salesforce: calls against the least",
            done["writing"] / least,
            1.02,
            "x",
            f"{done['writing']:.0f} of {least}",
        ),
        at_most("push", "Salesforce: CPU of the workers per record", done["cpu"] / len(place.ids) * 1e6, 120, "us", size),
    ]


def _used(calls: list[dict[str, Any]]) -> float:
    """The share of the allowance between the first call and the last batch; the tail without work counts as ours."""
    at = [datetime.fromisoformat(row["at"]).timestamp() for row in calls if "batch/update" in row["path"]]
    return (len(at) - 1) / max(max(at) - min(at), 1e-3) / (ALLOWED / WINDOW)


def _others(place: Place, broker: str) -> list[Figure]:
    """The same portal with clients that are written in an afternoon."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {place.token}"
        batches = [place.ids[start : start + HUBSPOT_BATCH] for start in range(0, SAMPLE * HUBSPOT_BATCH, HUBSPOT_BATCH)]
        url = f"{place.url}/crm/v3/objects/contacts"
        in_turn = _timed(
            lambda part: session.post(f"{url}/batch/update", json={"inputs": [_input(id) for id in part]}), batches
        )
        single = _timed(lambda one: session.patch(f"{url}/{one}", json=_input(one)), place.ids[:SAMPLE])
    place.ask("switches", {"enforce_limits": True})
    time.sleep(WINDOW)
    said = {"url": place.url, "token": place.token, "redis": broker, "id": place.ids[0], "seconds": 2.5 * WINDOW}
    told, seconds = _together("window", said)
    good, refused = (sum(one[name] for one in told) for name in ("good", "refused"))
    hours = len(place.ids) / ALLOWED * WINDOW / 3600
    return [
        Figure(
            "push",
            "beside it, one call after another",
            f"{100 * in_turn[0] / (ALLOWED / WINDOW):.0f} %",
            note=f"of the allowance; {in_turn[1] / HUBSPOT_BATCH:.0f} us CPU a record",
        ),
        Figure(
            "push",
            "beside it, one call per record",
            f"{HUBSPOT_BATCH}x",
            note=f"the calls, so {hours:.1f} h at the limit; {single[1]:.0f} us CPU a record",
        ),
        Figure(
            "push",
            "beside it, a limiter per calendar window",
            f"{refused} calls",
            note=f"refused with 429, {good} taken in {seconds:.0f} s, {PROCESSES} processes",
        ),
    ]


def _timed(call: Any, items: list[Any]) -> tuple[float, float]:
    """Calls per second, and microseconds of CPU for each."""
    wall, cpu = time.monotonic(), time.process_time()
    for item in items:
        call(item).raise_for_status()
    return len(items) / (time.monotonic() - wall), (time.process_time() - cpu) / len(items) * 1e6


def _input(id: str) -> dict[str, Any]:
    return {
        "id": id,
        "properties": {
            "pql_flag": "true",
            "pql_tier": "hot",
            "pql_score": "1",
            "pql_fit_score": "40",
            "pql_intent_score": "20",
        },
    }
