"""
What `pql doctor` asks of the store, the sources, the CRMs and the people in them.

Decided here: which findings there are, and how bad each is. A warning leaves everything working; a failure stops runs or
lets leads go nowhere. Each finding has one line that says how to mend it. Reads only. Not decided here: machine and broker,
and how findings are shown (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from connectors.contract import Crm, Owner, Source, Stream
from connectors.errors import ConnectorError
from connectors.fields import TASK_KEY
from settings.destinations import Also
from settings.root import Settings
from settings.signals import ANY_EVENT
from worker.steps.report import Document
from worker.store import alerts, beats, intents, landing, mirror, pauses, records, runs, schema, versions
from worker.store.database import Store

Level = Literal["pass", "warn", "fail"]
SKEW_WARN, SKEW_FAIL = timedelta(seconds=5), timedelta(seconds=60)
STALE_WORK = timedelta(hours=1)
SILENT_WORKER = timedelta(minutes=10)
LISTED = 5
NAMES_ASKED = 1_000
# without its unique key a portal's tasks are guarded, which goes on; Salesforce, where everybody can have the key, does not
NOT_GRAVE = frozenset({"no scopes beyond need", "daily calls left", "task.pql_task_key is unique"})


class Finding(Document):
    """One thing looked at: how it is, and one line that says what to do."""

    group: str
    name: str
    level: Level
    says: str


class Diagnosis(Document):
    """The document of `pql doctor`."""

    schema_: str = Field(default="pqlsync/doctor/1", alias="schema")
    findings: list[Finding] = Field(default_factory=list)
    passed: int = 0
    warned: int = 0
    failed: int = 0


def diagnosis(findings: Sequence[Finding]) -> Diagnosis:
    """All findings, counted, group by group in the order of their first one."""
    groups = list(dict.fromkeys(one.group for one in findings))
    findings = sorted(findings, key=lambda one: groups.index(one.group))
    n = {level: sum(one.level == level for one in findings) for level in ("pass", "warn", "fail")}
    return Diagnosis(
        schema="pqlsync/doctor/1", findings=list(findings), passed=n["pass"], warned=n["warn"], failed=n["fail"]
    )


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


# ------------------------------------------------------------------------------------------------ the store


def store(opened: Store, now: datetime, *, shared: bool) -> Iterator[Finding]:
    """Tables, clock, and whether one file serves several hosts; `shared`: workers are rung by a broker elsewhere."""
    found = schema.version(opened)
    if found is None or found < schema.HEAD:
        level: Level = "fail" if opened.on_postgres or found else "warn"
        says = f"At version {found or 'none'}, wanted {schema.HEAD}. Run pql migrate."
        yield Finding(group="store", name="tables", level=level, says=says)
        return
    newer = " The store is newer than this program; update it when you can." if found > schema.HEAD else ""
    yield Finding(group="store", name="tables", level="warn" if newer else "pass", says=f"Version {found}.{newer}")
    with opened.read() as tx:
        yield _clock(abs(tx.now() - now))
        hosts = {row["worker"].rpartition(":")[0] for row in beats.workers(tx) if tx.now() - row["at"] < SILENT_WORKER}
    if opened.on_postgres:
        return
    if len(hosts) > 1 or shared:
        says = "SQLite serves one host, and workers run on several. Use Postgres (PQL_STORE) and run pql migrate."
        yield Finding(group="store", name="one host", level="fail", says=says)
    else:
        yield Finding(group="store", name="one host", level="pass", says="SQLite, used from one host.")


def _clock(skew: timedelta) -> Finding:
    level: Level = "fail" if skew > SKEW_FAIL else "warn" if skew > SKEW_WARN else "pass"
    says = f"{skew.total_seconds():.1f} s from the database's clock."
    return Finding(
        group="store", name="clock", level=level, says=says if level == "pass" else f"{says} Set this host's clock by NTP."
    )


def active(opened: Store, settings: Settings, *, needed: bool) -> Iterator[Finding]:
    """Whether these settings are the ones that workers use."""
    with opened.read() as tx:
        version = versions.active(tx)
    if version is None:
        level: Level = "fail" if needed else "pass"
        says = "None yet; workers need pql activate." if needed else "None yet; the first pql run activates these."
    elif version.hash == versions.fingerprint(settings.text):
        level, says = "pass", f"{version.hash[:12]}, since {version.at:%Y-%m-%d %H:%M} UTC by {version.who}."
    else:
        level = "warn"
        says = f"{version.hash[:12]} is active, and these settings differ. Run pql activate, or pql run which does it."
    yield Finding(group="settings", name="active version", level=level, says=says)


# ------------------------------------------------------------------------------------------------- sources


def source(name: str, opened: Source, settings: Settings, kept: Store | None, now: datetime) -> Iterator[Finding]:
    """Whether it answers, how old its news are, and whether it ever sent the events that the signals count."""
    group, spec = f"source {name}", settings.sources[name]
    cursors = _cursors(kept, name, opened.streams)
    for stream in opened.streams:
        known = cursors.get(stream)
        pieces = opened.pull(stream, known.cursor if known else None, now)
        piece = next(pieces, None)
        getattr(pieces, "close", lambda: None)()  # the rest is not read
        bad = len(piece.bad) if piece else 0
        if bad and piece is not None and not len(piece.rows):
            yield Finding(group=group, name=stream, level="fail", says=f"No row can be read: {piece.bad[0].reason}.")
        elif known is None and (piece is None or not len(piece.rows)):
            says = "It answers and has no rows. Look at the file, table or query that the settings name."
            yield Finding(group=group, name=stream, level="warn", says=says)
        else:
            yield Finding(group=group, name=stream, level="pass", says="It answers.")
    if spec.events is None:
        return
    yield _freshness(group, cursors.get("events"), settings, now)
    yield _names(group, opened, settings)


def _cursors(kept: Store | None, name: str, streams: Sequence[Stream]) -> dict[Stream, landing.Cursor]:
    if kept is None:
        return {}
    with kept.read() as tx:
        found = {stream: landing.cursor(tx, name, stream) for stream in streams}
    return {stream: one for stream, one in found.items() if one is not None}


def _freshness(group: str, cursor: landing.Cursor | None, settings: Settings, now: datetime) -> Finding:
    if cursor is None or cursor.newest_event is None:
        return Finding(group=group, name="newest event", level="pass", says="Nothing was pulled yet.")
    age = now - cursor.newest_event
    limit = settings.guards.source_older_than
    old = limit is not None and age > limit.delta
    says = f"{cursor.newest_event:%Y-%m-%d %H:%M} UTC, {age.total_seconds() / 3600:.1f} h ago."
    more = " Look at what fills this source; nobody loses a status meanwhile." if old else ""
    return Finding(group=group, name="newest event", level="warn" if old else "pass", says=says + more)


def _names(group: str, opened: Source, settings: Settings) -> Finding:
    wanted = {
        event for signal in settings.signals.values() for event in (*signal.events, *signal.minus) if event != ANY_EVENT
    }
    seen = [one.name for one in opened.frequent_events(NAMES_ASKED)]
    never = sorted(wanted - set(seen)) if len(seen) < NAMES_ASKED else []
    if not never:
        return Finding(group=group, name="event names", level="pass", says=f"All {len(wanted)} names were received.")
    from settings.problem import did_you_mean

    better = did_you_mean(never[0], seen, "Look at their spelling, or wait for the first.")
    return Finding(group=group, name="event names", level="warn", says=f"Never received: {listed(never)}. {better}")


# ---------------------------------------------------------------------------------------------------- CRMs


def crm(name: str, opened: Crm) -> Iterator[Finding]:
    """What the connector asks of its CRM."""
    for what, good, says in opened.check():
        level: Level = "pass" if good else "warn" if what in NOT_GRAVE else "fail"
        yield Finding(group=f"crm {name}", name=what, level=level, says=says)


def fields(name: str, opened: Crm, also: Sequence[Also]) -> Iterator[Finding]:
    """Whether the fields under `also` are there, may be written, and can hold what their mode puts into them."""
    if not also:
        return
    wrong, grave = [], False
    for one in also:
        says, fails = _field(one, opened)
        wrong += [says] if says else []
        grave = grave or fails
    level: Level = "fail" if grave else "warn" if wrong else "pass"
    says = " ".join(wrong) or f"All {len(also)} are there and may be written."
    yield Finding(group=f"crm {name}", name="fields under `also`", level=level, says=says)


def _field(also: Also, opened: Crm) -> tuple[str, bool]:
    """What is wrong with it, and whether records are refused because of it."""
    what = f"{also.object}.{also.field}"
    try:
        shown = opened.field(also.object, also.field)
    except ConnectorError as problem:
        return f"{what} cannot be looked at: {problem}", False
    if shown is None:
        return f"{what} is missing, or hidden from us: make it there, or grant access; until then it is left out.", False
    if not shown.writable:
        return f"{what} is read-only for us; take it out of `also`, or grant access.", False
    if also.mode == "append" and not shown.several:
        return f"{what} holds one {shown.kind}, so nothing can be added to it; choose another mode or field.", True
    return "", False


def people(settings: Settings, owners: Sequence[Owner]) -> Iterator[Finding]:
    """Whether everybody who may get a lead exists in the CRM where people work, and is active."""
    known = {owner.email.lower(): owner for owner in owners if owner.email}
    missing = {email: _why(known.get(email.lower())) for email in _wanted(settings)}
    for name, pool in settings.pools.items():
        out = [f"{one.who} {missing[one.who]}" for one in pool.members if missing[one.who]]
        level: Level = "fail" if len(out) == len(pool.members) else "warn" if out else "pass"
        says = f"{listed(out)}. Correct the address, or invite them to the CRM." if out else "All members are active."
        yield Finding(group="people", name=f"pool {name}", level=level, says=says)
    for name, queue in settings.queues.items():
        yield _one("queue", name, queue.owner, missing[queue.owner])
    for partner in settings.partners.directory if settings.partners else ():
        if not partner.paused:
            yield _one("partner", partner.name, partner.manager, missing[partner.manager])


def _wanted(settings: Settings) -> set[str]:
    found = {member.who for pool in settings.pools.values() for member in pool.members}
    found |= {queue.owner for queue in settings.queues.values()}
    return found | {partner.manager for partner in (settings.partners.directory if settings.partners else ())}


def _why(owner: Owner | None) -> str:
    return "is not in the CRM" if owner is None else "" if owner.active else "is inactive in the CRM"


def _one(kind: str, name: str, email: str, why: str) -> Finding:
    says = f"{email} {why}. Correct the address, or invite them to the CRM." if why else f"{email} is active."
    return Finding(group="people", name=f"{kind} {name}", level="fail" if why else "pass", says=says)


# ---------------------------------------------------------------------------------------------------- work


def work(opened: Store, settings: Settings, *, workers: bool) -> Iterator[Finding]:
    """What waits, is stuck, was left out or set aside; `workers` says that some should be running."""
    with opened.read() as tx:
        now = tx.now()
        stopped, last = pauses.active(tx), runs.last(tx)
        aside = landing.count_quarantined(tx)
        untold = [row for row in alerts.waiting(tx) if row["last_error"]]
        signs = [now - row["at"] for row in beats.workers(tx)]
        destinations = [finding for name in settings.destinations for finding in _destination(opened, settings, name)]
    yield from destinations
    for what, row in stopped.items():
        since = f"Since {row['since']:%Y-%m-%d %H:%M} UTC by {row['who']}"
        says = f"{since}: {row['why'] or 'no reason given'}. pql resume {what} goes on."
        yield Finding(group="work", name=f"paused {what}", level="warn", says=says)
    if last is not None:
        bad = last.status in ("failed", "held", "interrupted")
        says = f"{last.status}, as of {last.as_of:%Y-%m-%d %H:%M} UTC." + (" pql run goes on." if bad else "")
        yield Finding(group="work", name="last run", level="warn" if bad else "pass", says=says)
    for row in untold:
        says = f"{row['messages']} messages wait since {row['oldest']:%Y-%m-%d %H:%M} UTC: {row['last_error']}"
        yield Finding(group="alerts", name=f"untold {row['channel']}", level="warn", says=says)
    for name, n in aside.items():
        says = f"{n} rows of {name} could not be read. pql dead shows them with reasons; pql retry takes them up."
        yield Finding(group="work", name=f"set aside {name}", level="warn", says=says)
    if workers:
        alive = bool(signs) and min(signs) < SILENT_WORKER
        says = "A worker showed progress lately." if alive else "No worker showed a sign lately. Start worker and beat."
        yield Finding(group="work", name="workers", level="pass" if alive else "warn", says=says)


def _destination(opened: Store, settings: Settings, name: str) -> Iterator[Finding]:
    with opened.read() as tx:
        now, read = tx.now(), mirror.read_at(tx, name)
        left_out = [f"{object}.{field}" for object, field in sorted(records.parked(tx, name)) if field != TASK_KEY.name]
        oldest = intents.oldest_open(tx, name)
        stuck = len(records.stuck(tx, name)) + len(intents.stuck(tx, name))
    yield _mirror(name, read, settings, now)
    if left_out:
        says = f"{name} does not have {listed(left_out)}. Run pql provision, then pql retry."
        yield Finding(group="work", name=f"left out {name}", level="warn", says=says)
    if stuck:
        says = f"{stuck} rows need a person. pql dead shows them with reasons."
        yield Finding(group="work", name=f"stuck {name}", level="warn", says=says)
    if oldest is not None and now - oldest > STALE_WORK:
        says = f"A task has waited since {oldest:%Y-%m-%d %H:%M} UTC. Run pql run, or look at the workers."
        yield Finding(group="work", name=f"oldest open {name}", level="warn", says=says)


def _mirror(name: str, read: datetime | None, settings: Settings, now: datetime) -> Finding:
    limit = settings.guards.mirror_older_than
    if read is None:
        return Finding(group="work", name=f"mirror {name}", level="pass", says="Not read yet; the first run does.")
    hours = (now - read).total_seconds() / 3600
    old = limit is not None and now - read > limit.delta
    more = f" Older than {limit}: a run without reading it again is held." if old else ""
    return Finding(
        group="work", name=f"mirror {name}", level="warn" if old else "pass", says=f"Read {hours:.1f} h ago.{more}"
    )
