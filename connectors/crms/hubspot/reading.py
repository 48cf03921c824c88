"""
Reads records and associations by id, and accounts for every id that was asked.

Decided here: an id is found, named as missing, or asked once more by itself; a row that an answer merely leaves out is never
taken for absent, because a second task would follow from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.crms.hubspot.answers import Answer, fault_in
from connectors.crms.hubspot.client import BATCH, Client
from connectors.errors import TryLater

MERGED = "hs_merged_object_ids"
LINKS = 1000
"""Records whose associations one call may ask for."""
Record = Mapping[str, Any]


class Reader:
    """Batch reads over one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(
        self, object: str, ids: Iterable[str], names: Sequence[str], *, by: str | None = None, archived: bool = False
    ) -> dict[str, Record]:
        """Records by the ids, or values of the unique property `by`; a merged id answers with its survivor."""
        asked = list(dict.fromkeys(ids))
        wanted = list(dict.fromkeys((*names, by or MERGED)))
        found: dict[str, Record] = {}
        for start in range(0, len(asked), BATCH):
            piece = asked[start : start + BATCH]
            more = {"properties": wanted, "propertiesWithHistory": [], **({"idProperty": by} if by else {})}
            answer = self._client.batch(object, "read", [{"id": id} for id in piece], archived=archived, **more)
            records, missing = _accounted(answer)
            found |= {id: record for record in records for id in _names(record, by)}
            for id in piece:
                if (
                    id not in found
                    and id not in missing
                    and (record := self._one(object, id, wanted, by, archived=archived))
                ):
                    found[id] = record
        return {id: found[id] for id in asked if id in found}

    def _one(self, object: str, id: str, names: Sequence[str], by: str | None, *, archived: bool) -> Record | None:
        answer = self._client.get(
            object, id, properties=list(names), archived=archived, **({"id_property": by} if by else {})
        )
        if answer.status == 404:
            return None
        record = answer.good()
        if not record.get("id"):
            raise _unreadable()
        return record

    def linked(self, object: str, to: str, ids: Iterable[str]) -> dict[str, list[str]]:
        """Ids of associated records by the id asked, the primary one first."""
        inputs: list[dict[str, str]] = [{"id": id} for id in dict.fromkeys(ids)]
        found: dict[str, list[tuple[bool, str]]] = {}
        while inputs:
            piece, inputs = inputs[:LINKS], inputs[LINKS:]
            answer = self._client.associations(object, to, piece)
            records, _missing = _accounted(answer, "from")
            for one in records:
                start = str(one["from"]["id"])
                found.setdefault(start, []).extend(_ends(one))
                if after := ((one.get("paging") or {}).get("next") or {}).get("after"):
                    inputs.append({"id": start, "after": str(after)})
        return {start: [id for _, id in sorted(ends, key=lambda end: not end[0])] for start, ends in found.items()}


def _accounted(answer: Answer, mark: str = "id") -> tuple[list[Record], set[str]]:
    """The records of an answer, and the ids it names as missing."""
    if answer.fault is not None and answer.fault.category == "OBJECT_NOT_FOUND" and answer.fault.ids:
        return [], set(answer.fault.ids)
    body = answer.good()
    results, errors = body.get("results"), body.get("errors") or []
    if not isinstance(results, list):
        raise _unreadable()
    missing = {id for one in errors if isinstance(one, dict) for id in fault_in(one).ids}
    return [one for one in results if isinstance(one, dict) and one.get(mark)], missing


def _names(record: Record, by: str | None) -> list[str]:
    """Everything a record may have been asked by."""
    properties = record.get("properties") or {}
    if by is not None:
        return [str(properties[by])] if properties.get(by) else []
    return [*merged_ids(record), str(record["id"])]


def merged_ids(record: Record) -> list[str]:
    """Ids of the records that were merged into this one."""
    listed = str((record.get("properties") or {}).get(MERGED) or "")
    return [id for id in (one.strip() for one in listed.split(";")) if id and id != str(record["id"])]


def _ends(one: Record) -> list[tuple[bool, str]]:
    ends = [end for end in one.get("to") or [] if isinstance(end, dict) and end.get("toObjectId")]
    return [(any(_primary(type) for type in end.get("associationTypes") or []), str(end["toObjectId"])) for end in ends]


def _primary(type: Mapping[str, Any]) -> bool:
    return type.get("typeId") in (1, 2, 5, 6) and type.get("category", "HUBSPOT_DEFINED") == "HUBSPOT_DEFINED"


def _unreadable() -> TryLater:
    return TryLater("HubSpot answered a question without records. Ask again later.", code="EMPTY_ANSWER")
