"""
Replays recorded HubSpot traffic at the sandbox and compares the answers.

A scenario is one file of the recordings. Ids are translated as they appear, times are masked. A search may have been
answered by an index that lagged by any number of changes, so each amount is tried; what matches none is a mismatch.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import urllib3

from connectors.sandbox.serve import Endpoint

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NATURAL_KEYS = ("email", "domain", "grouparoo_object_property")
MANY_YEARS = 10**9
CUSTOM = "2-3604285"
PROPERTIES = [
    *({"object": "contact", "name": f"{kind}_field", "type": kind} for kind in ("number", "date")),
    {"object": "contact", "name": "text_field"},
    *({"object": CUSTOM, "name": name} for name in ("grouparoo_object_property", "first_name", "last_name", "text_field")),
    {"object": CUSTOM, "name": "number_field", "type": "number"},
]


@dataclass(frozen=True)
class Mismatch:
    """One answer that differs, and where."""

    place: str
    reason: str


@dataclass
class Tally:
    """How many answers of a group agreed."""

    replayed: int = 0
    agreed: int = 0
    values_agreed: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.agreed / self.replayed


def exchanges(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the recorded calls of the current interface, without those that a limit refused."""
    with gzip.open(path) as lines:
        for line in lines:
            one = orjson.loads(line)
            if "/crm/v3/objects/" in one["path"] and one["status"] != 429:
                yield one


def group(exchange: Mapping[str, Any]) -> str:
    return "v3 search" if exchange["path"].endswith("/search") else "v3 batch"


class Replay:
    """One scenario against one fresh portal."""

    def __init__(self, hubspot: Endpoint, pool: urllib3.PoolManager, recorded: list[dict[str, Any]]) -> None:
        self._hubspot = hubspot
        self._pool = pool
        self._recorded = recorded
        self._ids: dict[str, str] = {}
        self.tallies: dict[str, Tally] = {}

    def run(self) -> dict[str, Tally]:
        self._hubspot.seed(object_types=[{"id": CUSTOM, "name": "grouparoo_object"}], properties=PROPERTIES)
        self._seed_what_was_there()
        # HubSpot fills blanks of a new company from its own directory: this is what it knew about the recorded domains.
        self._hubspot.switch(search_lag_s=MANY_YEARS, company_insights={"demo.com": {"twitterhandle": "DEMO"}})
        for exchange in self._recorded:
            self._one(exchange)
        return self.tallies

    def _seed_what_was_there(self) -> None:
        """Records that an answer shows before any create made them were there from the beginning."""
        created: set[str] = set()
        for exchange in self._recorded:
            results = (exchange["response"] or {}).get("results", []) if isinstance(exchange["response"], dict) else []
            new = {one["id"] for one in results}
            if not exchange["path"].endswith("/create"):
                kind = exchange["path"].split("/")[4]
                for one in results:
                    if one["id"] not in created:
                        values = {
                            name: value for name, value in one["properties"].items() if not name.startswith("hs_object")
                        }
                        self._hubspot.seed(records=[{"object": kind, "id": one["id"], "properties": values}])
            created |= new

    def _one(self, exchange: Mapping[str, Any]) -> None:
        tally = self.tallies.setdefault(group(exchange), Tally())
        tally.replayed += 1
        reasons = self._compare(exchange)
        if any(reason is None for reason, _ in reasons):
            tally.agreed += 1
            tally.values_agreed += any(reason is None and values for reason, values in reasons)
        else:
            place = f"{exchange['file'].rpartition('/')[2]}:{exchange['i']} {exchange['path'].partition('/objects/')[2]}"
            tally.mismatches.append(Mismatch(place, str(reasons[0][0])))

    def _compare(self, exchange: Mapping[str, Any]) -> list[tuple[str | None, bool]]:
        """Return (difference, values equal) for the call, tried with less and less lag where it is a search."""
        if group(exchange) != "v3 search":
            return [self._ask(exchange)]
        versions = self._hubspot.app.desk.versions
        tried = []
        while True:
            tried.append(self._ask(exchange))
            if tried[-1][0] is None or not versions:
                return tried
            del versions[0]

    def _ask(self, exchange: Mapping[str, Any]) -> tuple[str | None, bool]:
        text = orjson.dumps(exchange["request"]).decode()
        text = re.sub(r'"id":"(\d+)"', lambda found: f'"id":"{self._ids.get(found[1], found[1])}"', text)
        headers = {"Authorization": f"Bearer {self._hubspot.token}", "Content-Type": "application/json"}
        answer = self._pool.request(exchange["method"], self._hubspot.url + exchange["path"], body=text, headers=headers)
        body = orjson.loads(answer.data) if answer.data else ""
        if answer.status != exchange["status"]:
            return f"status {answer.status} instead of {exchange['status']}: {answer.data[:200]!r}", False
        if not isinstance(exchange["response"], dict):
            return (None if body == exchange["response"] else "a body where there was none"), True
        self._learn(exchange["response"], body)
        reason = _difference(exchange["response"], body)
        return reason, reason is None and _masked(exchange["response"]) == _masked(body)

    def _learn(self, recorded: Mapping[str, Any], answered: Mapping[str, Any]) -> None:
        ours = {_natural(one): one["id"] for one in answered.get("results", []) if _natural(one)}
        for one in recorded.get("results", []):
            if _natural(one) in ours:
                self._ids[one["id"]] = ours[_natural(one)]


def _natural(one: Mapping[str, Any]) -> str | None:
    return next((one["properties"][name] for name in NATURAL_KEYS if one["properties"].get(name)), None)


def _difference(recorded: Mapping[str, Any], answered: Mapping[str, Any]) -> str | None:
    """Return the first difference in keys, kinds of values, error category or number of results."""
    if _shape(_plain(recorded)) != _shape(_plain(answered)):
        return f"keys or types {_shape(_plain(answered))} instead of {_shape(_plain(recorded))}"
    if recorded.get("category") != answered.get("category"):
        return f"category {answered.get('category')} instead of {recorded.get('category')}"
    for name in ("results", "total"):
        left, right = recorded.get(name), answered.get(name)
        if (len(left), len(right)) if isinstance(left, list) else (left != right):
            if isinstance(left, list) and len(left) == len(right):
                continue
            return f"{name}: {right if not isinstance(right, list) else len(right)} instead of recorded"
    shapes = [Counter(str(_shape(one)) for one in body.get("results", [])) for body in (recorded, answered)]
    if shapes[0] != shapes[1]:
        return f"results {list((shapes[1] - shapes[0]).items())[:1]} instead of {list((shapes[0] - shapes[1]).items())[:1]}"
    return None


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "results"}


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(one) for name, one in sorted(value.items())}
    return type(value).__name__


def _masked(body: Mapping[str, Any]) -> list[str]:
    """Return the results with ids and times taken out, in an order of their own."""
    hidden = (
        "hs_object_id",
        "hs_all_contact_vids",
        "createdate",
        "lastmodifieddate",
        "hs_createdate",
        "hs_lastmodifieddate",
    )
    found = []
    for one in body.get("results", []):
        values = {name: value for name, value in one["properties"].items() if name not in hidden}
        found.append(TIME.sub("time", orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()))
    return sorted(found)
