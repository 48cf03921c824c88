"""
What to write on one record: wanted against acknowledged, and against what the CRM holds where that was read.

Decided here: which rows must be read first, and the fields of a write. Pure: rows and what was read in, drafts out. The
three-way rule itself is `worker.core.threeway`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.contract import Change, Mirrored, Value
from connectors.fields import BY_NAME, OWNER
from worker.core.planning import Record, owner_want
from worker.core.threeway import (
    NOT_KNOWN,
    Gap,
    Keep,
    Known,
    Nothing,
    Resolution,
    Three,
    Write,
    is_empty,
    needs_current,
    resolve,
    same,
)
from worker.steps.sending.desk import Writing
from worker.store.record_claims import Row
from worker.store.records import RIDES_ALONG

KEY, SEQ = "pql_key", "pql_seq"


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What to do with one claimed row. Without `fields` and `clear` there is nothing to write.

    `row` knows what was read: what turned out to be in the CRM of our doing counts as acknowledged.
    """

    row: Row
    fields: Mapping[str, Value] = field(default_factory=dict)
    clear: tuple[str, ...] = ()
    replaced: Mapping[str, Value] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    parked: tuple[str, ...] = ()
    read_first: bool = False
    born: bool = False
    """Found by reading back: a create that nobody could prove did arrive."""

    @property
    def writes(self) -> bool:
        """Whether anything but what rides along differs."""
        return any(name not in RIDES_ALONG for name in (*self.fields, *self.clear))

    @property
    def replaces_unknown(self) -> bool:
        """Whether nobody knows what one of the fields held before."""
        return any(name not in self.replaced for name in (*self.fields, *self.clear))

    def having_seen(self, seen: Mirrored) -> Draft:
        """The same with what the record held when it was last read, where nothing younger is known."""
        held = {OWNER: seen.owner, **seen.fields}
        before = {name: held[name] for name in (*self.fields, *self.clear) if name in held}
        return replace(self, replaced={**before, **self.replaced})

    @property
    def change(self) -> Change:
        fields = dict(self.fields)
        if SEQ not in self.parked:
            fields[SEQ] = self.row.seq
        return Change(self.row.record_key, self.row.object, self.row.crm_id, fields, self.row.because, self.clear)

    @property
    def record(self) -> Record:
        row = self.row
        return Record(row.record_key, row.object, row.crm_id, row.acknowledged, row.reformatted)

    def doc(self) -> dict[str, Any]:
        """What the attempt row keeps of it, to settle or undo it later."""
        sent = {**self.fields, **dict.fromkeys(self.clear)}
        return {"seq": self.row.seq, "crm_id": self.row.crm_id, "sent": sent, "replaced": dict(self.replaced)}

    def without(self, name: str) -> Draft:
        """The same without a field that the CRM does not have."""
        fields = {one: value for one, value in self.fields.items() if one != name}
        clear = tuple(one for one in self.clear if one != name)
        return replace(self, fields=fields, clear=clear, parked=(*self.parked, name))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the CRM holds, and what our last write, if nobody knows whether it arrived, had sent."""

    found: Mirrored
    sent: Mapping[str, Value] = field(default_factory=dict)

    def current(self, name: str) -> Value:
        return self.found.owner if name == OWNER else self.found.fields.get(name)


def draft(row: Row, rules: Writing, parked: Collection[tuple[str, str]], reading: Reading | None = None) -> Draft:
    """Decide field by field what is to be written on this record."""
    left_out = tuple(name for name in (*row.wanted, SEQ) if (row.object, name) in parked)
    learned: dict[str, Known] = {}
    fields: dict[str, Value] = {}
    clear, replaced, kept = [], dict[str, Value](), dict[str, str]()
    read_first = row.was == "unknown" and reading is None
    for name, wanted in row.wanted.items():
        if name in left_out:
            continue
        if reading is None and _stands(row, name, wanted):
            continue
        three = _three(row, name, wanted, reading)
        if reading is not None and three.acknowledged is not NOT_KNOWN:
            learned[name] = three.acknowledged
        answer = _resolution(row, name, three, rules)
        if isinstance(answer, Keep):
            kept[name] = answer.reason
        elif isinstance(answer, Write):
            if is_empty(answer.value):
                clear.append(name)
            else:
                fields[name] = answer.value
            if answer.replaced is not NOT_KNOWN:
                replaced[name] = answer.replaced
            read_first = read_first or (reading is None and row.crm_id is not None and _asks(row, name, rules))
        elif answer.learn and three.current is not NOT_KNOWN:
            learned[name] = three.current
    learned |= _in_doubt(row, kept, rules, reading)
    return Draft(_knowing(row, learned), fields, tuple(clear), replaced, kept, left_out, read_first)


def _in_doubt(row: Row, kept: Collection[str], rules: Writing, reading: Reading | None) -> dict[str, Known]:
    """
    The fields of ours of which nobody can tell what we wrote last: an undo was unproved, and somebody wrote since.

    What the run had written that was taken back must not count as standing there.
    """
    if reading is None or not row.restores:
        return {}
    ours = (name for name in kept if name != OWNER and rules.mode(row.object, name) == "own")
    return {name: NOT_KNOWN for name in ours if name in reading.sent}


def _knowing(row: Row, learned: Mapping[str, Known]) -> Row:
    """The row with what reading showed of our earlier writes: it stays known, whatever becomes of the next one."""
    news = {name: value for name, value in learned.items() if row.acknowledged.get(name, NOT_KNOWN) != value}
    if not news:
        return row
    known = {name: value for name, value in {**row.acknowledged, **news}.items() if not isinstance(value, Gap)}
    forms = {name: form for name, form in row.reformatted.items() if name not in news}
    return replace(row, acknowledged=known, reformatted=forms)


def asked_fields(drafts: Collection[Draft]) -> tuple[str, ...]:
    """The CRM's own fields that must come along when these records are read; ours always do."""
    names = {name for one in drafts for name in one.row.wanted}
    return tuple(sorted(name for name in names if name not in BY_NAME and name != OWNER))


