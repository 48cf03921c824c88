"""
Person accounts: an account that is a person, and the contact row that mirrors it.

Decided here: which account columns show in the contact. The account is written, the contact follows; a caller who writes the
contact is refused. A custom field of Contact shows on the account with the ending `__pc`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.state import Row

MIRRORED: Mapping[str, str] = {
    "LastName": "LastName",
    "FirstName": "FirstName",
    "PersonEmail": "Email",
    "PersonTitle": "Title",
    "PersonMobilePhone": "MobilePhone",
    "PersonHasOptedOutOfEmail": "HasOptedOutOfEmail",
    "Phone": "Phone",
    "OwnerId": "OwnerId",
    "CreatedById": "CreatedById",
    "LastModifiedById": "LastModifiedById",
}


def is_person(name: str, properties: Mapping[str, Any]) -> bool:
    return name == "Account" and bool(properties.get("LastName"))


def marks(org: Org, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes an account row a person: the flag and the id of its contact."""
    contact = properties.get("PersonContactId") or org.mint(org.sobject("Contact"))
    return {"IsPersonAccount": True, "PersonContactId": contact}


def mirror(org: Org, account: Row) -> tuple[Row | None, Row]:
    """Return the contact of a person account as it was, None for a new one, and as it is to be."""
    key = str(account.properties["PersonContactId"])
    old = org.row(key)
    shown = {ours: account.properties[theirs] for theirs, ours in MIRRORED.items() if theirs in account.properties}
    shown |= {f"{name[:-4]}__c": one for name, one in account.properties.items() if name.endswith("__pc")}
    properties = {**shown, "AccountId": account.id, "IsPersonAccount": True}
    base = old or Row("Contact", key, {}, account.modified, account.modified)
    return old, replace(base, properties=properties, modified=account.modified)


def refuse_contact(row: Row) -> None:
    """Refuse a write to the contact of a person account."""
    if row.object == "Contact" and row.properties.get("IsPersonAccount"):
        message = "The contact of a person account cannot be changed. Change the account instead."
        raise Fault("INVALID_PERSON_ACCOUNT_OPERATION", message, [])
