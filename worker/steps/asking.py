"""
What one destination is asked about after an evaluation: what the store and the mirror know of its records.

Decided here: what counts as acknowledged (only what the same record echoed), and which of the mirror's values are younger
than that. Not decided here: what is wanted (`wishes`, `company_wishes`). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson

from connectors.contract import Fields, Value
from settings.destinations import DestinationSpec
from worker.core.planning import Difference, Record
from worker.core.wanted import Handed, Want
from worker.core.wording import reasons, strongest
from worker.steps.matching import Found
from worker.steps.qualify import Qualified, Row
from worker.steps.score import Scored
from worker.steps.tools import Tools
from worker.store import records
from worker.store.values import unpacked

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


@dataclass(frozen=True, slots=True)
class Asking:
    """
    What is the same for all records of one destination.

    `plays`: subject -> definition, of leads and accounts; `buyers`: lead key -> account key, of accounts in an episode.
    """

    tools: Tools
    scored: Scored
    qualified: Qualified
    name: str
    spec: DestinationSpec
    handing: Handing
    known: Mapping[str, Held]
    plays: Mapping[str, str]
    buyers: Mapping[str, str] = field(default_factory=dict)

    def shows(self, lead_key: str) -> str:
        """The subject whose standing a person's record shows: its own, or its account's where only that is in an episode."""
        return lead_key if lead_key in self.plays else self.buyers.get(lead_key, lead_key)

    def handed(self, lead_key: str) -> Handed | None:
        """The handoff that a person's record tells: its own, else the one of the account whose buyer it is."""
        return self.handing.handed.get(lead_key) or self.handing.handed.get(self.buyers.get(lead_key, ""))

    def owner(self, lead_key: str) -> str | None:
        """The wanted owner of a person's record, likewise."""
        return self.handing.owners.get(lead_key) or self.handing.owners.get(self.buyers.get(lead_key, ""))

    @property
    def found(self) -> Found:
        return self.scored.found[self.name]

    @property
    def sets_owner(self) -> bool:
        handoff = self.tools.settings.handoff
        return handoff.work_in == self.name and handoff.set_owner != "never"


def held(tools: Tools, name: str) -> dict[str, Held]:
    """Record state of one destination by record key."""
    with tools.store.read() as tx:
        columns = records.columns(tx, name)
    places = range(len(columns["record_key"]))
    return {
        columns["record_key"][place]: Held(
            columns["object"][place],
            columns["crm_id"][place],
            columns["status"][place],
            unpacked(orjson.loads(columns["acknowledged"][place] or "{}")),
            unpacked(orjson.loads(columns["reformatted"][place] or "{}")),
        )
        for place in places
    }


def record_of(ask: Asking, key: str, object: str, match: Row) -> Record:
    known = ask.known.get(key)
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


def observation(ask: Asking, row: Row, *, flagged: bool) -> dict[str, str]:
    """The observation behind a change of flag or tier. Nothing that somebody did is the reason for being no PQL."""
    found = strongest(reasons(ask.tools.settings, row, ask.tools.settings.timezone), 1)
    names = ("pql_flag", "pql_tier") if flagged else ("pql_tier",)
    return dict.fromkeys(names, found[0].text) if found else {}
