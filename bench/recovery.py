"""
A worker that is killed in the middle of its calls, with its host: how long until another host has its work.

Nobody can tell of another host whether its processes live, so its rows wait for their lease. Lease and sweep are shortened
for this (PQL_TESTING=1); the sum holds with the usual 120 and 30 seconds as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing

from sqlalchemy import text

from bench.figures import Figure, at_most, skipped
from bench.push import LATENCY, Place, filled, wish
from bench.servers import ROOT, postgres, redis, sandbox
from worker.store import records
from worker.store.database import open_store
from worker.store.schema import migrate

RECORDS = 4_000
LEASE, SWEEP = 5.0, 1.0
SHORT = {"PQL_TESTING": "1", "PQL_LEASE": f"{LEASE}", "PQL_SWEEP": f"{SWEEP}"}
SHORT |= {"PQL_CALL": "2", "PQL_MARGIN": "0.5", "PQL_UNKNOWN_WAIT": "1"}


def measured() -> list[Figure]:
    """One push killed after a second, one that takes over."""
    try:
        with sandbox() as addresses, postgres() as store, redis() as broker:
            migrate(store)
            place = filled("hubspot", addresses["hubspot"], RECORDS)
            wish(place, store)
            said = {"kind": "hubspot", "url": place.url, "token": place.token, "store": store, "redis": broker}
            return _killed(place, said)
    except LookupError as problem:
        return skipped("recovery", str(problem))


def _killed(place: Place, said: dict[str, str]) -> list[Figure]:
    first, second = _start("ours", said), _start("rescue", said)
    _go(first)
    time.sleep(1.0 + 2 * LATENCY)
    first.kill()
    first.communicate()
    in_hand = _of_another_host(said["store"])
    _go(second)
    took = json.loads(second.communicate()[0])
    with closing(open_store(said["store"], "bench")) as store, store.read() as tx:
        left = records.counts(tx, "hubspot")["hubspot"]
    lost = len(place.ids) - left.get("in_sync", 0) - left.get("rejected", 0)
    note = f"{in_hand} records were in hand; lease {LEASE:g} s and sweep {SWEEP:g} s; all done after {took['done']:.1f} s"
    return [
        at_most("recovery", "a killed worker's records taken up after", took["taken_up"], LEASE + SWEEP + 2, "s", note),
        at_most("recovery", "records lost by it", lost, 0, "records", f"of {len(place.ids):,}"),
    ]


def _start(what: str, said: dict[str, str]) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "bench.pushing", what, json.dumps(said)]
    environment = {**os.environ, **SHORT}
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    process.stdout.readline()  # type: ignore[union-attr]
    return process


def _go(process: subprocess.Popen[str]) -> None:
    process.stdin.write("go\n")  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]


def _of_another_host(url: str) -> int:
    """Its rows as if they were held elsewhere; how many."""
    with closing(open_store(url, "bench")) as store, store.write() as tx:
        moved = text("UPDATE record_sync SET claimed_by = 'elsewhere:1' WHERE status = 'sending'")
        return tx.run(moved)
