"""
Reads what is in the portal: all of it once, then what changed, was merged or was archived.

Decided here: paging, the cursor, how far back each poll reads again. A decision never hangs on search: it only
brings changes to the mirror sooner. Its index lags, so each poll begins `OVERLAP` before the last, and writes re-read by id.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import orjson

from connectors.contract import Mirrored, MirrorPage, Owner
from connectors.crms.hubspot.client import Client
from connectors.crms.hubspot.mapping import COMPANY, HAS_KEY, View, asked, is_ours, modified_name
from connectors.crms.hubspot.reading import Reader, Record
from connectors.crms.hubspot.schema import Schema
from connectors.crms.hubspot.values import moment
from connectors.errors import Refused, TryLater

PAGE = 100
SEARCH_PAGE = 200
SEARCH_CAP = 10_000
OVERLAP = timedelta(minutes=5)
ARCHIVE_PAGES = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Steps = Generator[list[Record], None, Record | None]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading goes on; moments are epoch milliseconds of the portal's clock."""

    since: int
    """Changes from here on are still to come, overlap not counted."""
    filling: bool = True
    after: str | None = None
    """The next page of the first fill."""
    archive_after: str | None = None
    """The next page of the list of archived records, which a poll reads on, at most `ARCHIVE_PAGES` at a time."""
    archive_from: int = 0
    """Records archived before this were handed on by an earlier round through that list."""
    archive_began: int = 0

    def text(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def read(cls, text: str) -> Cursor:
        try:
            return cls(**orjson.loads(text))
        except (orjson.JSONDecodeError, TypeError):
            raise Refused("This is no cursor of the HubSpot mirror. Fill the mirror again.", code="BAD_CURSOR") from None


class Mirror:
    """Contacts, companies, deals and our tasks of one portal."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reader = Reader(client)

    def owners(self) -> Sequence[Owner]:
        return [_owner(one) for archived in (False, True) for one in self._owners(archived=archived)]

    def pages(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[MirrorPage]:
        start = Cursor.read(cursor) if cursor else Cursor(_ms(self._client.now()))
        view = self._view(object, fields)
        return self._fill(view, start) if start.filling else self._changes(view, start)

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mirrored]:
        return self._read(object, ids, fields, None)

    def read_by_key(self, object: str, keys: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mirrored]:
        return self._read(object, keys, fields, "pql_task_key" if object == "task" else "pql_key")

    def _read(self, object: str, ids: Sequence[str], fields: Sequence[str], by: str | None) -> dict[str, Mirrored]:
        view = self._view(object, fields)
        records = self._reader.read(object, ids, view.names, by=by)
        return {id: view.row(record, None) for id, record in records.items()}

    def _view(self, object: str, fields: Sequence[str]) -> View:
        names, handed_on = asked(object, fields)
        return View(object, names, self._schema.forms(object, handed_on))

    # ------------------------------------------------------------------ the first time: all pages

    def _fill(self, view: View, cursor: Cursor) -> Iterator[MirrorPage]:
        while cursor.filling:
            before = self._client.calls
            records, after = self._listed(view, cursor.after, archived=False)
            cursor = replace(cursor, after=after, filling=after is not None)
            rows = self._rows(view, records)
            yield MirrorPage(rows, cursor.text(), last=not cursor.filling, calls=self._client.calls - before)

    def _listed(self, view: View, after: str | None, *, archived: bool) -> tuple[list[Record], str | None]:
        query: dict[str, Any] = {"limit": PAGE, "properties": list(view.names), "archived": archived}
        if after:
            query["after"] = after
        if view.object in ("contact", "deal"):
            query["associations"] = ["companies"]
        body = self._client.page(view.object, **query).good()
        # A record without companies comes without the key; told so here, nobody asks again.
        return [{"associations": {}, **record} for record in _records(body)], _next(body)

    # ------------------------------------------------------------------ then: what changed

    def _changes(self, view: View, cursor: Cursor) -> Iterator[MirrorPage]:
        low = cursor.since - OVERLAP // timedelta(milliseconds=1)
        before = self._client.calls
        for records in self._changed(view, low):
            high = max((_modified(view, record) for record in records), default=0)
            cursor = replace(cursor, since=max(cursor.since, high))
            rows = self._rows(view, records)
            yield MirrorPage(rows, cursor.text(), last=False, calls=self._client.calls - before)
            before = self._client.calls
        yield from self._archived(view, cursor)

    def _changed(self, view: View, low: int) -> Iterator[list[Record]]:
        """Walk by modification; a search ends at 10,000 results, so the next begins at the last instant seen."""
        modified = modified_name(view.object)
        last = yield from self._window(view, [(modified, "GTE", low)], modified)
        while last is not None:
            at = _modified(view, last)
            if at <= low:  # more records share this instant than one search gives: walk it by id
                tied: Record | None = {"id": "0"}
                while tied is not None:
                    tied = yield from self._window(
                        view, [(modified, "EQ", low), ("hs_object_id", "GT", tied["id"])], "hs_object_id"
                    )
                at = low + 1
            low = at
            last = yield from self._window(view, [(modified, "GTE", low)], modified)

    def _window(self, view: View, filters: Sequence[tuple[str, str, Any]], sort: str) -> Steps:
        """The pages of one search; returns its last record where the cap cut it off, None at its end."""
        wanted = [{"propertyName": name, "operator": operator, "value": str(value)} for name, operator, value in filters]
        if view.object == "task" and self._schema.is_unique("task", HAS_KEY["propertyName"]):
            wanted.append(HAS_KEY)
        after: str | None = "0"
        last: Record | None = None
        while after is not None and int(after) + SEARCH_PAGE <= SEARCH_CAP:
            body = self._client.search(
                view.object,
                {
                    "filterGroups": [{"filters": wanted}],
                    "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
                    "properties": list(view.names),
                    "limit": SEARCH_PAGE,
                    "after": after,
                },
            ).good()
            records, after = _records(body), _next(body)
            last = records[-1] if records else last
            yield records
        return last if after is not None else None

    def _archived(self, view: View, cursor: Cursor) -> Iterator[MirrorPage]:
        for number in range(1, ARCHIVE_PAGES + 1):
            if cursor.archive_after is None:
                cursor = replace(cursor, archive_began=_ms(self._client.now()))
            before = self._client.calls
            records, after = self._listed(view, cursor.archive_after, archived=True)
            news = [record for record in records if _archived_at(record) >= cursor.archive_from]
            done = after is None
            overlap = OVERLAP // timedelta(milliseconds=1)
            since = cursor.archive_began - overlap if done else cursor.archive_from
            cursor = replace(cursor, archive_after=after, archive_from=since)
            last = done or number == ARCHIVE_PAGES
            yield MirrorPage(self._rows(view, news), cursor.text(), last=last, calls=self._client.calls - before)
            if last:
                return

    # ------------------------------------------------------------------ what both need

    def _rows(self, view: View, records: list[Record]) -> tuple[Mirrored, ...]:
        companies = self._companies(view.object, records)
        rows = chain.from_iterable(view.rows(record, companies.get(str(record["id"]))) for record in records)
        return tuple(row for row in rows if row.moved_to or is_ours(view.object, row))

    def _companies(self, object: str, records: list[Record]) -> dict[str, str]:
        """The company of each contact or deal whose properties do not name it."""
        if object not in ("contact", "deal"):
            return {}
        found: dict[str, str] = {}
        ask: list[str] = []
        for record in records:
            if (record.get("properties") or {}).get(COMPANY) or record.get("archived"):
                continue
            if "associations" in record:
                found |= {str(record["id"]): company for company in _inline(record)[:1]}
            else:
                ask.append(str(record["id"]))
        return found | {
            id: companies[0] for id, companies in self._reader.linked(object, "company", ask).items() if companies
        }

    def _owners(self, *, archived: bool) -> Iterator[Mapping[str, Any]]:
        after: str | None = None
        while True:
            body = self._client.owners(limit=PAGE, archived=archived, **({"after": after} if after else {})).good()
            yield from _records(body)
            if (after := _next(body)) is None:
                return


def _owner(one: Mapping[str, Any]) -> Owner:
    name = " ".join(str(part) for part in (one.get("firstName"), one.get("lastName")) if part)
    email = str(one.get("email") or "").lower()
    queue = one.get("type") == "QUEUE"
    return Owner(str(one["id"]), email, name or email, active=not one.get("archived"), kind="queue" if queue else "person")


def _records(body: Mapping[str, Any]) -> list[Record]:
    results = body.get("results")
    if not isinstance(results, list):
        raise TryLater("HubSpot answered a question without records. Ask again later.", code="EMPTY_ANSWER")
    return [one for one in results if isinstance(one, dict) and one.get("id")]


def _next(body: Mapping[str, Any]) -> str | None:
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return str(after) if after else None


def _inline(record: Record) -> list[str]:
    """Companies that came along with a page, the primary one first; its type has no suffix."""
    listed = ((record["associations"] or {}).get("companies") or {}).get("results") or []
    return [str(one["id"]) for one in sorted(listed, key=lambda one: not str(one.get("type")).endswith("_to_company"))]


def _modified(view: View, record: Record) -> int:
    said = moment((record.get("properties") or {}).get(modified_name(view.object))) or moment(record.get("updatedAt"))
    return _ms(said) if said else 0


def _archived_at(record: Record) -> int:
    said = moment(record.get("archivedAt")) or moment(record.get("updatedAt"))
    return _ms(said) if said else 2**53


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)
