"""
What one destination is asked about after an evaluation: what the store and the mirror know of its records.

Decided here: what counts as acknowledged (only what the same record echoed), and which of the mirror's values are younger
than that. Not decided here: what is wanted (`wishes`, `company_wishes`). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

import orjson
import pyarrow as pa

from connectors.contract import Fields, Value
from settings.destinations import DestinationSpec
from worker.core.planning import Difference, Record
from worker.core.wanted import Handed, Want
from worker.core.wording import reasons, strongest
from worker.steps.deciding.qualify import Qualified, Row
from worker.steps.scoring.matching import Found
from worker.steps.scoring.score import Scored
from worker.steps.tables import gathered
from worker.steps.tools import Tools
from worker.store import records
from worker.store.values import unpacked

Told = TypeVar("Told")
Status = Literal["due", "unmatched", "needs_review"]


@dataclass(frozen=True, slots=True)
class Held:
    """What the store knows of one record: wanted state, what the CRM acknowledged."""

    object: str
    crm_id: str | None
    status: str
    acknowledged: Fields
    reformatted: Fields


@dataclass(frozen=True, slots=True)
class Wish:
    """One record with everything that is wanted on it and what of it is news."""

    row: Row
    wants: tuple[Want, ...]
    difference: Difference
    status: Status
    account: str | None = None
    owner_kept: str | None = None


@dataclass(frozen=True, slots=True)
class Handing:
    """Open handoffs by subject, and owners by subject (the CRM's id), in the CRM where people work."""

    handed: Mapping[str, Handed]
    owners: Mapping[str, str]
    unowned: frozenset[str] = frozenset()


HELD: Mapping[str, pa.DataType] = dict.fromkeys(
    ("record_key", "object", "crm_id", "status", "wanted", "acknowledged", "reformatted"), pa.string()
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of all records of a destination: a table of the engine with the columns of HELD."""

    tools: Tools
    table: Any

    def of(self, keys: Iterable[str]) -> dict[str, Held]:
        """These records, by key."""
        asked = self.tools.engine.table(pa.table({"asked": pa.array(sorted(set(keys)), pa.string())}))
        rows = self.tools.engine.run(self.table.semi_join(asked, self.table.record_key == asked.asked)).to_pylist()
        return {row["record_key"]: _held(row) for row in rows}

    def keys(self, object: str) -> set[str]:
        """The keys of the records of one kind."""
        rows = self.table.filter(self.table.object == object).select("record_key")
        return set(self.tools.engine.run(rows).column(0).to_pylist())

    @property
    def acknowledged(self) -> Any:
        """The rows of which the CRM acknowledged something."""
        return self.table.filter(self.table.acknowledged != "{}")


def known(tools: Tools, name: str) -> Known:
    """The record state of one destination."""
    with tools.store.read() as tx:
        return Known(tools, gathered(tools, HELD, records.batches(tx, name)))


def _held(row: Row) -> Held:
    docs = (unpacked(orjson.loads(row[name] or "{}")) for name in ("acknowledged", "reformatted"))
    return Held(row["object"], row["crm_id"], row["status"], *docs)


@dataclass(frozen=True, slots=True)
class Asking:
    """
    What is the same for all records of one destination.

    `plays`: subject -> definition, of leads and accounts; `buyers`: lead key -> account key, of accounts in an episode;
    `first_at`: subject -> when its first episode began, of those whose state changed; `held`: what the store knows of the
    records that are looked at just now.
    """

    tools: Tools
    scored: Scored
    qualified: Qualified
    name: str
    spec: DestinationSpec
    handing: Handing
    known: Known
    plays: Mapping[str, str]
    buyers: Mapping[str, str] = field(default_factory=dict)
    first_at: Mapping[str, datetime] = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)
    mates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Lead that speaks for a record -> the other leads of that record."""
    deleted: frozenset[str] = frozenset()
    """Leads and accounts whose record was deleted: none is made again."""

    def holding(self, keys: Iterable[str]) -> Asking:
        """The same, to look at the records of these keys."""
        return replace(self, held=self.known.of(keys))

    def shows(self, lead_key: str) -> str:
        """The subject whose standing a person's record shows: its own, or its account's where only that is in an episode."""
        return lead_key if lead_key in self.plays else self.buyers.get(lead_key, lead_key)

    def handed(self, lead_key: str) -> Handed | None:
        """The handoff that a person's record tells."""
        return self._of_record(self.handing.handed, lead_key)

    def owner(self, lead_key: str) -> str | None:
        """The wanted owner of a person's record."""
        return self._of_record(self.handing.owners, lead_key)

    def _of_record(self, told: Mapping[str, Told], lead_key: str) -> Told | None:
        """What is told of a lead, else of the account whose buyer it is, else of another lead on its record."""
        asked = (lead_key, self.buyers.get(lead_key, ""), *self.mates.get(lead_key, ()))
        return next((told[key] for key in asked if key in told), None)

    @property
    def found(self) -> Found:
        return self.scored.found[self.name]

    @property
    def sets_owner(self) -> bool:
        handoff = self.tools.settings.handoff
        return handoff.work_in == self.name and handoff.set_owner != "never"


def record_of(ask: Asking, key: str, object: str, match: Row) -> Record:
    known = ask.held.get(key)
    same = known is not None and (known.crm_id in (None, match["crm_id"]))
    acknowledged = known.acknowledged if known and same else {}
    reformatted = known.reformatted if known and same else {}
    return Record(key, object, match["crm_id"], acknowledged, reformatted, _current(ask, match, acknowledged))


def _current(ask: Asking, match: Row, acknowledged: Fields) -> Fields | None:
    """What the mirror says of the fields whose mode asks for it. Push reads them once more just before it writes."""
    if match["crm_id"] is None or match["seen_id"] is None:
        return None
    fields = unpacked(orjson.loads(match["seen_fields"] or "{}"))
    asked = {also.field for also in ask.spec.also if also.mode != "own"}
    current: dict[str, Value] = {name: fields.get(name) for name in asked if name in fields and name not in acknowledged}
    if "owner" not in acknowledged:
        current["owner"] = match["seen_owner"]
    if match["seen_key"]:
        current["pql_key"] = match["seen_key"]
    return current


def observation(ask: Asking, row: Row, record: Record, *, flagged: bool) -> dict[str, str]:
    """The observation behind a change of flag or tier. Nothing that somebody did is the reason for being no PQL."""
    if not flagged and not record.acknowledged:
        return {}  # there was no tier that could have changed
    found = strongest(reasons(ask.tools.settings, row, ask.tools.settings.timezone), 1)
    names = ("pql_flag", "pql_tier") if flagged else ("pql_tier",)
    return dict.fromkeys(names, found[0].text) if found else {}
