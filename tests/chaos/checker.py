"""
Was every effect carried out once, and nobody's word overwritten? Judged once all is quiet, in the manner of Jepsen.

Decided here: what once, lost, twice and late mean. An effect is one task under its key, or the newest wanted state of one
record. `once`: the CRM holds it, by one write. `aside`: it was not carried out, and the store says so with a reason that a
person can see. `lost`: neither. `twice`: carried out more than once. `late` is asked separately, because it is about the
first quiet moment after a fault and the others are about the end.

Not product code: it reads the ledger of what was applied, which only the sandbox keeps. It shares no comparison, no query
and no matching with the code it judges.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Literal

from chaos.evidence import READING, Evidence, Row
from chaos.told import US, Record, Said, Told, parts, same

from connectors.fields import BY_NAME, OWNER

Verdict = Literal["once", "aside", "lost", "twice"]
KEY, SEQ = "pql_key", "pql_seq"
SETTLED_TASKS = ("confirmed", "rejected", "needs_review", "dead", "superseded", "cancelled")
SETTLED_RECORDS = ("in_sync", "rejected", "unmatched", "needs_review", "dead")
TICK = timedelta(milliseconds=5)
"""The store and the sandbox round their times."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of one effect, and why that is so where it is not `once`."""

    kind: str
    key: str
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All effects, and the laws that were broken besides."""

    effects: Sequence[Effect]
    broken: Sequence[str] = field(default_factory=tuple)

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be, in words."""
        bad = [f"{one.kind} {one.key}: {one.verdict}: {one.why}" for one in self.effects if one.verdict in ("lost", "twice")]
        return [*bad, *self.broken]

    def counts(self) -> Counter[str]:
        return Counter(one.verdict for one in self.effects)


def judge(evidence: Evidence) -> Judgement:
    """Say of every effect what became of it, and which laws were broken."""
    told = Told(evidence)
    tasks = [_task(evidence, told, row) for row in evidence.intents]
    records = [_record(evidence, told, row) for row in evidence.records]
    laws = (_strangers, _made_anew, _edits, _added, _undone, _order, _attempts, _calls, _reports)
    return Judgement([*tasks, *records], [broken for law in laws for broken in law(evidence, told)])


def late(evidence: Evidence, faults_ended: datetime, within: float) -> list[str]:
    """The effects that were settled later than so many seconds after the last fault had ended, or not at all."""
    until = faults_ended + timedelta(seconds=within)
    ended = {row["id"]: row["ended_at"] for row in evidence.attempts}
    found = []
    for row, key, final in (
        *((row, f"{row['kind']} {row['effect_key']}", SETTLED_TASKS) for row in evidence.intents),
        *((row, f"record {row['record_key']}", SETTLED_RECORDS) for row in evidence.records),
    ):
        if row["status"] not in final:
            found.append(f"{key}: late: still {row['status']}")
        elif (at := ended.get(row["attempt_id"])) is not None and at > until:
            found.append(f"{key}: late: settled {(at - faults_ended).total_seconds():.1f} s after the last fault")
    return found


# ------------------------------------------------------------------------------------------- tasks


def _task(evidence: Evidence, told: Told, row: Row) -> Effect:
    kind, key, status = row["kind"], row["effect_key"], row["status"]
    if status not in SETTLED_TASKS:
        return Effect(kind, key, "lost", f"never settled, still {status}")
    if kind != "task_create":
        return _change(evidence, told, row)
    made = _made(evidence, "task", key)
    if len(made) > 1:
        why = f"{len(made)} tasks: {', '.join(one['id'] for one in made)}"
        unproved = _deleted_unproved(evidence, told, made)
        return Effect(kind, key, "aside" if unproved else "twice", why)
    if made:
        return _created(evidence, row, made[0])
    if status == "confirmed":
        return Effect(kind, key, "lost", "the store says confirmed, and nobody made it")
    return _aside(kind, key, row)


def _deleted_unproved(evidence: Evidence, told: Told, made: Sequence[Row]) -> bool:
    """
    Whether a person deleted each but the last before the next was made, in a CRM that gives a deleted record's key free.

    Nobody knew its id yet, so nobody can tell it from one that was never made; there are never two at once.
    """
    gone = [told.records[("task", one["id"])].gone_at for one in made[:-1]]
    free = evidence.names.crm == "hubspot"
    return free and all(at is not None and at < after["seq"] for at, after in zip(gone, made[1:], strict=True))


