"""
Reads records by query and by id, and accounts for every id that was asked.

Decided here: pages, pieces of long IN lists (an address may be 16,384 characters), how a merged id is followed to its
survivor. Values enter a query quoted, never pasted. Not decided here: what a record means (`mapping`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from connectors.crms.salesforce.answers import FIELD_CODES, Answer, unreadable
from connectors.crms.salesforce.client import PAGE, Client
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.schema import Schema
from connectors.crms.salesforce.values import full_id
from connectors.errors import TryLater

LONGEST_LIST = 10_000
"""Characters of the values of one IN list as the address carries them; the rest is for the fields."""
MOST_VALUES = 200
MOST_MERGES = 10
Record = Mapping[str, Any]


class Reader:
    """Queries over one client."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema

    def pages(self, soql: str, *, deleted: bool = False) -> Iterator[tuple[list[Record], bool]]:
        """The pages of a query, and with each whether it is the last."""
        body = self._good(self._client.query(soql, deleted=deleted))
        while True:
            following = body.get("nextRecordsUrl")
            last = bool(body.get("done")) or not isinstance(following, str)
            yield _records(body), last
            if last:
                return
            body = self._good(self._client.next_page(str(following)))

    def all(self, soql: str, *, deleted: bool = False) -> list[Record]:
        return [record for page, _ in self.pages(soql, deleted=deleted) for record in page]

    def found(
        self, object: str, by: tuple[str, Iterable[str]], names: Sequence[str], *, deleted: bool = False
    ) -> list[Record]:
        """Records whose field is one of these values."""
        field, values = by
        selected = ", ".join(dict.fromkeys(("Id", *names, field)))
        soql = f"SELECT {selected} FROM {OBJECTS[object]} WHERE {field} IN {{}}"  # noqa: S608  names of a describe
        return [record for piece in pieces(values) for record in self.all(where(soql, piece), deleted=deleted)]

    def by_id(self, object: str, ids: Iterable[str], names: Sequence[str]) -> dict[str, Record]:
        """Live records by the ids asked; one that was merged away answers with its survivor, a missing one is absent."""
        asked = {id: full for id in dict.fromkeys(ids) if (full := full_id(id))}
        live = self._live(object, list(dict.fromkeys(asked.values())), names)
        gone = [full for full in asked.values() if full not in live]
        heirs = self._heirs(object, gone) if gone else {}
        live |= self._live(object, [heir for heir in dict.fromkeys(heirs.values()) if heir not in live], names)
        return {id: live[to] for id, full in asked.items() if (to := heirs.get(full, full)) in live}

    def present(self, object: str, ids: Iterable[str], names: Sequence[str]) -> dict[str, Record]:
        """Records that are there, by their full ids; nobody is followed anywhere."""
        return self._live(object, list(dict.fromkeys(full for id in ids if (full := full_id(id)))), names)

    def _live(self, object: str, ids: list[str], names: Sequence[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for start in range(0, len(ids), PAGE):
            piece = ids[start : start + PAGE]
            rows, complete = self._rows(object, piece, names)
            found |= rows
            lost = [] if complete else [id for id in piece if id not in rows]
            if lost:  # merely left out is not absent: ask once more
                rows, complete = self._rows(object, lost, names)
                found |= rows
            if not complete:
                raise unreadable(writes=False)
        return found

    def _rows(self, object: str, ids: list[str], names: Sequence[str]) -> tuple[dict[str, Record], bool]:
        """The records there are, and whether the answer speaks of every id."""
        answer = self._client.records(OBJECTS[object], ids, list(dict.fromkeys(("Id", *names))))
        self._look(answer)
        listed = answer.good()
        if not isinstance(listed, list):
            raise unreadable(writes=False)
        rows = {str(one["Id"]): one for one in listed if isinstance(one, dict) and one.get("Id")}
        return {id: rows[id] for id in ids if id in rows}, len(listed) == len(ids)

    def _heirs(self, object: str, ids: list[str]) -> dict[str, str]:
        """The last survivor of each merged id; a record deleted in any other way has none."""
        if "MasterRecordId" not in self._schema.columns(object):
            return {}
        masters: dict[str, str] = {}
        asked = ids
        for _ in range(MOST_MERGES):
            rows = self.found(object, ("Id", asked), ("MasterRecordId",), deleted=True)
            told = {str(row["Id"]): str(row["MasterRecordId"]) for row in rows if row.get("MasterRecordId")}
            masters |= told
            asked = [master for master in dict.fromkeys(told.values()) if master not in masters]
            if not asked:
                break
        return {id: _end(id, masters) for id in ids if id in masters}

    def _good(self, answer: Answer) -> Record:
        self._look(answer)
        return answer.record()

    def _look(self, answer: Answer) -> None:
        """A field that was there at the describe and is not now: read the schema again before the next question."""
        if answer.fault is not None and answer.fault.code in FIELD_CODES:
            self._schema.forget()
            said = "A field was taken away while we read. Nothing was written; ask again without it."
            raise TryLater(said, code=answer.fault.code)


def where(soql: str, *values: Any) -> str:
    """The query with each `{}` replaced by a quoted value."""
    from simple_salesforce.format import format_soql

    quoted: str = format_soql(soql, *values)
    return quoted


def pieces(values: Iterable[str]) -> Iterator[list[str]]:
    """The values in lists short enough for one address."""
    piece: list[str] = []
    room = LONGEST_LIST
    for value in dict.fromkeys(values):
        size = len(quote_plus(value)) + 9  # two quotes and a comma, encoded
        if piece and (size > room or len(piece) == MOST_VALUES):
            yield piece
            piece, room = [], LONGEST_LIST
        piece.append(value)
        room -= size
    if piece:
        yield piece


def _end(id: str, masters: Mapping[str, str]) -> str:
    seen = {id}
    while (following := masters.get(id)) is not None and following not in seen:
        seen.add(following)
        id = following
    return id


def _records(body: Record) -> list[Record]:
    listed = body.get("records")
    if not isinstance(listed, list):
        raise TryLater("Salesforce answered a question without records. Ask again later.", code="EMPTY_ANSWER")
    return [one for one in listed if isinstance(one, dict) and one.get("Id")]
