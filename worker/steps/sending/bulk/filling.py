"""
Begin a bulk job: which due updates are worth one, and how they get into a file without being sent twice or lost.

Decided here: only updates whose fields are ours without a look at the record go into a job, because minutes pass until it is
worked off and a person's edit meanwhile would be overwritten; rows that differ in their fields go into different files, each
worth a job by itself; the attempts that name every row, and the CRM's id of the job, are committed before the file is sent.
Whatever is not worth a job is left to calls. Not decided here: what becomes of a job (`results`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

from connectors.bulk import Bulk, Sheet
from connectors.errors import ConnectorError, TryLater
from worker.steps.holding import held
from worker.steps.sending.bulk.calls import ASIDE, Hand, Lost
from worker.steps.sending.bulk.results import go_on
from worker.steps.sending.calling import Answer, Late
from worker.steps.sending.desk import Desk
from worker.steps.sending.push_records import Records, with_seen
from worker.steps.sending.record_drafts import Draft, draft
from worker.steps.sending.record_outcomes import Said, verdict
from worker.store import attempts, bulk_claims, bulk_jobs, record_claims
from worker.store.attempts import Attempt
from worker.store.bulk_jobs import Held
from worker.store.crash import point
from worker.store.record_claims import Row, Verdict

LOOKED_AT = 500
"""Rows in one question."""
SCAN = 100_000
"""Rows that are looked through for such that share their fields."""
PROBE = 1_000
"""Rows of a sample: where no set of fields is frequent in it, the others are not looked through."""
NEARLY_ALL = 0.8
"""The share of a sample's rows of one priority from which on the others are taken to be like them."""
AT_ONCE = 5
"""Jobs under way at one destination."""
LOOK_AGAIN = 0.5
"""Seconds until a process that does not fill looks again whether it may."""
Item = TypeVar("Item")
Signature = tuple[str, int, frozenset[str]]
"""Object, priority, fields: a backfill must not hold up the few that people wait for."""


def begin_jobs(desk: Desk) -> None:
    """
    Fill and send jobs for what is worth them, until nothing is or the time is over.

    One process at a time fills for a destination, because each would look through the same rows; the others settle jobs
    meanwhile, and leave rows to be filed.
    """
    while not desk.over() and (objects := _objects(desk)):
        with ExitStack() as alone:
            try:
                alone.enter_context(held(desk.store, f"bulk {desk.destination}", desk.periods.lease))
            except TryLater:
                go_on(desk)
                desk.rest(LOOK_AGAIN, desk.over)
                continue
            _begin(desk, objects)
            return


def _objects(desk: Desk) -> list[str]:
    """Of which objects enough is due for a job; none while jobs fail or cannot be made."""
    bulk = desk.crm.bulk
    if bulk is None:
        return []
    with desk.store.read() as tx:
        if bulk_jobs.failed_since(tx, desk.destination, tx.now() - timedelta(seconds=ASIDE)):
            return []
        counted = bulk_claims.due_updates(tx, desk.destination)
    return sorted(object for object, rows in counted.items() if rows > bulk.above)


def _begin(desk: Desk, objects: Sequence[str]) -> None:
    bulk = desk.crm.bulk
    assert bulk is not None
    for object in objects:
        for signature, keys in _worth_a_job(desk, object, bulk.above):
            for part in _parts(keys, bulk.most_rows):
                if desk.over() or not _room(desk):
                    return
                if len(part) > bulk.above and not Filling(desk, bulk, signature).carry_out(part):
                    return


def _room(desk: Desk) -> bool:
    with desk.store.read() as tx:
        return bulk_jobs.open_ones(tx, desk.destination)[0] < AT_ONCE


def _worth_a_job(desk: Desk, object: str, above: int) -> Iterator[tuple[Signature, list[str]]]:
    """
    Due updates that share their fields and are many, the urgent first, then the most. Keeps keys, not rows.

    Where a sample shows that nearly all share them, all are named without a look at each: whoever claims them for a file
    leaves out what does not fit, and that is looked through afterwards.
    """
    due = _due(desk, object)
    step = len(due) // PROBE
    if step > 1:
        sample = due[::step]
        found = _by_signature(desk, object, sample)
        if max(map(len, found.values()), default=0) * step < above // 2:
            return
        if alike := _alike(sample, found):
            yield from ((one, [key for key, priority in due if priority == one[1]]) for one in alike)
            due = _due(desk, object)
    found = _by_signature(desk, object, due)
    large = [(signature, keys) for signature, keys in found.items() if len(keys) > above]
    yield from sorted(large, key=lambda one: (one[0][1], -len(one[1])))


def _due(desk: Desk, object: str) -> list[tuple[str, int]]:
    with desk.store.read() as tx:
        return bulk_claims.due_keys(tx, desk.destination, object, SCAN)


def _alike(sample: Sequence[tuple[str, int]], found: Mapping[Signature, Sequence[str]]) -> list[Signature]:
    """The fields that nearly all rows of a priority share, the urgent first."""
    rows = Counter(priority for _, priority in sample)
    return sorted(
        (one for one, keys in found.items() if len(keys) >= NEARLY_ALL * rows[one[1]]), key=lambda signature: signature[1]
    )


def _by_signature(desk: Desk, object: str, due: Sequence[tuple[str, int]]) -> dict[Signature, list[str]]:
    found: dict[Signature, list[str]] = {}
    for some in _parts(due, LOOKED_AT):
        if desk.over():
            return {}
        with desk.store.read() as tx:
            rows = {row.record_key: row for row in bulk_claims.looked_at(tx, desk.destination, [key for key, _ in some])}
        for key, priority in some:
            row = rows.get(key)
            if row is not None and row.was == "due" and (fields := _fields(desk, row)):
                found.setdefault((object, priority, fields), []).append(key)
    return found


