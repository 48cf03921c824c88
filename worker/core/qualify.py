"""
The state of a lead or account in a definition: a fold over evaluation instants.

The subject of a state is a lead key or, in a definition of the grain `account`, an account key; the edges are the same.

Decided here: every edge between the states, and which leads an evaluation could move at all.

    NOT         gate or score not met            -> CANDIDATE, QUALIFIED
    CANDIDATE   met, `runs` not yet reached      -> QUALIFIED with the last evaluation in a row; NOT with the first miss
    QUALIFIED   in an episode                    -> COOLING below `exit_below` once `stay_at_least` is over
    COOLING     in an episode, below the exit    -> EXPIRED after `grace`; QUALIFIED when back at the exit or above
    EXPIRED     episode over                     -> entered again after `requalify_after`, with newer evidence
    REJECTED    a person said no                 -> entered again after the reason's own wait, with newer evidence; or never
    SUPPRESSED  an exclusion applies             -> EXPIRED or REJECTED where it was waiting, else NOT: the episode is over
    CONVERTED   became a customer                -> the end

An exclusion beats everything but the end. `immediately_when` passes `must_have` and `enter_at`, and holds the lead while it
is true; it passes neither exclusions, `applies_to` nor a wait. Losing `applies_to` ends an episode at once: as CONVERTED for
a customer, else as EXPIRED. `must_have` is asked on entering only. While a source is stale no lead cools or expires.
A second evaluation at the same instant changes nothing. Not decided here: what is written or handed off (the plan).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from settings.qualify import Definition

Name = Literal["NOT", "CANDIDATE", "QUALIFIED", "COOLING", "EXPIRED", "REJECTED", "SUPPRESSED", "CONVERTED"]
Cause = Literal["events", "decay", "attribute", "definition", "outcome", "exclusion"]
OPEN: frozenset[Name] = frozenset({"QUALIFIED", "COOLING"})
"""The states of an open episode: the flag is set."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a lead without a state is NOT."""


_FACTS = ("left_at", "met_runs", "met_at", "rejected_at", "was", "was_reason", "buyer")


@dataclass(frozen=True, slots=True)
class State:
    """Where a lead or account stands in one definition."""

    name: Name
    since: datetime
    episode: int = 0
    """Number of the open or last episode; 0 before the first."""
    entered_at: datetime | None = None
    """When that episode began."""
    first_at: datetime | None = None
    """When the first one began."""
    left_at: datetime | None = None
    """When the last episode ended, or was rejected: waits count from here."""
    met_runs: int = 0
    met_at: datetime | None = None
    """The last evaluation that counted towards `runs`."""
    reason: str | None = None
    """The exclusion, the reject reason, or why an episode expired."""
    rejected_at: datetime | None = None
    """The last rejection that was counted."""
    was: Name | None = None
    was_reason: str | None = None
    """What an exclusion suppressed."""
    buyer: str | None = None
    """Of an account: the lead (its key) to whom the work of the episode goes."""

    def facts(self) -> dict[str, Any]:
        """What has no column of its own in the store, as JSON would hold it."""
        held = {name: getattr(self, name) for name in _FACTS}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in held.items() if value}

    @classmethod
    def of(cls, row: Mapping[str, Any], facts: Mapping[str, Any]) -> Self:
        """From a stored row (state, since, episode, entered_at, first_at, reason) and its facts."""
        held: dict[str, Any] = {
            name: datetime.fromisoformat(facts[name]) if name.endswith("_at") else facts[name]
            for name in _FACTS
            if facts.get(name)
        }
        kept = {name: row[name] for name in ("since", "episode", "entered_at", "first_at", "reason")}
        return cls(name=row["state"], **kept, **held)

    @property
    def is_open(self) -> bool:
        return self.name in OPEN


