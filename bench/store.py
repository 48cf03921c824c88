"""What 10,000 changed records cost the store: wanted, claimed, acknowledged, with leads, states and attempts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bench.figures import Figure, at_most, skipped, took
from bench.servers import postgres
from worker.store import attempts, leads, record_claims, records
from worker.store.attempts import Attempt, End
from worker.store.claiming import Claim
from worker.store.database import Store, open_store
from worker.store.record_claims import Verdict
from worker.store.schema import migrate

ROWS, BATCH = 10_000, 100
NOW = datetime(2026, 11, 22, tzinfo=UTC)
_scores = count(1)


def measured() -> list[Figure]:
    """On SQLite, and on a Postgres that is started for it."""
    with _sqlite() as url:
        figures = _measured("SQLite", url)
    try:
        with postgres() as url:
            migrate(url)
            figures += _measured("Postgres", url)
    except LookupError as problem:
        figures += skipped("store", str(problem))
    return figures


def _measured(name: str, url: str) -> list[Figure]:
    with closing(open_store(url, "bench")) as store:
        _people(store)
        wanting = took(lambda: _want(store), 3)
        _settle(store)
        both = took(lambda: (_want(store), _settle(store)), 3)
    planned = at_most("store", f"{name}: {ROWS:,} changed records wanted", wanting.wall, 0.5, "s", "one transaction")
    note = f"{ROWS // BATCH} batches: claim, attempt, acknowledge; {both.cpu:.2f} s CPU"
    return [planned, Figure("store", f"{name}: the same, pushed and acknowledged", f"{both.wall:.2f} s", note=note)]


def _people(store: Store) -> None:
    with store.write() as tx:
        leads.put(
            tx, [{"lead_key": f"L{n}", "user_id": f"u{n}", "account_id": None, "first_seen": NOW} for n in range(ROWS)]
        )


def _want(store: Store) -> None:
    score = next(_scores)
    fields = {"pql_flag": False, "pql_tier": "cold", "pql_score": score, "pql_fit_score": 0, "pql_intent_score": 20}
    rows = [
        records.Want(f"L{n}", "contact", {**fields, "pql_key": f"L{n}"}, crm_id=str(n), because="score") for n in range(ROWS)
    ]
    with store.write() as tx:
        records.want(tx, "hubspot", rows, "run")


def _settle(store: Store) -> None:
    while True:
        with store.write() as tx:
            rows = record_claims.claim(tx, "hubspot", Claim(BATCH, "bench", 120))
            if not rows:
                return
            keys = [row.record_key for row in rows]
            sent = {row.record_key: {"seq": row.seq, "sent": row.wanted, "crm_id": row.crm_id} for row in rows}
            attempt = attempts.begin(tx, Attempt("hubspot", "records", sent, f"bench-{next(_scores)}"))
            record_claims.note_attempt(tx, "hubspot", keys, attempt)
        with store.write() as tx:
            record_claims.settle(tx, "hubspot", [Verdict(row, "in_sync", acknowledged=row.wanted) for row in rows])
            attempts.end(tx, attempt, End("applied"))


@contextmanager
def _sqlite() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="pql-bench-"))
    try:
        url = f"sqlite:///{folder / 'store.db'}"
        migrate(url)
        yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)
