"""
What the org shows us of its objects: one describe per object, kept for some minutes or until something says it changed.

Decided here: what of a describe we use, and how long it is believed. A field that field-level security hides is not in
it, so "missing" and "hidden" look alike here (`provisioning` tells them apart).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.crms.salesforce.client import Client
from connectors.crms.salesforce.names import OBJECTS, theirs
from connectors.crms.salesforce.values import Form
from connectors.errors import Moved, Refused, TryLater
from connectors.fields import FIELDS, TASK_KEY, Shown, salesforce_name

BELIEVED_SECONDS = 600.0
PROVISION = "Run pql provision, then try again."

FORMS: Mapping[str, Form] = {
    "text": Form("string"),
    "long_text": Form("textarea"),
    "number": Form("double"),
    "flag": Form("boolean"),
    "moment": Form("datetime"),
    "choice": Form("picklist"),
}
STANDARD = {salesforce_name(field.name): FORMS[field.type] for field in (*FIELDS, TASK_KEY)}


@dataclass(frozen=True, slots=True)
class Column:
    """One field as the org shows it."""

    name: str
    form: Form
    length: int = 0
    unique: bool = False
    external_id: bool = False
    createable: bool = False
    updateable: bool = False
    values: tuple[str, ...] = ()
    """Active values of a picklist, by their API names."""


class Schema:
    """Columns by object and Salesforce's name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[float, Mapping[str, Column]]] = {}

    def columns(self, object: str) -> Mapping[str, Column]:
        read_at, columns = self._known.get(object, (0.0, {}))
        if not columns or time.monotonic() - read_at > BELIEVED_SECONDS:
            listed = self._described(object).get("fields")
            if not isinstance(listed, list) or not listed:
                raise TryLater("Salesforce described an object without fields. Ask again later.", code="EMPTY_ANSWER")
            columns = {str(one["name"]): _column(one) for one in listed if isinstance(one, dict) and one.get("name")}
            self._known[object] = (time.monotonic(), columns)
        return columns

    def _described(self, object: str) -> Mapping[str, Any]:
        try:
            return self._client.describe(OBJECTS[object]).record()
        except Moved as problem:
            said = f"The org shows us no {OBJECTS[object]}. Give the integration user read access to it."
            raise Refused(said, code=problem.code) from None

    def forget(self) -> None:
        self._known.clear()

    def visible(self, object: str, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the names that the org shows us, each once."""
        columns = self.columns(object)
        return tuple(name for name in dict.fromkeys(names) if name in columns)

    def shown(self, object: str, name: str) -> Shown | None:
        """A field as people know it; texts may hold several values too."""
        column = self.columns(object).get(theirs(object, name) or name)
        if column is None:
            return None
        return Shown(column.form.type, column.updateable, column.form.type in ("multipicklist", "string", "textarea"))

    def form(self, object: str, name: str) -> Form:
        """The form of a field; of one that is not shown, what it would be after provisioning."""
        column = self.columns(object).get(name)
        return column.form if column else STANDARD.get(name, Form())

    def key(self, object: str, name: str) -> str:
        """The name of our unique key, once the org shows it and insists on it; Refused otherwise."""
        column = self.columns(object).get(name)
        if column is None:
            self.forget()  # somebody may have provisioned meanwhile
            column = self.columns(object).get(name)
        if column is None:
            raise Refused(f"{OBJECTS[object]}.{name} is missing, or hidden from us. {PROVISION}", code="INVALID_FIELD")
        if not column.unique:
            said = (
                f"{OBJECTS[object]}.{name} does not insist on unique values, so a second record could be made under one key."
            )
            raise Refused(f"{said} Make it unique in Setup.", code="NOT_UNIQUE")
        return name


def _column(one: Mapping[str, Any]) -> Column:
    listed = one.get("picklistValues") or []
    values = tuple(str(each["value"]) for each in listed if isinstance(each, dict) and each.get("active", True))
    type = str(one.get("type", "string"))
    return Column(
        name=str(one["name"]),
        form=Form(type, int(one.get("scale") or 0), values if type == "multipicklist" else ()),
        length=int(one.get("length") or 0),
        unique=bool(one.get("unique")),
        external_id=bool(one.get("externalId")),
        createable=bool(one.get("createable")),
        updateable=bool(one.get("updateable")),
        values=values,
    )
