"""The sandbox Salesforce as a book: which field is which fact."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.fields import FIELDS, salesforce_name
from connectors.sandbox.pages.book import Ours, Owner, Record, Todo, inside, moment
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.state import Row, State

MOST = 100_000
NAMES: Mapping[str, str] = {
    "lead": "Lead",
    "contact": "Contact",
    "company": "Account",
    "deal": "Opportunity",
    "task": "Task",
}
OURS: Mapping[str, str] = {salesforce_name(one.name): one.name.removeprefix("pql_") for one in FIELDS}
FACTS: Mapping[str, Sequence[str]] = {
    "lead": ("Email", "Phone", "Title", "Company", "Status", "LeadSource", "City", "State", "Country", "HasOptedOutOfEmail"),
    "contact": ("Email", "Phone", "Title", "MailingCity", "MailingCountry", "HasOptedOutOfEmail"),
    "company": ("Website", "Industry", "NumberOfEmployees", "BillingCountry", "BillingCity", "Phone", "Type"),
    "deal": ("StageName", "Amount", "CloseDate"),
    "task": ("Status", "Priority", "ActivityDate"),
}
RECORD_PAGE = re.compile(r"/(?:lightning/r/(?:\w+/)?)?([0-9A-Za-z]{15,18})(?:/view)?/?")
LIST_PAGE = re.compile(r"/(?:lightning/)?o/(\w+)(?:/list)?/?")


class SalesforceBook:
    """Reads the records of one org."""

    crm = "Salesforce"

    def __init__(self, state: State, zone: str = "Europe/Berlin") -> None:
        self._state = state
        self.zone = zone

    def objects(self) -> Sequence[tuple[str, int]]:
        return [(name, self._state.count(theirs)) for name, theirs in NAMES.items()]

    def first(self, object: str, limit: int) -> Sequence[Record]:
        return [self._record(object, row) for row in self._state.listing(NAMES[object], limit=limit)]

    def mentioning(self, object: str, words: str) -> Sequence[Record]:
        found = self.one(object, words)
        return [found] if found else self._holding(object, inside(words))

    def flagged(self, object: str) -> Sequence[Record]:
        return self._holding(object, f'"{salesforce_name("pql_flag")}":true')

    def owned(self, object: str, owner: str) -> Sequence[Record]:
        return self._holding(object, f'"OwnerId":"{inside(owner)}"')

    def offered(self, object: str, partner: str) -> Sequence[Record]:
        return self._holding(object, f'"{salesforce_name("pql_partner")}":"{inside(partner)}"')

    def _holding(self, object: str, text: str) -> Sequence[Record]:
        return [self._record(object, row) for row in self._state.holding(NAMES[object], text)]

    def one(self, object: str, id: str) -> Record | None:
        row = self._state.row(NAMES[object], id) if object in NAMES else None
        return None if row is None or row.archived else self._record(object, row)

    def related(self, record: Record, object: str) -> Sequence[Record]:
        values = dict(record.everything)
        if object == "company":
            found = self.one("company", values.get("AccountId", ""))
            return [found] if found else []
        pointers = ("WhoId", "WhatId") if object == "task" else ("AccountId",)
        if record.object == "task":
            pointed = [self.one(object, values.get(name, "")) for name in ("WhoId", "WhatId")]
            return [one for one in pointed if one]
        rows = self._state.holding(NAMES[object], f'"{record.id}"')
        return [self._record(object, row) for row in rows if record.id in {row.properties.get(name) for name in pointers}]

    def owners(self) -> Sequence[Owner]:
        users = [
            Owner(row.id, _full_name(row.properties), str(row.properties.get("Email", "")), active=_active(row))
            for row in self._state.listing("User", limit=MOST)
        ]
        queues = [
            Owner(row.id, str(row.properties.get("Name", row.id)), str(row.properties.get("Email", "")), queue=True)
            for row in self._state.listing("Group", limit=MOST)
            if row.properties.get("Type") == "Queue"
        ]
        return [*users, *queues]

    def located(self, path: str) -> tuple[str, str] | None:
        if listed := LIST_PAGE.fullmatch(path):
            return next(((name, "") for name, theirs in NAMES.items() if theirs == listed[1]), None)
        found = RECORD_PAGE.fullmatch(path)
        record = whole(found[1]) if found else None
        if record is None:
            return None
        return next(((name, record) for name, theirs in NAMES.items() if self._state.row(theirs, record)), None)

    def _record(self, object: str, row: Row) -> Record:
        values = {name: _word(value) for name, value in row.properties.items() if value is not None}
        titles = {"task": values.get("Subject"), "lead": _full_name(values), "contact": _full_name(values)}
        below = {
            "lead": (values.get("Title"), values.get("Company"), values.get("Email")),
            "contact": (values.get("Title"), values.get("Email")),
            "company": (values.get("Website"),),
            "deal": (values.get("StageName"),),
        }
        return Record(
            object,
            row.id,
            titles.get(object) or values.get("Name") or f"{object} {row.id}",
            " · ".join(one for one in below.get(object, ()) if one),
            values.get("OwnerId", ""),
            Ours({OURS[name]: value for name, value in values.items() if name in OURS}),
            tuple((_spaced(name), values[name]) for name in FACTS[object] if values.get(name)),
            tuple(sorted(values.items())),
            _todo(values) if object == "task" else None,
            datetime.fromtimestamp(row.modified / 1000, UTC),
        )


def _active(row: Row) -> bool:
    return row.properties.get("IsActive", True) is not False


def _full_name(values: Mapping[str, Any]) -> str:
    name = f"{values.get('FirstName') or ''} {values.get('LastName') or ''}".strip()
    return name or str(values.get("Name") or values.get("Email") or "")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _todo(values: Mapping[str, str]) -> Todo:
    status = values.get("Status", "Not Started")
    return Todo(
        values.get("Description", "").strip(),  # plain text there, unlike HubSpot's
        moment(values.get("ActivityDate", "")),
        status,
        status != "Completed" and values.get("IsClosed") != "true",
        values.get("TaskSubtype", ""),
        values.get("Priority", ""),
    )