def _created(evidence: Evidence, row: Row, one: Row) -> Effect:
    """A task that was made: as it was wished, and known to the store."""
    kind, key, status = row["kind"], row["effect_key"], row["status"]
    if status != "confirmed" or row["crm_id"] != one["id"]:
        return Effect(kind, key, "lost", f"made as {one['id']}, the store says {status} {row['crm_id']}")
    after, names = one["after"], evidence.names
    for name, wanted in ((names.subject, row["payload"]["subject"]), (names.owner, row["payload"]["owner"])):
        if not same(after.get(name), wanted):
            return Effect(kind, key, "lost", f"made with {name} {after.get(name)!r} instead of {wanted!r}")
    return Effect(kind, key, "once")


def _change(evidence: Evidence, told: Told, row: Row) -> Effect:
    """A task that was to be moved or closed."""
    kind, key = row["kind"], row["effect_key"]
    if row["status"] != "confirmed":
        return _aside(kind, key, row)
    names = evidence.names
    wanted = {names.owner: row["payload"]["owner"]} if kind == "task_move" else names.closed
    record = told.at("task", row["payload"]["task"])
    for name, value in wanted.items():
        said = [] if record is None else [one for one in record.fields.get(name, ()) if same(one.value, value)]
        if not said:
            return Effect(kind, key, "lost", f"confirmed, and {name} was never {value!r}")
        if kind == "task_close" and sum(one.by_us for one in said) > 1:
            return Effect(kind, key, "twice", f"{name} was set to {value!r} {len(said)} times")
    return Effect(kind, key, "once")


def _made(evidence: Evidence, object: str, key: str) -> list[Row]:
    return [
        row
        for row in evidence.ledger
        if row["op"] == "create" and row["actor"] == US and row["key"] == key and _object(evidence, row) == object
    ]


def _object(evidence: Evidence, row: Row) -> str | None:
    return evidence.names.objects.get(row["object"])


def _aside(kind: str, key: str, row: Row) -> Effect:
    status, why = row["status"], row["last_error"]
    if status in ("superseded", "cancelled") or why:
        return Effect(kind, key, "aside", f"{status}: {why}")
    return Effect(kind, key, "lost", f"{status} without a reason")


# ----------------------------------------------------------------------------------------- records


def _record(evidence: Evidence, told: Told, row: Row) -> Effect:
    key, status = row["record_key"], row["status"]
    made = [one for name in set(evidence.names.objects.values()) - {"task"} for one in _made(evidence, name, key)]
    if len(made) > 1:
        return Effect("record", key, "twice", f"made {len(made)} times: {', '.join(one['id'] for one in made)}")
    if status not in SETTLED_RECORDS:
        return Effect("record", key, "lost", f"never settled, still {status}")
    if status != "in_sync":
        visible = row["last_error"] or status == "unmatched"  # an unmatched lead is listed as such
        return Effect("record", key, "aside" if visible else "lost", f"{status}: {row['last_error']}")
    record = told.at(row["object"], row["crm_id"])
    if record is None:
        return Effect("record", key, "lost", f"in sync with {row['crm_id']}, of which the ledger knows nothing")
    wrong = [] if record.gone_at else list(_missing(evidence, row, record))
    if wrong and _shared(evidence, told, row, record):
        return Effect("record", key, "aside", "another record of ours became the same one and speaks for it")
    return Effect("record", key, "lost", "; ".join(wrong)) if wrong else Effect("record", key, "once")


def _shared(evidence: Evidence, told: Told, row: Row, record: Record) -> bool:
    """Whether another row of ours stands for the same CRM record and is as it should be."""
    others = [one for one in evidence.records if one["record_key"] != row["record_key"] and one["status"] == "in_sync"]
    here = [one for one in others if told.at(one["object"], one["crm_id"]) is record]
    return any(not list(_missing(evidence, one, record)) for one in here)


def _missing(evidence: Evidence, row: Row, record: Record) -> Iterator[str]:
    """The wanted values that the record does not hold although nobody took them away."""
    left_out = {*(row["parked"] or ()), *evidence.dropped}
    for name, wanted in row["wanted"].items():
        standard = BY_NAME.get(name)
        shared = name == OWNER or name in evidence.respected or name in evidence.appended
        if name in left_out or (standard is None and not shared):
            continue  # what a new record was made with (its e-mail, names) is not kept in step
        if standard is not None and standard.rides_along:
            continue
        said = record.fields.get(evidence.names.field(name), [])
        if shared and (record.mixed or record.inherited) and said:
            continue  # whoever merges or converts decides whose it is, and what a field says that people share with us
        if not _stands(evidence, name, wanted, said):
            yield f"{name} is {said[-1].value if said else None!r} instead of {wanted!r} (seq {row['seq']})"


