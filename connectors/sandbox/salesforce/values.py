"""
What the API shows for a stored record: stamps, names made of parts, compounds, and what follows from a status.

Decided here: computed values. A stored property is a field's value as given; a field without one is null, false or 0
by its type.
"""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.salesforce.schema.field import Field
from connectors.sandbox.salesforce.schema.selling import PROBABILITY
from connectors.sandbox.salesforce.soql.dates import stamp
from connectors.sandbox.state import Row

Compute = Callable[[Row], Any]
ADDRESS_PARTS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def value(row: Row, field: Field) -> Any:
    """Return what the API shows in this field of this record."""
    compute = COMPUTED.get((row.object, field.name)) or EVERYWHERE.get(field.name)
    if compute is not None:
        return compute(row)
    if field.type == "address":
        return _address(row, field.name.removesuffix("Address"))
    found = row.properties.get(field.name)
    if found is None and field.type == "boolean":
        return False
    if found is None and field.type == "int" and not field.nillable:
        return 0
    return found


def full_name(properties: Mapping[str, Any]) -> str:
    return " ".join(str(properties[part]) for part in ("FirstName", "LastName") if properties.get(part))


def _address(row: Row, prefix: str) -> dict[str, Any] | None:
    parts = {part: row.properties.get(prefix + part) for part in ADDRESS_PARTS}
    if all(part is None for part in parts.values()):
        return None
    return {part[0].lower() + part[1:]: found for part, found in parts.items()}


def _stage(row: Row) -> str:
    return str(row.properties.get("StageName", ""))


def _expected(row: Row) -> float | None:
    amount = row.properties.get("Amount")
    return None if amount is None else float(amount) * _probability(row) / 100


def _probability(row: Row) -> float:
    given = row.properties.get("Probability")
    return float(given) if given is not None else float(PROBABILITY.get(_stage(row), 0))


def _account_name(row: Row) -> Any:
    return row.properties.get("Name") or full_name(row.properties) or None


def _closed_task(row: Row) -> bool:
    return row.properties.get("Status") == "Completed"


EVERYWHERE: Mapping[str, Compute] = {
    "Id": lambda row: row.id,
    "IsDeleted": lambda row: row.archived,
    "CreatedDate": lambda row: stamp(row.created),
    "LastModifiedDate": lambda row: stamp(row.modified),
    "SystemModstamp": lambda row: stamp(row.modified),
    "CleanStatus": lambda row: row.properties.get("CleanStatus", "Pending"),
    "PhotoUrl": lambda row: f"/services/images/photo/{row.id}",
}
COMPUTED: Mapping[tuple[str, str], Compute] = {
    ("Lead", "Name"): lambda row: full_name(row.properties),
    ("Contact", "Name"): lambda row: full_name(row.properties),
    ("User", "Name"): lambda row: full_name(row.properties),
    ("Account", "Name"): _account_name,
    ("Contact", "IsEmailBounced"): lambda row: row.properties.get("EmailBouncedDate") is not None,
    ("Task", "IsClosed"): _closed_task,
    ("Task", "IsHighPriority"): lambda row: row.properties.get("Priority") == "High",
    ("Task", "WhoCount"): lambda row: int("WhoId" in row.properties),
    ("Task", "WhatCount"): lambda row: int("WhatId" in row.properties),
    ("Opportunity", "IsClosed"): lambda row: _stage(row).startswith("Closed"),
    ("Opportunity", "IsWon"): lambda row: _stage(row) == "Closed Won",
    ("Opportunity", "Probability"): _probability,
    ("Opportunity", "ExpectedRevenue"): _expected,
    ("TopicAssignment", "EntityKeyPrefix"): lambda row: str(row.properties.get("EntityId"))[:3],
}
