"""
Search: filters, sorting, paging, and an index that may lag behind the records.

Decided here: what matches, the 10,000 cap, and what a lagging index does: it matches by the values before the change and
shows the values of now. A record archived since then still counts in `total` and is missing from `results`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import orjson

from connectors.sandbox.hubspot import shape
from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.errors import invalid
from connectors.sandbox.hubspot.kinds import Kind
from connectors.sandbox.hubspot.values import EPOCH, moment
from connectors.sandbox.state import Row
from connectors.sandbox.wire import Reply

MOST = 10_000
PER_PAGE = 200
Number = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one property, values already as text."""

    name: str
    operator: str
    value: str
    values: tuple[str, ...]
    high: str
    number: Number

    def holds(self, have: str) -> bool:
        return OPERATORS[self.operator](self, have)

    def compares(self, have: str) -> tuple[float, float]:
        return self.number(have), self.number(self.value)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _instant(text: str) -> float:
    try:
        return (moment(text) - EPOCH) / timedelta(milliseconds=1)
    except ValueError:
        return float("nan")


def _same(one: Filter, have: str, value: str) -> bool:
    if one.number is not _text:
        return one.number(have) == one.number(value)
    return have.casefold() == value.casefold()


def _text(text: str) -> float:  # noqa: ARG001  stands where a number would be read
    return float("nan")


def _between(one: Filter, have: str) -> bool:
    return one.number(one.value) <= one.number(have) <= one.number(one.high)


def _token(one: Filter, have: str) -> bool:
    wanted = one.value.casefold()
    tokens = [have.casefold(), *re.split(r"[^\w]+", have.casefold()), *have.casefold().split(";")]
    return any(fnmatchcase(token, wanted) for token in tokens)


def _ordered(compare: Callable[[float, float], bool], words: Callable[[str, str], bool]) -> Callable[[Filter, str], bool]:
    def holds(one: Filter, have: str) -> bool:
        if one.number is _text:
            return have != "" and words(have, one.value)
        return have != "" and compare(*one.compares(have))

    return holds


OPERATORS: Mapping[str, Callable[[Filter, str], bool]] = {
    "EQ": lambda one, have: have != "" and _same(one, have, one.value),
    "NEQ": lambda one, have: not _same(one, have, one.value),
    "GT": _ordered(lambda a, b: a > b, lambda a, b: a > b),
    "GTE": _ordered(lambda a, b: a >= b, lambda a, b: a >= b),
    "LT": _ordered(lambda a, b: a < b, lambda a, b: a < b),
    "LTE": _ordered(lambda a, b: a <= b, lambda a, b: a <= b),
    "BETWEEN": lambda one, have: have != "" and _between(one, have),
    "IN": lambda one, have: have != "" and any(_same(one, have, value) for value in one.values),
    "NOT_IN": lambda one, have: have != "" and not any(_same(one, have, value) for value in one.values),
    "HAS_PROPERTY": lambda one, have: have != "",  # noqa: ARG005  operators are called alike
    "NOT_HAS_PROPERTY": lambda one, have: have == "",  # noqa: ARG005  operators are called alike
    "CONTAINS_TOKEN": _token,
    "NOT_CONTAINS_TOKEN": lambda one, have: not _token(one, have),
}


