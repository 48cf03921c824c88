"""Where usage comes from: which tables, files or queries hold events, users and accounts, and which columns are kept."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from settings.model import Model
from settings.terms import Duration

ColumnType = Literal["text", "number", "flag", "moment"]
PlanState = Literal["free", "freemium", "trial", "paid", "churned", "demo", "sample"]


class Kept(Model):
    """A property or column that is stored: `name`, `{name: column.in.source}`, or with a type."""

    name: str
    """What conditions and fields call it."""
    column: str | None = None
    """Where it stands in the source; dots reach into objects. Left out: under its own name."""
    type: ColumnType | None = None
    """Left out: taken from how the settings use it, text where nothing says."""


class Feed(Model):
    """What all three streams share: exactly one of table, file (path or glob) and query; the arrival column."""

    table: str | None = None
    """A table or view."""
    file: str | None = None
    """A path or glob."""
    query: str | None = None
    """A query that reads."""
    received: str | None = None
    """The column that says when a row arrived."""


class EventFeed(Feed):
    """Columns of the event stream, by what they mean."""

    id: str | tuple[str, ...]
    """One column, or several that together are unique."""
    user: str
    """The user's id."""
    anonymous: str | None = None
    """The id before a user is known."""
    account: str | None = None
    """The account's id."""
    name: str
    """What happened."""
    at: str
    """When it happened."""
    keep: tuple[Kept, ...] = ()
    """Properties that are stored; nothing else of an event is."""


class UserFeed(Feed):
    """Columns of the users, by what they mean."""

    id: str
    """The user's id."""
    email: str | None = None
    """The address, which also gives `user.email_domain`."""
    account: str | None = None
    """The account's id."""
    signed_up: str | None = None
    """When they signed up."""
    columns: tuple[Kept, ...] = ()
    """Further columns, read as `user.x`."""


class Plan(Model):
    """The source's own plan names, sorted into plan states."""

    STATES: ClassVar[tuple[PlanState, ...]] = ("free", "freemium", "trial", "paid", "churned", "demo", "sample")

    column: str
    """The column with the source's plan name."""
    free: tuple[str, ...] = ()
    freemium: tuple[str, ...] = ()
    trial: tuple[str, ...] = ()
    paid: tuple[str, ...] = ()
    churned: tuple[str, ...] = ()
    demo: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()

    def states(self) -> dict[str, str]:
        """The source's word -> plan state."""
        return {word: state for state in self.STATES for word in getattr(self, state)}


class AccountFeed(Feed):
    """Columns of the accounts, by what they mean."""

    id: str
    """The account's id."""
    name: str | None = None
    """What people call it."""
    domain: str | None = None
    """The company's internet domain."""
    trial_ends: str | None = None
    """When the trial ends."""
    plan: Plan | None = None
    """Which plan names mean free, trial, paid and so on; read as `account.plan`."""
    columns: tuple[Kept, ...] = ()
    """Further columns, read as `account.x`."""


class SourceSpec(Model):
    """
    One source. Every key that is not named here is an option of its connector (url, host, project, token ...) and is checked
    against what the connector declares.
    """

    kind: str
    """Which connector: warehouse, files, posthog."""
    events: EventFeed | None = None
    """Where events stand."""
    users: UserFeed | None = None
    """Where users stand."""
    accounts: AccountFeed | None = None
    """Where accounts stand."""
    naive_tz: str | None = None
    """Zone of stamps that carry none; without it such rows are set aside."""
    epoch: Literal["seconds", "milliseconds", "microseconds"] | None = None
    """Unit of numeric stamps; a guess is never silent."""
    oldest: Duration = Field(default=Duration(5 * 365 * 86400))
    """Rows older than this are set aside."""
    overlap: Duration | None = None
    """How far back each pull reads again for rows that came late; left out: the connector's own."""
    options: dict[str, object] = Field(default_factory=dict)

    filled = frozenset({"options"})
