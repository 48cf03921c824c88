"""
Fill the sandbox CRMs with the listeners of the log, and say what a run must find there.

    python examples/streaming/seed.py

Reads EVENTS, HUBSPOT_BASE_URL, HUBSPOT_TOKEN and, where they are set, SALESFORCE_BASE_URL, SALESFORCE_TOKEN. Each listener
is `<userId>@stream.example`; by a hash of the id 5 % are left out, 2 % are there under a secondary address only, 1 % are
there twice. Printed as JSON: how many records, and what matching must make of the listeners who were seen before AS_OF
(2018-11-15): nobody knows the others yet.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

import duckdb
import requests

AT_ONCE = 1_000
OWNERS = ("ella", "miles", "nina", "chet", "dinah", "desk", "lena", "otis")
OWN_FIELDS: dict[str, dict[str, Any]] = {
    "hubspot": {"properties": [{"object": "contact", "name": "usage_segment", "label": "Usage segment"}]},
    "salesforce": {},
}
"""What the settings map besides the fields that `pql provision` makes."""
Kind = Literal["left out", "secondary", "doubled", "plain"]
LISTENERS = """
    SELECT userId, any_value(firstName), any_value(lastName), min(ts) FROM read_parquet(?)
    WHERE userId IS NOT NULL GROUP BY 1 ORDER BY 1
"""
Listener = tuple[str, str, str, int]
"""Id, first and last name, milliseconds of the first event."""


def kind_of(user: str) -> Kind:
    """How a listener stands in the CRMs."""
    place = int.from_bytes(sha256(f"seed {user}".encode()).digest()[:4]) % 100
    return "left out" if place < 5 else "secondary" if place < 7 else "doubled" if place < 8 else "plain"


def listeners(events: str) -> list[Listener]:
    """Every listener who ever signed in."""
    with duckdb.connect() as con:
        return con.execute(LISTENERS, [events]).fetchall()


def hubspot(people: list[Listener]) -> Iterator[dict[str, Any]]:
    """Contacts as HubSpot would have them."""
    for user, first, last, _ in people:
        name, email, kind = {"firstname": first, "lastname": last}, f"{user}@stream.example", kind_of(user)
        private = {"email": f"{user}@private.example", "hs_additional_emails": email}
        if kind in ("plain", "doubled"):
            yield {"object": "contact", "properties": {"email": email, **name}}
        if kind in ("secondary", "doubled"):
            yield {"object": "contact", "properties": {**private, **name}}


def salesforce(people: list[Listener]) -> Iterator[dict[str, Any]]:
    """Leads as Salesforce would have them: it knows one address, so a secondary one finds nobody."""
    for user, first, last, _ in people:
        kind = kind_of(user)
        of = {"FirstName": first, "LastName": last, "Company": "Listener"}
        addresses = {"plain": ["stream"], "doubled": ["stream", "stream"], "secondary": ["private"], "left out": []}[kind]
        for host in addresses:
            yield {"object": "Lead", "properties": {**of, "Email": f"{user}@{host}.example"}}


def expected(people: list[Listener], as_of: datetime) -> dict[str, dict[str, int]]:
    """What matching must make of the listeners who were seen by then, by destination."""
    seen = [user for user, _, _, first in people if first <= as_of.timestamp() * 1000]
    counts = Counter(kind_of(user) for user in seen)
    left_out, secondary, plain = counts["left out"], counts["secondary"], counts["plain"]
    every = {"leads": len(seen), "needs_review": counts["doubled"]}
    return {
        "hubspot": {**every, "unmatched": left_out, "matched": plain + secondary},
        "salesforce": {**every, "unmatched": left_out + secondary, "matched": plain},
    }


def put(name: str, url: str, records: Iterator[dict[str, Any]]) -> int:
    """Hand owners, a field of the company's own and the records to one sandbox; how many records."""
    address, waiting, done = f"{url}/_sandbox/seed", [], 0
    owners = [{"email": f"{owner}@stream.example", "name": owner.title()} for owner in OWNERS]
    _post(address, {"owners": owners, **OWN_FIELDS[name]})
    for record in records:
        waiting.append(record)
        done += 1
        if len(waiting) == AT_ONCE:
            _post(address, {"records": waiting})
            waiting = []
    if waiting:
        _post(address, {"records": waiting})
    return done


def _post(address: str, doc: dict[str, Any]) -> None:
    answer = requests.post(address, json=doc, timeout=300)
    if not answer.ok:
        sys.exit(f"{address} answered {answer.status_code}: {answer.text[:500]}. Is it a sandbox, and new?")


def main() -> None:
    """Seed every sandbox that the environment names."""
    people = listeners(os.environ["EVENTS"])
    as_of = datetime.fromisoformat(os.environ.get("AS_OF", "2018-11-15")).replace(tzinfo=UTC)
    made = {}
    for name, records in (("hubspot", hubspot(people)), ("salesforce", salesforce(people))):
        url = os.environ.get(f"{name.upper()}_BASE_URL")
        if url:
            made[name] = expected(people, as_of)[name] | {"records": put(name, url, records)}
    sys.stdout.write(json.dumps(made, indent=2) + "\n")


if __name__ == "__main__":
    main()
