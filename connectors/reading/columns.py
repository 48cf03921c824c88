"""
Which columns a stream lands with, and where each stands in the source.

Decided here: the order and kinds of the contract's columns for one stream of a source. Not decided here: how a value is cast
(`shaping`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from connectors.contract import Stream
from connectors.errors import Refused
from settings.sources import AccountFeed, EventFeed, Feed, Kept, SourceSpec, UserFeed

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["id", "text", "email", "number", "flag", "moment"]


RESERVED_OF_ATTRIBUTES = frozenset(
    {"source", "user_id", "email", "account_id", "signed_up", "received", "arrived", "name", "domain", "trial_ends", "plan"}
)
RESERVED_OF_EVENTS = RESERVED_OF_ATTRIBUTES - {"email", "signed_up", "domain", "trial_ends", "plan"} | {
    *("event_id", "id_hash", "anonymous_id", "at", "day", "user")
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it lands. `of` names where it stands in the source; several are joined, none lands as null."""

    name: str
    kind: Kind
    of: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Stamps:
    """What the settings say about stamps that do not speak for themselves."""

    zone: str | None = None
    epoch: Literal["seconds", "milliseconds", "microseconds"] | None = None


def stamps(spec: SourceSpec) -> Stamps:
    return Stamps(spec.naive_tz, spec.epoch)


def feed(spec: SourceSpec, stream: Stream) -> Feed:
    """The part of the settings that describes `stream`."""
    found: Feed | None = getattr(spec, stream)
    if found is None:
        raise Refused(f"This source has no {stream}. Add `{stream}:` to it.")
    return found


def streams(spec: SourceSpec) -> tuple[Stream, ...]:
    """The streams that the settings describe, events first."""
    every: tuple[Stream, ...] = ("events", "users", "accounts")
    return tuple(stream for stream in every if getattr(spec, stream) is not None)


def columns(feed: Feed) -> tuple[Column, ...]:
    """The columns of one stream in the contract's order."""
    if isinstance(feed, EventFeed):
        ids = feed.id if isinstance(feed.id, tuple) else (feed.id,)
        return (
            Column("event_id", "id", ids, required=True),
            Column("user_id", "id", (feed.user,)),
            Column("anonymous_id", "id", _one(feed.anonymous)),
            Column("account_id", "id", _one(feed.account)),
            Column("name", "id", (feed.name,), required=True),
            Column("at", "moment", (feed.at,), required=True),
            Column("received", "moment", _one(feed.received)),
            *_kept(feed.keep, RESERVED_OF_EVENTS),
        )
    if isinstance(feed, UserFeed):
        return (
            Column("user_id", "id", (feed.id,), required=True),
            Column("email", "email", _one(feed.email)),
            Column("account_id", "id", _one(feed.account)),
            Column("signed_up", "moment", _one(feed.signed_up)),
            Column("received", "moment", _one(feed.received)),
            *_kept(feed.columns, RESERVED_OF_ATTRIBUTES),
        )
    if isinstance(feed, AccountFeed):
        return (
            Column("account_id", "id", (feed.id,), required=True),
            Column("name", "text", _one(feed.name)),
            Column("domain", "email", _one(feed.domain)),
            Column("trial_ends", "moment", _one(feed.trial_ends)),
            Column("plan", "text", (feed.plan.column,) if feed.plan else ()),
            Column("received", "moment", _one(feed.received)),
            *_kept(feed.columns, RESERVED_OF_ATTRIBUTES),
        )
    raise TypeError(f"{type(feed).__name__} is no stream of a source.")


def wanted(columns: Iterable[Column]) -> tuple[str, ...]:
    """The source's own columns that are read, each once, in order."""
    return tuple(dict.fromkeys(name for column in columns for name in column.of))


def nothing(described: Iterable[Column]) -> pa.Table:
    """No rows, under the right columns."""
    import pyarrow as pa

    kinds = {"number": pa.float64(), "flag": pa.bool_(), "moment": pa.timestamp("us", tz="UTC")}
    return pa.schema([(column.name, kinds.get(column.kind, pa.string())) for column in described]).empty_table()


def _one(name: str | None) -> tuple[str, ...]:
    return (name,) if name else ()


def _kept(kept: Iterable[Kept], taken: frozenset[str]) -> tuple[Column, ...]:
    clash = next((one.name for one in kept if one.name in taken), None)
    if clash:
        raise Refused(f"`{clash}` is a name of ours. Keep it under another one: {{name: my_{clash}, column: {clash}}}.")
    return tuple(Column(one.name, one.type or "text", (one.column or one.name,)) for one in kept)
