"""
Push one batch of records: claim, read what must be read, write what differs, settle each row.

Decided here: the order of these and the transactions around them. Not decided here: which fields are written
(`record_drafts`), what an outcome means (`record_outcomes`), how a call is made (`calling`), when a push ends (`desk`).
Rows with different fields share a call, because a JSON row says nothing about the fields it does not carry; a channel of
tables with one header would need them apart.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.contract import Mirrored, Outcome, Receipt
from connectors.fields import BY_NAME
from worker.steps.report import Rejection
from worker.steps.sending.calling import Answer, Batch, Begun, Held, Late, written_down
from worker.steps.sending.desk import Desk
from worker.steps.sending.record_drafts import KEY, Draft, Reading, asked_fields, draft
from worker.steps.sending.record_outcomes import Said, lacks_field, successor_object, tried, verdict
from worker.steps.sending.set_aside import worded
from worker.store import attempts, links, mirror, record_claims, records
from worker.store.attempts import Attempt, End
from worker.store.claiming import Claim
from worker.store.crash import point
from worker.store.database import Tx
from worker.store.links import Link
from worker.store.record_claims import Row, Verdict
from worker.store.values import packed, unpacked


def push_records(desk: Desk) -> bool:
    """One batch; False where no row is ready."""
    claimed_at = time.monotonic()
    limit = desk.take(desk.crm.records.batch)
    if limit == 0:
        return False
    claimed = _claim(desk, limit)
    desk.give_back(limit - len(claimed.drafts))
    if not claimed.drafts:
        return False
    point("K4")
    held, batch = Held(desk, claimed_at), Records(desk)
    ready = _read(held, claimed, batch)
    batch.leave([one for one in ready if not one.writes])
    # a create that turned out to have arrived goes on as an update, in a call of its own
    for creating in (True, False):
        writing = [one for one in ready if one.writes and (one.row.crm_id is None) == creating]
        if writing:
            desk.tally.changed(writing[0].row.object, creating, len(writing))
            held.carry_out(batch, writing, claimed.writing)
    return True


@dataclass(frozen=True, slots=True)
class _Claimed:
    """`writing` or `reading` is the attempt that was begun in the same transaction."""

    drafts: Sequence[Draft] = ()
    writing: Begun | None = None
    reading: int | None = None
    sent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _claim(desk: Desk, limit: int) -> _Claimed:
    """Tx A: hold rows and begin the attempt of the first call about them."""
    with desk.store.write() as tx:
        rows = record_claims.pick(tx, desk.destination, Claim(limit, desk.holder, desk.periods.lease, desk.only))
        drafts = with_seen(tx, desk, [draft(row, desk.writing, desk.parked) for row in rows])
        first = [one for one in drafts if one.read_first]
        writing = [one for one in drafts if one.writes]
        claimed, carried = _Claimed(drafts), dict[str, int]()
        if first:
            keys = {one.row.record_key: {"seq": one.row.seq, "crm_id": one.row.crm_id} for one in first}
            reading = attempts.begin(tx, Attempt(desk.destination, "record_read", keys, "", desk.run_id))
            claimed = replace(claimed, reading=reading, sent=_sent(tx, [one.row for one in first]))
        elif writing:
            begun = written_down(tx, desk, Records(desk), writing)
            claimed, carried = replace(claimed, writing=begun), {one.row.record_key: begun.id for one in writing}
        record_claims.hold(tx, desk.destination, rows, (desk.holder, desk.periods.lease), carried)
        point("K3")
    return claimed


def with_seen(tx: Tx, desk: Desk, drafts: Sequence[Draft]) -> list[Draft]:
    """For undo: what the mirror saw in fields of which nothing is known else, such as ours before their first write."""
    first = [one for one in drafts if one.row.crm_id and not one.read_first and one.replaces_unknown]
    if not first:
        return list(drafts)
    ids = [str(one.row.crm_id) for one in first]
    seen = mirror.records(tx, desk.destination, first[0].row.object, ids)
    known = {one.row.record_key: seen[str(one.row.crm_id)] for one in first if one.row.crm_id in seen}
    return [one.having_seen(known[one.row.record_key]) if one.row.record_key in known else one for one in drafts]


def _sent(tx: Tx, rows: Sequence[Row]) -> dict[str, Mapping[str, Any]]:
    """What the last write of each unproved row had sent."""
    unproved = {row.record_key: row.last_attempt for row in rows if row.was == "unknown" and row.last_attempt is not None}
    kept = attempts.keys_of(tx, set(unproved.values()))
    return {key: unpacked(kept.get(attempt, {}).get(key, {}).get("sent")) for key, attempt in unproved.items()}


def _read(held: Held, claimed: _Claimed, batch: Records) -> list[Draft]:
    """Read the records that must be; the drafts that can go on. The others are settled."""
    first = [one for one in claimed.drafts if one.read_first]
    others = [one for one in claimed.drafts if not one.read_first]
    if claimed.reading is None:
        return others
    try:
        found = held.read(lambda: _ask(held, first))
    except Late as late:
        batch.ended(claimed.reading, "try_later")
        batch.release(first, late)
        return others
    batch.ended(claimed.reading, "read")
    return others + batch.judge(first, found, claimed.sent)


def _ask(held: Held, first: Sequence[Draft]) -> dict[str, Mirrored]:
    held.guard()
    reader, object = held.desk.crm.mirror, first[0].row.object
    held.desk.tally.read(object, len(first))
    ids = {one.row.crm_id: one.row.record_key for one in first if one.row.crm_id}
    keys = {str(one.row.wanted.get(KEY) or one.row.record_key): one.row.record_key for one in first if not one.row.crm_id}
    fields = asked_fields(first)
    by_id = reader.read(object, list(ids), fields) if ids else {}
    by_key = reader.read_by_key(object, list(keys), fields) if keys else {}
    return {ids[id]: one for id, one in by_id.items()} | {keys[key]: one for key, one in by_key.items()}


class Records(Batch[Draft]):
    """Field values of records of one object."""

    kind = "record_write"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def key(self, item: Draft) -> str:
        return item.row.record_key

    def doc(self, item: Draft) -> Mapping[str, Any]:
        doc = item.doc()
        run = {} if self._desk.run_id else {"run": item.row.run_id}
        return {**doc, **run, "sent": packed(doc["sent"]), "replaced": packed(doc["replaced"])}

    def noted(self, tx: Tx, items: Sequence[Draft], attempt: int) -> None:
        record_claims.note_attempt(tx, self._desk.destination, [one.row.record_key for one in items], attempt)

    def send(self, items: Sequence[Draft], trace: str) -> Sequence[Receipt]:
        return self._desk.crm.records.write(items[0].row.object, [one.change for one in items], trace)

    # ------------------------------------------------------------------ after reading

    def judge(
        self, first: Sequence[Draft], found: Mapping[str, Mirrored], sent: Mapping[str, Mapping[str, Any]]
    ) -> list[Draft]:
        """Settle what reading settles, and draft the rest again with what was read."""
        ready: list[Draft] = []
        waiting: list[Draft] = []
        verdicts: list[Verdict] = []
        for one in first:
            says = found.get(one.row.record_key)
            settled = self._settled_by_reading(one.row, says)
            if settled is not None:
                verdicts.append(settled)
                continue
            again = self._again(one.row, says, sent.get(one.row.record_key, {}))
            wait = self._wait_left(one.row) if again.writes else 0.0
            if wait:
                waits = Verdict(again.row, "unknown", attempts=one.row.attempts, wait=wait)
                verdicts.append(replace(waits, crm_id=again.row.crm_id) if again.born else waits)
                waiting.append(again)
            else:
                ready.append(again)
        self._found(waiting, self.store(verdicts))
        gone = sum(1 for one in verdicts if one.gone)
        self._desk.tally.records(unmatched=gone)
        self._desk.tally.finished(gone)
        return ready

    def _settled_by_reading(self, row: Row, says: Mirrored | None) -> Verdict | None:
        """What the record's absence, deletion or move says by itself."""
        if row.crm_id is None:
            wait = self._wait_left(row) if says is None else 0.0
            return Verdict(row, "unknown", attempts=row.attempts, wait=wait) if wait else None
        if says is None or says.deleted:
            return Verdict(row, "unmatched", gone=True, error=("moved", "The record is not in the CRM any more."))
        survivor = says.moved_to or (says.id if says.id != row.crm_id else None)
        if survivor is None:
            return None
        object = says.moved_object or successor_object(row.object) if says.moved_to else says.object
        return Verdict(row, "due", {}, {}, survivor, object)

    def _again(self, row: Row, says: Mirrored | None, sent: Mapping[str, Any]) -> Draft:
        rules, parked = self._desk.writing, self._desk.parked
        if says is None:
            return draft(row, rules, parked, Reading(Mirrored(row.record_key, row.object)))
        # a record to be created that is there after all is the one we made
        made = draft(replace(row, crm_id=says.id), rules, parked, Reading(says, sent))
        return replace(made, born=row.crm_id is None)

    def _wait_left(self, row: Row) -> float:
        """Seconds until an unproved write may be repeated."""
        if row.was != "unknown" or row.uncertain_until is None:
            return 0.0
        return max(0.0, (row.uncertain_until - self._desk.store.now()).total_seconds())

    def leave(self, drafts: Sequence[Draft]) -> None:
        """Nothing is to be written on these: the CRM holds what is wanted, or a person's edit stands."""
        if not drafts:
            return
        lost = self.store([Verdict(one.row, "in_sync", parked=one.parked) for one in drafts])
        self._found(drafts, lost)
        born = sum(1 for one in drafts if one.born)
        proved = sum(1 for one in drafts if one.row.was == "unknown" and not one.born)
        kept = sum(1 for one in drafts if one.kept and one.row.was != "unknown")
        unchanged = len(drafts) - born - proved - kept
        self._desk.tally.records(updated=proved, unchanged=unchanged, kept_human_edit=kept)
        self._desk.tally.finished(len(drafts))

    # ------------------------------------------------------------------ after writing

    def settle(self, items: Sequence[Draft], answer: Answer, attempt: int) -> list[Draft]:
        told = [(one, worded(self._desk, answer.receipts[one.row.record_key], one.fields)) for one in items]
        self.park(told)
        again = self._once_more(told)
        busy = {one.row.record_key for one in again}
        wait = self._desk.periods.unknown_wait
        final = [(one, says) for one, says in told if one.row.record_key not in busy]
        verdicts = [verdict(Said(one, says, answer, wait)) for one, says in final]
        how = End(answer.outcome, {one.row.record_key: says.outcome.value for one, says in told})
        lost = self.store(verdicts, (attempt, how))
        self.count([(one, says) for one, says in final if one.row.record_key not in lost])
        return again

    def _once_more(self, told: Sequence[tuple[Draft, Receipt]]) -> list[Draft]:
        """Rows without the field that the CRM does not have, and rows held back because another one was bad."""
        again = [one.without(str(says.field)) for one, says in told if lacks_field(says)]
        if any(says.outcome in (Outcome.REJECTED, Outcome.REFUSED, Outcome.NEEDS_REVIEW) for _, says in told):
            again += [one for one, says in told if says.outcome is Outcome.TRY_LATER]
        return [one for one in again if one.writes]

    def release(self, items: Sequence[Draft], late: Late) -> None:
        with self._desk.store.write() as tx:
            if late.costs:
                verdicts = [tried(Verdict(one.row, one.row.was, wait=late.wait)) for one in items]
                lost = record_claims.settle(tx, self._desk.destination, verdicts)
            else:
                lost = record_claims.release(tx, self._desk.destination, [one.row for one in items], late.wait)
        self._found(items, lost)
        self._desk.give_back(len(items))

    def _found(self, drafts: Sequence[Draft], lost: Collection[str] = ()) -> None:
        """Count records that turned out to have been made, once: when it is stored which ones they are."""
        self._desk.tally.records(created=sum(1 for one in drafts if one.born and one.row.record_key not in lost))

    def ended(self, attempt: int, outcome: str) -> None:
        with self._desk.store.write() as tx:
            attempts.end(tx, attempt, End(outcome))

    def store(self, verdicts: Sequence[Verdict], attempt: tuple[int, End] | None = None) -> set[str]:
        """Tx B: rows by their fence, links, the attempt. The keys that had lost their fence."""
        if not verdicts and attempt is None:
            return set()
        with self._desk.store.write() as tx:
            return self.settled(tx, verdicts, attempt)

    def settled(self, tx: Tx, verdicts: Sequence[Verdict], attempt: tuple[int, End] | None = None) -> set[str]:
        destination = self._desk.destination
        lost = record_claims.settle(tx, destination, verdicts) if verdicts else set()
        if lost:
            point("K10")
        _link(tx, destination, [one for one in verdicts if one.row.record_key not in lost])
        if attempt is not None:
            id, how = attempt
            answers = {**(how.answers or {}), **dict.fromkeys(lost, "stale_result")}
            attempts.end(tx, id, End(how.outcome, answers))
        return lost

    def park(self, told: Sequence[tuple[Draft, Receipt]]) -> None:
        lacking = {(one.row.object, str(says.field)): says.message for one, says in told if lacks_field(says)}
        if not lacking:
            return
        with self._desk.store.write() as tx:
            for (object, name), why in lacking.items():
                records.park(tx, self._desk.destination, object, {name: why})
        for object, name in lacking:
            self._desk.parked.add((object, name))
            said = f"{self._desk.destination} has no field {name} on {object}, or we may not write it."
            mend = "run `pql provision`" if name in BY_NAME else "make the field there"
            self._desk.tally.warn(f"{said} It is left out. To mend that {mend}, then `pql retry`; the audit notices, too.")

    def count(self, told: Sequence[tuple[Draft, Receipt]]) -> None:
        applied = [one for one, says in told if says.outcome is Outcome.APPLIED]
        made = sum(1 for one in applied if one.row.crm_id is None)
        born = sum(1 for one in applied if one.born)
        # under our own key: an earlier send arrived, and nobody could prove it
        there = sum(1 for one, says in told if says.outcome is Outcome.EXISTS and says.crm_id and one.row.crm_id is None)
        gone = sum(1 for _, says in told if says.outcome is Outcome.MOVED and not says.moved_to)
        bad = [(one, says) for one, says in told if says.outcome is Outcome.REJECTED]
        review = sum(1 for _, says in told if says.outcome is Outcome.NEEDS_REVIEW)
        tally = self._desk.tally
        self._found([one for one, _ in told])
        tally.records(created=made + there, updated=len(applied) - made - born)
        tally.records(unmatched=gone, rejected=len(bad), needs_review=review)
        tally.finished(len(applied) + gone + len(bad) + review)
        if bad:
            tally.reject(*_rejections(self._desk, bad))


