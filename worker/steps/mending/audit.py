"""
Audit: read back a sample of what the CRM acknowledged, and see whether it still holds that.

Decided here: what becomes of a difference. A field of ours is written again through the usual record state, each record at
most once a day; after that, or where another installation writes, it is only reported. Other modes are people's to change.
A record that is gone or merged has its link ended or moved. The audit takes a slot only where one is near, and none while
the day is lean. Not decided here: what counts as a difference (`worker.core.drift`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from connectors.contract import Crm, Mirrored
from connectors.errors import TryLater
from connectors.fields import BY_NAME, OWNER
from settings.destinations import Mode
from worker.core import drift as core
from worker.core.drift import Drifted, Written
from worker.steps.mending.audit_report import Finding, Looked, Outcome, finding
from worker.steps.pacing.limiter import Limiter, LocalLimiter
from worker.steps.pacing.turns import SHORT
from worker.steps.sending.desk import Writing
from worker.steps.sending.record_outcomes import successor_object
from worker.store import audit as deeds
from worker.store import drift, links, mirror, pauses, records
from worker.store.claiming import UNDO
from worker.store.database import Store, Tx

SAMPLE = 100
"""People, and companies, that are looked at in each destination in an hour."""
DEED = "drift audit"
DAY, KEPT = timedelta(days=1), timedelta(days=30)
WHO = "pql audit"


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Auditing:
    """How an audit goes: the instant that names the sample, its size per kind of record, whether it only looks."""

    slot: datetime | None = None
    sample: int = SAMPLE
    dry_run: bool = False
    who: str = WHO
    limiter: Limiter | None = None
    stop: Callable[[], bool] = _never


@dataclass(slots=True)
class _Seen:
    """One record as the sample has it, and what was found."""

    row: dict[str, Any]
    drifted: list[Drifted] = field(default_factory=list)
    gone: bool = False
    moved: tuple[str, str] | None = None
    outcome: dict[str, Outcome] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return str(self.row["record_key"])

    @property
    def ours(self) -> list[Drifted]:
        return [one for one in self.drifted if one.kind == "overwritten"]


def audit(store: Store, crm: Crm, writing: Writing, how: Auditing | None = None) -> tuple[Looked, list[Finding]]:
    """Look at one destination; what was seen of it, and each difference."""
    auditing = how or Auditing()
    slot = (auditing.slot or store.now()).astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()
    looked = Looked(slot=slot)
    calls, name = crm.calls, writing.destination
    limiter = auditing.limiter or LocalLimiter()
    with store.read() as tx:
        reading = _Reading(crm, limiter, writing, set(records.parked(tx, name)))
        groups = list(_samples(tx, name, store.workspace, looked, auditing.sample))
    seen: list[_Seen] = []
    try:
        for rows in groups:
            if auditing.stop():
                looked.skipped = "stopped before the end of the sample"
                break
            seen += reading.look(rows)
    except TryLater as problem:
        looked.skipped = str(problem)
    looked.calls = crm.calls - calls
    looked.looked = len(seen)
    looked.back = sorted(f"{object}.{field}" for object, field in reading.back)
    _settle(store, name, seen, auditing, reading.back)
    return looked, list(_told(name, seen, looked))


def _samples(tx: Tx, name: str, workspace: str, looked: Looked, most: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of the sample, those of one object together."""
    for kind in ("L", "A"):
        begins = core.begins(workspace, name, looked.slot, kind)
        looked.begins.append(begins)
        rows = [row for row in records.sample(tx, name, begins, most) if not str(row["run_id"] or "").startswith(UNDO)]
        for object in sorted({row["object"] for row in rows}):
            yield [row for row in rows if row["object"] == object]


# --------------------------------------------------------------------------------------------- look


@dataclass(slots=True)
class _Reading:
    """Reads records of one CRM. `parked`: fields that it did not have; `back`: those of them that it has again."""

    crm: Crm
    limiter: Limiter
    writing: Writing
    parked: set[tuple[str, str]]
    back: set[tuple[str, str]] = field(default_factory=set)

    def look(self, rows: Sequence[dict[str, Any]]) -> list[_Seen]:
        """Read these records of one object, and compare each."""
        object = rows[0]["object"]
        left_out = {name for where, name in self.parked if where == object}
        names = {name for row in rows for name in row["acknowledged"]} | left_out
        asked = sorted(names - core.NOT_COMPARED - {*BY_NAME, OWNER})
        found = self._read(object, sorted({row["crm_id"] for row in rows}), asked)
        self.back |= {(object, name) for name in left_out if any(name in one.fields for one in found.values())}
        if self.writing.set_owner == "never":
            left_out.add(OWNER)
        modes = _modes(self.writing, object, asked)
        return [_compared(row, found.get(row["crm_id"]), modes, left_out) for row in rows]

    def _read(self, object: str, ids: Sequence[str], asked: Sequence[str]) -> Mapping[str, Mirrored]:
        _turn(self.limiter)
        try:
            return self.crm.mirror.read(object, ids, asked)
        except TryLater as problem:
            if problem.limited:
                self.limiter.pause(problem.after or self.crm.budget().window_seconds)
            raise
        finally:
            self.limiter.learn(self.crm.budget())


