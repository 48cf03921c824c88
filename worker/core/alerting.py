"""
What needs a person, and when that is news.

Decided here: which facts make a condition, in what words, and when one begins and ends: it begins when it is first seen and
is over when it was not seen for `recovered_after`, so that what comes and goes faster is one alert. Texts hold counts and
names of destinations, sources and guards, never leads. Not decided here: who is told, and how often (the store).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from settings.alerts import Alerts
from settings.schedule import Guards
from settings.terms import Duration

Level = Literal["failed", "degraded", "silent"]
State = Literal["open", "over"]
REFUSED = "Refused"
AWAITED = "mirror_older_than"
"""The guard that passes by itself once the CRM was read; it needs a person where it holds two runs in a row."""
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that needs a person: how bad, what, about what, and a sentence or two with what to do."""

    level: Level
    name: str
    subject: str
    says: str

    @property
    def key(self) -> str:
        return f"{self.name}: {self.subject}"[:LONGEST_KEY]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended: its status, and what the guards say that hold it, by name."""

    status: str
    held: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Work that stopped: its kind and what it is about, the class of the error, and its sentence."""

    what: str
    error: str
    says: str


@dataclass(frozen=True, slots=True)
class Crm:
    """A destination: rows given up, fields left out, moments of the oldest open things; None where there is none."""

    stuck_records: int = 0
    stuck_tasks: int = 0
    left_out: tuple[str, ...] = ()
    oldest_unproved: datetime | None = None
    oldest_task: datetime | None = None
    mirror_read: datetime | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """A source: when its events were last read to the end, and the rows of the last day that could not be read."""

    pulled_at: datetime | None = None
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Recurring:
    """Scheduled work: how often it is due, and when it was last done."""

    name: str
    every: timedelta
    last_done: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """All that conditions are made of, at one moment of the database's clock."""

    now: datetime
    ended: tuple[Ended, ...] = ()
    """The last runs that ended, newest first; two are enough."""
    troubles: tuple[Trouble, ...] = ()
    crms: Mapping[str, Crm] = field(default_factory=dict)
    sources: Mapping[str, Usage] = field(default_factory=dict)
    recurring: tuple[Recurring, ...] = ()
    """Empty where nobody watched long enough to know what did not run."""


def conditions(health: Health, alerts: Alerts, guards: Guards) -> tuple[Condition, ...]:
    """Everything that needs a person now, each key once."""
    found = (
        *_runs(health),
        *_troubles(health.troubles),
        *(one for name, crm in health.crms.items() for one in _crm(name, crm, health.now, alerts, guards)),
        *(one for name, usage in health.sources.items() for one in _source(name, usage, health.now, guards)),
        *_silent(health, alerts),
    )
    return tuple({one.key: one for one in found}.values())


def _runs(health: Health) -> Iterator[Condition]:
    statuses = [one.status for one in health.ended[:2]]
    last = health.ended[0] if health.ended else None
    if last is None:
        return
    for name, says in last.held.items():
        if name == AWAITED and not any(name in one.held for one in health.ended[1:2]):
            continue  # the first run of an installation comes while its CRM is being read
        yield Condition("failed", "held", name, f"A guard holds the run, and nothing is written: {says}")
    if statuses == ["failed", "failed"] and not health.troubles:
        yield Condition("failed", "failed", "run", "The last two runs failed. The log says why; `pql doctor` looks around.")
    if statuses == ["partial", "partial"]:
        says = "Two runs in a row could not write all they had to, because the CRM's allowance was used up."
        yield Condition("degraded", "partial", "run", f"{says} Look at `reserve`, and at what else calls the CRM.")


def _troubles(troubles: Iterable[Trouble]) -> Iterator[Condition]:
    for one in troubles:
        if one.error == REFUSED:
            about = one.what.partition(" ")[2] or one.what
            says = f"Refused, and waits for a person: {one.says} `pql doctor` says what to mend."
            yield Condition("degraded", "refused", about, says)
        else:
            yield Condition("failed", "failed", one.what, f"`{one.what}` stopped: {one.says}")


