"""
A query meets the records: names are checked against the objects, candidates come from an index where one serves, the
rest is compared.

As in Salesforce: text compares without case (but for case-sensitive fields), `!=` and NOT IN let null pass, order
comparisons do not.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.org import Org, indexed, is_indexed
from connectors.sandbox.salesforce.schema.field import NUMBERS, Field, SObject
from connectors.sandbox.salesforce.schema.parties import NAME
from connectors.sandbox.salesforce.soql.dates import covered, moment
from connectors.sandbox.salesforce.soql.parse import Both, Compare, Condition, DateWord, Not, Order, Query, Value
from connectors.sandbox.state import Row

Test = Callable[[Row], bool]
DEEPEST = 5  # references in one path


@dataclass(frozen=True, slots=True)
class Path:
    """A checked field path: the references to follow, then the field."""

    through: tuple[Field, ...]
    field: Field
    names: tuple[str, ...]


def rows(org: Org, query: Query, *, deleted: bool = False) -> list[Row]:
    """Return the records that answer the query, in its order."""
    sobject = org.sobject(query.object)
    test = _test(org, sobject, query.where) if query.where else None
    found = [row for row in _candidates(org, sobject, query.where, deleted) if test is None or test(row)]
    for order in reversed(query.order):
        found = _ordered(org, sobject, found, order)
    end = None if query.limit is None else query.offset + query.limit
    return found[query.offset : end]


def holds(org: Org, where: Condition, row: Row) -> bool:
    """Say whether a condition is true of one record; validation rules ask this."""
    return _test(org, org.sobject(row.object), where)(row)


def path(org: Org, sobject: SObject, names: Sequence[str]) -> Path:
    """Check a path; a Fault in Salesforce's words says which name is unknown."""
    through: list[Field] = []
    here = sobject
    for name in names[:-1]:
        field = next(
            (each for each in here.fields.values() if (each.relationship or "").lower() == name.lower() and each.refers),
            None,
        )
        if field is None or field.hidden or len(through) == DEEPEST:
            raise _no_relationship(name)
        through.append(field)
        here = NAME if len(field.refers) > 1 else org.sobject(field.refers[0])
    field = here.find(names[-1])
    if field is None:
        raise _no_column(names[-1], here.name)
    return Path(tuple(through), field, (*(str(each.relationship) for each in through), field.name))


def reach(org: Org, row: Row, way: Path) -> Any:
    """Return the value at the end of a path, null where a reference on it is empty."""
    here: Row | None = row
    for field in way.through:
        here = org.parent(here, field) if here else None
    if here is None:
        return None
    return (
        polymorphic(org, here, way.field.name)
        if way.through and len(way.through[-1].refers) > 1
        else org.value(here, way.field)
    )


def polymorphic(org: Org, row: Row, name: str) -> Any:
    """Return a column of the Name object, which stands for any record behind Owner, Who or What."""
    if name == "Type":
        return "Queue" if row.object == "Group" else row.object
    field = org.sobject(row.object).find(name)
    return org.value(row, field) if field else None


def _no_relationship(name: str) -> Fault:
    message = (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, "
        "be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call "
        "for the appropriate names."
    )
    return Fault("INVALID_FIELD", message)


