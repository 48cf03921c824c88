"""What 10,000 changed records cost the store: wanted, claimed, acknowledged, with leads, states and attempts."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from itertools import count

from bench.figures import Figure, at_most, took
from bench.servers import on_both
from worker.store import attempts, leads, links, record_claims, records
from worker.store.attempts import Attempt, End
from worker.store.claiming import Claim
from worker.store.database import Store, open_store
from worker.store.links import Link
from worker.store.record_claims import Verdict

ROWS, BATCH = 10_000, 100
NOW = datetime(2026, 11, 22, tzinfo=UTC)
_scores = count(1)


def measured() -> list[Figure]:
    """On SQLite, and on a Postgres that is started for it."""
    return on_both("store", _measured)


def _measured(name: str, url: str) -> list[Figure]:
    with closing(open_store(url, "bench")) as store:
        people(store)
        wanting = took(lambda: want(store), 3)
        settle(store)
        both = took(lambda: (want(store), settle(store)), 3)
    planned = at_most("store", f"{name}: {ROWS:,} changed records wanted", wanting.wall, 0.5, "s", "one transaction")
    note = f"{ROWS // BATCH} batches: claim, attempt, acknowledge; {both.cpu:.2f} s CPU"
    return [planned, at_most("store", f"{name}: the same, held and acknowledged too", both.wall, 0.5, "s", note)]


def people(store: Store, numbers: range = range(ROWS)) -> None:
    """Leads of ours."""
    with store.write() as tx:
        leads.put(tx, [{"lead_key": f"L{n}", "user_id": f"u{n}", "account_id": None, "first_seen": NOW} for n in numbers])


def want(store: Store, numbers: range = range(ROWS)) -> None:
    """The fields of a lead that is no PQL, with another score each time."""
    score = next(_scores)
    fields = {"pql_flag": False, "pql_tier": "cold", "pql_score": score, "pql_fit_score": 0, "pql_intent_score": 20}
    rows = [
        records.Want(f"L{n}", "contact", {**fields, "pql_key": f"L{n}"}, crm_id=str(n), because="score") for n in numbers
    ]
    with store.write() as tx:
        records.want(tx, "hubspot", rows, "run")


def settle(store: Store) -> None:
    """What a push does with the store: rows are held and acknowledged a batch at a time, links follow the first time."""
    while True:
        with store.write() as tx:
            rows = record_claims.pick(tx, "hubspot", Claim(BATCH, "bench", 120))
            if not rows:
                return
            sent = {row.record_key: {"seq": row.seq, "sent": row.wanted, "crm_id": row.crm_id} for row in rows}
            attempt = attempts.begin(tx, Attempt("hubspot", "records", sent, f"bench-{next(_scores)}"))
            record_claims.hold(tx, "hubspot", rows, ("bench", 120), dict.fromkeys(sent, attempt))
        with store.write() as tx:
            record_claims.settle(tx, "hubspot", [Verdict(row, "in_sync", acknowledged=row.wanted) for row in rows])
            new = [Link(row.record_key, row.object, str(row.crm_id), "matched") for row in rows if row.ack_seq == 0]
            links.put(tx, "hubspot", new)
            attempts.end(tx, attempt, End("applied"))
