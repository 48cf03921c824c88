"""What the store forgets: a little at each sweep, nothing that somebody may still have to read back."""

from datetime import timedelta

from sqlalchemy import select, update

from worker.steps.upkeep import retention
from worker.store import attempts, bulk_jobs, record_claims, records
from worker.store.attempts import Attempt, End
from worker.store.bulk_jobs import Held
from worker.store.claiming import Claim
from worker.store.database import Store, Tx
from worker.store.records import Want
from worker.store.tables import attempt, bulk_job

DAYS = timedelta(days=1)


def noted(tx: Tx, days: float, *, ended: bool = True) -> int:
    """An attempt that was begun, and ended, so many days ago."""
    id = attempts.begin(tx, Attempt("hubspot", "record_write", {"L1": {"seq": 1, "sent": {}}}, "t"))
    attempts.end(tx, id, End("applied"))
    at = tx.now() - days * DAYS
    tx.run(update(attempt).where(attempt.c.id == id).values(started_at=at, ended_at=at if ended else None))
    return id


def kept(store: Store) -> list[int]:
    with store.read() as tx:
        return [row[0] for row in tx.rows(select(attempt.c.id).order_by(attempt.c.id))]


def test_attempts_that_ended_are_kept_thirty_days(store: Store):
    with store.write() as tx:
        old, _open, young = noted(tx, 31), noted(tx, 31, ended=False), noted(tx, 29)

    assert retention.forget(store) == 1
    assert kept(store) == [_open, young]
    assert old not in kept(store)


def test_what_carries_an_unproved_record_stays_however_old_it_is(store: Store):
    with store.write() as tx:
        records.want(tx, "hubspot", [Want("L1", "contact", {"pql_score": 71}, crm_id="1")])
        (row,) = record_claims.pick(tx, "hubspot", Claim(1, "here", 60))
        carries, other = noted(tx, 40), noted(tx, 40)
        record_claims.hold(tx, "hubspot", [row], ("here", 60), {"L1": carries})

    assert retention.forget(store) == 1
    assert kept(store) == [carries]
    with store.write() as tx:
        record_claims.settle(tx, "hubspot", [record_claims.Verdict(row, "in_sync")])
    assert retention.forget(store) == 1
    assert (kept(store), other in kept(store)) == ([], False)


def test_a_sweep_deletes_only_so_many(store: Store, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    with store.write() as tx:
        for _ in range(3):
            noted(tx, 31)

    assert [retention.forget(store) for _ in range(3)] == [2, 1, 0]


def test_bulk_jobs_that_ended_are_kept_thirty_days(store: Store):
    with store.write() as tx:
        for days in (31, 29):
            job = bulk_jobs.begin(tx, ("salesforce", "lead", ["pql_score"]), Held("here", 60), None)
            tx.run(update(bulk_job).where(bulk_job.c.id == job.id).values(ended_at=tx.now() - days * DAYS))

    assert retention.forget(store) == 1
    with store.read() as tx:
        assert len(bulk_jobs.listed(tx)) == 1