def _fields(desk: Desk, row: Row) -> frozenset[str]:
    """What would be written on this row, empty where that takes a look at the record first."""
    return _written(draft(row, desk.writing, desk.parked))


def _written(one: Draft) -> frozenset[str]:
    return frozenset((*one.fields, *one.clear)) if one.writes and not one.read_first else frozenset()


class Filling(Records):
    """One file, from the first claim to the closing of its job."""

    def __init__(self, desk: Desk, bulk: Bulk, signature: Signature) -> None:
        super().__init__(desk)
        self._bulk = bulk
        self._object, _, self._fields = signature
        self._columns: tuple[str, ...] = ()
        self._lines = bytearray()
        self._ids: set[str] = set()
        self._rows = 0

    def carry_out(self, keys: Sequence[str]) -> bool:
        """Whether a job is under way now; where it is not, all rows are as they were."""
        desk = self._desk
        taken = desk.take(len(keys))
        if taken <= self._bulk.above:
            desk.give_back(taken)
            return False
        by = Held(desk.holder, desk.periods.lease)
        with desk.store.write() as tx:
            what = (desk.destination, self._object, sorted(self._fields))
            job = bulk_jobs.begin(tx, what, by, desk.run_id)
        hand = Hand(desk, self._bulk, job)
        sent = False
        with suppress(Lost):
            try:
                sent = self._filled(hand, keys[:taken]) and self._sent(hand)
            except (ConnectorError, Late) as problem:
                hand.give_up(problem)
        desk.give_back(taken - (self._rows if sent else 0))
        return sent

    # ------------------------------------------------------------------ filling

    def _filled(self, hand: Hand, keys: Sequence[str]) -> bool:
        for some in _parts(keys, self._desk.part):
            if self._desk.over() or len(self._lines) >= self._bulk.most_bytes:
                break
            self._part(hand, some)
        if not self._rows or self._desk.halted.is_set():
            hand.drop()
            return False
        hand.keep(stage="filled", row_count=self._rows)
        point("B1")
        return True

    def _part(self, hand: Hand, keys: Sequence[str]) -> None:
        """Claim some rows, and name in an attempt those that are in the file."""
        with hand.writing() as tx:
            hand.kept(tx)
            rows = bulk_claims.claim_keys(tx, self._desk.destination, keys, hand.job.holder)
            drafts = with_seen(tx, self._desk, [draft(row, self._desk.writing, self._desk.parked) for row in rows])
        fit = [one for one in drafts if _written(one) == self._fields and one.row.crm_id not in self._ids]
        sheet = self._sheet(hand, fit)
        answered = {one.key: one for one in sheet.receipts}
        filed = [one for one in fit if one.row.record_key not in answered and one.row.record_key not in sheet.unfit]
        self._ids |= {str(one.row.crm_id) for one in filed}
        kept = {one.row.record_key for one in filed} | set(answered)
        with hand.writing() as tx:
            hand.kept(tx)
            record_claims.settle(
                tx, self._desk.destination, [_back(one.row) for one in drafts if one.row.record_key not in kept]
            )
            if filed:
                docs = {one.row.record_key: self._doc(one) for one in filed}
                named = Attempt(self._desk.destination, self.kind, docs, uuid4().hex, self._desk.run_id, hand.job.id)
                record_claims.note_attempt(tx, self._desk.destination, list(docs), attempts.begin(tx, named))
        self._answer([one for one in fit if one.row.record_key in answered], sheet)
        self._columns = sheet.columns if filed else self._columns
        self._lines += sheet.lines
        self._rows += len(filed)

    def _sheet(self, hand: Hand, fit: Sequence[Draft]) -> Sheet:
        if not fit:
            return Sheet()
        hand.keep()
        return hand.call(lambda: self._bulk.sheet(self._object, [one.change for one in fit]))

    def _doc(self, one: Draft) -> dict[str, object]:
        """What the attempt keeps: all that it takes to settle the row without having it in memory."""
        more = {"fence": one.row.fence, "object": one.row.object, "because": one.row.because}
        return {**self.doc(one), **more, **({"parked": list(one.parked)} if one.parked else {})}

    def _answer(self, drafts: Sequence[Draft], sheet: Sheet) -> None:
        """Settle rows that never go into the file: their record moved, or the value does not fit its field."""
        told = {one.key: one for one in sheet.receipts}
        pairs = [(one, told[one.row.record_key]) for one in drafts]
        answer = Answer("not_sent", told)
        self.store([verdict(Said(one, says, answer, self._desk.periods.unknown_wait)) for one, says in pairs])
        self.count(pairs)

    # ------------------------------------------------------------------ sending

    def _sent(self, hand: Hand) -> bool:
        trace = uuid4().hex
        id = hand.call(lambda: self._bulk.open(self._object, trace), writes=True)
        point("B2")
        hand.keep(stage="opened", job=id)
        hand.job = replace(hand.job, stage="opened", job=id, rows=self._rows)
        point("B3")
        self._desk.tally.filed(self._bulk.calls(self._object, self._rows))
        hand.call(lambda: self._bulk.upload(id, self._columns, bytes(self._lines)), writes=True)
        point("B4")
        hand.keep(stage="uploaded")
        point("B5")
        hand.rest(0.0)
        return True


def _back(row: Row) -> Verdict:
    return Verdict(row, row.was, attempts=row.attempts, blind_attempts=row.blind_attempts)


def _parts(some: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (some[start : start + size] for start in range(0, len(some), size))
