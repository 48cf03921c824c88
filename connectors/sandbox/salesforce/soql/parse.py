"""
A SOQL text as a tree.

Read: SELECT fields (parent paths too) or COUNT(), FROM one object, WHERE with AND, OR, NOT and brackets, = != < > <=
>= LIKE IN NOT IN, null, booleans, numbers, dates and date words, ORDER BY, LIMIT, OFFSET. Refused by name:
subqueries, aggregates, GROUP BY, TYPEOF, FOR, WITH, USING, ALL ROWS, INCLUDES. As in Salesforce, AND beside OR wants
brackets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from connectors.sandbox.salesforce.errors import Fault, not_built
from connectors.sandbox.salesforce.soql.words import Word, malformed, split

MOST_SKIPPED = 2000
DATE_WORDS = (
    *("YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_WEEK", "NEXT_WEEK", "LAST_MONTH", "THIS_MONTH", "NEXT_MONTH"),
    *("LAST_YEAR", "THIS_YEAR", "NEXT_YEAR", "LAST_N_DAYS", "NEXT_N_DAYS", "N_DAYS_AGO", "LAST_90_DAYS", "NEXT_90_DAYS"),
)
UNREAD = ("GROUP", "HAVING", "WITH", "USING", "FOR", "TYPEOF", "UPDATE", "ALL", "INCLUDES", "EXCLUDES")


@dataclass(frozen=True, slots=True)
class DateWord:
    """TODAY or LAST_N_DAYS:7."""

    name: str
    count: int = 0


Value: TypeAlias = str | float | int | bool | date | datetime | DateWord | None


@dataclass(frozen=True, slots=True)
class Compare:
    """`path op value`; for IN and NOT IN the values are many."""

    path: tuple[str, ...]
    op: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """Parts joined by AND or by OR."""

    word: str
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition: TypeAlias = Compare | Both | Not


@dataclass(frozen=True, slots=True)
class Order:
    path: tuple[str, ...]
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked. `count` is SELECT COUNT()."""

    object: str
    fields: tuple[tuple[str, ...], ...]
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    count: bool = False


def parse(text: str) -> Query:
    """Return the query of this text; a Fault says what is wrong with it."""
    reader = _Reader(split(text))
    query = reader.query()
    reader.end()
    return query


def condition(text: str) -> Condition:
    """Return a lone condition, as validation rules of an org write it."""
    reader = _Reader(split(text))
    found = reader.condition()
    reader.end()
    return found


class _Reader:
    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._at = 0

    # small steps

    def _next(self) -> Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def _said(self, *words: str) -> bool:
        """Step over these words if they come next."""
        coming = self._words[self._at : self._at + len(words)]
        if [each.text.upper() for each in coming] != list(words) or any(each.kind == "text" for each in coming):
            return False
        self._at += len(words)
        return True

    def _must(self, word: str) -> None:
        if not self._said(word):
            raise self._unexpected(f"expecting '{word}'")

    def _unexpected(self, hint: str = "") -> Fault:
        word = self._next()
        if word is not None and word.text.upper() in UNREAD:
            return not_built(f"SOQL with {word.text.upper()}")
        said = f"unexpected token: '{word.text}'" if word else "unexpected token: '<EOF>'"
        return malformed(f"{said} ({hint})" if hint else said)

    def _name(self) -> str:
        word = self._next()
        if word is None or word.kind != "name" or word.text.upper() in UNREAD:
            raise self._unexpected()
        self._at += 1
        return word.text

    def _object(self) -> str:
        """Group is an object here, and a word of GROUP BY elsewhere."""
        return "Group" if self._said("GROUP") else self._name()

    def _path(self) -> tuple[str, ...]:
        return tuple(self._name().split("."))

    def _count(self) -> int:
        word = self._next()
        if word is None or not isinstance(word.value, int) or word.value < 0:
            raise self._unexpected("expecting a number")
        self._at += 1
        return word.value

    def end(self) -> None:
        if self._next() is not None:
            raise self._unexpected()

    # the query

    def query(self) -> Query:
        self._must("SELECT")
        counted = self._said("COUNT", "(", ")")
        fields = () if counted else self._fields()
        self._must("FROM")
        name = self._object()
        where = self.condition() if self._said("WHERE") else None
        order = self._orders() if self._said("ORDER", "BY") else ()
        limit = self._count() if self._said("LIMIT") else None
        offset = self._count() if self._said("OFFSET") else 0
        if offset > MOST_SKIPPED:
            raise Fault("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MOST_SKIPPED}")
        return Query(name, fields, where, order, limit, offset, counted)

    def _fields(self) -> tuple[tuple[str, ...], ...]:
        fields = [self._field()]
        while self._said(","):
            fields.append(self._field())
        names = [".".join(each).lower() for each in fields]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise Fault("INVALID_FIELD", f"duplicate field selected: {twice}")
        return tuple(fields)

    def _field(self) -> tuple[str, ...]:
        if self._said("("):
            raise not_built("SOQL with a subquery")
        path = self._path()
        word = self._next()
        if word is not None and word.text == "(":
            raise not_built(f"SOQL with {path[0]}(...)")
        return path

    def _orders(self) -> tuple[Order, ...]:
        orders = [self._order()]
        while self._said(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        path = self._path()
        descending = self._said("DESC")
        if not descending:
            self._said("ASC")
        last = False
        if self._said("NULLS", "LAST"):
            last = True
        else:
            self._said("NULLS", "FIRST")
        return Order(path, descending, last)

    # conditions

    def condition(self) -> Condition:
        first = self._part()
        for word, other in (("AND", "OR"), ("OR", "AND")):
            parts = [first]
            while self._said(word):
                parts.append(self._part())
            if len(parts) > 1:
                self._no(other)
                return Both(word, tuple(parts))
        return first

    def _no(self, word: str) -> None:
        following = self._next()
        if following is not None and following.kind == "name" and following.text.upper() == word:
            raise self._unexpected("AND beside OR wants brackets")

    def _part(self) -> Condition:
        if self._said("NOT"):
            return Not(self._part())
        if self._said("("):
            inner = self.condition()
            self._must(")")
            return inner
        return self._compare()

    def _compare(self) -> Compare:
        path = self._path()
        if self._said("NOT", "IN"):
            return Compare(path, "NOT IN", self._values())
        if self._said("IN"):
            return Compare(path, "IN", self._values())
        for op in ("=", "!=", "<>", "<=", ">=", "<", ">", "LIKE"):
            if self._said(op):
                return Compare(path, "!=" if op == "<>" else op, (self._value(),))
        raise self._unexpected("expecting a comparison")

    def _values(self) -> tuple[Value, ...]:
        self._must("(")
        following = self._next()
        if following is not None and following.text.upper() == "SELECT":
            raise not_built("SOQL with a semi-join")
        values = [self._value()]
        while self._said(","):
            values.append(self._value())
        self._must(")")
        return tuple(values)

    def _value(self) -> Value:
        word = self._next()
        if word is None or word.kind == "sign":
            raise self._unexpected("expecting a value")
        self._at += 1
        if word.kind != "name":
            return word.value
        plain = word.text.upper()
        known = {"NULL": None, "TRUE": True, "FALSE": False}
        if plain in known:
            return known[plain]
        name, _, count = plain.partition(":")
        if name in DATE_WORDS:
            return DateWord(name, int(count or 0))
        raise malformed(f"unexpected token: '{word.text}' (a text value wants single quotes)")
