"""
Take the bulk jobs of a destination further: close, look, and settle every row by what the job says of it.

Decided here: whoever finds a job goes on where the one before stopped, by what is stored and what the CRM says. A job whose
file is not known to be there is aborted, because an open job wrote nothing; one that was closed is asked until it is over;
one that ended early or is gone leaves rows that are read back. Rows are settled part by part, from what their attempt says
was sent, each part in one transaction. Not decided here: when a job begins (`filling`), what an outcome means for a row
(`record_outcomes`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.bulk import Job, JobState, Told
from connectors.contract import Outcome, Receipt
from connectors.errors import ConnectorError
from worker.steps.holding import died_here
from worker.steps.sending.bulk.calls import LATEST, SOON, Hand, Lost
from worker.steps.sending.calling import Answer, Late
from worker.steps.sending.desk import Desk
from worker.steps.sending.push_records import Records
from worker.steps.sending.record_drafts import Draft
from worker.steps.sending.record_outcomes import Said, lacks_field, verdict
from worker.steps.sending.set_aside import worded
from worker.store import attempts, bulk_claims, bulk_jobs, record_claims
from worker.store.attempts import End
from worker.store.bulk_jobs import BulkJob, Held
from worker.store.crash import point
from worker.store.record_claims import Verdict
from worker.store.values import unpacked

READ_AGAIN = 4
"""How often results that are shorter than the job's own count are read, before the missing rows count as unproved."""


def go_on(desk: Desk) -> None:
    """Take each job that is ready one step further, until none is ready or the time is over."""
    while not desk.over() and (job := _next(desk)) is not None:
        bulk = desk.crm.bulk
        if bulk is None:
            _orphan(desk, job)
            continue
        hand = Hand(desk, bulk, job)
        try:
            _STEPS[job.stage](hand)
        except (ConnectorError, Late) as problem:
            hand.later(problem)
        except Lost:
            continue


def _next(desk: Desk) -> BulkJob | None:
    with desk.store.read() as tx:
        if not bulk_jobs.open_ones(tx, desk.destination)[0]:
            return None
        died = [holder for holder in sorted(bulk_jobs.holders(tx)) if died_here(holder)]
    with desk.store.write() as tx:
        return bulk_jobs.take(tx, desk.destination, Held(desk.holder, desk.periods.lease), died)


def _orphan(desk: Desk, job: BulkJob) -> None:
    """The destination is of a kind without bulk jobs now."""
    with desk.store.write() as tx:
        bulk_jobs.end(tx, job, "lost", "The destination takes no bulk jobs any more.")
        attempts.end_job(tx, job.id, "unknown")
        bulk_claims.let_go(tx, desk.destination, job.holder, status="unknown")


# ------------------------------------------------------------------ one step


def _unsent(hand: Hand) -> None:
    """Its process died before the CRM's id was stored: what may have been made there is open, and stays without effect."""
    hand.drop(innocent=hand.job.stage != "filling")


def _unfilled(hand: Hand) -> None:
    """Its process died before the file was known to be there. A job takes one file, so another is made."""
    hand.call(lambda: hand.bulk.abort(_id(hand)), writes=True)
    hand.drop()


def _followed(hand: Hand) -> None:
    """The file is there: close the job, or look what became of it."""
    closed = True
    if hand.job.stage == "uploaded" and hand.desk.records_too:
        closed = hand.call(lambda: hand.bulk.close(_id(hand)), writes=True)
        point("B6")
        hand.keep(stage="closed", looks=0)
        hand.job = replace(hand.job, stage="closed", looks=0)
    told = hand.call(lambda: hand.bulk.look(_id(hand)))
    if told.state is JobState.OPEN and (not closed or hand.job.stage == "uploaded"):
        # its file is not there after all, or nothing may be written now; an open job wrote nothing
        return _unfilled(hand)
    if told.state is JobState.OPEN:
        hand.keep(stage="uploaded")  # the closing call did not arrive after all
    if told.state in (JobState.OPEN, JobState.WORKING):
        return hand.rest(min(SOON * 2 ** min(hand.job.looks, 10), LATEST))
    if told.state is JobState.GONE:
        return hand.lose(told.says)
    point("B7")
    return _collected(hand, told)


