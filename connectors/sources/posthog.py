"""
PostHog through its query API (HogQL): events and persons.

Decided here: pages follow a key (time, then uuid as text), never an offset, so rows with one and the same stamp at the edge
of a page are neither lost nor repeated; a pull begins 72 hours (or `overlap`) before the newest event seen, because PostHog
tells no arrival and events may be stamped late; persons are read as a whole, by id; session recordings (`$snapshot`) are
left out. All stamps are asked for in UTC. Not decided here: what is a duplicate (the lake, by `uuid`).

In the settings an events column is one of PostHog's own (uuid, event, timestamp, distinct_id, person_id ...) or a property:
`plan` means `properties.plan`. Likewise for persons (id, created_at). Groups are not read: accounts come from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from connectors.contract import EventCount, Pulled, Stream
from connectors.errors import Moved, Refused, Rejected, TryLater
from connectors.reading.columns import Stamps, columns, feed, nothing, streams, wanted
from connectors.reading.gathering import Gathered
from connectors.reading.shaping import Shaper
from settings.options import Option, OptionTable
from settings.sources import SourceSpec
from settings.terms import Secret

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.reach import Timeouts

OPTIONS = OptionTable(
    "posthog",
    (
        Option("token", "secret", required=True, says="A personal API key with the scope query:read."),
        Option("project", required=True, says="The number of the project, as in its address."),
        Option("host", says="https://us.posthog.com (the default), https://eu.posthog.com, or your own."),
        Option("allow_host", says="The name of a self-hosted PostHog, so that `host` may point there."),
    ),
    role="source",
)
PAGE = 10_000
OVERLAP = timedelta(hours=72)
_HOSTS = ("us.posthog.com", "eu.posthog.com", "app.posthog.com")
_OWN = {
    "events": frozenset(
        {"uuid", "event", "timestamp", "distinct_id", "person_id", "created_at", "elements_chain", "properties", "person"}
        | {f"$group_{n}" for n in range(5)}
    ),
    "users": frozenset({"id", "created_at", "is_identified", "properties"}),
}
_STAMPS = frozenset({"timestamp", "created_at"})
_ZERO = "00000000-0000-0000-0000-000000000000"
_FREQUENT = (
    "SELECT event, count() AS n, count(DISTINCT person_id), toString(toTimeZone(max(timestamp), 'UTC')) FROM events "
    "WHERE timestamp > now() - INTERVAL 90 DAY AND event != '$snapshot' GROUP BY event ORDER BY n DESC, event ASC"
)


class PostHog:
    """One project of PostHog."""

    def __init__(self, spec: SourceSpec, timeouts: Timeouts | None = None) -> None:
        if spec.accounts is not None:
            raise Refused("Accounts are not read from PostHog yet. Take `accounts:` from the source that knows them.")
        self._spec, options = spec, spec.options
        token, allow = options["token"], options.get("allow_host")
        self._token = token.reveal() if isinstance(token, Secret) else str(token)
        from connectors.http import Session  # reading the options above loads no HTTP
        from connectors.reach import Reach, Timeouts

        self._http = Session(Reach(_HOSTS, str(allow) if allow else None), timeouts or Timeouts(answer=60.0))
        host = self._http.reach.checked(str(options.get("host") or "https://us.posthog.com"))
        self._url = f"{host}/api/projects/{_project(options['project'])}/query/"
        self.streams = streams(spec)

    def pull(self, stream: Stream, cursor: str | None, until: datetime) -> Iterator[Pulled]:
        walk = _Walk(stream, self._spec, cursor, until)
        shapes = columns(feed(self._spec, stream))
        gathered = Gathered(stream, "PostHog")
        with Shaper(shapes, Stamps("UTC", self._spec.epoch)) as shaper:
            for raw in self._pages(walk):
                rows, bad = shaper.shape(raw.drop_columns(["_key"]), lambda n, raw=raw: _place(raw, n))  # type: ignore[misc]  # bound now
                yield from gathered.add(rows, bad, walk.cursor)
        walk.finish()
        yield gathered.last(nothing(shapes), walk.cursor)

    def frequent_events(self, most: int = 50) -> Sequence[EventCount]:
        """Of the last 90 days."""
        answer = self._ask(f"{_FREQUENT} LIMIT {int(most)}")
        return tuple(EventCount(str(row[0]), int(row[1]), int(row[2]), _moment(row[3])) for row in answer["results"])

    def _pages(self, walk: _Walk) -> Iterator[pa.Table]:
        while True:
            answer = self._ask(walk.query())
            rows = answer["results"]
            if rows:
                yield walk.table(rows)
            if not rows or (len(rows) < PAGE and not answer.get("hasMore")):
                return

    def _ask(self, query: str) -> dict[str, Any]:
        from connectors.http import parsed, redacted, retry_after

        body = {"query": {"kind": "HogQLQuery", "query": query}, "refresh": "force_blocking"}
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._http.request("POST", self._url, json=body, headers=headers, writes=False)
        if answer.status_code != 200:
            raise self._problem(answer.status_code, answer.content, retry_after(answer.headers))
        found = parsed(answer.content, writes=False)
        if not isinstance(found, dict) or not isinstance(found.get("results"), list):
            said = redacted(str(found.get("error") if isinstance(found, dict) else ""), [self._token])
            raise TryLater(f"PostHog answered without results. {said}".strip() + " It is asked again at the next pull.")
        return found

    def _problem(self, status: int, body: bytes, after: float | None) -> Exception:
        from connectors.http import classified, redacted

        try:
            detail = orjson.loads(body).get("detail") or ""
        except (orjson.JSONDecodeError, AttributeError):
            detail = ""
        says = redacted(str(detail), [self._token])
        problem = classified(status, writes=False, says=f"PostHog says {says}" if says else "", after=after)
        if isinstance(problem, Rejected | Moved):
            return Refused(f"{problem} Check the project and the columns of this source.", code=problem.code)
        return problem


class _Walk:
    """Where a pull stands between its pages."""

    def __init__(self, stream: Stream, spec: SourceSpec, cursor: str | None, until: datetime) -> None:
        self._stream, self._until = stream, until
        self._names = wanted(columns(feed(spec, stream)))
        said = orjson.loads(cursor) if cursor else {}
        overlap = spec.overlap.delta if spec.overlap else OVERLAP
        reached = datetime.fromisoformat(said["at"]) if said.get("at") else None
        self._reached = reached
        start = reached - overlap if reached else until - spec.oldest.delta
        self._key: list[str] = said.get("page") or ([_text(start), _ZERO] if stream == "events" else [_ZERO])
        self._between = bool(said.get("page"))

    @property
    def cursor(self) -> str:
        """Where to go on; `page` only while a pull is under way."""
        said: dict[str, Any] = {"at": self._reached.isoformat() if self._reached else None}
        return orjson.dumps(said | ({"page": self._key} if self._between else {})).decode()

    def finish(self) -> None:
        self._between = False

    def query(self) -> str:
        fields = ", ".join(_field(name, self._stream) for name in self._names)
        if self._stream == "users":
            return (
                f"SELECT toString(id), {fields} FROM persons WHERE toString(id) > '{self._key[0]}' "  # noqa: S608 (our own words)
                f"ORDER BY toString(id) LIMIT {PAGE}"
            )
        moment, uuid = self._key
        at = f"toDateTime64('{moment}', 6, 'UTC')"
        last = f"toDateTime64('{_text(self._until)}', 6, 'UTC')"
        return (
            f"SELECT toString(toTimeZone(timestamp, 'UTC')), toString(uuid), {fields} FROM events "  # noqa: S608 (our own words)
            f"WHERE (timestamp > {at} OR (timestamp = {at} AND toString(uuid) > '{uuid}')) AND timestamp <= {last} "
            f"AND event != '$snapshot' ORDER BY timestamp ASC, toString(uuid) ASC LIMIT {PAGE}"
        )

    def table(self, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """A page as text under the names of the settings, and its keys; the walk goes on behind it."""
        import pyarrow as pa

        wide = 1 if self._stream == "users" else 2
        self._key = [_text(_moment(rows[-1][0])), str(rows[-1][1])] if wide == 2 else [str(rows[-1][0])]
        if not all(re.fullmatch(r"[\w :.-]+", part) for part in self._key):
            raise Refused(f"PostHog gave the key {self._key[-1][:80]!r}, which is no uuid. Tell us which PostHog this is.")
        self._between = True
        newest = _moment(rows[-1][0]) if wide == 2 else None
        self._reached = max((one for one in (self._reached, newest) if one), default=None)
        values = {name: [_as_text(row[wide + n]) for row in rows] for n, name in enumerate(self._names)}
        keys = pa.array([str(row[wide - 1]) for row in rows], pa.string())
        return pa.table({"_key": keys, **{name: pa.array(column, pa.string()) for name, column in values.items()}})


def _place(raw: pa.Table, n: int) -> str:
    return f"PostHog, {raw.column('_key')[n].as_py()}"


def _project(project: object) -> str:
    if not re.fullmatch(r"[A-Za-z0-9@_-]+", str(project)):
        raise Refused(f"`{project}` is no project of PostHog. Write its number, as in the address of the project.")
    return str(project)


def _field(name: str, stream: Stream) -> str:
    """A column of the settings in HogQL; what is not PostHog's own is a property."""
    first, *rest = name.split(".")
    steps = [first, *rest] if first in _OWN[stream] else ["properties", *name.split(".")]
    path = ".".join(step if re.fullmatch(r"[A-Za-z_]\w*", step) else _quoted(step) for step in steps)
    return f"toString(toTimeZone({path}, 'UTC'))" if path in _STAMPS else path


def _quoted(step: str) -> str:
    if "`" in step or "\\" in step:
        raise Refused(f"The property `{step}` has a sign in its name that cannot be asked for. Rename it in PostHog.")
    return f"`{step}`"


def _text(moment: datetime | None) -> str:
    assert moment is not None
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _moment(value: Any) -> datetime:
    """A stamp with or without fraction, with an offset, a Z or (asked for in UTC) neither."""
    found = datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
