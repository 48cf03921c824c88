"""
The Protocols that connectors fulfil and the records that cross between them and the worker.

Decided here: shapes and meanings. Not decided here: how a vendor is spoken to (its own folder), when a write is repeated
(the store), what is written (the plan). Every record is frozen; vendor types never cross this line.

Values are canonical: text, int, float, bool, None, and moments as aware UTC `datetime`; a connector turns them into the
vendor's form and turns echoes back, so that both sides of a comparison have one form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.bulk import Bulk
    from connectors.fields import Shown

Value = str | int | float | bool | datetime | None
Fields = Mapping[str, Value]
Stream = Literal["events", "users", "accounts"]

# --------------------------------------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be read: where it stood, why, and its first 2,000 characters."""

    where: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """
    A piece of one stream, small enough for memory (at most about 250,000 rows).

    `rows` has these columns, typed, nothing else:
    events    event_id text, user_id text?, anonymous_id text?, account_id text?, name text, at timestamp[us, UTC],
              received timestamp[us, UTC]?, then one column per kept property under its own name (text, double or bool)
    users     user_id text, email text?, account_id text?, signed_up timestamp?, received timestamp?, then declared columns
    accounts  account_id text, name text?, domain text?, trial_ends timestamp?, plan text? (the source's own word),
              received timestamp?, then declared columns
    (`?` = may be null.) A null `received` means the source has no arrival column.

    `cursor` is opaque text for the next pull, valid once this piece and all before it have landed.
    """

    stream: Stream
    rows: pa.Table
    cursor: str
    origin: str
    """What a person would call the place: a file name, a table, a page of an API."""
    bad: tuple[BadRow, ...] = ()
    expected: int | None = None
    """Rows the whole pull will bring, where the source can say; for progress only."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often an event occurs: for the list that `pql init` shows."""

    name: str
    events: int
    users: int
    last_seen: datetime | None
    properties: tuple[str, ...] = ()


@runtime_checkable
class Source(Protocol):
    """Where usage comes from. Reads only; raises `TryLater` or `Refused`, never a vendor's own exception."""

    streams: tuple[Stream, ...]

    def pull(self, stream: Stream, cursor: str | None, until: datetime) -> Iterator[Pulled]:
        """Yield what arrived after `cursor` (all of it for None) up to `until`, oldest first."""
        ...

    def frequent_events(self, most: int = 50) -> Sequence[EventCount]:
        """The most frequent events, most frequent first."""
        ...


# --------------------------------------------------------------------------------------------- CRM


@dataclass(frozen=True, slots=True)
class Owner:
    """Someone who can own a record or a task: a person or a queue."""

    id: str
    email: str
    name: str
    active: bool = True
    kind: Literal["person", "queue"] = "person"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """
    One CRM record as the mirror keeps it.

    `object` is ours: contact, lead, company, deal, task. In Salesforce company stands for Account, deal for Opportunity.
    `emails` are lower-cased, the primary first. `account` is the id of the company it belongs to.
    `fields` holds our standard fields under their canonical names (`pql_*`) and every CRM field a mapping asked for, by its
    CRM name.
    """

    id: str
    object: str
    emails: tuple[str, ...] = ()
    name: str | None = None
    account: str | None = None
    domain: str | None = None
    owner: str | None = None
    stage: str | None = None
    """Lifecycle stage of a person or company, stage of a deal, status of a task."""
    key: str | None = None
    """pql_key of a record, pql_task_key of a task."""
    is_customer: bool = False
    do_not_contact: bool = False
    open: bool = True
    """For deals and tasks: not closed, not completed."""
    won: bool = False
    phone: str | None = None
    last_activity: datetime | None = None
    modified: datetime | None = None
    created: datetime | None = None
    deleted: bool = False
    moved_to: str | None = None
    """Id of the survivor of a merge, or of the contact a lead was converted to."""
    moved_object: str | None = None
    """The survivor's object; None means contact for a lead, which was converted, and the same object for all others."""
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MirrorPage:
    """A page of mirrored records and the cursor that continues after it; `last` when nothing follows for now."""

    rows: tuple[Mirrored, ...]
    cursor: str
    last: bool
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Change:
    """Fields to write on one CRM record, and the sentence that says why. `crm_id` None asks for a new record."""

    key: str
    object: str
    crm_id: str | None
    fields: Fields
    because: str = ""
    clear: tuple[str, ...] = ()
    """Fields to empty on purpose; a None in `fields` never clears."""


class Outcome(StrEnum):
    """What became of one row; the same names as `connectors.errors`, plus the good ones."""

    APPLIED = "applied"
    EXISTS = "exists"
    """A create was refused because our unique key is already there: the effect happened earlier."""
    TRY_LATER = "try_later"
    UNKNOWN = "unknown"
    MOVED = "moved"
    REJECTED = "rejected"
    REFUSED = "refused"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the CRM said about one row of a batch. Each row sent gets exactly one."""

    key: str
    outcome: Outcome
    crm_id: str | None = None
    echoed: Fields = field(default_factory=dict)
    """Values as the CRM now holds them, canonical; empty where it did not say."""
    created: bool = False
    code: str = ""
    message: str = ""
    field: str | None = None
    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A handoff task to create. `subject` and `body` are plain text; the connector escapes for the CRM."""

    key: str
    subject: str
    body: str
    owner: str
    due: datetime
    action: Literal["call", "email", "todo"] = "todo"
    high: bool = False
    person: str | None = None
    """CRM id of the contact or lead, and which of the two in `person_object`."""
    person_object: str = "contact"
    company: str | None = None


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task as it stands in the CRM now; `modified` and `created` tell whether a person touched it."""

    id: str
    key: str | None
    owner: str | None
    subject: str | None
    open: bool
    status: str | None
    body: str | None = None
    due: datetime | None = None
    modified: datetime | None = None
    created: datetime | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One step of provisioning: what is missing or differs, in words, and whether we can mend it by API."""

    object: str
    name: str
    kind: Literal["group", "field", "permission", "view", "mapping", "drift"]
    says: str
    by_api: bool = True


