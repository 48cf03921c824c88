"""
Alerting: look, note what changed, and send what waits to each channel.

Decided here: a change and its messages are committed before anything is sent; each channel is called by itself, and what
goes wrong with one is noted and hinders nothing else. A message that was not taken is sent again, later each time, for three
days. One whose sending ended unproved (a broken connection, a process that died) is sent again under the same id: an alert
that nobody heard costs more than one that is read twice. Not decided here: what is an alert (`worker.core.alerting`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal

import structlog
from pydantic import Field

from connectors.errors import ConnectorError, TryLater, Unknown
from connectors.notices import Notice, Notifier
from settings.root import Settings
from worker.core import alerting
from worker.core.alerting import Change, Condition, Told
from worker.steps.report import Document
from worker.steps.upkeep.health import health
from worker.store import alerts
from worker.store.crash import point
from worker.store.database import Store

log = structlog.get_logger("pql")
GIVE_UP_AFTER = timedelta(days=3)
FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0
CHANNELS_AT_ONCE = 8
Open = Callable[[], Notifier]


class ToldChange(Document):
    """One change: FAILED, DEGRADED or SILENT began (`open`) or is over."""

    level: Literal["failed", "degraded", "silent"]
    name: str
    subject: str
    state: Literal["open", "over"]
    since: datetime
    at: datetime
    says: str


class Notification(Document):
    """What a webhook gets. `id` is the same each time one message is sent."""

    schema_: str = Field(default="pqlsync/alert/1", alias="schema")
    id: str
    workspace: str
    subject: str
    text: str
    test: bool = False
    alerts: list[ToldChange] = Field(default_factory=list)


def look(store: Store, settings: Settings, every: Mapping[str, float]) -> tuple[Change, ...]:
    """Note what needs a person now, and what of it is news, with a message for each channel. Sends nothing."""
    seen = alerting.conditions(health(store, settings, every), settings.alerts, settings.guards)
    channels = [channel.name for channel in settings.alerts.to]
    with store.write() as tx:
        news = alerting.changes(alerts.standing(tx), seen, tx.now(), settings.alerts.recovered_after.delta)
        alerts.put(tx, seen, news, channels)
        alerts.drop_others(tx, channels)
    return news


def deliver(store: Store, channels: Mapping[str, Open]) -> None:
    """Send what waits, channel by channel, each in a thread of its own. Raises nothing."""
    with store.read() as tx:
        due = [row["channel"] for row in alerts.waiting(tx) if row["channel"] in channels]
    if not due:
        return
    with ThreadPoolExecutor(max_workers=CHANNELS_AT_ONCE, thread_name_prefix="pql-alerts") as pool:
        list(pool.map(lambda channel: _served(store, channel, channels[channel]), due))


def _served(store: Store, channel: str, open_channel: Open) -> None:
    try:
        while _sent(store, channel, open_channel):
            pass
    except Exception as defect:  # noqa: BLE001  whatever it is, it is one channel's trouble and the work goes on
        log.warning("alert", channel=channel, reason=f"{type(defect).__name__}. It is sent again later.")


def _sent(store: Store, channel: str, open_channel: Open) -> bool:
    """Send one bundle; whether more may be sent at once."""
    with store.write() as tx:
        bundle = alerts.claim(tx, channel)
        now = tx.now()
    if bundle is None:
        return False
    point("A1")
    problem = _trouble(open_channel, notice(bundle, store.workspace))
    point("A2")
    with store.write() as tx:
        if problem is None:
            alerts.sent(tx, bundle)
        elif now - min(row["at"] for row in bundle.rows) > GIVE_UP_AFTER:
            alerts.give_up(tx, bundle, str(problem))
        else:
            alerts.again(tx, bundle, _wait(problem, bundle.attempts), str(problem))
    if problem is not None:
        log.warning("alert", channel=channel, attempts=bundle.attempts, reason=str(problem))
    return problem is None


def _trouble(open_channel: Open, told: Notice) -> ConnectorError | None:
    """Send once; what went wrong, None where it was taken."""
    try:
        open_channel().notify(told)
    except ConnectorError as problem:
        return problem
    except Exception as defect:  # noqa: BLE001  a defect after sending leaves the outcome open
        return Unknown(f"A defect of ours ({type(defect).__name__}). It may have been sent.", code="DEFECT")
    return None


def _wait(problem: ConnectorError, attempts: int) -> float:
    asked = problem.after or 0.0 if isinstance(problem, TryLater) else 0.0
    return min(max(asked, FIRST_WAIT * 2 ** (attempts - 1)), LONGEST_WAIT)


def notice(bundle: alerts.Bundle, workspace: str) -> Notice:
    """The message for all changes of a bundle."""
    told = [_told(row) for row in bundle.rows]
    subject, text = alerting.subject(told, workspace), alerting.text(told)
    told_apart = f"{workspace}\0{bundle.channel}\0{bundle.id}\0{told[0].at.isoformat()}"
    id = f"pql_{sha256(told_apart.encode()).hexdigest()[:32]}"
    changes = [
        ToldChange(
            name=row["facts"]["name"],
            subject=row["facts"]["subject"],
            **{name: getattr(one, name) for name in ("level", "state", "since", "at", "says")},
        )
        for row, one in zip(bundle.rows, told, strict=True)
    ]
    document = Notification(schema="pqlsync/alert/1", id=id, workspace=workspace, subject=subject, text=text, alerts=changes)
    return Notice(id, subject, text, document.model_dump(mode="json", by_alias=True))


def _told(row: Mapping[str, object]) -> Told:
    facts: Mapping[str, str] = row["facts"]  # type: ignore[assignment]  # as `worker.store.alerts` wrote it
    condition = Condition(facts["level"], facts["name"], facts["subject"], facts["says"])  # type: ignore[arg-type]  # as above
    state: alerting.State = "open" if facts["state"] == "open" else "over"
    since, at = datetime.fromisoformat(facts["since"]), row["at"]
    return Told(condition.level, condition.key, state, condition.says, since, at)  # type: ignore[arg-type]  # a moment


def test_notice(workspace: str, id: str) -> Notice:
    """What `pql doctor --test-alerts` sends."""
    subject = f"pqlsync {workspace}: a test"
    text = f"This is a test message, sent {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Nothing is wrong."
    document = Notification(schema="pqlsync/alert/1", id=id, workspace=workspace, subject=subject, text=text, test=True)
    return Notice(id, subject, text, document.model_dump(mode="json", by_alias=True))
