"""
Handoff tasks: one per unique key, created in one call together with their associations.

Decided here: the body of a task, how it is found again, what is written to move or close one. Where the portal has no unique
task key, a `ref:` line in the body stands in for it, and only reading back protects from a second task (`guarded`).
Not decided here: whether a task may be touched (the plan), when a create is sent again (the store).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract import Outcome, Receipt, SeenTask, Task
from connectors.crms.hubspot.batches import Sent, Settled, refusal, settled, silence
from connectors.crms.hubspot.client import BATCH, Client
from connectors.crms.hubspot.reading import Reader
from connectors.crms.hubspot.schema import Schema
from connectors.crms.hubspot.values import encoded, moment, one_line, plain, rich
from connectors.errors import Unknown

KEY = "pql_task_key"
TO_CONTACT, TO_COMPANY = 204, 192
DONE = frozenset({"COMPLETED", "DEFERRED"})
ACTIONS = {"call": "CALL", "email": "EMAIL", "todo": "TODO"}
SHOWN = (
    *(KEY, "hs_task_subject", "hs_task_body", "hs_task_status", "hs_timestamp", "hubspot_owner_id"),
    *("hs_createdate", "hs_lastmodifieddate"),
)
_REF = re.compile(r"^ref: (\S+)$", re.MULTILINE)


class Tasks:
    """Creates, finds, moves and closes tasks. `move` and `close` raise where the call ended badly; `create` has receipts."""

    batch = BATCH

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reader = Reader(client)

    @property
    def guarded(self) -> bool:
        return not self._schema.is_unique("task", KEY)

    def create(self, tasks: Sequence[Task], trace: str) -> Sequence[Receipt]:
        if len(tasks) > self.batch or len({task.key for task in tasks}) < len(tasks):
            raise ValueError(f"A batch holds up to {self.batch} tasks, each key once.")
        receipts = {task.key: _not_a_contact(task) for task in tasks if task.person and task.person_object != "contact"}
        guarded = self.guarded
        good = [task for task in tasks if task.key not in receipts]
        sent = [
            Sent(task.key, f"{trace}.{place}", _properties(task, guarded=guarded), unique=task.key)
            for place, task in enumerate(good)
        ]
        if sent:
            inputs = [_input(one, task) for one, task in zip(sent, good, strict=True)]
            answer = self._client.batch("task", "create", inputs)
            for one, says in zip(sent, settled(sent, answer, _key), strict=True):
                receipts[one.key] = _receipt(one, says)
        return [receipts[task.key] for task in tasks]

    def find(self, tasks: Sequence[Task]) -> Mapping[str, SeenTask]:
        return self._by_ref(tasks) if self.guarded else self._seen([task.key for task in tasks], by=KEY)

    def read(self, ids: Sequence[str]) -> Mapping[str, SeenTask]:
        return self._seen(ids)

    def move(self, id: str, owner: str) -> Receipt:
        return self._patched(id, {"hubspot_owner_id": owner})

    def close(self, id: str) -> Receipt:
        return self._patched(id, {"hs_task_status": "COMPLETED"})

    def _patched(self, id: str, properties: Mapping[str, str]) -> Receipt:
        body = self._client.patch("task", id, properties).good()
        if not body.get("id"):
            raise Unknown("HubSpot says success and names no task. Read the task before sending again.", code="EMPTY_ANSWER")
        answered = str(body["id"])
        return Receipt(id, Outcome.APPLIED, answered, moved_to=answered if answered != id else None)

    def _seen(self, ids: Sequence[str], by: str | None = None) -> dict[str, SeenTask]:
        """Tasks by id or key; one that a person deleted is still found, among the archived."""
        found = self._reader.read("task", ids, SHOWN, by=by)
        missing = [id for id in ids if id not in found]
        found |= self._reader.read("task", missing, SHOWN, by=by, archived=True)
        return {id: seen(record) for id, record in found.items()}

    def _by_ref(self, tasks: Sequence[Task]) -> dict[str, SeenTask]:
        wanted = {task.key for task in tasks}
        people = [task.person for task in tasks if task.person and task.person_object == "contact"]
        companies = [task.company for task in tasks if task.company and not task.person]
        linked = [*self._reader.linked("contact", "task", people).values()]
        linked += self._reader.linked("company", "task", companies).values()
        found = self._seen([id for ids in linked for id in ids]).values()
        # Of two tasks with one key the older stands.
        return {task.key: task for task in sorted(found, key=_age, reverse=True) if task.key in wanted and task.key}


def _age(task: SeenTask) -> str:
    return task.created.isoformat() if task.created else ""


def seen(record: Mapping[str, Any]) -> SeenTask:
    """A task record as the worker knows it; the key is its property, or the `ref:` line of its body."""
    said = record.get("properties") or {}
    status = said.get("hs_task_status")
    return SeenTask(
        id=str(record["id"]),
        key=_key(said),
        owner=said.get("hubspot_owner_id") or None,
        subject=said.get("hs_task_subject"),
        open=status not in DONE and not record.get("archived"),
        status=status,
        body=plain(said.get("hs_task_body")),
        due=moment(said.get("hs_timestamp")),
        modified=moment(said.get("hs_lastmodifieddate")) or moment(record.get("updatedAt")),
        created=moment(said.get("hs_createdate")) or moment(record.get("createdAt")),
        deleted=bool(record.get("archived")),
    )


def _key(said: Mapping[str, Any]) -> str | None:
    """Our key, from its property or from the `ref:` line of the body."""
    ref = _REF.search(plain(said.get("hs_task_body")) or "")
    return said.get(KEY) or (ref[1] if ref else None)


def _properties(task: Task, *, guarded: bool) -> dict[str, str]:
    body = f"{task.body}\nref: {task.key}" if guarded else task.body
    properties = {
        "hs_timestamp": encoded(task.due),
        "hs_task_subject": one_line(task.subject),
        "hs_task_body": rich(body),
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "HIGH" if task.high else "MEDIUM",
        "hs_task_type": ACTIONS[task.action],
        "hubspot_owner_id": task.owner,
    }
    return properties if guarded else {**properties, KEY: task.key}


def _input(one: Sent, task: Task) -> Mapping[str, object]:
    links = [_link(task.person, TO_CONTACT)] if task.person else []
    links += [_link(task.company, TO_COMPANY)] if task.company else []
    return {"properties": one.properties, "associations": links, "objectWriteTraceId": one.trace}


def _link(id: str, type: int) -> Mapping[str, object]:
    return {"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type}]}


def _receipt(one: Sent, says: Settled) -> Receipt:
    if says.fault is not None:
        receipt = refusal(one, says.fault)
        if says.fault.taken:
            return Receipt(one.key, Outcome.EXISTS, says.fault.existing, code=receipt.code, message=receipt.message)
        return receipt
    if says.result is None:
        return silence(one)
    return Receipt(one.key, Outcome.APPLIED, str(says.result["id"]), created=True)


def _not_a_contact(task: Task) -> Receipt:
    said = f"A task in HubSpot hangs on a contact, not on a {task.person_object}. Match the person to a contact first."
    return Receipt(task.key, Outcome.REJECTED, code="NOT_A_CONTACT", message=said, field="person")
