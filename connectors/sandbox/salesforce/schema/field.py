"""
What a field and an object are, and short words to write them down.

Decided here: the defaults each type has in a describe. Not decided here: which fields an object has, or how a
describe is spelled.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

TEXT = ("string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox", "id", "reference")
NUMBERS = ("double", "currency", "percent", "int")


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `defaulted` means that a create without it is complete."""

    name: str
    label: str
    type: str = "string"
    length: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted: bool = False
    default: Any = None
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    refers: tuple[str, ...] = ()
    relationship: str | None = None
    custom: bool = False
    precision: int = 0
    scale: int = 0
    compound: str | None = None
    extra: str | None = None
    name_field: bool = False
    filterable: bool = True
    hidden: bool = False  # taken away by field-level security; provisioning begins here

    @property
    def required(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"

    def to_doc(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SObject:
    """One object: its fields by name, and what the API lets a caller do with it."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    label: str = ""
    plural: str = ""
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    mergeable: bool = False
    tooling: bool = False
    listed: bool = True  # has list views, quick actions and approvals
    children: tuple[tuple[str, str, str], ...] = field(default=())  # object, field, relationship

    def find(self, name: str) -> Field | None:
        """Return the field of that name; the API reads names without case."""
        found = self.fields.get(name)
        if found is None:
            low = name.lower()
            found = next((each for key, each in self.fields.items() if key.lower() == low), None)
        return None if found is None or found.hidden else found


def from_doc(doc: Mapping[str, Any]) -> Field:
    """Read a field back from the org's memory."""
    many = {name: tuple(doc[name]) for name in ("values", "refers") if name in doc}
    return Field(**{**doc, **many})


def words(name: str) -> str:
    """`MailingPostalCode` reads Mailing Postal Code."""
    plain = name.removesuffix("__c").replace("_", " ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).strip()


def column(name: str, kind: str, length: int = 0, **more: Any) -> Field:
    label = more.pop("label", words(name))
    return Field(name, label, kind, length, **more)


def text(name: str, length: int = 80, **more: Any) -> Field:
    return column(name, "string", length, **more)


def area(name: str, length: int = 255, **more: Any) -> Field:
    return column(name, "textarea", length, **{"extra": "plaintextarea", "filterable": length <= 255, **more})


def email(name: str, **more: Any) -> Field:
    return column(name, "email", 80, **more)


def phone(name: str, **more: Any) -> Field:
    return column(name, "phone", 40, **more)


def url(name: str, **more: Any) -> Field:
    return column(name, "url", 255, **more)


def pick(name: str, *values: str, **more: Any) -> Field:
    return column(name, "picklist", 255 if name.endswith("__c") else 40, **{"values": values, **more})


def ref(name: str, *refers: str, **more: Any) -> Field:
    wanted: dict[str, Any] = {"refers": refers, "relationship": name.removesuffix("Id"), **more}
    return column(name, "reference", 18, **wanted)


def flag(name: str, **more: Any) -> Field:
    return column(name, "boolean", **{"nillable": False, "defaulted": True, "default": False, **more})


def number(name: str, precision: int = 18, scale: int = 0, **more: Any) -> Field:
    return column(name, "double", **{"precision": precision, "scale": scale, **more})


def money(name: str, **more: Any) -> Field:
    return column(name, "currency", **{"precision": 18, **more})


def whole_number(name: str, **more: Any) -> Field:
    return column(name, "int", **{"precision": 8, **more})


def day(name: str, **more: Any) -> Field:
    return column(name, "date", **more)


def moment(name: str, **more: Any) -> Field:
    return column(name, "datetime", **more)


def shown(each: Field) -> Field:
    """The same field, written by nobody."""
    return replace(each, createable=False, updateable=False)


def identity(label: str) -> list[Field]:
    key = column("Id", "id", 18, label=f"{label} ID", nillable=False, defaulted=True, id_lookup=True)
    return [shown(key), shown(flag("IsDeleted", label="Deleted"))]


def stamps() -> list[Field]:
    """Who and when: written by the org alone."""
    by: dict[str, Any] = {"nillable": False, "defaulted": True}
    return [
        shown(moment("CreatedDate", **by)),
        shown(ref("CreatedById", "User", label="Created By ID", **by)),
        shown(moment("LastModifiedDate", **by)),
        shown(ref("LastModifiedById", "User", label="Last Modified By ID", **by)),
        shown(moment("SystemModstamp", **by)),
    ]


def seen() -> list[Field]:
    return [shown(moment("LastViewedDate")), shown(moment("LastReferencedDate"))]


def address(prefix: str = "") -> list[Field]:
    """The parts of an address and the compound that shows them together."""
    whole = f"{prefix}Address"
    spaced = f"{prefix} " if prefix else ""
    parts = [
        area(f"{prefix}Street"),
        text(f"{prefix}City", 40),
        text(f"{prefix}State", label=f"{spaced}State/Province"),
        text(f"{prefix}PostalCode", 20, label=f"{spaced}Zip/Postal Code"),
        text(f"{prefix}Country"),
        number(f"{prefix}Latitude", scale=15),
        number(f"{prefix}Longitude", scale=15),
        pick(f"{prefix}GeocodeAccuracy", *ACCURACY, restricted=True),
    ]
    return [replace(part, compound=whole) for part in parts] + [shown(column(whole, "address"))]


def person_name() -> list[Field]:
    shape: dict[str, Any] = {"extra": "personname", "compound": "Name"}
    return [
        text("LastName", nillable=False, **shape),
        text("FirstName", 40, **shape),
        pick("Salutation", "Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", **shape),
        shown(text("Name", 121, label="Full Name", nillable=False, name_field=True, extra="personname")),
    ]


def owner(*refers: str, label: str = "Owner ID") -> Field:
    return ref("OwnerId", *(refers or ("User",)), label=label, nillable=False, defaulted=True)


def table(name: str, prefix: str, fields: Iterable[Field], **more: Any) -> SObject:
    label = more.pop("label", words(name))
    plural = more.pop("plural", f"{label}s")
    return SObject(name, prefix, {each.name: each for each in fields}, label, plural, **more)


ACCURACY = (
    "Address",
    "NearAddress",
    "Block",
    "Street",
    "ExtendedZip",
    "Zip",
    "Neighborhood",
    "City",
    "County",
    "State",
    "Unknown",
)
