"""
The usage data that `pql init` looks at: a folder of files, a warehouse, a PostHog project.

Decided here: how an address becomes a source with guessed streams, and what is tried when stamps do not speak for
themselves. Reads only; a password or token that was given becomes a `${NAME}` in what is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors import registry
from connectors.errors import Refused
from connectors.reading import listing
from worker.cli import guessing
from worker.cli.composing import quoted

if TYPE_CHECKING:
    from connectors.contract import EventCount, Source, Stream
    from connectors.reading.listing import Table
    from settings.sources import SourceSpec
    from worker.cli.guessing import Feed

_POSTHOG = re.compile(r"https?://(?P<host>[^/]+)/(?:.*/)?projects?/(?P<project>\d+)")
PLAN_ROWS = 5_000
_BARE_NUMBER = "bare number"
_NO_ZONE = "no time zone"


@dataclass(slots=True)
class Usage:
    """A source as guessed. `lines` are its own lines in the settings, `variables` what must be in the environment."""

    kind: str
    lines: Mapping[str, str]
    options: Mapping[str, Any]
    place: str
    feeds: dict[Stream, Feed]
    root: Path = Path()
    prefix: str = ""
    """What leads from the settings to the files."""
    variables: tuple[str, ...] = ()
    naive_tz: str | None = None
    epoch: str | None = None
    plans: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def spec(self) -> SourceSpec:
        """The source for reading now."""
        from settings.sources import AccountFeed, EventFeed, SourceSpec, UserFeed

        models = {"events": EventFeed, "users": UserFeed, "accounts": AccountFeed}
        streams = {stream: models[stream](**_fields(stream, feed, self.place)) for stream, feed in self.feeds.items()}
        return SourceSpec(kind=self.kind, options=dict(self.options), naive_tz=self.naive_tz, epoch=self.epoch, **streams)

    def written(self) -> dict[Stream, Feed]:
        """The streams as the settings name them."""
        return {
            stream: replace(feed, table=replace(feed.table, name=self.prefix + feed.table.name))
            for stream, feed in self.feeds.items()
        }

    def open(self) -> Source:
        """The source itself."""
        return registry.source(self.spec(), **({"root": self.root} if self.kind == "files" else {}))


def look(url: str, folder: Path, named: Mapping[Stream, str | None]) -> Usage:
    """What there is at an address; `folder` is where the settings will stand, and relative paths start there."""
    posthog = _POSTHOG.match(url)
    if posthog:
        return _posthog(posthog["host"], posthog["project"], named)
    return _warehouse(url, named) if "://" in url else _files(Path(url), folder, named)


def _files(place: Path, folder: Path, named: Mapping[Stream, str | None]) -> Usage:
    feeds = _feeds(listing.tables(place), named, str(place))
    delimiters = {feed.table.delimiter for feed in feeds.values() if ".csv" in feed.table.name}
    if len(delimiters) > 1:
        raise Refused(
            f"The CSV files in {place} use different delimiters: {' '.join(sorted(delimiters))}. Write them alike first."
        )
    extra = {"delimiter": delimiters.pop()} if delimiters - {","} else {}
    lines = {"kind": "files", **{name: quoted(value) for name, value in extra.items()}}
    prefix = os.path.relpath(place.resolve(), folder.resolve()) + "/"
    return _settled(Usage("files", lines, extra, "file", feeds, place, prefix))


def _warehouse(url: str, named: Mapping[Stream, str | None]) -> Usage:
    from settings.sources import SourceSpec
    from settings.terms import Secret

    options = {"url": Secret("WAREHOUSE_URL", url)}
    source: Any = registry.source(SourceSpec(kind="warehouse", options=options))
    feeds = _feeds(source.tables(), named, "the warehouse")
    os.environ.setdefault("WAREHOUSE_URL", url)  # for this process: the settings that are written name it
    if os.environ["WAREHOUSE_URL"] != url:
        raise Refused("WAREHOUSE_URL is set to another address than the one you gave. Give the same, or unset the variable.")
    lines = {"kind": "warehouse", "url": "${WAREHOUSE_URL}"}
    return _settled(Usage("warehouse", lines, options, "table", feeds, variables=("WAREHOUSE_URL",)))


def _posthog(host: str, project: str, named: Mapping[Stream, str | None]) -> Usage:
    from connectors.reading.listing import Table
    from settings.terms import Secret

    if any(named.values()):
        raise Refused("A PostHog project has no tables to name. Leave --events, --users and --accounts out.")
    token = os.environ.get("POSTHOG_TOKEN")
    if not token:
        raise Refused("POSTHOG_TOKEN is not set. Set it to a personal API key with the scope query:read.")
    base = f"https://{host}" if not host.startswith(("127.0.0.1", "localhost")) else f"http://{host}"
    events = {"id": "uuid", "user": "distinct_id", "name": "event", "at": "timestamp"}
    users = {"id": "id", "email": "email", "signed_up": "created_at"}
    feeds: dict[Stream, Feed] = {
        "events": guessing.Feed(Table("events", tuple(events.values())), events | {"user": "person_id"}),
        "users": guessing.Feed(Table("persons", tuple(users.values())), users),
    }
    lines = {"kind": "posthog", "host": base, "project": project, "token": "${POSTHOG_TOKEN}"}
    options = {"host": base, "project": project, "token": Secret("POSTHOG_TOKEN", token)}
    return Usage("posthog", lines, options, "", feeds)


def _feeds(tables: Sequence[Table], named: Mapping[Stream, str | None], place: str) -> dict[Stream, Feed]:
    feeds = guessing.feeds(tables, named)
    names = ", ".join(table.name for table in tables[:20]) or "nothing that can be read"
    for stream, name in named.items():
        if name is not None and stream not in feeds:
            raise Refused(f"There is no {name} in {place}. It has: {names}.")
    if "events" not in feeds:
        raise Refused(f"Nothing in {place} looks like events. It has: {names}. Name the right one with --events.")
    missing = [role for role in guessing.NEEDED["events"] if role not in feeds["events"].roles]
    if missing:
        table = feeds["events"].table
        raise Refused(f"{table.name} has no column for: {', '.join(missing)}. It has: {', '.join(table.columns[:20])}.")
    return feeds


def _fields(stream: Stream, feed: Feed, place: str) -> dict[str, Any]:
    from settings.sources import Kept, Plan

    made: dict[str, Any] = {role: column for role, column in feed.roles.items() if role != "plan"}
    if place:
        made[place] = feed.table.name
    if "plan" in feed.roles:
        made["plan"] = Plan(column=str(feed.roles["plan"]))
    if stream == "accounts" and feed.keep:
        made["columns"] = tuple(Kept(name=guessing.snake(column), column=column) for column in feed.keep)
    return made


def _settled(usage: Usage) -> Usage:
    """Say how stamps are to be read where they do not say it themselves, and what the plan names mean."""
    said = _complaint(usage, "events")
    if _NO_ZONE in said:
        usage.naive_tz = "UTC"
        usage.notes.append("The stamps of events carry no time zone; UTC is a guess (`naive_tz` in sources.yaml).")
    elif _BARE_NUMBER in said:
        usage.epoch = _unit(usage)
        usage.notes.append(f"The stamps of events are bare numbers; {usage.epoch} is a guess (`epoch` in sources.yaml).")
    if "accounts" in usage.feeds and "plan" in usage.feeds["accounts"].roles:
        usage.plans = guessing.plan_states(_plans(usage))
    return usage


def _complaint(usage: Usage, stream: Stream) -> str:
    """Why the first rows of a stream cannot be read; nothing where they can."""
    from datetime import UTC, datetime

    try:
        piece = next(iter(usage.open().pull(stream, None, datetime.now(UTC))), None)
    except Refused as refused:
        if _NO_ZONE in str(refused) or _BARE_NUMBER in str(refused):
            return str(refused)
        raise
    reasons = [bad.reason for bad in piece.bad] if piece else []
    return next((reason for reason in reasons if _NO_ZONE in reason or _BARE_NUMBER in reason), "")


def _unit(usage: Usage) -> str:
    """The unit in which the stamps lie in the recent past."""
    feed = usage.feeds["events"]
    values = feed.table.values(str(feed.roles["at"]))
    size = max((float(value) for value in values if re.fullmatch(r"\d+(\.\d+)?", value)), default=0.0)
    return "seconds" if size < 1e11 else "milliseconds" if size < 1e14 else "microseconds"


def _plans(usage: Usage) -> list[str]:
    from datetime import UTC, datetime

    for piece in usage.open().pull("accounts", None, datetime.now(UTC)):
        return [str(value) for value in piece.rows.column("plan").unique().to_pylist() if value is not None][:50]
    return []


def frequent(usage: Usage, most: int) -> Sequence[EventCount]:
    """The most frequent events; refused where there is none."""
    counted = usage.open().frequent_events(most)
    if not counted:
        bad = _complaint(usage, "events")
        name = usage.feeds["events"].table.name
        raise Refused(
            f"{name} has no events that can be read{f': {bad}' if bad else ''}. "
            "Look at its rows, or name another with --events."
        )
    return counted
