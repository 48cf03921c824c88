"""
The form in which both CRMs hand their records to the pages.

Decided here: the few facts that a page shows, under names of our own. How a CRM spells them is decided in its own book.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Protocol
from urllib.parse import quote

import orjson

PEOPLE = ("contact", "lead")
LABELS: Mapping[str, str] = {
    "contact": "Contacts",
    "lead": "Leads",
    "company": "Companies",
    "deal": "Deals",
    "task": "Tasks",
}


class Ours(dict[str, str]):
    """Our standard fields of one record without their prefix; what is not set reads as empty."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Owner:
    """A person or a queue that owns records."""

    id: str
    name: str
    email: str
    queue: bool = False
    active: bool = True

    @property
    def href(self) -> str:
        return f"/reps/{quote(self.id, safe='')}"


@dataclass(frozen=True, slots=True)
class Todo:
    """What a task asks for; a due time without a zone is a day."""

    body: str
    due: datetime | None
    status: str
    open: bool
    kind: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `facts` are what a rep sees first, beside our own fields."""

    object: str
    id: str
    title: str
    subtitle: str = ""
    owner: str = ""
    pql: Ours = field(default_factory=Ours)
    facts: tuple[tuple[str, str], ...] = ()
    everything: tuple[tuple[str, str], ...] = ()
    todo: Todo | None = None
    modified: datetime | None = None

    @property
    def href(self) -> str:
        return f"/records/{self.object}/{quote(self.id, safe='')}"

    @property
    def qualified(self) -> bool:
        return self.pql["flag"].lower() == "true"

    @property
    def score(self) -> float:
        return _number(self.pql["score"])


class Book(Protocol):
    """One CRM as the pages read it."""

    crm: str

    @property
    def zone(self) -> str:
        """Return the time zone that people of this account live in."""

    def objects(self) -> Sequence[tuple[str, int]]:
        """Return the objects that have pages, with their number of records."""

    def first(self, object: str, limit: int) -> Sequence[Record]:
        """Return the oldest records of an object."""

    def mentioning(self, object: str, words: str) -> Sequence[Record]:
        """Return the records that hold these words in any field, or in their id."""

    def flagged(self, object: str) -> Sequence[Record]:
        """Return the qualified records of an object."""

    def owned(self, object: str, owner: str) -> Sequence[Record]:
        """Return the records of an owner."""

    def offered(self, object: str, partner: str) -> Sequence[Record]:
        """Return the records that go with this partner."""

    def one(self, object: str, id: str) -> Record | None:
        """Return a record, the survivor for a merged id."""

    def related(self, record: Record, object: str) -> Sequence[Record]:
        """Return the records of an object that belong to this one."""

    def owners(self) -> Sequence[Owner]:
        """Return people and queues, inactive ones included."""

    def located(self, path: str) -> tuple[str, str] | None:
        """Return (object, id) for an address as the vendor's own pages have it; a list has no id."""


def plain(markup: str) -> str:
    """Return rich text as lines of plain text: what it says, none of what it does."""
    lines = re.sub(r"(?i)<br\s*/?>|</(p|div|li|h\d)>", "\n", markup)
    return re.sub(r"\n{3,}", "\n\n", unescape(re.sub(r"<[^>]*>", "", lines))).strip()


def inside(text: str) -> str:
    """Return text as it stands between the quotes of stored JSON."""
    return orjson.dumps(text).decode()[1:-1]


def moment(text: str) -> datetime | None:
    """Return the time of an ISO text, None where it is empty or something else."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
