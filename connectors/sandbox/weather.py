"""
Faults on demand: which call is struck, and by what.

Decided here: matching, counting and the faults that need no knowledge of a vendor. Errors are worded and single rows
are failed by each CRM's own app.
"""

import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.wire import Reply, Request

FAULTS: Mapping[str, str] = {
    "reset_before": "the connection is reset and nothing was applied",
    "reset_after": "everything was applied, then the connection is reset",
    "truncate": "applied, the answer breaks off half-way",
    "drip": "applied, the answer arrives in pieces over args.seconds (default 2)",
    "latency": "args.seconds pass before the call is looked at (default 1)",
    "status": "args.status in the vendor's words; args.retry_after, args.policy, args.message, args.category as wanted",
    "daily_limit": "429 for the day",
    "html": "an HTML page with args.status (default 502), nothing applied; args.applied: true applies first",
    "empty_2xx": "applied unless args.applied is false, then a 2xx without a usable body (args.body: none, object or lists)",
    "unauthorized": "401",
    "forbidden": "403, args.scope is missing",
    "locked": "423",
    "drop_item": "applied, one item (args.index, default 0) is missing from the answer",
    "row_error": "row args.index (default 0) is refused, the rest goes on; args.whole: true refuses the batch",
    "partial_as_200": "as row_error, but with the status of full success",
    "commit_after": "the call is applied only args.seconds after it was answered with a reset (default 1)",
}


class Weather:
    """The list of rules in force; the first that strikes wins."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def replace(self, docs: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in force instead of all others; ValueError names what is wrong."""
        rules = [_rule(doc) for doc in docs]
        with self._lock:
            self._rules = rules

    def strike(self, request: Request) -> "Fault | None":
        """Count this call for each rule that matches and return the fault that strikes it."""
        with self._lock:
            struck = [rule.fault for rule in self._rules if rule.strikes(request)]
        return struck[0] if struck else None

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{**rule.doc, "seen": rule.seen, "struck": rule.struck} for rule in self._rules]


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Rule:
    doc: Mapping[str, Any]
    fault: Fault
    method: str
    path: str
    nth: frozenset[int] | None
    rate: float
    dice: random.Random
    seen: int = 0
    struck: int = 0

    def strikes(self, request: Request) -> bool:
        if self.method not in ("", "*", request.method) or not _on(self.path, request.path):
            return False
        self.seen += 1
        hit = self.seen in self.nth if self.nth is not None else self.dice.random() < self.rate
        self.struck += hit
        return hit


def _on(pattern: str, path: str) -> bool:
    return path.startswith(pattern) or re.search(pattern, path) is not None


def _rule(doc: Mapping[str, Any]) -> _Rule:
    if not isinstance(doc, Mapping) or set(doc) - {"match", "nth", "rate", "seed", "fault", "args"}:
        raise ValueError("A rule has the keys match {method, path}, nth or rate and seed, fault, args.")
    name = doc.get("fault")
    if name not in FAULTS:
        raise ValueError(f"There is no fault {name!r}. Known: {', '.join(sorted(FAULTS))}.")
    match = doc.get("match") or {}
    if set(match) - {"method", "path"}:
        raise ValueError("`match` has the keys method and path (a prefix or a regular expression).")
    path = match.get("path", "")
    try:
        re.compile(path)
    except re.error as problem:
        raise ValueError(f"The path {path!r} is no regular expression: {problem}.") from problem
    nth = doc.get("nth")
    if nth is not None and "rate" in doc:
        raise ValueError("A rule has nth or rate, not both.")
    counted = None if nth is None else frozenset([nth] if isinstance(nth, int) else nth)
    fault = Fault(str(name), doc.get("args") or {})
    dice = random.Random(doc.get("seed", 0))  # noqa: S311  repeatable faults, not secrets
    return _Rule(doc, fault, str(match.get("method", "")).upper(), path, counted, float(doc.get("rate", 1.0)), dice)


def page(status: int) -> Reply:
    """Return what a proxy says instead of the vendor."""
    body = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>cloud edge</body></html>"
    return Reply(status, body.encode(), {"Content-Type": "text/html"})


def emptied(reply: Reply, shape: str) -> Reply:
    """Return a success that tells nothing."""
    bodies: Mapping[str, Any] = {"none": b"", "object": {}, "lists": {"status": "COMPLETE", "results": []}}
    return Reply(reply.status, bodies.get(shape, b""), {**reply.headers, "Content-Type": "application/json"})


def without_item(reply: Reply, index: int) -> Reply:
    """Return the answer with one of its items left out, as if the server had lost it."""
    body = reply.body
    if isinstance(body, list) and len(body) > index:
        body = body[:index] + body[index + 1 :]
    elif isinstance(body, dict):
        for name in ("results", "compositeResponse", "records"):
            items = body.get(name)
            if isinstance(items, list) and len(items) > index:
                body = {**body, name: items[:index] + items[index + 1 :]}
    return Reply(reply.status, body, reply.headers)