def _crm(name: str, crm: Crm, now: datetime, alerts: Alerts, guards: Guards) -> Iterator[Condition]:
    if crm.stuck_records or crm.stuck_tasks:
        rows = " and ".join(
            f"{n} {what}{'s' if n > 1 else ''}"
            for n, what in ((crm.stuck_records, "record"), (crm.stuck_tasks, "task"))
            if n
        )
        says = f"{rows} for {name} were rejected or given up. `pql dead` lists them with reasons."
        yield Condition("degraded", "rejected", name, says)
    if crm.left_out:
        says = f"{name} does not have {', '.join(crm.left_out[:5])}. Run `pql provision`, then `pql retry`."
        yield Condition("degraded", "left_out", name, says)
    if _older(crm.oldest_unproved, now, alerts.unproved_after):
        says = (
            f"For {_age(crm.oldest_unproved, now)} it could not be proved whether {name} took a write. Look at `pql status`."
        )
        yield Condition("degraded", "unproved", name, says)
    if not crm.paused and _older(crm.oldest_task, now, alerts.oldest_handoff):
        says = f"A task for {name} has waited {_age(crm.oldest_task, now)}. Look at `pql status` and at the workers."
        yield Condition("degraded", "oldest_handoff", name, says)
    if _older(crm.mirror_read, now, guards.mirror_older_than):
        says = (
            f"{name} was last read {_age(crm.mirror_read, now)} ago; older than {guards.mirror_older_than} holds every run."
        )
        yield Condition("degraded", "old_mirror", name, says)


def _source(name: str, usage: Usage, now: datetime, guards: Guards) -> Iterator[Condition]:
    if _older(usage.pulled_at, now, guards.source_older_than):
        says = f"{name} was last read to its end {_age(usage.pulled_at, now)} ago. Nobody loses a status meanwhile."
        yield Condition("degraded", "stale_source", name, says)
    if usage.set_aside:
        rows = f"{usage.set_aside} row{'s' if usage.set_aside > 1 else ''}"
        says = f"{rows} of {name} could not be read within the last day. `pql dead` lists them with reasons."
        yield Condition("degraded", "set_aside", name, says)


def _silent(health: Health, alerts: Alerts) -> Iterator[Condition]:
    if alerts.silent_after is None:
        return
    for job in health.recurring:
        limit = max(alerts.silent_after.delta, 2 * job.every)
        if job.last_done is not None and health.now - job.last_done > limit:
            says = f"`{job.name}` was last done {_age(job.last_done, health.now)} ago, and is due every {_short(job.every)}."
            yield Condition("silent", "silent", job.name, f"{says} Look at the workers and their queues.")


def _older(moment: datetime | None, now: datetime, limit: Duration | None) -> bool:
    return moment is not None and limit is not None and now - moment > limit.delta


def _age(moment: datetime | None, now: datetime) -> str:
    return _short(now - moment) if moment is not None else ""


def _short(time: timedelta) -> str:
    """
    A length of time as people say it.

    >>> _short(timedelta(minutes=95)), _short(timedelta(days=3)), _short(timedelta(seconds=60))
    ('95 minutes', '3 days', '1 minute')
    """
    seconds = int(time.total_seconds())
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * length or (seconds >= length and unit == "minute"):
            amount = seconds // length
            return f"{amount} {unit}{'s' if amount != 1 else ''}"
    return f"{seconds} seconds"


# -------------------------------------------------------------------------------------------- news


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record of one key: open or over since when, when it was last seen, the number of its last change."""

    state: State
    since: datetime
    seen_at: datetime
    change: int
    condition: Condition


@dataclass(frozen=True, slots=True)
class Change:
    """A condition began, or is over. `change` grows with each of them; `since` is when it began."""

    condition: Condition
    state: State
    change: int
    since: datetime


def changes(
    before: Mapping[str, Standing], seen: Sequence[Condition], now: datetime, recovered_after: timedelta
) -> tuple[Change, ...]:
    """What is news of what is seen now."""
    present = {one.key for one in seen}
    news = []
    for one in seen:
        known = before.get(one.key)
        if known is None or known.state == "over":
            news.append(Change(one, "open", known.change + 1 if known else 1, now))
    for key, known in before.items():
        if known.state == "open" and key not in present and now - known.seen_at >= recovered_after:
            news.append(Change(known.condition, "over", known.change + 1, known.since))
    return tuple(news)


# ------------------------------------------------------------------------------------------- words


@dataclass(frozen=True, slots=True)
class Told:
    """One change as a message tells it."""

    level: Level
    key: str
    state: State
    says: str
    since: datetime
    at: datetime


MARKS: Mapping[Level, str] = {"failed": "FAILED", "degraded": "DEGRADED", "silent": "SILENT"}


def subject(told: Sequence[Told], workspace: str) -> str:
    """One line for all changes of a message."""
    opened, over = [one for one in told if one.state == "open"], [one for one in told if one.state == "over"]
    first = (opened or over)[0]
    what = f"{MARKS[first.level]} {first.key}" if opened else f"recovered {first.key}"
    more = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return f"pqlsync {workspace}: {what}{more}"


def text(told: Sequence[Told]) -> str:
    """A line for each change."""
    return "\n".join(_line(one) for one in told)


def _line(one: Told) -> str:
    if one.state == "open":
        return f"{MARKS[one.level]} {one.key}. {one.says} (since {one.since:%Y-%m-%d %H:%M} UTC)"
    return f"RECOVERED {one.key}, after {_short(one.at - one.since)}."
