"""
The words people read: the reasons of a lead and the text of a handoff.

Decided here: which signals are named first, the lines of a task, and that a handoff says at least one observed fact and one
next step or is refused. Not decided here: who gets it and by when (`routing`, `calendars`), nor escaping (the connector).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import Value
from connectors.fields import BY_NAME
from settings.condition.tree import Condition
from settings.handoff import Handoff, NextStep
from settings.root import Settings
from settings.score import DIMENSIONS, Dimension, Line
from worker.core.templates import clean, cut, day, fill, is_complete, moment, shown

Holds = Callable[[Condition], bool]

BETWEEN = " / "
MOST_REASONS, MOST_COLLEAGUES = 3, 3
SUBJECT_LENGTH = 255
REJECT_HINT = (
    f'Not a good lead? Set "{BY_NAME["pql_outcome"].label}" to Rejected with a reason: '
    "no new task until its waiting time is over."
)
_FAMILIES = ("intent", "value", "use", "content", "fit")
_NUMBER = re.compile(r"\d+(?:\.\d+)?%?")
_OF_DIMENSION = {"usage": "use", "fit": "fit", "intent": "intent"}


class Unfounded(ValueError):
    """A handoff without an observed fact or a next step: nobody is sent a pitch that could be about anyone."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing observed. `code` names it for comparing: the signal, or the condition as written."""

    code: str
    family: str
    points: float
    text: str
    place: int = 0

    @property
    def observed(self) -> bool:
        """Whether this is something they did; what company they are is no observation."""
        return self.family != "fit"


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another qualified person of the same account."""

    name: str
    tier: str


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a handoff text may speak of. `values` holds every declared name, None where this lead has no value."""

    values: Mapping[str, Value]
    reasons: Sequence[Reason]
    as_of: datetime
    due: datetime
    zone: str
    """The owner's time zone."""
    why_you: str
    has_email: bool = False
    phone: str | None = None
    trial_ends: datetime | None = None
    colleagues: Sequence[Colleague] = ()
    partner: str | None = None
    """Set when the reader manages this partner and is to pass the lead on."""


@dataclass(frozen=True, slots=True)
class Text:
    """A handoff in words, plain and not yet escaped."""

    subject: str
    body: str
    action: str
    next_step: str
    reasons: str


def reasons(settings: Settings, row: Mapping[str, Value], zone: str = "UTC") -> tuple[Reason, ...]:
    """
    Everything that added points, and each intent that fired; in the order of the settings, each signal once.

    `row` is the lead's row of the frame: its columns, signals and `why_<dimension>_<place>`.
    """
    found: dict[str, Reason] = {}
    for dimension in DIMENSIONS:
        for place, line in enumerate(settings.score.of(dimension)):
            points = row.get(f"why_{dimension}_{place}")
            reason = _reason(settings, dimension, line, row, zone) if _above_zero(points) else None
            if reason and isinstance(points, int | float) and points > found.get(reason.code, reason).points:
                found[reason.code] = replace(reason, points=points)
    for name, signal in settings.signals.items():
        # A ratio is never zero, so only its points tell whether it means anything.
        fired = signal.family == "intent" and signal.kind != "ratio" and _above_zero(row.get(name))
        if fired and signal.says and name not in found:
            found[name] = Reason(name, "intent", 0.0, fill(signal.says, {**row, "n": row[name]}, zone))
    return tuple(replace(reason, place=place) for place, reason in enumerate(found.values()))


def strongest(found: Iterable[Reason], most: int = MOST_REASONS) -> tuple[Reason, ...]:
    """
    The reasons worth naming, the best first: the strongest intent, value and use, then whatever earned most.

    Of equals the one that the settings name earlier wins.
    """
    ranked = sorted(found, key=lambda reason: (-reason.points, reason.place))
    heads = [next((r for r in ranked if r.family == family), None) for family in _FAMILIES[:3]]
    chosen = [head for head in heads if head is not None]
    return tuple((chosen + [reason for reason in ranked if reason not in chosen])[:most])


def reasons_text(found: Iterable[Reason]) -> str:
    """The words of `pql_reasons`: the best first, within the field's length, cut after a word."""
    return cut(BETWEEN.join(reason.text for reason in strongest(found)), BY_NAME["pql_reasons"].length)


def same_reasons(one: Value, other: Value) -> bool:
    """
    Whether two texts of `pql_reasons` name the same signals, whatever their numbers and order.

    >>> same_reasons("5 projects / viewed pricing 3 times", "viewed pricing 4 times / 6 projects")
    True
    """
    return signals_named(one) == signals_named(other)


def signals_named(text: Value) -> frozenset[str]:
    """Which signals a text of `pql_reasons` names: its parts without their numbers."""
    parts = str(text or "").split(BETWEEN)
    # A part that was cut tells its signal no more.
    return frozenset(_NUMBER.sub("#", part) for part in parts if not part.endswith("…"))