def _link(tx: Tx, destination: str, verdicts: Sequence[Verdict]) -> None:
    """Links follow what was created, merged, converted or deleted; the first acknowledged write confirms a match."""
    for one in verdicts:
        row = one.row
        if one.crm_id and row.crm_id and one.crm_id != row.crm_id:
            links.moved(tx, destination, row.object, {row.crm_id: (one.object or row.object, one.crm_id)})
    for row in (one.row for one in verdicts if one.gone and one.row.crm_id):
        mirror.gone(tx, destination, row.object, [str(row.crm_id)])
    first = [one for one in verdicts if one.row.ack_seq == 0 and _is_ours(one)]
    links.put(tx, destination, [_first_link(one) for one in first if one.crm_id or one.row.crm_id])


def _is_ours(one: Verdict) -> bool:
    """
    Whether the record is known to stand for this lead.

    What was found under our key does, whatever becomes of its next write: no plan may want it made while that waits, or
    because it is refused.
    """
    return not one.gone and bool(one.status in ("in_sync", "due") or one.crm_id or one.row.acknowledged)


def _first_link(one: Verdict) -> Link:
    how = "matched" if one.row.crm_id else "created"
    return Link(one.row.record_key, one.object or one.row.object, str(one.crm_id or one.row.crm_id), how)


def _rejections(desk: Desk, bad: Sequence[tuple[Draft, Receipt]]) -> list[Rejection]:
    ids = [one.row.crm_id for one, _ in bad if one.row.crm_id]
    with desk.store.read() as tx:
        known = mirror.records(tx, desk.destination, bad[0][0].row.object, ids)
    names = {id: one.name or "" for id, one in known.items()}
    return [
        Rejection(
            destination=desk.destination,
            lead=one.row.record_key,
            name=names.get(one.row.crm_id or "", ""),
            field=says.field,
            code=says.code,
            message=says.message,
        )
        for one, says in bad
    ]
