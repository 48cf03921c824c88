"""
Owner of alert and alert_message: what needs a person, since when, and what was told to whom.

Decided here: a change and its messages are one transaction, one message for each channel and change. Messages that wait when
a channel is called are sent together, and stay together until they were sent, under one id. While a channel fails, what is
younger waits behind what is older. A message whose sender did not come back is sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from worker.core.alerting import Change, Condition, Standing
from worker.store.database import Tx
from worker.store.tables import alert, alert_message

CLAIM = timedelta(seconds=120)
AT_ONCE = 50
BEAT = "beat"
"""The state of the row that remembers the run of which the monitoring service heard last."""
OPEN = ("waiting", "sending")


def standing(tx: Tx) -> dict[str, Standing]:
    """Everything that ever was an alert, by key; nobody changes it before this transaction ends."""
    rows = tx.dicts(select(alert).where(tx.mine(alert), alert.c.state != BEAT).order_by(alert.c.name).with_for_update())
    return {row["name"]: _standing(row) for row in rows}


def _standing(row: Mapping[str, Any]) -> Standing:
    facts = row["facts"]
    condition = Condition(facts["level"], facts["name"], facts["subject"], facts["says"])
    return Standing(row["state"], row["since"], row["seen_at"], row["change"], condition)


def open_ones(tx: Tx) -> list[Standing]:
    """What needs a person now, the oldest first."""
    asked = select(alert).where(tx.mine(alert), alert.c.state == "open").order_by(alert.c.since, alert.c.name)
    return [_standing(row) for row in tx.dicts(asked)]


def put(tx: Tx, seen: Iterable[Condition], changes: Sequence[Change], channels: Collection[str]) -> None:
    """
    Note what was seen now and what changed, with a message of each change for each channel.

    A channel that was added later hears of what is open.
    """
    now = tx.now()
    for one in seen:
        here = (tx.mine(alert), alert.c.name == one.key, alert.c.state == "open")
        tx.run(update(alert).where(*here).values(seen_at=now, facts=_facts(one)))
    rows = [
        {
            "name": one.condition.key,
            "state": one.state,
            "since": one.since if one.state == "open" else now,
            "facts": _facts(one.condition),
            "seen_at": now,
            "change": one.change,
        }
        for one in changes
    ]
    tx.put(alert, rows)
    _tell(tx, changes, channels)


def _tell(tx: Tx, changes: Sequence[Change], channels: Collection[str]) -> None:
    known = [Change(one.condition, "open", one.change, one.since) for one in open_ones(tx)]
    over = [one for one in changes if one.state == "over"]
    names = [one.condition.key for one in (*known, *over)]
    table, now = alert_message, tx.now()
    asked = select(table.c.channel, table.c.name, table.c.change).where(tx.mine(table), table.c.name.in_(names))
    there = {tuple(row) for row in tx.rows(asked)} if names else set()
    keys = [(channel, one) for one in (*known, *over) for channel in channels]
    fresh = [_message(channel, one, now) for channel, one in keys if (channel, one.condition.key, one.change) not in there]
    tx.add_missing(table, fresh)


def _facts(one: Condition) -> dict[str, str]:
    return {"level": one.level, "name": one.name, "subject": one.subject, "says": one.says}


def _message(channel: str, one: Change, now: datetime) -> dict[str, Any]:
    return {
        "channel": channel,
        "name": one.condition.key,
        "change": one.change,
        "facts": {**_facts(one.condition), "state": one.state, "since": one.since.isoformat()},
        "at": now,
        "status": "waiting",
        "next_at": now,
    }


# ---------------------------------------------------------------------------------------- messages


@dataclass(frozen=True, slots=True)
class Bundle:
    """Messages of one channel that are sent as one, under one id; `attempts` counts this sending too."""

    channel: str
    id: int
    rows: tuple[dict[str, Any], ...]
    attempts: int


def claim(tx: Tx, channel: str) -> Bundle | None:
    """Take what waits for this channel; None where nothing does, it is too early, or somebody is sending."""
    now, table = tx.now(), alert_message
    asked = select(table).where(tx.mine(table), table.c.channel == channel, table.c.status.in_(OPEN))
    rows = tx.dicts(asked.order_by(table.c.id).with_for_update())
    begun = min((row["bundle"] for row in rows if row["bundle"] is not None), default=None)
    mine = [row for row in rows if row["bundle"] == begun][:AT_ONCE] if begun is None else _of(rows, begun)
    if not mine or any(row["next_at"] > now for row in mine):
        return None
    id, attempts = mine[0]["id"] if begun is None else begun, mine[0]["attempts"] + 1
    here = (tx.mine(table), table.c.id.in_([row["id"] for row in mine]))
    tx.run(update(table).where(*here).values(status="sending", bundle=id, attempts=attempts, next_at=now + CLAIM))
    return Bundle(channel, id, tuple(mine), attempts)


def _of(rows: Sequence[dict[str, Any]], bundle: int) -> list[dict[str, Any]]:
    return [row for row in rows if row["bundle"] == bundle]


def sent(tx: Tx, bundle: Bundle) -> None:
    """The channel took it."""
    _end(tx, bundle, status="sent", sent_at=tx.now(), last_error=None)


def again(tx: Tx, bundle: Bundle, wait: float, why: str) -> None:
    """It was not taken, or nobody knows: once more after so many seconds."""
    _end(tx, bundle, status="waiting", next_at=tx.now() + timedelta(seconds=wait), last_error=why)


def give_up(tx: Tx, bundle: Bundle, why: str) -> None:
    """It is too old to be of use."""
    _end(tx, bundle, status="given_up", last_error=why)


def _end(tx: Tx, bundle: Bundle, **values: Any) -> None:
    # a sender that was overtaken by another one (its claim lapsed) has no say any more
    here = (alert_message.c.bundle == bundle.id, alert_message.c.attempts == bundle.attempts)
    held = (alert_message.c.channel == bundle.channel, alert_message.c.status == "sending")
    tx.run(update(alert_message).where(tx.mine(alert_message), *here, *held).values(**values))


def drop_others(tx: Tx, channels: Collection[str]) -> int:
    """Messages for channels that the settings no longer have are not sent."""
    table = alert_message
    here = (tx.mine(table), table.c.status == "waiting", table.c.channel.not_in(list(channels)))
    return tx.run(
        update(table).where(*here).values(status="given_up", last_error="The settings no longer have this channel.")
    )


def waiting(tx: Tx) -> list[dict[str, Any]]:
    """By channel: how many messages wait, since when, after how many attempts."""
    table = alert_message
    oldest = func.min(table.c.at, type_=table.c.at.type).label("oldest")
    names = (table.c.channel, func.count().label("messages"), oldest, func.max(table.c.attempts).label("attempts"))
    asked = select(*names, func.max(table.c.last_error).label("last_error")).where(tx.mine(table), table.c.status.in_(OPEN))
    return tx.dicts(asked.group_by(table.c.channel).order_by(table.c.channel))


def forget(tx: Tx, before: datetime) -> int:
    """Delete messages that were dealt with and are older than that, but for those of the last change of each alert."""
    table = alert_message
    later = select(alert.c.name).where(
        alert.c.workspace == table.c.workspace, alert.c.name == table.c.name, alert.c.change > table.c.change
    )
    return tx.run(delete(table).where(tx.mine(table), table.c.status.not_in(OPEN), table.c.at < before, later.exists()))


# ---------------------------------------------------------------------------------------- heartbeat


def heard_of(tx: Tx) -> str | None:
    """The run of which the monitoring service heard last."""
    facts = tx.value(select(alert.c.facts).where(tx.mine(alert), alert.c.name == BEAT, alert.c.state == BEAT))
    return facts["run"] if facts else None


def hears_of(tx: Tx, run: str) -> None:
    tx.put(alert, [{"name": BEAT, "state": BEAT, "since": tx.now(), "facts": {"run": run}, "change": 0}])
