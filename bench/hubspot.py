"""What the client costs per HubSpot record: our connector against plain requests with the same bodies, same sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import requests

from bench.figures import Figure, at_most
from bench.servers import sandbox
from connectors.contract import Change
from connectors.registry import crm
from settings.destinations import DestinationSpec
from settings.terms import Secret

RECORDS, BATCH, TIMES = 2_000, 100, 5


def measured() -> list[Figure]:
    """Processor time of this process only: the sandbox runs in another."""
    with sandbox() as addresses:
        url, token = addresses["hubspot"]["url"], addresses["hubspot"]["token"]
        ids = _seeded(url)
        options = {"token": Secret("HUBSPOT_TOKEN", token), "base_url": url}
        client = crm(DestinationSpec(name="hubspot", kind="hubspot", options=options))
        list(client.provisioning.apply())
        ours = _per_record(lambda n: _write(client, ids, n))
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"
        plain = _per_record(lambda n: _post(session, url, ids, n))
        session.close()
        getattr(client, "close", lambda: None)()
    note = f"plain requests {plain:.1f} us, {ours / plain:.2f}x; {RECORDS:,} updates in batches of {BATCH}"
    return [at_most("hubspot", "client CPU per record", ours, 12, "us", note)]


def _seeded(url: str) -> list[str]:
    people = [{"object": "contact", "properties": {"email": f"p{n}@x.example"}} for n in range(RECORDS)]
    answer = requests.post(f"{url}/_sandbox/seed", json={"records": people}, timeout=60)
    answer.raise_for_status()
    return [one["id"] for one in answer.json()["records"]]


def _per_record(work: Callable[[int], None]) -> float:
    """Microseconds of processor time."""
    work(0)
    costs = []
    for n in range(1, TIMES + 1):
        started = time.process_time()
        work(n)
        costs.append((time.process_time() - started) / RECORDS * 1e6)
    return median(costs)


def _write(client: Any, ids: list[str], n: int) -> None:
    for start in range(0, RECORDS, BATCH):
        part = ids[start : start + BATCH]
        changes = [Change(f"L{id}", "contact", id, _fields(n)) for id in part]
        if len(client.records.write("contact", changes, f"bench-{n}-{start}")) != len(part):
            raise RuntimeError("A record was not answered for.")


def _post(session: requests.Session, url: str, ids: list[str], n: int) -> None:
    for start in range(0, RECORDS, BATCH):
        said = {"pql_flag": "false", "pql_tier": "cold", "pql_score": str(n), "pql_fit_score": "0", "pql_intent_score": "20"}
        inputs = [{"id": id, "properties": said} for id in ids[start : start + BATCH]]
        answer = session.post(f"{url}/crm/v3/objects/contacts/batch/update", json={"inputs": inputs}, timeout=60)
        answer.raise_for_status()
        answer.json()


def _fields(n: int) -> dict[str, Any]:
    return {"pql_flag": False, "pql_tier": "cold", "pql_score": n, "pql_fit_score": 0, "pql_intent_score": 20}
