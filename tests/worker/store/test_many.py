"""Many rows in one statement: what arrives is what was given, and the database looks rows up one by one."""

from contextlib import closing
from datetime import UTC, datetime

import orjson
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from worker.store import record_claims, records
from worker.store.claiming import Claim
from worker.store.database import Store, open_store
from worker.store.many import inserting, updating
from worker.store.records import Want
from worker.store.tables import attempt

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
SOME = ("workspace", "destination", "kind", "keys", "answers", "started_at", "request_digest", "trace_id", "http_status")


def row(number: int, **more) -> dict:
    said = {"keys": {f"L{number}": {"sent": {"name": 'Zoë \\ "%s"', "at": None}}}, "answers": None, "started_at": NOON}
    names = {"workspace": "acme", "destination": "hubspot", "kind": "record_write", "request_digest": "d"}
    return {**names, **said, "trace_id": f"t{number}", "http_status": number, **more}


def test_rows_arrive_as_they_were_given(store: Store):
    with store.write() as tx:
        assert inserting(attempt, SOME, lambda insert: insert.on_conflict_do_nothing()).run(tx, [row(1), row(2)]) == 2
        found = tx.dicts(select(*(attempt.c[name] for name in SOME)).order_by(attempt.c.id))

    assert found == [row(1), row(2)]


def test_a_json_column_without_a_value_is_null_in_sql(store: Store):
    with store.write() as tx:
        inserting(attempt, SOME, lambda insert: insert.on_conflict_do_nothing()).run(tx, [row(1)])

        assert tx.rows(select(attempt.c.trace_id).where(attempt.c.answers.is_(None))) == [("t1",)]


def test_only_rows_that_match_are_counted_and_returned(store: Store):
    mended = updating(
        [attempt.c.trace_id, attempt.c.http_status],
        lambda given: (
            update(attempt)
            .where(attempt.c.trace_id == given["trace_id"])
            .values(http_status=given["http_status"], outcome="ended")
        ),
        returns=attempt.c.trace_id,
    )
    with store.write() as tx:
        inserting(attempt, SOME, lambda insert: insert.on_conflict_do_nothing()).run(tx, [row(1), row(2), row(3)])
        hit = mended.hits(tx, [{"trace_id": "t1", "http_status": 200}, {"trace_id": "t9", "http_status": 500}])
        found = tx.rows(select(attempt.c.trace_id, attempt.c.http_status, attempt.c.outcome).order_by(attempt.c.id))

    assert hit == {"t1"}
    assert found == [("t1", 200, "ended"), ("t2", 2, None), ("t3", 3, None)]


def test_a_statement_that_fails_fails_like_any_other(store: Store):
    lost = updating([attempt.c.trace_id], lambda given: update(attempt).values(outcome="x"), returns=attempt.c.trace_id)
    with store.write() as tx:
        tx.connection.exec_driver_sql("DROP TABLE attempt")
        with pytest.raises(DBAPIError):
            lost.hits(tx, [row(1)])
        tx.connection.rollback()


def test_nothing_given_changes_nothing(store: Store):
    with store.write() as tx:
        assert record_claims.settle(tx, "hubspot", []) == set()
        record_claims.note_attempt(tx, "hubspot", [], 1)


def test_of_two_states_wanted_at_once_the_later_counts(store: Store):
    with store.write() as tx:
        records.want(tx, "hubspot", [Want("L1", "contact", {"pql_score": n}, crm_id="1") for n in (71, 85)])
    with store.write() as tx:
        (picked,) = record_claims.pick(tx, "hubspot", Claim(10, "here", 60))

    assert picked.wanted == {"pql_score": 85}


def test_postgres_looks_rows_up_by_their_key_before_it_knows_how_many_there_are(postgres_url: str):
    rows = [Want(f"L{n:05}", "contact", {"pql_score": n, "pql_reasons": 1700 * "x"}, crm_id=str(n)) for n in range(6000)]
    keys = [{"workspace": "acme", "destination": "hubspot", "record_key": f"L{n:05}", "attempt_id": 7} for n in range(100)]
    with closing(open_store(postgres_url, "acme")) as store, store.write() as tx:
        tx.connection.exec_driver_sql("ALTER TABLE record_sync SET (autovacuum_enabled = false)")
        records.want(tx, "hubspot", rows)
        ready = record_claims._CARRIED._ready(tx)
        said = {**ready._own, "rows": orjson.dumps(keys).decode()}
        plan = "\n".join(line for (line,) in tx.connection.exec_driver_sql(f"EXPLAIN {ready._sql}", said))
        known = tx.value(text("SELECT reltuples FROM pg_class WHERE relname = 'record_sync'"))

    assert known == -1
    assert "record_key)::text = (given.record_key)::text" in plan.split("Index Cond:")[1]