def _stands(evidence: Evidence, name: str, wanted: object, said: Sequence[Said]) -> bool:
    if same(said[-1].value if said else None, wanted):
        return True
    if name in evidence.appended:  # what stood there once was taken out by a person: that we only add is a law below
        return parts(wanted) <= {part for one in said for part in parts(one.value)}
    if name == KEY:
        return bool(said) and not same(said[-1].value, None)  # written once; a survivor keeps the one it has
    if name == OWNER or name in evidence.respected:
        return bool(said) and not said[-1].by_us  # a person's word, or what stood there before us
    # ours: what a person did after our write stands until we have something new to say
    ours = [place for place, one in enumerate(said) if not one.by_person]
    last = said[ours[-1]].value if ours else None
    return bool(said) and said[-1].by_person and same(last, wanted)


# -------------------------------------------------------------------------------------------- laws


def _strangers(evidence: Evidence, told: Told) -> Iterator[str]:
    """Nothing is made that nobody wished for."""
    wished = {row["effect_key"] for row in evidence.intents} | {row["record_key"] for row in evidence.records}
    for row in evidence.ledger:
        if row["op"] == "create" and row["actor"] == US and _object(evidence, row) and row["key"] not in wished:
            yield f"{row['object']} {row['id']} was made under the key {row['key']!r}, which nobody wished for"


def _made_anew(evidence: Evidence, told: Told) -> Iterator[str]:
    """A record that we knew is not made a second time, whatever became of it."""
    made = [row for row in evidence.ledger if row["op"] == "create" and row["actor"] == US]
    for attempt in evidence.attempts:
        known = {key: str(sent["crm_id"]) for key, sent in attempt["keys"].items() if sent.get("crm_id") is not None}
        for row in made:
            later = row["key"] in known and datetime.fromisoformat(row["at"]) > attempt["started_at"]
            if later and known[row["key"]] != row["id"]:
                yield f"{row['key']} was {known[row['key']]} and was made anew as {row['id']}"


def _edits(evidence: Evidence, told: Told) -> Iterator[str]:
    """What a person said on a task, in a shared field or about an owner is never overwritten."""
    names = evidence.names
    careful = {names.field(name) for name in evidence.respected} | {names.owner}
    for record in told.records.values():
        for name, said in record.fields.items():
            for before, after in pairwise(said):
                if not after.by_us or same(before.value, after.value) or before.by_us:
                    continue
                nobody = same(before.value, None) or (name == names.owner and before.value in names.unowned)
                theirs = before.by_person if record.object == "task" else name in careful and not nobody
                if theirs or (name in careful and before.by_person and not nobody):
                    yield (
                        f"{record.object} {record.id}: {before.actor} set {name} to {before.value!r}, "
                        f"and we overwrote it with {after.value!r}"
                    )


def _added(evidence: Evidence, told: Told) -> Iterator[str]:
    """What stands in a field of several values stays, unless its run is taken back, and nothing is added to it twice."""
    for record, name, before, after in _overwritten(told, evidence.appended):
        where, kept = f"{record.object} {record.id}: ", parts(before.value) <= parts(after.value)
        if not kept and not _takes_back(_carrier(evidence, record, after), record):
            yield f"{where}we made {after.value!r} of {before.value!r} in {name}"
        if len(parts(after.value)) < sum(1 for one in str(after.value or "").split(";") if one.strip()):
            yield f"{where}we wrote {after.value!r} to {name}"


def _undone(evidence: Evidence, told: Told) -> Iterator[str]:
    """What takes a run back replaces nothing but what we wrote."""
    shown = {evidence.names.field(name) for name in (*BY_NAME, OWNER, *evidence.respected)}
    for record, name, before, after in _overwritten(told, shown):
        theirs = before.by_person and not record.mixed and not same(before.value, after.value)
        if theirs and _takes_back(_carrier(evidence, record, after), record):
            yield f"{record.object} {record.id}: an undo overwrote {before.value!r} in {name} of {before.actor}"


def _overwritten(told: Told, names: Iterable[str]) -> Iterator[tuple[Record, str, Said, Said]]:
    """What we wrote in these fields of people and companies: record, field, what stood there, and what we made of it."""
    for record in (one for one in told.records.values() if one.object != "task"):
        for name in names:
            for before, after in pairwise(record.fields.get(name, ())):
                if after.by_us:
                    yield record, name, before, after


def _carrier(evidence: Evidence, record: Record, said: Said) -> Row | None:
    """The newest attempt about this record that was begun before."""
    begun = [one for one in evidence.attempts if one["kind"] == "record_write" and one["started_at"] <= said.at + TICK]
    mine = [one for one in begun if any(str(sent.get("crm_id")) == record.id for sent in one["keys"].values())]
    return max(mine, key=itemgetter("started_at"), default=None)


