"""
From a Salesforce record to the record that the mirror keeps.

Decided here: which fields are asked for per object, and what they mean to us. A customer is an account whose Type
begins with "Customer"; do not contact is Email Opt Out; the domain is the host of Website; a converted lead moved to
its contact, a merged record to its master. Not decided here: when and how they are read (`mirror`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import Mirrored, SeenTask, Value
from connectors.crms.salesforce.names import KEY, theirs
from connectors.crms.salesforce.reading import Record
from connectors.crms.salesforce.schema import Schema
from connectors.crms.salesforce.values import Form, decoded, moment
from connectors.fields import TASK_KEY, fields_on, salesforce_name

KEY_FIELD = salesforce_name(KEY)
TASK_KEY_FIELD = salesforce_name(TASK_KEY.name)
STAMP = "SystemModstamp"
_STAMPS = ("Id", "IsDeleted", "MasterRecordId", "OwnerId", "CreatedDate", "LastModifiedDate", STAMP)
_PERSON = ("Name", "Email", "Phone", "MobilePhone", "HasOptedOutOfEmail", "LastActivityDate")
TASK_SHOWN = (
    *("Id", "IsDeleted", TASK_KEY_FIELD, "OwnerId", "Subject", "Status", "IsClosed", "Description", "ActivityDate"),
    *("CreatedDate", "LastModifiedDate", STAMP),
)
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "lead": (*_STAMPS, *_PERSON, "Status", "IsConverted", "ConvertedContactId"),
    "contact": (*_STAMPS, *_PERSON, "AccountId"),
    "company": (*_STAMPS, "Name", "Website", "Phone", "Type", "LastActivityDate"),
    "deal": (*_STAMPS, "Name", "AccountId", "StageName", "IsClosed", "IsWon"),
    "task": TASK_SHOWN,
}
_SHOWN_FIELDS: Mapping[str, tuple[str, ...]] = {"deal": ("Amount", "CloseDate")}


@dataclass(frozen=True, slots=True)
class View:
    """What is read of one object: the fields asked for, and for those handed on our name, theirs and the form."""

    object: str
    names: tuple[str, ...]
    handed_on: tuple[tuple[str, str, Form], ...]

    def row(self, record: Record) -> Mirrored:
        builder = {"lead": _lead, "contact": _contact, "company": _company, "deal": _deal, "task": _task}[self.object]
        return Mirrored(
            id=str(record["Id"]),
            object=self.object,
            owner=record.get("OwnerId"),
            modified=moment(record.get("LastModifiedDate")) or moment(record.get(STAMP)),
            created=moment(record.get("CreatedDate")),
            deleted=bool(record.get("IsDeleted")),
            fields=self._fields(record),
            **{"moved_object": self.object if record.get("MasterRecordId") else None, **builder(record)},
        )

    def _fields(self, record: Record) -> dict[str, Value]:
        return {name: decoded(record[api], form) for name, api, form in self.handed_on if api in record}


def view(schema: Schema, object: str, fields: Sequence[str]) -> View:
    """What is read of an object: of our own needs, the standard fields and `fields`, all that the org shows us."""
    standard = () if object == "deal" else tuple(field.name for field in fields_on(object))
    wanted = dict.fromkeys((*standard, *_SHOWN_FIELDS.get(object, ()), *fields))
    shown = {name: api for name in wanted if (api := theirs(object, name)) and schema.visible(object, [api])}
    names = schema.visible(object, [*_ALWAYS[object], *shown.values()])
    return View(object, names, tuple((name, api, schema.form(object, api)) for name, api in shown.items()))


def seen(record: Record) -> SeenTask:
    """A task record as the worker knows it."""
    gone = bool(record.get("IsDeleted"))
    return SeenTask(
        id=str(record["Id"]),
        key=record.get(TASK_KEY_FIELD),
        owner=record.get("OwnerId"),
        subject=record.get("Subject"),
        open=not (record.get("IsClosed") or gone),
        status=record.get("Status"),
        body=record.get("Description"),
        due=moment(record.get("ActivityDate")),
        modified=moment(record.get("LastModifiedDate")) or moment(record.get(STAMP)),
        created=moment(record.get("CreatedDate")),
        deleted=gone,
    )


def _person(record: Record) -> dict[str, Any]:
    email = str(record.get("Email") or "").strip().lower()
    return {
        "emails": (email,) if email else (),
        "name": record.get("Name"),
        "phone": record.get("Phone") or record.get("MobilePhone"),
        "do_not_contact": bool(record.get("HasOptedOutOfEmail")),
        **_ours(record),
    }


def _ours(record: Record) -> dict[str, Any]:
    return {
        "key": record.get(KEY_FIELD),
        "last_activity": moment(record.get("LastActivityDate")),
        "moved_to": record.get("MasterRecordId"),
    }


def _lead(record: Record) -> dict[str, Any]:
    person = {**_person(record), "stage": record.get("Status")}
    if record.get("IsConverted") and not record.get("MasterRecordId"):
        return {**person, "moved_to": record.get("ConvertedContactId"), "moved_object": "contact"}
    return person


def _contact(record: Record) -> dict[str, Any]:
    return {**_person(record), "account": record.get("AccountId")}


def _company(record: Record) -> dict[str, Any]:
    type = record.get("Type")
    return {
        "name": record.get("Name"),
        "domain": domain(record.get("Website")),
        "phone": record.get("Phone"),
        "stage": type,
        "is_customer": str(type or "").casefold().startswith("customer"),
        **_ours(record),
    }


def _deal(record: Record) -> dict[str, Any]:
    return {
        "name": record.get("Name"),
        "account": record.get("AccountId"),
        "stage": record.get("StageName"),
        "open": not (record.get("IsClosed") or record.get("IsDeleted")),
        "won": bool(record.get("IsWon")),
    }


def _task(record: Record) -> dict[str, Any]:
    task = seen(record)
    return {"name": task.subject, "stage": task.status, "key": task.key, "open": task.open}


def domain(website: object) -> str | None:
    """
    The host of a web address, without `www.`.

    >>> [domain(one) for one in ("https://www.Nordwerk.example/about", "nordwerk.example", "", "http://[")]
    ['nordwerk.example', 'nordwerk.example', None, None]
    """
    text = str(website or "").strip()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return None
    host = host.lower().rstrip(".").removeprefix("www.")
    return host or None