@dataclass(frozen=True, slots=True)
class Budget:
    """What the CRM allows: calls per `window_seconds`, and per day; None where it did not say."""

    window_calls: int | None = None
    window_seconds: float = 10.0
    window_remaining: int | None = None
    day_calls: int | None = None
    day_remaining: int | None = None
    day_wait: float = 3600.0
    """Seconds until it is worth looking again once the calls of the day are used up."""
    window_heard: int = field(default=0, compare=False)
    """Grows with each answer that named `window_remaining`, so that nobody learns twice from one."""


Gate = Callable[[str], None]
"""
Asked before each request with the limit it falls under, `calls` or one of the CRM's `own_limits`. Returns when it is its
turn; raises TryLater where that is too far away to wait for.
"""
CALLS = "calls"


def open_gate(_limit: str) -> None:
    """Everybody may pass: nobody else calls this account, or nobody counts."""


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """A limit beside that of all calls, which no header names."""

    calls: int
    seconds: float


class Mirror(Protocol):
    """Reads what is in the CRM. Never through a search index where a decision hangs on it."""

    def owners(self) -> Sequence[Owner]: ...

    def pages(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[MirrorPage]:
        """All records for cursor None, else those changed since, deletions and merges included where the CRM tells."""
        ...

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mirrored]:
        """
        Records by the ids asked for (a merged id answers with its survivor); a missing one is absent.

        `account` may be left out where it would cost a call: this is what writes look at before they write.
        """
        ...

    def read_by_key(self, object: str, keys: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mirrored]:
        """Records by our unique pql_key."""
        ...


class Records(Protocol):
    """Writes field values in batches. Never repeats a write, sleeps or logs."""

    batch: int
    looks_first: frozenset[str]
    """Objects of which every batch of updates costs one reading call before it."""

    def write(self, object: str, changes: Sequence[Change], trace: str) -> Sequence[Receipt]:
        """
        Send at most `batch` changes (updates by id, or creates) in one call; one receipt per change, matched by id or key.

        Raises TryLater, Unknown or Refused where the whole call ended so, Rejected where the CRM refused the whole batch
        without naming a row (the caller bisects).
        """
        ...


class Tasks(Protocol):
    """Creates and reads handoff tasks under their unique key."""

    batch: int
    guarded: bool
    """True where the CRM has no unique task key, so that only reading back protects from a second task."""

    def create(self, tasks: Sequence[Task], trace: str) -> Sequence[Receipt]: ...

    def find(self, tasks: Sequence[Task]) -> Mapping[str, SeenTask]:
        """What exists for these task keys, by key; read by unique key, or by association and ref line when guarded."""
        ...

    def read(self, ids: Sequence[str]) -> Mapping[str, SeenTask]: ...

    def move(self, id: str, owner: str) -> Receipt: ...

    def close(self, id: str) -> Receipt: ...


class Provisioning(Protocol):
    """Makes the standard fields. Shows first, can run again, never coerces a field that differs."""

    def differences(self) -> Sequence[SchemaChange]: ...

    def apply(self) -> Sequence[tuple[SchemaChange, str]]:
        """Carry out what `differences` names; with each change what became of it: done, exists, or a reason."""
        ...

    def files(self) -> Mapping[str, str]:
        """The same as files for an admin: path -> content."""
        ...


class Crm(Protocol):
    """One portal or org. `objects` lists the objects that carry a lead, best first, then the account object."""

    kind: str
    objects: tuple[str, ...]
    creates: str
    """The object that a new person becomes."""
    mirror: Mirror
    records: Records
    tasks: Tasks
    provisioning: Provisioning

    @property
    def bulk(self) -> Bulk | None: ...

    def check(self) -> Sequence[tuple[str, bool, str]]:
        """What `pql doctor` asks: (what, good, one line that says how to mend it)."""
        ...

    def field(self, object: str, name: str) -> Shown | None:
        """One field as the CRM shows it to us; None where it is not there or hidden."""
        ...

    reserve: float
    """The share of the allowance that is left to other tools where the settings name none."""
    own_limits: Mapping[str, OwnLimit]

    def budget(self) -> Budget:
        """The allowance as last heard in an answer's headers; asks nothing."""
        ...

    def account(self) -> str:
        """A name of the portal or org that all who call it arrive at; may ask once."""
        ...

    def pass_through(self, gate: Gate) -> None:
        """Ask this gate before each request from now on."""
        ...

    def link(self, object: str, id: str) -> str:
        """Where a person looks at this record in a browser."""
        ...

    @property
    def calls(self) -> int:
        """HTTP requests sent so far by this object."""
        ...
