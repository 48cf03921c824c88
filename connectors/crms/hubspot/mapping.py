"""
From a HubSpot record to the record that the mirror keeps.

Decided here: which properties are asked for per object, and what they mean to us: customer, do not contact, open, won, last
activity. Not decided here: when and how they are read (`mirror`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Mirrored, Value
from connectors.crms.hubspot.reading import MERGED, Record, merged_ids
from connectors.crms.hubspot.tasks import KEY as TASK_KEY
from connectors.crms.hubspot.tasks import SHOWN as TASK_SHOWN
from connectors.crms.hubspot.tasks import seen
from connectors.crms.hubspot.values import THEIR_NAMES, decoded, moment
from connectors.fields import fields_on

COMPANY = "associatedcompanyid"
_ACTIVITY = ("notes_last_contacted", "hs_last_sales_activity_timestamp")
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "contact": (
        *("email", "hs_additional_emails", "firstname", "lastname", "phone", "mobilephone", "hubspot_owner_id"),
        *(COMPANY, "lifecyclestage", "hs_email_optout", "createdate", "lastmodifieddate", MERGED, *_ACTIVITY),
    ),
    "company": (
        *("name", "domain", "phone", "hubspot_owner_id", "lifecyclestage", "createdate", "hs_lastmodifieddate", MERGED),
        *_ACTIVITY,
    ),
    "deal": (
        *("dealname", "dealstage", "amount", "closedate", "pipeline", "hubspot_owner_id", "hs_is_closed"),
        *("hs_is_closed_won", "createdate", "hs_lastmodifieddate", MERGED),
    ),
    "task": TASK_SHOWN,
}
_SHOWN_FIELDS: Mapping[str, tuple[str, ...]] = {"deal": ("amount", "closedate", "pipeline")}


def modified_name(object: str) -> str:
    """The property that holds the last change; contacts have their own."""
    return "lastmodifieddate" if object == "contact" else "hs_lastmodifieddate"


@dataclass(frozen=True, slots=True)
class View:
    """What is read of one object: every property asked for, and the form of those that come back in `fields`."""

    object: str
    names: tuple[str, ...]
    forms: Mapping[str, str]

    def rows(self, record: Record, company: str | None = None) -> Iterator[Mirrored]:
        """The record itself, and one row for each record that was merged into it."""
        yield self.row(record, company)
        survivor = str(record["id"])
        for old in merged_ids(record):
            yield Mirrored(old, self.object, deleted=True, moved_to=survivor, modified=moment(record.get("updatedAt")))

    def row(self, record: Record, company: str | None = None) -> Mirrored:
        said: Mapping[str, Any] = record.get("properties") or {}
        builder = {"contact": _contact, "company": _company, "deal": _deal, "task": _task}[self.object]
        own = builder(record, said)
        return Mirrored(
            id=str(record["id"]),
            object=self.object,
            owner=said.get("hubspot_owner_id") or None,
            modified=moment(said.get(modified_name(self.object))) or moment(record.get("updatedAt")),
            created=moment(record.get("createdAt")) or moment(said.get("createdate")),
            deleted=bool(record.get("archived")),
            account=said.get(COMPANY) or company,
            fields=self._fields(said),
            **own,
        )

    def _fields(self, said: Mapping[str, Any]) -> dict[str, Value]:
        return {
            name: decoded(said[theirs], form)
            for name, form in self.forms.items()
            if (theirs := THEIR_NAMES.get(name, name)) in said
        }


def asked(object: str, fields: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Property names to ask for, and the names, ours where we have one, under which values are handed on in `fields`."""
    standard = [field.name for field in fields_on(object)] if object != "deal" else []
    handed_on = tuple(dict.fromkeys((*standard, *_SHOWN_FIELDS.get(object, ()), *fields)))
    theirs = (THEIR_NAMES.get(name, name) for name in handed_on)
    return tuple(dict.fromkeys((*_ALWAYS[object], *theirs))), handed_on


def _contact(_record: Record, said: Mapping[str, Any]) -> dict[str, Any]:
    more = str(said.get("hs_additional_emails") or "").split(";")
    emails = (one.strip().lower() for one in (str(said.get("email") or ""), *more))
    name = " ".join(part for part in (said.get("firstname"), said.get("lastname")) if part)
    return {
        "emails": tuple(dict.fromkeys(one for one in emails if one)),
        "name": name or None,
        "phone": said.get("phone") or said.get("mobilephone") or None,
        "do_not_contact": said.get("hs_email_optout") == "true",
        **_standing(said),
    }


def _company(_record: Record, said: Mapping[str, Any]) -> dict[str, Any]:
    domain = str(said.get("domain") or "").strip().lower()
    return {
        "name": said.get("name") or None,
        "domain": domain or None,
        "phone": said.get("phone") or None,
        **_standing(said),
    }


def _standing(said: Mapping[str, Any]) -> dict[str, Any]:
    stage = said.get("lifecyclestage") or None
    activity = [found for name in _ACTIVITY if (found := moment(said.get(name)))]
    return {
        "stage": stage,
        "key": said.get("pql_key") or None,
        "is_customer": stage == "customer",
        "last_activity": max(activity, default=None),
    }


def _deal(record: Record, said: Mapping[str, Any]) -> dict[str, Any]:
    stage = said.get("dealstage") or None
    won = _flag(said, "hs_is_closed_won", stage == "closedwon")
    closed = _flag(said, "hs_is_closed", won or stage == "closedlost")
    return {"name": said.get("dealname") or None, "stage": stage, "open": not (closed or record.get("archived")), "won": won}


def _flag(said: Mapping[str, Any], name: str, otherwise: bool) -> bool:
    return said[name] == "true" if said.get(name) else otherwise


def _task(record: Record, _said: Mapping[str, Any]) -> dict[str, Any]:
    task = seen(record)
    return {"name": task.subject, "stage": task.status, "key": task.key, "open": task.open}


def is_ours(object: str, row: Mirrored) -> bool:
    """Tasks of other people and tools are none of the mirror's business."""
    return object != "task" or row.key is not None


HAS_KEY = {"propertyName": TASK_KEY, "operator": "HAS_PROPERTY"}
