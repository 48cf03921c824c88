"""
The CRM's records as its ledger tells them: who said what of which field, in order; where a merged or converted one went.

Folded from the ledger alone, so that the checker believes neither the store nor a connector's reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from chaos.evidence import Evidence, Row

US = "integration"


@dataclass(frozen=True, slots=True)
class Said:
    """A value of one field from then on, and whose it is: ours, a person's, or what stood there before (seed)."""

    seq: int
    actor: str
    value: Any
    at: datetime

    @property
    def by_us(self) -> bool:
        return self.actor == US

    @property
    def by_person(self) -> bool:
        return self.actor not in (US, "seed")


@dataclass(slots=True)
class Record:
    """One record of the CRM, through its whole life."""

    object: str
    id: str
    fields: dict[str, list[Said]] = field(default_factory=dict)
    gone_at: int | None = None
    became: tuple[str, str] | None = None
    """The survivor of a merge, or what a lead was converted to."""
    mixed: bool = False
    """Made of several records by a merge."""
    inherited: bool = False
    """Made of a lead by a conversion, with values of it."""

    def says(self, name: str) -> Any:
        told = self.fields.get(name)
        return told[-1].value if told else None

    def hear(self, row: Row) -> None:
        for name, value in (row["after"] or {}).items():
            self.fields.setdefault(name, []).append(Said(row["seq"], row["actor"], value, datetime.fromisoformat(row["at"])))


class Told:
    """All records that the ledger tells of."""

    def __init__(self, evidence: Evidence) -> None:
        self._objects = evidence.names.objects
        self.records: dict[tuple[str, str], Record] = {}
        for row in evidence.ledger:
            if row["object"] in self._objects:
                self._hear(row)

    def at(self, object: str, id: str | None) -> Record | None:
        """The record with this id, or what became of it."""
        seen = set()
        place = (object, str(id))
        while place in self.records and place not in seen:
            seen.add(place)
            record = self.records[place]
            if record.became is None:
                return record
            place = record.became
        return None

    def _record(self, object: str, id: str) -> Record:
        place = (self._objects[object], id)
        return self.records.setdefault(place, Record(*place))

    def _hear(self, row: Row) -> None:
        record, after = self._record(row["object"], row["id"]), row["after"] or {}
        if row["op"] in ("archive", "delete"):
            record.gone_at = row["seq"]
        elif row["op"] == "merge" and "merged" in after:  # HubSpot: two records become a third
            self._merge(row, record, after["merged"])
        elif row["op"] == "merge":  # Salesforce: one record goes into another
            survivor = self._record(row["object"], after["MasterRecordId"])
            record.became = (survivor.object, survivor.id)
            survivor.mixed = True
        elif row["op"] == "convert":
            record.became = ("contact", after["ConvertedContactId"])
            self._inherit(record, self.records.get(record.became))
            record.hear(row)
        elif row["op"] in ("seed", "create", "update", "restore"):
            record.hear(row)

    def _inherit(self, lead: Record, contact: Record | None) -> None:
        """What a conversion copies is still whose it was."""
        if contact is None:
            return
        contact.inherited = True
        for name, told in contact.fields.items():
            before = lead.fields.get(name)
            if before and told and same(told[0].value, before[-1].value):
                told[0] = Said(told[0].seq, before[-1].actor, told[0].value, told[0].at)

    def _merge(self, row: Row, survivor: Record, merged: Sequence[str]) -> None:
        """The value that stays is still whose it was, and what was said before it on that record is remembered."""
        survivor.mixed = True
        before = [self._record(row["object"], id) for id in merged]
        for one in before:
            one.became = (survivor.object, survivor.id)
        for name, value in row["after"].items():
            whose = next((one for one in before if one.fields.get(name) and same(one.says(name), value)), None)
            told = whose.fields[name] if whose else []
            who = told[-1].actor if told else row["actor"]
            survivor.fields[name] = [*told, Said(row["seq"], who, value, datetime.fromisoformat(row["at"]))]


def same(one: Any, other: Any) -> bool:
    """Whether two values are one, whatever form a CRM gives them."""
    return plain(one) == plain(other)


def parts(value: Any) -> set[str]:
    """What stands in a field of several values."""
    return {part.strip() for part in str(value or "").split(";")} - {""}


def plain(value: Any) -> Any:
    """Text, a number, or None for what is empty."""
    if value is None or (isinstance(value, str) and not value.strip()) or value is False:
        return None
    if isinstance(value, bool):
        return "true"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    text = str(value).strip()
    if text.lower() == "false":
        return None
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return text
