"""
Whose handoff is open with somebody who has left, and whose record carries two open ones.

Decided here: a handoff whose person the CRM does not have any more, or has switched off, goes to somebody else: a task that
nobody touched moves, one that was touched is closed and the next hop is opened, one that was finished or deleted stays, and
one that a colleague took over is that colleague's. Of two open handoffs on one CRM record the older stays. Not decided here:
who gets it (`route`), nor whether the task is still as it was seen (push asks again). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.store import intents, mirror
from worker.store.database import Tx

Key = tuple[str, str]
"""(lead_key, play)"""
JOINS = "joins"


@dataclass(frozen=True, slots=True)
class Left:
    """
    What stands of a handoff whose person has left.

    `task` none: there is none yet, or it joined another; unsent: planned, not sent or not taken; open: nobody touched it;
    touched: somebody did. `owner` is the CRM's id of whoever has it.
    """

    task: Literal["none", "unsent", "open", "touched"]
    hop: int = 0
    effect_key: str = ""
    crm_id: str | None = None
    owner: str | None = None

    @property
    def next_hop(self) -> int:
        """The hop of whoever gets it now: a task that only moves keeps its own."""
        return self.hop + (self.task == "touched")


def left(tx: Tx, crm: str, active: Iterable[Mapping[str, Any]]) -> dict[Key, Left]:
    """The active assignments whose person has left, and what is to become of their tasks."""
    owners = mirror.owners(tx, crm)
    if not owners:
        return {}
    there = {owner.email.lower() for owner in owners if owner.active}
    here = {owner.id for owner in owners if owner.active}
    rows = {(row["lead_key"], row["play"]): row for row in active}
    stopped = {(row["lead_key"], row["play"]) for row in intents.stopped_moves(tx, crm)}
    asked = {key: row for key, row in rows.items() if row["assignee"].lower() not in there or key in stopped}
    chains = _chains(intents.of_leads(tx, crm, sorted({key for key, _ in asked})))
    tasks = {key: chains.get((*key, row["episode"]), []) for key, row in asked.items() if row["target"] != JOINS}
    seen = mirror.records(tx, crm, "task", [str(one["crm_id"]) for some in tasks.values() for one in some if one["crm_id"]])
    owned = {id: one.owner for id, one in seen.items()}
    found = {key: _standing(some, owned, here) for key, some in tasks.items()}
    holders = {(rows[key]["subject"], key[1]) for key, one in found.items() if one is not None}
    joined = {
        key: Left("none")
        for key, row in asked.items()
        if row["target"] == JOINS and ((row["subject"], key[1]) in holders or not _held(rows, row))
    }
    return {**{key: one for key, one in found.items() if one is not None}, **joined}


def _held(rows: Mapping[Key, Mapping[str, Any]], joined: Mapping[str, Any]) -> bool:
    """Whether the task that a lead joined is somebody's still."""
    same = (row for row in rows.values() if (row["subject"], row["play"]) == (joined["subject"], joined["play"]))
    return any(row["target"] != JOINS for row in same)


def _chains(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, int], list[Mapping[str, Any]]]:
    """The intents of each episode of a lead, oldest first."""
    found: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["lead_key"], row["play"], row["episode"]), []).append(row)
    return found


def _standing(rows: Sequence[Mapping[str, Any]], owned: Mapping[str, str | None], here: Collection[str]) -> Left | None:
    """What stands of one episode's handoff; None where it is to be left as it is, or is under way just now."""
    hop = max((row["hop"] for row in rows), default=0)
    last = [row for row in rows if row["hop"] == hop]
    made = next((row for row in last if row["kind"] == "task_create"), None)
    if made is None:
        return Left("none")
    if any(row["status"] in intents.OPEN for row in last if row is not made):
        return None  # it is being moved or closed
    unsent = made["status"] == "planned" and not made["attempts"] and not made["blind_attempts"]
    if unsent or made["status"] == "rejected":
        return Left("unsent", hop, made["effect_key"])
    if made["status"] != "confirmed":
        return None  # nobody knows yet, or a person has to look at it
    owner = owned.get(made["crm_id"]) or (made["context"] or {}).get("owner") or made["payload"].get("owner")
    if made["handoff_state"] not in ("open", "touched") or owner in here:
        return None
    return Left(made["handoff_state"], hop, made["effect_key"], made["crm_id"], owner)


def doubled(active: Iterable[Mapping[str, Any]], records: Mapping[str, str], entered: Mapping[Key, Any]) -> dict[Key, Key]:
    """
    Of the open handoffs whose leads are one CRM record by now: each that goes, and the older one that stays.

    `records`: lead key -> CRM id. `entered`: when the episodes of those began.
    """
    shared: dict[tuple[str, str], list[Key]] = {}
    for row in active:
        key, record = (row["lead_key"], row["play"]), records.get(row["lead_key"])
        if row["target"] != JOINS and record and key in entered:
            shared.setdefault((record, row["play"]), []).append(key)
    found: dict[Key, Key] = {}
    for keys in shared.values():
        oldest, *others = sorted(keys, key=lambda key: (entered[key], key))
        found |= dict.fromkeys(others, oldest)
    return found
