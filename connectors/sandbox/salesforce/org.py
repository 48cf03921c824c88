"""
The org: its objects with custom fields, its switches, and the records behind both.

Decided here: which fields the caller may see (field-level security included) and how references are followed. Not
decided here: what a write must look like (rules), or any wording.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.sandbox.salesforce import errors, values
from connectors.sandbox.salesforce.ids import mint, whole
from connectors.sandbox.salesforce.schema import parties
from connectors.sandbox.salesforce.schema.catalog import OBJECTS, PREFIXES, holder
from connectors.sandbox.salesforce.schema.field import Field, SObject, from_doc
from connectors.sandbox.state import Row, State

SWITCHES: Mapping[str, Any] = {
    "auto_assign": {},  # object -> owner id: an active assignment rule; it runs unless Sforce-Auto-Assign is FALSE
    "converted_leads": "refuse",  # or accept: an org that lets the integration user edit converted leads
    "person_accounts": False,
    "duplicate_rules": [],  # {object, match: [fields], action: block or alert, name}
    "validation_rules": [],  # {object, refuse_when: SOQL condition, message, field}
    "record_types": [],  # {object, records: [ids], field, values}: what records of a record type may have in a picklist
    "row_locks": {},  # account id -> how many writes below it still fail with UNABLE_TO_LOCK_ROW
    "daily_limit": 15000,
    "session_minutes": None,  # how long a login lives; None lives for ever
    "login_kills_older": False,
    "login_refused": None,  # an OAuth error code such as invalid_grant
    "upsert_race_s": 0,  # seconds between looking a key up and writing, so that two upserts of a new key meet
    "bulk_polls": 1,  # how often a bulk job says InProgress before it is done, a share of its rows written at each look
    "bulk_seconds": None,  # or: how long a job takes by the sandbox's clock, whether anybody looks or not
    "bulk_failure": None,  # {after: rows, message}: jobs fail once so many rows of theirs are written
    "daily_bulk_batches": 15000,  # batches of 10,000 rows that all jobs may use
}


class Org:
    """Reads of the org that more than one room needs."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._known: dict[tuple[str, bool], SObject] = {}

    # objects and fields

    def sobject(self, name: str) -> SObject:
        """Return the object with the fields the caller sees; INVALID_TYPE where there is none."""
        standard = OBJECTS.get(name) or next((each for key, each in OBJECTS.items() if key.lower() == name.lower()), None)
        if standard is None:
            raise errors.no_type(name)
        key = standard.name, bool(self.switch("person_accounts"))
        if key not in self._known:
            self._known[key] = self._with_custom(standard)
        return self._known[key]

    def for_people(self, name: str) -> SObject:
        """Return the object as the people of the org see it: field-level security here is that of the integration user."""
        return self._with_custom(OBJECTS[name], secured=False)

    def forget_fields(self) -> None:
        """Read the fields anew at the next question: something about them has changed."""
        self._known.clear()

    def _with_custom(self, standard: SObject, *, secured: bool = True) -> SObject:
        fields = dict(standard.fields)
        if self.switch("person_accounts"):
            extra = {"Account": parties.PERSON_ACCOUNT, "Contact": parties.PERSON_CONTACT}.get(standard.name, ())
            fields |= {each.name: each for each in extra}
        permitted = self._permitted()
        for key, doc in self.state.docs("field").items():
            owner, _, name = key.partition(".")
            if owner == holder(standard.name) or owner == standard.name:
                field = from_doc(doc["field"])
                fields[name] = _secured(field, permitted.get(key)) if secured and doc.get("secured") else field
            elif owner == "Contact" and standard.name == "Account" and self.switch("person_accounts"):
                twin = replace(from_doc(doc["field"]), name=f"{name.removesuffix('__c')}__pc")
                fields[twin.name] = _secured(twin, permitted.get(key)) if secured and doc.get("secured") else twin
        return replace(standard, fields=fields)

    def _permitted(self) -> dict[str, str]:
        """Return field -> read or edit, by the permission sets given to the integration user."""
        sets = {
            row.properties.get("PermissionSetId")
            for row in self.state.scan("PermissionSetAssignment")
            if row.properties.get("AssigneeId") == self.integration_user
        }
        found: dict[str, str] = {}
        for row in self.state.scan("FieldPermissions"):
            given = row.properties
            if given.get("ParentId") in sets and given.get("PermissionsRead"):
                object_name, _, name = str(given.get("Field")).partition(".")
                found[f"{holder(object_name)}.{name}"] = "edit" if given.get("PermissionsEdit") else "read"
        return found

    def switch(self, name: str) -> Any:
        return self.state.switch(name, SWITCHES[name])

    @property
    def integration_user(self) -> str:
        return str(self.state.doc("account", "integration_user"))

    # records

    def mint(self, sobject: SObject) -> str:
        return mint(sobject.prefix, self.state.next(f"id {sobject.prefix}"))

    def object_of(self, record: str) -> str | None:
        """Return the object an id belongs to, by its key prefix."""
        return PREFIXES.get(record[:3])

    def row(self, record: str) -> Row | None:
        """Return a record by its id, deleted ones included."""
        name, key = self.object_of(record), whole(record)
        return self.state.row(name, key) if name and key else None

    def value(self, row: Row, field: Field) -> Any:
        return values.value(row, field)

    def shown(self, row: Row, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Return the visible fields of a record, all or those named."""
        fields = self.sobject(row.object).fields
        return {name: values.value(row, fields[name]) for name in names or fields if not fields[name].hidden}

    def parent(self, row: Row, field: Field) -> Row | None:
        key = row.properties.get(field.name)
        return self.row(key) if isinstance(key, str) else None

    def find(self, sobject: SObject, field: Field, given: Any) -> list[Row]:
        """Return the live records that carry a value in an indexed field."""
        wanted = indexed(field, given)
        ids = self.state.find(sobject.name, field.name, [wanted]).get(wanted, [])
        return [row for row in self.state.rows(sobject.name, sorted(ids)).values() if not row.archived]


def is_indexed(field: Field) -> bool:
    return field.name != "Id" and (
        field.unique
        or field.external_id
        or field.id_lookup
        or (field.type == "reference" and field.name not in ("CreatedById", "LastModifiedById"))
    )


def indexed(field: Field, given: Any) -> str:
    """Return the value under which the index knows it; only case-sensitive fields tell cases apart."""
    text = str(given)
    return text if field.case_sensitive or field.type == "reference" else text.lower()


def lookups(sobject: SObject, properties: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return what the index holds of a record."""
    fields = ((sobject.fields.get(name), found) for name, found in properties.items())
    return [(field.name, indexed(field, found)) for field, found in fields if field and is_indexed(field)]


def _secured(field: Field, right: str | None) -> Field:
    if right is None:
        return replace(field, hidden=True)
    return field if right == "edit" else replace(field, createable=False, updateable=False)
