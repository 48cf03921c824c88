"""
Match: which CRM record is which lead and account, destination by destination.

Decided here: the mirror's tables go into the engine once per evaluation and matching is a join. Not decided here: what
counts as a match (core). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from worker.core import matching
from worker.steps.tables import gathered
from worker.steps.tools import Tools
from worker.store import links, mirror

_MOMENT = pa.timestamp("us", tz="UTC")
RECORDS: Mapping[str, pa.DataType] = {
    "object": pa.string(),
    "id": pa.string(),
    "name": pa.string(),
    "account": pa.string(),
    "domain": pa.string(),
    "owner": pa.string(),
    "key": pa.string(),
    "is_customer": pa.bool_(),
    "do_not_contact": pa.bool_(),
    "open": pa.bool_(),
    "phone": pa.string(),
    "last_activity": _MOMENT,
    "created": _MOMENT,
    "modified": _MOMENT,
    "fields": pa.string(),
}
EMAILS: Mapping[str, pa.DataType] = {"object": pa.string(), "id": pa.string(), "email": pa.string()}
LINKS: Mapping[str, pa.DataType] = {"record_key": pa.string(), "object": pa.string(), "crm_id": pa.string()}
OWNERS: Mapping[str, pa.DataType] = {"id": pa.string(), "email": pa.string(), "active": pa.bool_(), "kind": pa.string()}


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The mirror of one destination as tables of the engine."""

    records: Any
    emails: Any
    links: Any
    owners: Any


@dataclass(frozen=True, slots=True)
class Found:
    """persons: lead_key, user_id, account_id, object, crm_id, status, hits, how; companies: the same by account_key."""

    persons: Any
    companies: Any
    mirror: Mirrored


def match(tools: Tools, destination: str, leads: Any, accounts: Any) -> Found:
    """Match leads (lead_key, user_id, account_id, email) and accounts (account_key, account_id, domain) at once."""
    held = mirrored(tools, destination)
    spec = tools.settings.destinations[destination]
    objects = tuple(name for name in tools.crms[destination].objects if name != "company")
    known = matching.Mirror(held.records, held.emails, held.links)
    persons = tools.engine.keep(matching.people(leads, known, spec.match, objects))
    companies = tools.engine.keep(matching.companies(accounts, known, persons))
    return Found(persons, companies, held)


def mirrored(tools: Tools, destination: str) -> Mirrored:
    """The mirror as it was last read."""
    with tools.store.read() as tx:
        owners = mirror.owners(tx, destination)
        people = {name: [getattr(one, name) for one in owners] for name in OWNERS}
        return Mirrored(
            gathered(tools, RECORDS, mirror.batches(tx, destination)),
            gathered(tools, EMAILS, mirror.emails(tx, destination)),
            gathered(tools, LINKS, links.batches(tx, destination)),
            gathered(tools, OWNERS, [people]),
        )