def _no_column(name: str, entity: str) -> Fault:
    message = (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append "
        "the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return Fault("INVALID_FIELD", message)


# candidates


def _candidates(org: Org, sobject: SObject, where: Condition | None, deleted: bool) -> Iterable[Row]:
    ids = None if deleted else _by_index(org, sobject, where)
    if ids is not None:
        found = org.state.rows(sobject.name, sorted(ids)).values()
        return sorted((row for row in found if not row.archived), key=lambda row: row.rank)
    live = org.state.scan(sobject.name, _since(where))
    if not deleted:
        return live
    return sorted([*live, *org.state.scan(sobject.name, _since(where), archived=True)], key=lambda row: row.rank)


def _joined(where: Condition | None) -> list[Compare]:
    """Return the comparisons that every answer must pass."""
    if isinstance(where, Both) and where.word == "AND":
        return [each for part in where.parts for each in _joined(part)]
    return [where] if isinstance(where, Compare) else []


def _by_index(org: Org, sobject: SObject, where: Condition | None) -> set[str] | None:
    for each in _joined(where):
        if each.op not in ("=", "IN") or len(each.path) > 1 or not all(isinstance(one, str) and one for one in each.values):
            continue
        field = sobject.find(each.path[0])
        if field is not None and field.name == "Id":
            return {key for one in each.values if (key := whole(one))}
        if field is not None and is_indexed(field):
            wanted = [indexed(field, whole(one) or one if field.type == "reference" else one) for one in each.values]
            return {key for keys in org.state.find(sobject.name, field.name, wanted).values() for key in keys}
    return None


def _since(where: Condition | None) -> int:
    for each in _joined(where):
        if each.path[-1].lower() == "systemmodstamp" and len(each.path) == 1 and each.op in (">", ">=", "="):
            start = each.values[0]
            if isinstance(start, datetime):
                return int(start.timestamp()) * 1000
    return 0


# conditions


def _test(org: Org, sobject: SObject, where: Condition) -> Test:
    if isinstance(where, Not):
        inner = _test(org, sobject, where.part)
        return lambda row: not inner(row)
    if isinstance(where, Both):
        tests = [_test(org, sobject, part) for part in where.parts]
        every = all if where.word == "AND" else any
        return lambda row: every(test(row) for test in tests)
    return _comparison(org, path(org, sobject, where.path), where)


def _comparison(org: Org, way: Path, each: Compare) -> Test:
    if not way.field.filterable:
        raise Fault("INVALID_FIELD", f"field '{way.field.name}' can not be filtered in a query call")
    wanted = [_wanted(org, way.field, one, each.op) for one in each.values]
    compare = _compare(way.field, each.op, wanted)
    return lambda row: compare(_comparable(way.field, reach(org, row, way)))


def _compare(field: Field, op: str, wanted: list[Any]) -> Callable[[Any], bool]:
    first = wanted[0]
    if op in ("=", "IN", "!=", "NOT IN"):
        meant = op in ("=", "IN")
        spans = [one for one in wanted if isinstance(one, tuple)]
        plain = {one for one in wanted if not isinstance(one, tuple)}
        return lambda found: (found in plain or any(found is not None and a <= found < b for a, b in spans)) is meant
    if op == "LIKE":
        if field.type in (*NUMBERS, "boolean", "date", "datetime", "id", "reference"):
            raise Fault("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.type} field")
        shape = re.compile(_pattern(str(first)), re.DOTALL | re.IGNORECASE)
        return lambda found: found is not None and shape.fullmatch(str(found)) is not None
    if first is None or field.type == "boolean":
        raise Fault("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.type} field")
    start, end = first if isinstance(first, tuple) else (first, first)
    tests: dict[str, Callable[[Any], bool]] = {
        "<": lambda found: found < start,
        "<=": lambda found: found < end if isinstance(first, tuple) else found <= end,
        ">": lambda found: found >= end if isinstance(first, tuple) else found > end,
        ">=": lambda found: found >= start,
    }
    return lambda found: found is not None and tests[op](found)


def _pattern(like: str) -> str:
    parts = re.findall(r"\\[%_]|%|_|.", like, re.DOTALL)
    return "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)


def _wanted(org: Org, field: Field, given: Value, op: str) -> Any:
    """Return a literal in the form the field's values are compared in; a Fault where it cannot be one."""
    if given is None or (given == "" and isinstance(given, str)):
        return None
    if isinstance(given, DateWord):
        first, last = covered(given, datetime.fromtimestamp(org.state.now() / 1000, UTC).date())
        if field.type not in ("date", "datetime"):
            raise _wrong_type(field, quoted=field.type not in (*NUMBERS, "boolean"))
        return (first, last) if field.type == "date" else (_midnight(first), _midnight(last))
    fits: dict[str, bool] = {
        "date": isinstance(given, date) and not isinstance(given, datetime),
        "datetime": isinstance(given, datetime),
        "boolean": isinstance(given, bool),
        **dict.fromkeys(NUMBERS, isinstance(given, int | float) and not isinstance(given, bool)),
    }
    if not fits.get(field.type, isinstance(given, str)):
        raise _wrong_type(field, quoted=field.type not in fits)
    if field.type in ("id", "reference") and op != "LIKE":
        key = whole(given)
        if key is None:
            raise Fault("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {given}")
        return key
    return _comparable(field, given) if op != "LIKE" else given


def _wrong_type(field: Field, *, quoted: bool) -> Fault:
    kind = {"datetime": "dateTime", "boolean": "boolean", "date": "date"}.get(
        field.type, "double" if field.type in NUMBERS else "string"
    )
    rule = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return Fault("INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {kind} and {rule}")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _comparable(field: Field, found: Any) -> Any:
    if found is None or isinstance(found, bool | int | float | datetime):
        return found
    if isinstance(found, date):
        return found
    if field.type == "datetime":
        return moment(str(found))
    if field.type == "date":
        return date.fromisoformat(str(found)[:10])
    text = str(found)
    return text if field.case_sensitive or field.type in ("id", "reference") else text.lower()


def _ordered(org: Org, sobject: SObject, found: list[Row], order: Order) -> list[Row]:
    way = path(org, sobject, order.path)
    keyed = [(_comparable(way.field, reach(org, row, way)), row) for row in found]
    some = sorted((pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=order.descending)
    none = [row for key, row in keyed if key is None]
    rest = [row for _, row in some]
    return [*rest, *none] if order.nulls_last else [*none, *rest]
