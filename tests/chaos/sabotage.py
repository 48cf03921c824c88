"""
Products that do wrong, to see whether the proof notices: each breaks one rule of the path from a plan to a CRM.

A sabotage replaces one decision of the product for as long as it is entered. Only this process is sabotaged; processes of
their own that are killed work as they should.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Column

from connectors.contract import Outcome
from settings.destinations import Mode
from worker.core import threeway
from worker.steps.sending import push_tasks, record_drafts, record_outcomes
from worker.steps.sending.bulk.calls import Hand
from worker.steps.sending.desk import Writing
from worker.steps.sending.push_records import Records, attempts
from worker.store import intent_claims, record_claims
from worker.store.many import updating
from worker.store.record_claims import Row

Sabotage = Callable[[], AbstractContextManager[None]]


@contextmanager
def _instead(where: Any, name: str, other: Any) -> Iterator[None]:
    before = getattr(where, name)
    setattr(where, name, other)
    try:
        yield
    finally:
        setattr(where, name, before)


def _means(outcome: Outcome, other: Callable[..., Any]) -> Sabotage:
    return lambda: _instead(record_outcomes, "_MEANINGS", {**record_outcomes._MEANINGS, outcome: other})


def _unproved_task(status: str) -> Sabotage:
    kept = push_tasks.Tasks.verdict

    def verdict(self: push_tasks.Tasks, *said: Any) -> Any:
        one = kept(self, *said)
        return replace(one, status=status, error=None) if one.status == "unknown" else one

    return lambda: _instead(push_tasks.Tasks, "verdict", verdict)


def _expired(owner: Any, statement: str) -> Sabotage:
    kept = owner.expire

    def expire(tx: Any, *said: Any) -> int:
        count: int = kept(tx, *said)
        tx.connection.exec_driver_sql(statement)
        return count

    return lambda: _instead(owner, "expire", expire)


def _settled(instead: Mapping[str, Any]) -> Sabotage:
    """Results are stored under another condition than that of the claim."""
    columns = [Column(name, type_) for name, type_ in record_claims._SETTLED._columns.items()]

    def build(given: Any) -> Any:
        return record_claims._settled({**{one.name: given[one.name] for one in columns}, **instead})

    other = updating(columns, build, returns=record_claims.table.c.record_key)
    return lambda: _instead(record_claims, "_SETTLED", other)


def _made_anew() -> AbstractContextManager[None]:
    kept = Records._settled_by_reading

    def settled(self: Records, *said: Any) -> Any:
        one = kept(self, *said)
        return replace(one, status="due") if one is not None and one.gone else one

    return _instead(Records, "_settled_by_reading", settled)


def _in_mode(sabotaged: Mode, instead: Mode) -> Sabotage:
    def resolve(mode: Mode, three: threeway.Three, **more: Any) -> Any:
        return threeway.resolve(instead if mode == sabotaged else mode, three, **more)

    return lambda: _instead(record_drafts, "resolve", resolve)


def _taken_for_written() -> AbstractContextManager[None]:
    kept = Hand.drop

    def drop(self: Hand, *said: Any, **more: Any) -> None:
        with self.writing() as tx:
            held = f"claimed_by = '{self.job.holder}'"
            tx.connection.exec_driver_sql(f"update record_sync set status = 'in_sync', claimed_by = null where {held}")
        kept(self, *said, **more)

    return _instead(Hand, "drop", drop)


def _restored_at_any_price() -> AbstractContextManager[None]:
    kept = record_drafts._resolution

    def resolution(row: Row, name: str, three: threeway.Three, rules: Writing) -> Any:
        return threeway.resolve("own", three, clear=True) if row.restores else kept(row, name, three, rules)

    return _instead(record_drafts, "_resolution", resolution)


def _forgotten() -> AbstractContextManager[None]:
    kept = attempts.end

    def end(tx: Any, id: int, how: Any) -> None:
        kept(tx, id, how)
        tx.connection.exec_driver_sql(f"delete from attempt where id = {id} and kind = 'record_write'")

    return _instead(attempts, "end", end)


SABOTAGES: Mapping[str, Sabotage] = {
    "an unproved write counts as applied": _means(Outcome.UNKNOWN, record_outcomes._applied),
    "a write to be tried later counts as applied": _means(Outcome.TRY_LATER, record_outcomes._applied),
    "a person's value is overwritten": lambda: _instead(
        record_drafts, "resolve", lambda _, three, **more: threeway.resolve("own", three, **more)
    ),
    "a field of several values is replaced": _in_mode("append", "own"),
    "what a person changed meanwhile is taken back too": _restored_at_any_price,
    "the rows of a bulk job that came to nothing count as written": _taken_for_written,
    "a touched task is moved and closed": lambda: _instead(push_tasks, "touched", lambda *_: None),
    "an unproved task counts as made": _unproved_task("confirmed"),
    "an unproved task is given up in silence": _unproved_task("dead"),
    "an expired claim of a record is never taken up": lambda: _instead(record_claims, "expire", lambda *_: 0),
    "a record whose claim expired is sent again without reading": _expired(
        record_claims, "update record_sync set status = 'due' where status = 'unknown'"
    ),
    "a task whose claim expired counts as made": _expired(
        intent_claims, "update intent set status = 'confirmed' where status = 'unknown'"
    ),
    "an attempt is not kept": _forgotten,
    "what is wanted during a call is lost": _settled({"seq": record_claims.table.c.seq}),
    "an unproved write is repeated at once": lambda: _instead(Records, "_wait_left", lambda *_: 0.0),
    "a deleted record is made anew": _made_anew,
}
