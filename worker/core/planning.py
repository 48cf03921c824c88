"""
The plan: wanted minus acknowledged, each change with the sentence that says why.

Decided here: what differs, what of it is worth a write (`score_step`, ride-along fields, wording compared by its signals),
the words of a change, the least number of calls, and the guards that hold a run before harm. Not decided here: which values
are wanted (`wanted`) and whether one may be written (`threeway`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Literal

from connectors.contract import Change, Fields, Value
from connectors.fields import OWNER
from settings.schedule import Guards
from worker.core.templates import shown
from worker.core.threeway import NOT_KNOWN, Keep, Known, Nothing, Three, Write, is_empty, needs_current, resolve, same
from worker.core.wanted import Want
from worker.core.wording import same_reasons

FEWEST_CHANGED = 10
"""A share of few leads says nothing: below this number of them the changed-leads guard stays quiet."""
MOST_SENTENCES = 2
SetOwner = Literal["never", "when_unowned", "always"]


@dataclass(frozen=True, slots=True)
class Record:
    """
    What is known of one CRM record. `current` is None where the CRM's values are not known.

    `acknowledged` is what the CRM echoed, `reformatted` what had been sent where its echo has another form. A value in
    `current` must be younger than the acknowledgement, else leave it out.
    """

    key: str
    object: str
    crm_id: str | None = None
    acknowledged: Fields = field(default_factory=dict)
    reformatted: Fields = field(default_factory=dict)
    current: Fields | None = None

    def three(self, want: Want) -> Three:
        """The three values of one field. What was acknowledged of a new record belonged to another."""
        acknowledged: Known = self.acknowledged.get(want.field, NOT_KNOWN)
        current: Known = (self.current or {}).get(want.field, NOT_KNOWN)
        return Three(want.value, acknowledged, current, self.reformatted.get(want.field, acknowledged))


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a change, as plan and console show it."""

    field: str
    old: Value
    new: Value
    because: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What to do with one record. Without a `cause` nothing is written, whatever else differs."""

    record: Record
    causes: tuple[FieldChange, ...] = ()
    riders: tuple[FieldChange, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    """Field -> why it is left alone: human_edit_kept, conflict, not_empty, created_only, not_a_number."""
    learned: Fields = field(default_factory=dict)
    """What the CRM turned out to hold already: it counts as acknowledged from now on."""
    asks: tuple[str, ...] = ()
    """Fields whose value must be read in the CRM just before this change is written."""

    @property
    def change(self) -> Change | None:
        """The write, None where there is nothing worth one."""
        if not self.causes:
            return None
        going = (*self.causes, *self.riders)
        fields = {one.field: one.new for one in going if not is_empty(one.new)}
        clear = tuple(one.field for one in going if is_empty(one.new))
        because = "; ".join(one.because for one in self.causes[:MOST_SENTENCES])
        more = len(self.causes) - MOST_SENTENCES
        said = f"{because}; and {more} more" if more > 0 else because
        return Change(self.record.key, self.record.object, self.record.crm_id, fields, said, clear)


def difference(wants: Iterable[Want], record: Record, why: Mapping[str, str] | None = None) -> Difference:
    """
    Compare what is wanted with what one record holds.

    `why` gives for a field the observation behind its change, such as `{"pql_tier": "viewed pricing 3 times this week"}`.
    """
    creating = record.crm_id is None
    causes: list[FieldChange] = []
    riders: list[FieldChange] = []
    asks: list[str] = []
    kept: dict[str, str] = {}
    learned: dict[str, Value] = {}
    for want in wants:
        three = record.three(want)
        answer = _resolution(want, three, creating=creating)
        if isinstance(answer, Keep):
            kept[want.field] = answer.reason
        elif isinstance(answer, Write):
            one = _field_change(want, answer, (why or {}).get(want.field))
            (causes if creating or _worth_a_write(want, three, answer) else riders).append(one)
            asks += [want.field] if needs_current(want.mode) and not creating else []
        elif answer.learn and three.current is not NOT_KNOWN:
            learned[want.field] = three.current
    return Difference(record, tuple(causes), tuple(riders), kept, learned, tuple(asks) if causes else ())


def owner_want(set_owner: SetOwner, owner: str, record: Record, unowned: Collection[str]) -> Want | Keep:
    """
    The owner as a wanted field, by CRM id, or why the present one stays.

    One that we set, or one that the settings count as nobody, may be replaced; a person's choice stays unless `always`.
    """
    three = record.three(Want(OWNER, owner))
    current = three.acknowledged if three.current is NOT_KNOWN else three.current
    nobody = current is NOT_KNOWN or is_empty(current) or current in unowned
    ours = same(current, three.acknowledged) or same(current, owner)
    if set_owner == "always" or (set_owner == "when_unowned" and (nobody or ours)):
        return Want(OWNER, owner)
    return Keep("manual_owner_kept" if set_owner == "when_unowned" else "owner_not_ours_to_set")


def _resolution(want: Want, three: Three, *, creating: bool) -> Write | Keep | Nothing:
    standing = three.acknowledged if three.current is NOT_KNOWN else three.current
    if want.once and not creating and standing is not NOT_KNOWN and not is_empty(standing):
        return Nothing()
    return resolve(want.mode, three, creating=creating, clear=want.clear)


def _worth_a_write(want: Want, three: Three, answer: Write) -> bool:
    if want.rides:
        return False
    before = answer.replaced
    if want.wording and not answer.edited and before is not NOT_KNOWN:
        return not same_reasons(three.wanted, before)
    if want.step and _is_number(before) and _is_number(three.wanted):
        return abs(float(before) - float(three.wanted)) >= want.step  # type: ignore[arg-type]  # both are numbers here
    return True


def _is_number(value: Known) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def acknowledge(record: Record, sent: Fields, echoed: Fields) -> tuple[dict[str, Value], dict[str, Value]]:
    """`acknowledged` and `reformatted` after the CRM took `sent` and answered `echoed` (what it left out is as sent)."""
    held = {name: echoed.get(name, value) for name, value in sent.items()}
    other = {name: value for name, value in sent.items() if not same(value, held[name])}
    rest = {name: value for name, value in record.reformatted.items() if name not in sent}
    return {**record.acknowledged, **held}, {**rest, **other}


# ------------------------------------------------------------------------------------------- words


def _field_change(want: Want, answer: Write, why: str | None) -> FieldChange:
    old = None if answer.replaced is NOT_KNOWN else answer.replaced
    said = _sentence(want, old, answer.value)
    if answer.edited and not is_empty(old):
        said += " (somebody else had changed it, and the field is ours)"
    return FieldChange(want.field, old, answer.value, f"{said}: {why}" if why else said)


def _sentence(want: Want, old: Value, new: Value) -> str:
    if want.field == "pql_flag":
        return "became a PQL" if new else ("no longer a PQL" if old else "not a PQL")
    label = want.label.removeprefix("PQL ")
    label = label[:1].lower() + label[1:]
    if is_empty(new):
        return f"{label} cleared"
    if want.wording:
        return f"{label} changed" if not is_empty(old) else f"{label} set"
    after = _reads(new)
    return f"{label} {_reads(old)} -> {after}" if not is_empty(old) else f"{label} {after}"


def _reads(value: Value) -> str:
    # A change of an hour must show, which the day alone does not.
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else shown(value) or ""


# ------------------------------------------------------------------------------------------- calls


@dataclass(frozen=True, slots=True)
class Batches:
    """How many rows one call of a CRM carries, and the calls that a run makes in any case."""

    records: int
    reads: int
    tasks: int
    preflight: int = 0


def minimum_calls(batches: Batches, groups: Iterable[int], reads: Iterable[int] = (), tasks: Sequence[int] = ()) -> int:
    """
    The fewest calls that can carry out a plan; no search is among them.

    `groups` are the numbers of changed records that may share a call (one object, one kind of write), `reads` those of
    records with a field whose present value is needed, `tasks` those of new tasks, and of tasks to read back.
    """
    counted = ((groups, batches.records), (reads, batches.reads), (tasks, batches.tasks))
    return batches.preflight + sum(ceil(amount / size) for amounts, size in counted for amount in amounts)


# ------------------------------------------------------------------------------------------ guards


@dataclass(frozen=True, slots=True)
class Held:
    """A guard that stopped a run: what it saw, what it allows, and how to let it through."""

    guard: str
    seen: float
    allowed: float
    says: str


def guards(allowed: Guards, *, changed: int, acknowledged: int, tasks: int, flips: int = 0) -> tuple[Held, ...]:
    """
    Judge a plan before anything of it is sent.

    `changed` counts the leads whose acknowledged flag, tier or owner would change, among `acknowledged` leads that have
    any; leads that are written for the first time change nothing and so never trip it. `flips` counts the leads whose flag
    would change again within a day.
    """
    held = []
    share = changed / acknowledged if acknowledged else 0.0
    if allowed.changed_leads is not None and share > allowed.changed_leads.of and changed >= FEWEST_CHANGED:
        says = (
            f"{changed} of {acknowledged} leads would change flag, tier or owner ({share:.0%}), "
            f"more than {allowed.changed_leads.of:.0%}. {let_pass('changed_leads')}"
        )
        held.append(Held("changed_leads", share, allowed.changed_leads.of, says))
    if allowed.tasks_per_run is not None and tasks > allowed.tasks_per_run:
        says = f"{tasks} tasks would be made, more than {allowed.tasks_per_run}. {let_pass('tasks_per_run')}"
        held.append(Held("tasks_per_run", tasks, allowed.tasks_per_run, says))
    if allowed.flips_per_day is not None and flips > allowed.flips_per_day:
        says = (
            f"The flag of {flips} leads would change again within 24 hours, which is more than {allowed.flips_per_day}: "
            f"something goes back and forth. {let_pass('flips_per_day')}"
        )
        held.append(Held("flips_per_day", flips, allowed.flips_per_day, says))
    return tuple(held)


def let_pass(guard: str) -> str:
    """How a person lets one plan pass that a guard holds."""
    plan = "`pql plan --out plan.json`"
    return (
        f"Look at {plan}; if it is right, `pql run --plan plan.json --override {guard}` carries out that plan and no other."
    )


def moves_a_lead(one: Difference) -> bool:
    """Whether an acknowledged flag, tier or owner would change, which is what the changed-leads guard counts."""
    counted = ("pql_flag", "pql_tier", OWNER)
    return any(change.field in counted and change.field in one.record.acknowledged for change in one.causes)