def _stands(row: Row, name: str, wanted: Value) -> bool:
    """Whether the last acknowledged value is this very one: most fields of most rows, so they are told apart quickly."""
    held = row.acknowledged.get(name, NOT_KNOWN)
    return held == wanted and type(held) is type(wanted)


def _three(row: Row, name: str, wanted: Value, reading: Reading | None) -> Three:
    acknowledged: Known = row.acknowledged.get(name, NOT_KNOWN)
    current: Known = NOT_KNOWN if reading is None else reading.current(name)
    if (
        reading is not None
        and name in reading.sent
        and not same(current, acknowledged)
        and same(current, reading.sent[name])
    ):
        acknowledged = current  # the write nobody could prove did arrive
        return Three(wanted, acknowledged, current, acknowledged)
    return Three(wanted, acknowledged, current, row.reformatted.get(name, acknowledged))


def _resolution(row: Row, name: str, three: Three, rules: Writing) -> Resolution:
    creating = row.crm_id is None
    if row.restores:
        return resolve("respect_human", three, clear=True)
    if name == OWNER and not creating:
        return _owner(row, three, rules)
    standing = three.acknowledged if three.current is NOT_KNOWN else three.current
    if name == KEY and not creating and standing is not NOT_KNOWN and not is_empty(standing):
        return Nothing(learn=same(three.wanted, standing))
    # an empty wanted value means: empty it on purpose
    return resolve(rules.mode(row.object, name), three, creating=creating, clear=True)


def _owner(row: Row, three: Three, rules: Writing) -> Resolution:
    holds = {} if three.current is NOT_KNOWN else {OWNER: three.current}
    known = {} if three.acknowledged is NOT_KNOWN else {OWNER: three.acknowledged}
    record = Record(row.record_key, row.object, row.crm_id, known, current=holds or None)
    may = owner_want(rules.set_owner, str(three.wanted), record, rules.unowned)
    return may if isinstance(may, Keep) else resolve("own", three)


def _asks(row: Row, name: str, rules: Writing) -> bool:
    if row.restores:
        return True
    if name == OWNER:
        return rules.set_owner == "when_unowned"
    return needs_current(rules.mode(row.object, name))