def _id(hand: Hand) -> str:
    return str(hand.job.job)


_STEPS: Mapping[str, Callable[[Hand], None]] = {
    "filling": _unsent,
    "filled": _unsent,
    "opened": _unfilled,
    "uploaded": _followed,
    "closed": _followed,
}


# ------------------------------------------------------------------ results


def _collected(hand: Hand, job: Job) -> None:
    """Settle every row; what is left when the time is over is settled by the next push."""
    told = hand.call(lambda: hand.bulk.told(job))
    if not told.complete and hand.job.looks < READ_AGAIN:
        return hand.rest(SOON * 2**hand.job.looks)
    settling = Settling(hand, told)
    while (some := settling.next()) is not None:
        settling.part(*some)
        point("B8")
        if hand.desk.over():
            return hand.rest(0.0)
    failed = job.state is not JobState.DONE
    says = job.says or f"It was {job.state}."
    if failed:
        said = f"A bulk job of {hand.job.rows:,} rows at {hand.desk.destination} ended early: {says}"
        hand.desk.tally.warn(f"{said} What it left is read back and sent by calls.")
    return hand.done(says if failed else None)


class Settling(Records):
    """The rows of a job that is over, one attempt after the other."""

    def __init__(self, hand: Hand, told: Told) -> None:
        super().__init__(hand.desk)
        self._hand = hand
        self._told = told

    def next(self) -> tuple[int, dict[str, dict[str, Any]]] | None:
        """The next attempt of the job that is not settled, and what it sent."""
        with self._desk.store.read() as tx:
            return attempts.next_of_job(tx, self._hand.job.id)

    def part(self, attempt: int, sent: Mapping[str, Mapping[str, Any]]) -> None:
        """One transaction: rows by their fence, links, the attempt, and the lease of the job."""
        hand = self._hand
        with self._desk.store.read() as tx:
            rows = bulk_claims.held_for(tx, self._desk.destination, hand.job.holder, sent)
        drafts = [_draft_of(row, sent[row.record_key]) for row in rows]
        receipts = hand.bulk.receipts(hand.job.object, [one.change for one in drafts], self._told) if drafts else ()
        told = {receipt.key: receipt for receipt in receipts}
        answer = _answer(told)
        pairs = [(one, worded(hand.desk, told[one.row.record_key], one.fields)) for one in drafts]
        self.park(pairs)
        verdicts = [self._verdict(one, says, answer) for one, says in pairs]
        answers = {**dict.fromkeys(sent, "stale_result"), **{key: says.outcome.value for key, says in told.items()}}
        with hand.writing() as tx:
            hand.kept(tx)
            lost = self.settled(tx, verdicts, (attempt, End(answer.outcome, answers)))
        self.count([(one, says) for one, says in pairs if one.row.record_key not in lost])

    def _verdict(self, one: Draft, says: Receipt, answer: Answer) -> Verdict:
        if lacks_field(says):  # nothing of the row was written: it goes again, without that field
            return Verdict(one.row, "due", attempts=one.row.attempts, error=(says.outcome.value, says.message))
        # the job is over and the call long ended: an unproved row needs no wait, only a look
        return verdict(Said(one, says, answer, 0.0))


def _draft_of(row: record_claims.Row, doc: Mapping[str, Any]) -> Draft:
    """What was sent, from what the attempt says of it."""
    sent = unpacked(doc["sent"])
    fields = {name: value for name, value in sent.items() if value is not None}
    clear = tuple(name for name, value in sent.items() if value is None)
    return Draft(row, fields, clear, parked=tuple(doc.get("parked") or ()))


def _answer(told: Mapping[str, Receipt]) -> Answer:
    outcomes: Sequence[Outcome] = sorted({receipt.outcome for receipt in told.values()})
    said = outcomes[0].value if len(outcomes) == 1 else "mixed" if outcomes else "stale_result"
    return Answer(said, told)