class Search:
    """Answers `/{type}/search`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._state = desk.state
        self._last: tuple[tuple[str, bytes], int, list[str]] | None = None

    def answer(self, call: Call, kind: Kind) -> Reply:
        """Match, sort, and cut the page that was asked for."""
        body = call.body()
        limit, after = _whole(call, body.get("limit"), 10), _whole(call, body.get("after"), 0)
        if not 1 <= limit <= PER_PAGE:
            raise invalid(f"limit must be between 1 and {PER_PAGE}, but was {limit}.")
        if after + limit > MOST:
            raise invalid(f"Paging past {MOST} results is not supported; narrow the filters.")
        ordered = self._found(kind, body, first=after == 0)
        page = ordered[after : after + limit]
        alive = self._state.rows(kind.name, page)
        asked = [str(name) for name in body.get("properties") or ()]
        current = [alive[id] for id in page if id in alive and not alive[id].archived]
        results = [shape.read(self._desk, kind, row, asked) for row in current]
        answer: dict[str, Any] = {"total": len(ordered), "results": results}
        if len(ordered) > after + limit:
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return Reply(200, answer)

    def _found(self, kind: Kind, body: Mapping[str, Any], *, first: bool) -> list[str]:
        """Ids in order. The page after is asked for with the same words and mostly meets the same records."""
        asked = (kind.name, orjson.dumps([body.get(name) for name in ("filterGroups", "query", "sorts")]))
        version = self._state.version
        last = self._last
        if not first and last is not None and last[:2] == (asked, version) and not self._desk.versions:
            return last[2]
        groups = self._groups(kind, body.get("filterGroups") or [])
        matched = self._matched(kind, groups, str(body.get("query") or ""))
        found = [row.id for row in self._sorted(kind, matched, body.get("sorts") or [])]
        self._last = (asked, version, found)
        return found

    # filters

    def _groups(self, kind: Kind, groups: Any) -> list[list[Filter]]:
        if not isinstance(groups, list) or len(groups) > 5:
            raise invalid("filterGroups must be a list of at most 5 groups.")
        return [[self._filter(kind, one) for one in group.get("filters") or []] for group in groups]

    def _filter(self, kind: Kind, one: Mapping[str, Any]) -> Filter:
        name, operator = str(one.get("propertyName", "")), str(one.get("operator", ""))
        if operator not in OPERATORS:
            raise invalid(f"Invalid operator {operator}. Known: {', '.join(sorted(OPERATORS))}.")
        definition = self._desk.definitions(kind.name).get(name)
        associated = name.startswith("associations.")
        if definition is None and not associated and not self._state.switch("lenient"):
            raise invalid(f"There was a problem with the request: property {name} does not exist on {kind.type_id}.")
        numbers: Mapping[str, Number] = {"number": _float, "datetime": _instant, "date": _instant}
        number = numbers.get(definition["type"], _text) if definition else _text
        values = tuple(str(value) for value in one.get("values") or ())
        return Filter(name, operator, str(one.get("value", "")), values, str(one.get("highValue", "")), number)

    # the index

    def _matched(self, kind: Kind, groups: Sequence[Sequence[Filter]], query: str) -> list[Row]:
        stale = self._stale(kind)
        current = {row.id: row for row in self._candidates(kind, groups) if row.id not in stale}
        rows = [*current.values(), *(row for row in stale.values() if row is not None and not row.archived)]
        words = query.casefold()
        return [row for row in rows if self._holds(kind, row, groups) and (not words or _mentions(row, words))]

    def _stale(self, kind: Kind) -> dict[str, Row | None]:
        """Return what the index still shows instead of the current records."""
        lag = float(self._state.switch("search_lag_s", 0) or 0)
        settled = self._state.now() - lag * 1000
        self._desk.versions[:] = [one for one in self._desk.versions if one[0] > settled]
        stale: dict[str, Row | None] = {}
        for _, name, record, before in self._desk.versions:
            if name == kind.name:
                stale.setdefault(record, before)
        return stale

    def _candidates(self, kind: Kind, groups: Sequence[Sequence[Filter]]) -> Iterable[Row]:
        """Return the records worth looking at: by an index where every group allows it, else all."""
        narrowed = [self._narrow(kind, group) for group in groups]
        if narrowed and all(ids is not None for ids in narrowed):
            ids = list(dict.fromkeys(one for group in narrowed for one in group or ()))
            return [row for row in self._state.rows(kind.name, ids).values() if not row.archived]
        since = min((self._since(kind, group) for group in groups), default=0)
        return self._state.scan(kind.name, int(since))

    def _narrow(self, kind: Kind, group: Sequence[Filter]) -> list[str] | None:
        indexed = {*self._desk.unique(kind.name), "domain"}
        for one in group:
            if one.operator not in ("EQ", "IN"):
                continue
            values = list(one.values) if one.operator == "IN" else [one.value]
            if one.name == "hs_object_id":
                return values
            if one.name.startswith("associations."):
                other = self._desk.kind(one.name.partition(".")[2])
                return [link.to_id for link in self._state.links(other.name, values, kind.name)]
            if one.name == "email":
                return [
                    one for ids in self._state.find(kind.name, "email", [v.lower() for v in values]).values() for one in ids
                ]
            if one.name in indexed:
                return [one for ids in self._state.find(kind.name, one.name, values).values() for one in ids]
        return None

    def _since(self, kind: Kind, group: Sequence[Filter]) -> float:
        bounds = [
            one.number(one.value)
            for one in group
            if one.name == kind.modified and one.operator in ("EQ", "GT", "GTE", "BETWEEN")
        ]
        return max((bound for bound in bounds if bound == bound), default=0)  # noqa: PLR0124  not a number differs from itself

    def _holds(self, kind: Kind, row: Row, groups: Sequence[Sequence[Filter]]) -> bool:
        if not groups:
            return True
        stamps = self._desk.stamps(kind, row, whole=True)
        return any(all(self._one(row, stamps, one) for one in group) for group in groups)

    def _one(self, row: Row, stamps: Mapping[str, str], one: Filter) -> bool:
        if one.name.startswith("associations."):
            other = self._desk.kind(one.name.partition(".")[2])
            linked = {link.to_id for link in self._state.links(row.object, [row.id], other.name)}
            return bool(linked & {one.value, *one.values})
        return one.holds(str(stamps.get(one.name) or row.properties.get(one.name) or ""))

    def _sorted(self, kind: Kind, rows: list[Row], sorts: Sequence[Any]) -> list[Row]:
        ordered = sorted(rows, key=lambda row: row.rank)
        for sort in reversed(sorts):
            name, down = (
                (sort, False)
                if isinstance(sort, str)
                else (str(sort.get("propertyName")), sort.get("direction") == "DESCENDING")
            )
            name, down = (name[1:], True) if name.startswith("-") else (name, down)
            ordered.sort(key=lambda row: self._place(kind, row, name), reverse=down)
        return ordered

    def _place(self, kind: Kind, row: Row, name: str) -> tuple[bool, float, str]:
        value = self._desk.stamps(kind, row, whole=True).get(name) or row.properties.get(name) or ""
        definition = self._desk.definitions(kind.name).get(name, {"type": "string"})
        number = _float(value) if definition["type"] == "number" and value else 0.0
        return value != "", number, value.casefold()


def _mentions(row: Row, words: str) -> bool:
    return any(words in str(value).casefold() for value in row.properties.values())


def _whole(call: Call, value: Any, default: int) -> int:
    if value in (None, "") or (call.lenient and not str(value).strip("0").isdecimal()):
        return default
    if not str(value).isdecimal():
        raise invalid(f"Expected a whole number, got {value!r}.")
    return int(value)