def _turn(limiter: Limiter) -> None:
    """Wait for a slot that is near; the least important call of all gives way to any other."""
    if limiter.lean() > 0:
        raise TryLater("what is left of today's calls is kept for handoffs and other tools")
    wait = limiter.reserve(within=SHORT)
    if wait > SHORT:
        raise TryLater("the CRM has no call to spare just now")
    time.sleep(wait)


def _modes(writing: Writing, object: str, asked: Sequence[str]) -> Mapping[str, Mode]:
    return {OWNER: core.mode_of_owner(writing.set_owner), **{name: writing.mode(object, name) for name in asked}}


def _compared(row: dict[str, Any], says: Mirrored | None, modes: Mapping[str, Mode], left_out: set[str]) -> _Seen:
    if says is None or says.deleted:
        return _Seen(row, gone=True)
    if says.moved_to or says.id != row["crm_id"]:
        object = says.moved_object or successor_object(row["object"]) if says.moved_to else says.object
        return _Seen(row, moved=(object, says.moved_to or says.id))
    believed = Written(row["wanted"], row["acknowledged"], row["seq"])
    found = {OWNER: says.owner, **says.fields}
    return _Seen(row, list(core.compare(believed, found, modes, left_out)))


# -------------------------------------------------------------------------------------------- settle


def _settle(store: Store, name: str, seen: Sequence[_Seen], auditing: Auditing, back: set[tuple[str, str]]) -> None:
    """Decide each difference, and in one transaction repair, note, follow and unpark; a dry run only decides."""
    with store.write() as tx:
        still = records.untouched(tx, name, {one.key: one.row["fence"] for one in seen})
        for one in seen:
            if one.key not in still:  # somebody wrote meanwhile: what was read says nothing
                one.drifted, one.gone, one.moved = [], False, None
        repaired = _repaired(tx, name, seen)
        paused = pauses.reason(tx, name) is not None
        for one in seen:
            one.outcome = {each.field: _outcome(one, each, paused=paused, lately=repaired) for each in one.drifted}
        if auditing.dry_run:
            return
        due = {one.key: (one.row["fence"], _holds(one)) for one in seen if "repaired" in one.outcome.values()}
        records.repair(tx, name, due)
        drift.put(tx, name, [found for one in seen for found in _notes(one)])
        since = tx.now() - DAY
        well = [one for one in seen if one.key in still]
        drift.settled(tx, name, _settled(drift.of(tx, name, {one.key for one in well}), well), since)
        drift.forget(tx, tx.now() - KEPT)
        _follow(tx, name, seen)
        for object, field in sorted(back):
            records.unpark(tx, name, object, field)
        deeds.add(tx, auditing.who, DEED, _deed(name, seen))


def _settled(known: Sequence[Mapping[str, Any]], seen: Sequence[_Seen]) -> list[tuple[str, str]]:
    """The fields that drifted once and hold now what they should."""
    drifted = {(one.key, each) for one in seen for each in one.outcome}
    return [pair for row in known if (pair := (row["record_key"], row["field"])) not in drifted]


def _repaired(tx: Tx, name: str, seen: Sequence[_Seen]) -> set[str]:
    """Those of these records that were repaired within a day."""
    since = tx.now() - DAY
    known = drift.of(tx, name, {one.key for one in seen if one.ours})
    return {row["record_key"] for row in known if row["repaired_at"] and row["repaired_at"] > since}


def _outcome(one: _Seen, each: Drifted, *, paused: bool, lately: set[str]) -> Outcome:
    if each.kind == "edited":
        return "edited"
    if any(other.field == core.SEQ for other in one.drifted):
        return "other_writer"
    if one.key in lately:
        return "fighting"
    return "reported" if paused else "repaired"


def _holds(one: _Seen) -> dict[str, Any]:
    return {each.field: each.found for each in one.ours}


def _notes(one: _Seen) -> Iterator[drift.Found]:
    for each in one.ours:
        yield drift.Found(
            one.key, each.field, one.row["object"], one.row["crm_id"], cast("drift.State", one.outcome[each.field])
        )


def _follow(tx: Tx, name: str, seen: Sequence[_Seen]) -> None:
    """Links follow what was merged, and end with what is gone."""
    for object in sorted({one.row["object"] for one in seen}):
        here = [one for one in seen if one.row["object"] == object]
        mirror.gone(tx, name, object, [one.row["crm_id"] for one in here if one.gone])
        links.moved(tx, name, object, {one.row["crm_id"]: one.moved for one in here if one.moved})


def _deed(name: str, seen: Sequence[_Seen]) -> dict[str, Any]:
    outcomes = [outcome for one in seen for outcome in set(one.outcome.values())]
    counted = {what: outcomes.count(what) for what in ("repaired", "fighting", "other_writer", "edited")}
    gone = sum(one.gone for one in seen)
    return {"destination": name, "looked": len(seen), "gone": gone, **counted}


def _told(name: str, seen: Sequence[_Seen], looked: Looked) -> Iterator[Finding]:
    for one in seen:
        whole: Outcome | None = "gone" if one.gone else "moved" if one.moved else None
        outcomes = set(one.outcome.values()) | ({whole} if whole else set())
        looked.same += not outcomes
        for outcome in outcomes & Looked.model_fields.keys():
            setattr(looked, outcome, getattr(looked, outcome) + 1)
        if whole:
            yield finding(name, one.row, whole)
        for each in one.drifted:
            yield finding(name, one.row, one.outcome[each.field], each.field, each.mode)
