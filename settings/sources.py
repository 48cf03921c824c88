"""Where usage comes from: which tables, files or queries hold events, users and accounts, and which columns are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.model import Model
from settings.terms import Duration

ColumnType = Literal["text", "number", "flag", "moment"]
PlanState = Literal["free", "freemium", "trial", "paid", "churned", "demo", "sample"]


class Kept(Model):
    """A property or column that is stored. `column` is where it stands in the source, by default its own name (dots reach into objects)."""

    name: str
    column: str | None = None
    type: ColumnType | None = None
    """None: taken from how the settings use it, text where nothing says."""


class Feed(Model):
    """What all three streams share: exactly one of table, file (path or glob) and query; the arrival column."""

    table: str | None = None
    file: str | None = None
    query: str | None = None
    received: str | None = None


class EventFeed(Feed):
    """Columns of the event stream, by what they mean. `name` may be absent where `constant_name` says what each row is."""

    id: str | tuple[str, ...]
    """One column, or several that together are unique."""
    user: str
    anonymous: str | None = None
    account: str | None = None
    name: str
    at: str
    keep: tuple[Kept, ...] = ()


class UserFeed(Feed):
    id: str
    email: str | None = None
    account: str | None = None
    signed_up: str | None = None
    columns: tuple[Kept, ...] = ()


class Plan(Model):
    """The source's own plan names, sorted into plan states."""

    column: str
    free: tuple[str, ...] = ()
    freemium: tuple[str, ...] = ()
    trial: tuple[str, ...] = ()
    paid: tuple[str, ...] = ()
    churned: tuple[str, ...] = ()
    demo: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()

    def states(self) -> dict[str, str]:
        """The source's word -> plan state."""
        names = ("free", "freemium", "trial", "paid", "churned", "demo", "sample")
        return {word: state for state in names for word in getattr(self, state)}


class AccountFeed(Feed):
    id: str
    name: str | None = None
    domain: str | None = None
    trial_ends: str | None = None
    plan: Plan | None = None
    columns: tuple[Kept, ...] = ()


class SourceSpec(Model):
    """One source. `options` are the connector's own (url, host, project, token ...), checked by the connector's declaration."""

    kind: str
    events: EventFeed | None = None
    users: UserFeed | None = None
    accounts: AccountFeed | None = None
    naive_tz: str | None = None
    """Zone of stamps that carry none; without it such rows are set aside."""
    epoch: Literal["seconds", "milliseconds", "microseconds"] | None = None
    """Unit of numeric stamps; a guess is never silent."""
    oldest: Duration = Field(default=Duration(5 * 365 * 86400))
    overlap: Duration | None = None
    options: dict[str, object] = Field(default_factory=dict)