@dataclass(frozen=True, slots=True)
class Rejection:
    """A person's no. It counts for the episode that was open, or last open, when it was said."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation sees of a lead or account."""

    excluded: str | None
    applies: bool
    must: bool
    immediate: bool
    value: float
    customer: bool = False
    evidence_at: datetime | None = None
    """The newest event."""
    stale: bool = False
    """A source that feeds the definition is older than its limit."""
    rejection: Rejection | None = None
    previous: datetime | None = None
    """The instant of the run before, to tell new events from changed attributes."""
    redefined: bool = False
    """The settings changed since the run before."""
    buyer: str | None = None
    """Of an account: its likely buyer, who is the one named before while that lead is there and not excluded."""

    @classmethod
    def of(cls, row: Mapping[str, Any], definition: Definition, circumstances: Circumstances) -> Self:
        """From a row of the frame, of a lead or an account."""
        name = definition.name
        return cls(
            excluded=row["excluded"],
            applies=row[f"applies_{name}"],
            must=row[f"must_{name}"],
            immediate=row[f"immediate_{name}"],
            value=row[f"value_{name}"],
            customer=bool(row["crm.is_customer"]),
            evidence_at=row["last_active"],
            stale=circumstances.stale,
            rejection=circumstances.rejections.get(row["subject"]),
            previous=circumstances.previous,
            redefined=circumstances.redefined,
            buyer=row["lead_key"] if definition.grain == "account" else None,
        )

    def meets(self, definition: Definition) -> bool:
        """Whether the lead would enter if nothing kept it waiting."""
        return self.applies and (self.immediate or (self.must and self.value >= definition.enter_at))

    def below(self, definition: Definition) -> bool:
        return self.value < definition.exit_below and not self.immediate


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What all leads of one evaluation share, and the rejections by subject."""

    stale: bool = False
    previous: datetime | None = None
    redefined: bool = False
    rejections: Mapping[str, Rejection] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transition:
    """One edge taken: a row of the history."""

    from_state: Name
    to_state: Name
    at: datetime
    cause: Cause
    episode: int
    detail: Mapping[str, Any]

    @property
    def became_pql(self) -> bool:
        """Once per episode."""
        return self.to_state == "QUALIFIED" and self.from_state != "COOLING"

    @property
    def left(self) -> bool:
        """The flag is taken away."""
        return self.from_state in OPEN and self.to_state not in OPEN

    @property
    def flips(self) -> bool:
        """The flag is set or taken away."""
        return (self.from_state in OPEN) != (self.to_state in OPEN)


Step = tuple[State, Transition | None]


def step(state: State | None, seen: Evaluation, definition: Definition, as_of: datetime) -> Step:
    """The state after one evaluation, and the edge taken if any."""
    if state is None:
        state = State("NOT", since=NEVER)
    if as_of <= state.since or state.name == "CONVERTED":
        return state, None
    after, edge = _edge(_Now(state, seen, definition, as_of))
    # A buyer stays named after the episode: what is said of it later is said of that lead.
    return (replace(after, buyer=seen.buyer) if after.is_open else after), edge


def _edge(now: _Now) -> Step:
    state, seen = now.state, now.seen
    if seen.excluded is not None:
        return now.suppressed()
    if state.name == "SUPPRESSED":
        return now.released()
    if now.no:
        return now.rejected(now.no)
    return now.open() if state.is_open else now.waiting()


@dataclass(frozen=True, slots=True)
class _Now:
    """One evaluation of one lead, with the edges it may take."""

    state: State
    seen: Evaluation
    definition: Definition
    as_of: datetime

    def to(self, name: Name, cause: Cause, **changes: Any) -> Step:
        """Take an edge."""
        fresh: dict[str, Any] = {"name": name, "since": self.as_of, "reason": None, "met_runs": 0, "met_at": None}
        after = replace(self.state, **(fresh | changes))
        rules = self.definition
        detail: dict[str, Any] = {"value": self.seen.value, "enter_at": rules.enter_at, "exit_below": rules.exit_below}
        detail |= {"reason": after.reason} if after.reason else {}
        return after, Transition(self.state.name, name, self.as_of, cause, after.episode, detail)

    # -- exclusions

    def suppressed(self) -> Step:
        was: dict[str, Any] = {"was": "REJECTED", "was_reason": self.no.reason, "rejected_at": self.no.at} if self.no else {}
        if self.state.name == "SUPPRESSED":
            return replace(self.state, reason=self.seen.excluded, **was), None
        left = {"left_at": self.as_of} if self.state.is_open else {}
        kept = {"was": self.state.name, "was_reason": self.state.reason} | was
        return self.to("SUPPRESSED", "exclusion", reason=self.seen.excluded, **kept, **left)

    def released(self) -> Step:
        if self.no:
            return self.rejected(self.no)
        if self.state.was in ("EXPIRED", "REJECTED"):
            return self.to(self.state.was, "exclusion", reason=self.state.was_reason, was=None, was_reason=None)
        return self.to("NOT", "exclusion", was=None, was_reason=None)

    # -- what people said

    @property
    def no(self) -> Rejection | None:
        """A rejection of the newest episode that was not yet counted."""
        no, begun, counted = self.seen.rejection, self.state.entered_at, self.state.rejected_at
        new = no is not None and begun is not None and no.at > begun and (counted is None or no.at > counted)
        return no if new else None

    def rejected(self, no: Rejection) -> Step:
        changes: dict[str, Any] = {"reason": no.reason, "rejected_at": no.at, "was": None, "was_reason": None}
        if self.state.name == "REJECTED":
            return replace(self.state, left_at=self.as_of, **changes), None  # said again: the wait begins anew
        return self.to("REJECTED", "outcome", left_at=self.as_of, **changes)

    # -- in an episode

    def open(self) -> Step:
        if not self.seen.applies and self.seen.customer:
            return self.to("CONVERTED", "outcome", left_at=self.as_of)
        if self.seen.stale:
            return self.state, None
        ended = self.ended()
        if ended:
            return self.over(*ended)
        return self.cooling() if self.state.name == "COOLING" else self.qualified()

    def ended(self) -> tuple[str, Cause] | None:
        """Why the episode is over whatever the score, if it is."""
        expires = self.definition.expires_after
        if not self.seen.applies:
            return "no longer applies", "attribute"
        if expires is not None and self.as_of >= self.entered + expires.delta:
            return f"open for {expires}", "decay"
        return None

    @property
    def entered(self) -> datetime:
        return self.state.entered_at or self.state.since

    def qualified(self) -> Step:
        stayed = self.as_of >= self.entered + self.definition.stay_at_least.delta
        if not (self.seen.below(self.definition) and stayed):
            return self.state, None
        return (
            self.to("COOLING", self.falling()) if self.definition.grace.seconds else self.over("score fell", self.falling())
        )

    def cooling(self) -> Step:
        if not self.seen.below(self.definition):
            return self.to("QUALIFIED", self.rising())
        if self.as_of >= self.state.since + self.definition.grace.delta:
            return self.over("score fell", self.falling())
        return self.state, None

    def over(self, reason: str, cause: Cause) -> Step:
        return self.to("EXPIRED", "definition" if self.seen.redefined else cause, reason=reason, left_at=self.as_of)

    # -- outside an episode

    def waiting(self) -> Step:
        if not self.seen.meets(self.definition) or not self.may_enter():
            return self.to("NOT", self.falling()) if self.state.name == "CANDIDATE" else (self.state, None)
        again = self.state.name == "CANDIDATE" and self.state.met_at is not None and self.as_of <= self.state.met_at
        met = self.state.met_runs + (0 if again else 1)
        if self.seen.immediate or met >= self.definition.runs:
            return self.enter()
        if self.state.name == "CANDIDATE":
            return replace(self.state, met_runs=met, met_at=self.as_of), None
        return self.to("CANDIDATE", self.rising(), met_runs=met, met_at=self.as_of)

    def may_enter(self) -> bool:
        """Whether the wait after the last episode is over and something happened since."""
        left = self.state.left_at
        if left is None or self.state.name not in ("EXPIRED", "REJECTED"):
            return True
        wait = wait_after(self.state, self.definition)
        fresh = self.seen.evidence_at is not None and self.seen.evidence_at > left
        return wait is not None and self.as_of >= left + wait and fresh

    def enter(self) -> Step:
        first = self.state.first_at or self.as_of
        return self.to("QUALIFIED", self.rising(), episode=self.state.episode + 1, entered_at=self.as_of, first_at=first)

    # -- causes

    def rising(self) -> Cause:
        if self.seen.redefined:
            return "definition"
        known, newest = self.seen.previous, self.seen.evidence_at
        return "attribute" if known is not None and (newest is None or newest <= known) else "events"

    def falling(self) -> Cause:
        return "definition" if self.seen.redefined else "decay" if self.seen.applies else "attribute"


def wait_after(state: State, definition: Definition) -> timedelta | None:
    """How long after its last episode a lead waits; None for ever."""
    if state.name != "REJECTED":
        return definition.requalify_after.delta
    wait = definition.requalify_after_rejection.get(state.reason or "", definition.requalify_after)
    return None if wait == "never" else wait.delta


def needs_step(frame: Any, states: Any, definition: Definition) -> Any:
    """
    The rows of the frame that an evaluation could move, with `state` (null for none) and `state_reason` beside them.

    `frame` holds leads or accounts, as the definition's grain is; `states` has subject, state, reason. Whoever is not
    selected would not have changed. A rejection can also reach one whose episode has ended (EXPIRED): those with news of
    people are added by the caller.
    """
    import ibis

    held = states.select(held="subject", state="state", state_reason="reason")
    rows = frame.left_join(held, frame.subject == held.held).drop("held")
    name = definition.name
    meets = rows[f"applies_{name}"] & (
        rows[f"immediate_{name}"] | (rows[f"must_{name}"] & (rows[f"value_{name}"] >= definition.enter_at))
    )
    state = ibis.coalesce(rows.state, "NOT")
    excluded = rows.excluded.notnull()
    could = ibis.cases(
        (state.isin(["CANDIDATE", *sorted(OPEN)]), ibis.literal(value=True)),
        (state == "CONVERTED", ibis.literal(value=False)),
        (state == "SUPPRESSED", ~rows.excluded.identical_to(rows.state_reason)),
        else_=excluded | meets,
    )
    return rows.filter(could)
