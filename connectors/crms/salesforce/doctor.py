"""
The questions that `pql doctor` asks an org.

Decided here: what must be true before a run. Not decided here: how the answers are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.crms.salesforce.client import EXPIRED, Client
from connectors.crms.salesforce.mapping import KEY_FIELD, TASK_KEY_FIELD
from connectors.crms.salesforce.mirror import Mirror
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.reading import Reader
from connectors.crms.salesforce.schema import PROVISION, Schema
from connectors.errors import ConnectorError, Refused, TryLater
from connectors.fields import fields_on, salesforce_name

Check = tuple[str, bool, str]
LEAST_LEFT = 0.2
OPT_OUT = "HasOptedOutOfEmail"
RULES = "SELECT Id, Name FROM AssignmentRule WHERE SobjectType = 'Lead' AND Active = true"


class Doctor:
    """Asks one org; a question that cannot be answered is not good."""

    def __init__(self, client: Client, schema: Schema, mirror: Mirror, objects: Sequence[str]) -> None:
        self._client, self._schema, self._mirror = client, schema, mirror
        self._objects = (*objects, "task")
        self._reader = Reader(client, schema)

    def answers(self) -> Sequence[Check]:
        """One line per question. A refused login or an unreachable org ends the list."""
        try:
            limits = self._limits()
            user = self._client.user()
        except ConnectorError as problem:
            return [("login" if isinstance(problem, Refused) else "org", False, str(problem))]
        checks: list[Check] = [("login", True, f"Accepted as user {user}; the API is on.")]
        for object in self._objects:
            checks += self._object(object)
        return [*checks, *self._owners(), *self._assignment(), self._daily(limits)]

    def _limits(self) -> Mapping[str, Any]:
        """The first question; a session that was over since the last one is no news."""
        try:
            return self._client.limits().record()
        except TryLater as problem:
            if problem.code != EXPIRED:
                raise
        return self._client.limits().record()

    def _object(self, object: str) -> Iterator[Check]:
        type = OBJECTS[object]
        try:
            columns = self._schema.columns(object)
        except ConnectorError as problem:
            yield f"{type} readable", False, f"{problem} Give the integration user read and edit on {type}."
            return
        key = TASK_KEY_FIELD if object == "task" else KEY_FIELD
        standard = [(salesforce_name(field.name), field.by_people) for field in fields_on(object)]
        missing = [name for name, _ in standard if name not in columns]
        said = f"Missing, or hidden from us: {', '.join(missing)}. {PROVISION}" if missing else "All there and visible."
        yield f"{type} fields", not missing, said
        closed = [name for name, by_people in standard if not by_people and name in columns and not columns[name].updateable]
        if closed:
            yield f"{type} fields writable", False, f"Read-only for us: {', '.join(closed)}. {PROVISION}"
        if key in columns:
            unique = columns[key].unique
            yield f"{type}.{key} is unique", unique, "Yes." if unique else "It admits doubles. Make it unique in Setup."
        if object in ("lead", "contact"):
            shown = OPT_OUT in columns
            hidden = "Hidden from us, so nobody counts as opted out. Grant read access to Email Opt Out."
            yield f"{type}.{OPT_OUT} visible", shown, "Yes." if shown else hidden

    def _owners(self) -> Iterator[Check]:
        try:
            owners = self._mirror.owners()
        except ConnectorError as problem:
            yield "owners readable", False, str(problem)
            return
        people = sum(owner.active for owner in owners if owner.kind == "person")
        queues = [owner for owner in owners if owner.kind == "queue"]
        yield "owners readable", people > 0, f"{people} active users." if people else "No active user; add one first."
        names = ", ".join(owner.name for owner in queues) or "none"
        yield "queues", True, f"{len(queues)} known: {names}. A queue must support Lead, and Task for tasks."

    def _assignment(self) -> Iterator[Check]:
        """Active rules are no fault, but people ask why their rule does not run."""
        try:
            rules = self._reader.all(RULES)
        except ConnectorError:
            return
        if rules:
            names = ", ".join(str(rule.get("Name")) for rule in rules)
            yield "assignment rules", True, f"Active: {names}. Writes by us switch them off, so that our routing stands."

    def _daily(self, limits: object) -> Check:
        said = limits.get("DailyApiRequests") if isinstance(limits, dict) else None
        most, left = (said.get("Max"), said.get("Remaining")) if isinstance(said, dict) else (None, None)
        if not isinstance(most, int) or not isinstance(left, int):
            return "daily calls left", True, "Salesforce did not say."
        good = left >= LEAST_LEFT * most
        more = "" if good else " They come back over the next 24 hours; other tools share them."
        return "daily calls left", good, f"{left:,} of {most:,}.{more}"