def lead_name(values: Mapping[str, Value], in_crm: str | None = None) -> str | None:
    """What `{lead.name}` says: the name the product knows, else the CRM's, else the e-mail address."""
    parts = (shown(values.get(f"user.{part}")) for part in ("first_name", "last_name"))
    return " ".join(part for part in parts if part) or in_crm or shown(values.get("user.email"))


def declared(settings: Settings, row: Mapping[str, Value], in_crm: str | None = None) -> dict[str, Value]:
    """
    Every name that a handoff text may use, None where this lead has no value.

    `row` is its row of the frame, with `top_<property>` where one was measured; `in_crm` is its name in the CRM.
    """
    distinct = (signal.property for signal in settings.signals.values() if signal.kind == "distinct")
    names = (*settings.types, *settings.signals, *DIMENSIONS, "tier", "account.name", "account.domain")
    nothing = dict.fromkeys((*names, *(f"top_{name}" for name in distinct if name)))
    values = {**nothing, **row}
    named = {"lead.name": lead_name(values, in_crm), "account.name": values["account.name"] or values["account.domain"]}
    return {**values, **named}


def next_step(steps: Sequence[NextStep], holds: Holds, values: Mapping[str, Value]) -> NextStep:
    """The first step that applies and whose words have all their values; failing that, the first that applies."""
    applying = [step for step in steps if step.when is None or holds(step.when)]
    if not applying:
        raise Unfounded("No next step applies to this lead. Let the last one of handoff.next_steps have no condition.")
    return next((step for step in applying if is_complete(step.say, values)), applying[0])


def handoff(brief: Brief, words: Handoff, holds: Holds) -> Text:
    """The text of one handoff; refused as Unfounded without an observed fact and a next step."""
    named = strongest(brief.reasons)
    if not any(reason.observed for reason in named):
        raise Unfounded("Nothing was observed of this lead that could be told. Give the signals of its score a `says`.")
    values = {**brief.values, "top_reason": named[0].text}
    step = next_step(words.next_steps, holds, values)
    say = fill(step.say, values, brief.zone)
    if not say:
        raise Unfounded("The next step of this lead is empty. Write in handoff.next_steps what to do.")
    told = sorted(named, key=lambda reason: reason.place)
    lines = (
        _deadline(brief),
        "Why now: " + BETWEEN.join(reason.text for reason in told),
        *_advice(brief, say),
        _contact(brief),
        f"Why you: {cut(clean(brief.why_you), 400)}.",
        REJECT_HINT,
    )
    subject = fill(words.subject, {**values, "tier": _capital(values.get("tier"))}, brief.zone)
    return Text(cut(subject, SUBJECT_LENGTH), "\n".join(lines), step.action, say, reasons_text(brief.reasons))


def _reason(settings: Settings, dimension: Dimension, line: Line, row: Mapping[str, Value], zone: str) -> Reason | None:
    signal = settings.signals[line.signal] if line.signal else None
    says = line.says or (signal.says if signal else None)
    if not says:
        return None
    family = signal.family if signal else _OF_DIMENSION[dimension]
    code = signal.name if signal else (line.when.text if line.when else "")
    known = {**row, "n": row.get(signal.name)} if signal else row
    return Reason(code, family, 0.0, fill(says, known, zone))


def _deadline(brief: Brief) -> str:
    today = brief.as_of.astimezone(ZoneInfo(brief.zone)).date()
    said = f"Respond by {moment(brief.due, brief.zone, today)}."
    if brief.trial_ends is None:
        return said
    last = brief.trial_ends.astimezone(ZoneInfo(brief.zone)).date()
    left = (last - today).days
    if brief.trial_ends <= brief.as_of:
        return f"{said} Trial ended {day(last, today)}."
    days = {0: "today", 1: "1 day left"}.get(left, f"{left} days left")
    return f"{said} Trial ends {day(last, today)}, {days}."


def _advice(brief: Brief, say: str) -> tuple[str, ...]:
    if brief.partner is None:
        return (f"Next step: {say}",)
    partner = shown(brief.partner)
    return (
        f"Next step: offer this lead to {partner} and agree on who does what. Advice for them: {say}",
        "Until they accept, tell them company, country, industry and size, but no person and no usage numbers.",
    )


def _contact(brief: Brief) -> str:
    email = "yes" if brief.has_email else "not recorded"
    phone = shown(brief.phone) or "not recorded"
    said = f"Contact: e-mail {email}, phone {phone}."
    if not brief.colleagues:
        return said
    people = [f"{shown(one.name) or 'unnamed'} ({one.tier})" for one in brief.colleagues[:MOST_COLLEAGUES]]
    more = len(brief.colleagues) - len(people)
    return f"{said} Also here: {', '.join(people)}{f' and {more} more' if more else ''}."


def _capital(value: Value) -> Value:
    return value[:1].upper() + value[1:] if isinstance(value, str) else value


def _above_zero(value: Value) -> bool:
    return isinstance(value, int | float) and value > 0
