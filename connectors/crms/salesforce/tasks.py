"""
Handoff tasks: one per unique key, created in one call together with what they hang on.

Decided here: the fields of a task, how it is found again, what is written to move or close one. A task is only ever
created, never upserted: a late second create is refused by the unique key, a late upsert would undo what the rep has
edited since. Without that key in the org nothing is created at all. ActivityDate is a date: the day of `due` in UTC;
the hour stands in the description. Not decided here: whether a task may be touched (the plan), when a create is sent
again (the store).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC

from connectors.contract import Outcome, Receipt, SeenTask, Task
from connectors.crms.salesforce.answers import unreadable
from connectors.crms.salesforce.batches import Row, sent
from connectors.crms.salesforce.client import BATCH, Client
from connectors.crms.salesforce.mapping import TASK_KEY_FIELD, TASK_SHOWN, seen
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.reading import Reader
from connectors.crms.salesforce.schema import Schema
from connectors.crms.salesforce.values import Json, one_line
from connectors.errors import Refused

LONGEST_BODY = 32_000
OPEN, DONE = "Not Started", "Completed"
CLOSED_STATES = "SELECT Id, ApiName FROM TaskStatus WHERE IsClosed = true ORDER BY SortOrder"


class Tasks:
    """Creates, finds, moves and closes tasks. `move` and `close` raise where the call ended badly; `create` has receipts."""

    batch = BATCH
    guarded = False

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reader = Reader(client, schema)

    def create(self, tasks: Sequence[Task], trace: str) -> Sequence[Receipt]:
        if len(tasks) > self.batch or len({task.key for task in tasks}) < len(tasks):
            raise ValueError(f"A batch holds up to {self.batch} tasks, each key once.")
        self._schema.key("task", TASK_KEY_FIELD)
        receipts = {
            task.key: _nobody(task) for task in tasks if task.person and task.person_object not in ("contact", "lead")
        }
        rows = [self._row(task) for task in tasks if task.key not in receipts]
        if rows:
            told = sent(rows, lambda bodies: self._client.collection("POST", bodies, trace))
            receipts |= {receipt.key: receipt for receipt in told}
        return [receipts[task.key] for task in tasks]

    def find(self, tasks: Sequence[Task]) -> Mapping[str, SeenTask]:
        """What exists for these keys; one that a person deleted is still found, unless a live one has its key."""
        field = self._schema.key("task", TASK_KEY_FIELD)
        found = self._seen(field, [task.key for task in tasks])
        return {one.key: one for one in sorted(found, key=lambda one: not one.deleted) if one.key}

    def read(self, ids: Sequence[str]) -> Mapping[str, SeenTask]:
        return {one.id: one for one in self._seen("Id", ids)}

    def move(self, id: str, owner: str) -> Receipt:
        return self._changed(id, {"OwnerId": owner})

    def close(self, id: str) -> Receipt:
        return self._changed(id, {"Status": self._closed()})

    def _changed(self, id: str, values: Mapping[str, Json]) -> Receipt:
        answer = self._client.update(OBJECTS["task"], id, values)
        if answer.good() is not None:
            raise unreadable(writes=True)  # a good answer to this call is empty
        return Receipt(id, Outcome.APPLIED, id)

    def _seen(self, field: str, values: Sequence[str]) -> list[SeenTask]:
        shown = self._schema.visible("task", TASK_SHOWN)
        return [seen(record) for record in self._reader.found("task", (field, values), shown, deleted=True)]

    def _row(self, task: Task) -> Row:
        columns = self._schema.columns("task")
        values: dict[str, Json] = {
            TASK_KEY_FIELD: task.key,
            "Subject": one_line(task.subject),
            "Description": task.body.strip()[:LONGEST_BODY],
            "ActivityDate": task.due.astimezone(UTC).date().isoformat(),
            "OwnerId": task.owner,
        }
        # An org may have words of its own; then its default stands.
        chosen = {"Status": OPEN, "Priority": "High" if task.high else "Normal"}
        values |= {name: word for name, word in chosen.items() if name in columns and word in columns[name].values}
        if task.person:
            values["WhoId"] = task.person
        if task.company and not (task.person and task.person_object == "lead"):
            values["WhatId"] = task.company  # a task about a lead cannot hang on a second record
        return Row(task.key, "task", values, unique=TASK_KEY_FIELD)

    def _closed(self) -> str:
        """The word of this org for a task that is done."""
        status = self._schema.columns("task").get("Status")
        if status is None or not status.values or DONE in status.values:
            return DONE
        try:
            states = self._reader.all(CLOSED_STATES)
        except Refused:
            return DONE
        return next((str(state["ApiName"]) for state in states if state.get("ApiName")), DONE)


def _nobody(task: Task) -> Receipt:
    said = f"A task in Salesforce hangs on a contact or a lead, not on a {task.person_object}. Match the person first."
    return Receipt(task.key, Outcome.REJECTED, code="NOT_A_PERSON", message=said, field="person")