def _takes_back(attempt: Row | None, record: Record) -> bool:
    mine = (one for one in attempt["keys"].values() if str(one.get("crm_id")) == record.id) if attempt else ()
    return any(str(one.get("run") or attempt["run_id"] or "").startswith("undo-") for one in mine if attempt)


def _order(evidence: Evidence, told: Told) -> Iterator[str]:
    """The sequence on a record never goes back; one state is written once, unless somebody changed it in between."""
    sequence = evidence.names.field(SEQ)
    last: dict[tuple[str, str, str], int] = {}
    for row in evidence.ledger:
        object = _object(evidence, row)
        record = told.records.get((str(object), row["id"]))
        if record is None or object == "task" or row["actor"] != US or sequence not in (row["after"] or {}):
            continue
        if record.mixed:  # where two of ours became one record, each has states of its own
            continue
        here = (str(object), row["id"], str(row["key"]))
        number = int(float(row["after"][sequence]))
        if number < last.get(here, 0):
            yield f"{object} {row['id']}: state {number} of {row['key']} was written after state {last[here]}"
        last[here] = max(number, last.get(here, 0))
    for record in told.records.values():
        if not record.mixed:
            yield from _repeated(evidence, record)


def _repeated(evidence: Evidence, record: Record) -> Iterator[str]:
    """A field that we set to one value, to another, and back again without a new wish."""
    if record.object == "task":
        return
    known = {evidence.names.field(name) for name in (SEQ, KEY)}
    sequences = [one.seq for one in record.fields.get(evidence.names.field(SEQ), ()) if one.by_us]
    for name, said in record.fields.items():
        ours = [] if name in known else [one for one in said if one.by_us]
        for before, after in pairwise(ours):
            between = [one for one in said if before.seq < one.seq < after.seq]
            news = any(before.seq < seq <= after.seq for seq in sequences)
            if not between and not news and not same(before.value, after.value):
                yield f"{record.object} {record.id}: {name} went from {before.value!r} to {after.value!r} within one state"


def _attempts(evidence: Evidence, told: Told) -> Iterator[str]:
    """No change of ours without an attempt that was written down before it."""
    for row in evidence.ledger:
        object = _object(evidence, row)
        if object is None or row["actor"] != US or row["op"] not in ("create", "update"):
            continue
        at = datetime.fromisoformat(row["at"]) + TICK
        if not any(one["started_at"] <= at and _names(one, row, object, evidence) for one in evidence.attempts):
            yield f"{row['op']} of {object} {row['id']} at {row['at']} has no attempt that was written down before"


def _names(attempt: Row, row: Row, object: str, evidence: Evidence) -> bool:
    keys = attempt["keys"]
    if object == "task":
        tasks = {one["effect_key"]: str(one["crm_id"]) for one in evidence.intents if one["kind"] == "task_create"}
        kind = "task_create" if row["op"] == "create" else "task_change"
        return attempt["kind"] == kind and any(key == row["key"] or tasks.get(key) == row["id"] for key in keys)
    if attempt["kind"] != "record_write":
        return False
    return row["key"] in keys or any(str(one.get("crm_id")) == row["id"] for one in keys.values())


def _calls(evidence: Evidence, told: Told) -> Iterator[str]:
    """No more writing calls than attempts."""
    made = [row for row in evidence.requests if _writes(evidence, row)]
    begun = [one for one in evidence.attempts if not one["kind"].endswith("_read") and one["outcome"] != "not_sent"]
    if len(made) > len(begun):
        yield f"{len(made)} writing calls, and only {len(begun)} attempts were written down"


def _writes(evidence: Evidence, row: Row) -> bool:
    if any(part in row["path"] for part in READING):
        return False
    return any(row["method"] == method and part in row["path"] for method, part in evidence.names.writing)


def _reports(evidence: Evidence, told: Told) -> Iterator[str]:
    """What the reports say together is what the store and the ledger hold."""
    if evidence.reported is None:
        return
    confirmed = sum(one["kind"] == "task_create" and one["status"] == "confirmed" for one in evidence.intents)
    ours = [row for row in evidence.ledger if row["actor"] == US and row["op"] == "create"]
    made = sum(_object(evidence, row) not in (None, "task") for row in ours)
    for name, number in (("tasks", confirmed), ("records_created", made)):
        if evidence.reported.get(name, 0) != number:
            yield f"the reports say {evidence.reported.get(name, 0)} {name.replace('_', ' ')}, there are {number}"
