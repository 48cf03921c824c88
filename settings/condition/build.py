"""What sqlglot read, as nodes of the language; every kind that is not named here is refused at its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from settings.condition.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Column,
    Compare,
    Constant,
    In,
    InList,
    IsNull,
    Like,
    Node,
    Not,
    Or,
    Scalar,
)

FUNCTIONS = {"lower": (1, 1), "upper": (1, 1), "length": (1, 1), "abs": (1, 1), "round": (1, 2)}
FUNCTIONS |= {"coalesce": (2, 9), "least": (2, 9), "greatest": (2, 9)}
"""Name -> fewest and most arguments."""
ARGUMENTS = {"this", "expression", "expressions", "field", "low", "high", "table", "db", "catalog", "decimals"}
ARGUMENTS |= {"is_string", "quoted", "typed", "safe", "ignore_nulls", "query"}
"""What sqlglot may have found in a node; anything beyond is a part of SQL that we would lose without a word."""
OPERATORS = {"and", "or", "not", "in", "is", "null", "between", "like", "ilike", "true", "false"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a character of the text."""

    offset: int
    code: str
    message: str
    try_: str = ""


class Faulty(Exception):
    """The text is no condition of the language; everything found wrong with it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


class Builder:
    """Turns the kinds that are allowed into our nodes; everything else is a fault at its place."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self.columns: list[str] = []
        self.lists: list[str] = []
        self.spots: dict[int, int] = {}
        self._kept: list[Node] = []

    def build(self, sql: Any) -> Node:
        kind = type(sql).__name__
        strange = [name for name, value in sql.args.items() if value and name not in ARGUMENTS]
        make: Callable[[Any], Node] = self._refuse if strange else getattr(self, f"_{kind.lower()}", self._refuse)
        try:
            node = make(sql)
        except RecursionError:
            raise Faulty(Fault(0, "CO001", "The condition is nested too deeply.")) from None
        self.spots.setdefault(id(node), self._start(sql))
        # Nodes are told apart by identity, so each must outlive the parse.
        self._kept.append(node)
        return node

    def _start(self, sql: Any) -> int:
        return min((part.meta["start"] for part in sql.walk() if "start" in part.meta), default=0)

    def _fault(self, sql: Any, code: str, message: str, try_: str = "") -> Node:
        self.faults.append(Fault(self._start(sql), code, message, try_))
        return Constant(None)

    def _refuse(self, sql: Any) -> Node:
        words = {
            "select": "a query",
            "subquery": "a query",
            "exists": "a query",
            "cast": "a cast",
            "case": "`case`",
            "interval": "an interval",
        }
        name = words.get(type(sql).__name__.lower(), f"`{sql.sql()}`"[:60])
        return self._fault(
            sql, "CO002", f"Conditions do not know {name}.", "Compare columns with values; join with and, or, not."
        )

    # ------------------------------------------------------------------------------------ names and values

    def _column(self, sql: Any) -> Node:
        parts = [part.name for part in sql.parts]
        name = ".".join(parts)
        if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
            return self._fault(
                sql, "CO004", f"`{name}` is not a column.", "Columns are written `user.x`, `account.x` or `crm.x`."
            )
        self.columns.append(name)
        return Column(name)

    def _literal(self, sql: Any) -> Node:
        if sql.is_string:
            return Constant(str(sql.this))
        number = _number(str(sql.this))
        if number is None:
            return self._fault(sql, "CO002", f"`{sql.this}` is not a number of usual size.")
        return Constant(number)

    def _boolean(self, sql: Any) -> Node:
        return Constant(bool(sql.this))

    def _null(self, _sql: Any) -> Node:
        return Constant(None)

    def _paren(self, sql: Any) -> Node:
        return self.build(sql.this)

    def _neg(self, sql: Any) -> Node:
        inner = self.build(sql.this)
        if isinstance(inner, Constant) and isinstance(inner.value, (int, float)) and not isinstance(inner.value, bool):
            return Constant(-inner.value)
        return Arithmetic("-", Constant(0), inner)

    # ------------------------------------------------------------------------------------ and, or, not

    def _and(self, sql: Any) -> Node:
        return And(self._parts(sql, "And", "Or"))

    def _or(self, sql: Any) -> Node:
        return Or(self._parts(sql, "Or", "And"))

    def _parts(self, sql: Any, same: str, other: str) -> tuple[Node, ...]:
        parts: list[Node] = []
        waiting = [sql.expression, sql.this]
        while waiting:
            part = waiting.pop()
            if type(part).__name__ == same:
                waiting += [part.expression, part.this]
                continue
            if type(part).__name__ == other:
                message = "`and` mixed with `or` can be read in two ways."
                self._fault(part, "CO003", message, "Put brackets around the parts that belong together.")
            parts.append(self.build(part))
        return tuple(parts)

    def _not(self, sql: Any) -> Node:
        return Not(self.build(sql.this))

    # ------------------------------------------------------------------------------------ comparisons

    def _compare(self, sql: Any, op: Any) -> Node:
        left, right = self.build(sql.this), self.build(sql.expression)
        if Constant(None) in (left, right) and not self.faults:
            return self._fault(sql, "CO006", "A comparison with null never holds.", "Write `is null` or `is not null`.")
        return Compare(op, left, right)

    def _eq(self, sql: Any) -> Node:
        return self._compare(sql, "=")

    def _neq(self, sql: Any) -> Node:
        return self._compare(sql, "<>")

    def _lt(self, sql: Any) -> Node:
        return self._compare(sql, "<")

    def _lte(self, sql: Any) -> Node:
        return self._compare(sql, "<=")

    def _gt(self, sql: Any) -> Node:
        return self._compare(sql, ">")

    def _gte(self, sql: Any) -> Node:
        return self._compare(sql, ">=")

    def _is(self, sql: Any) -> Node:
        if type(sql.expression).__name__ != "Null":
            return self._fault(
                sql,
                "CO002",
                "`is` goes with null only.",
                "Write a flag by itself: `crm.is_customer`, `not crm.is_customer`.",
            )
        return IsNull(self.build(sql.this))

    def _between(self, sql: Any) -> Node:
        return Between(self.build(sql.this), self.build(sql.args["low"]), self.build(sql.args["high"]))

    def _like(self, sql: Any, *, ignore_case: bool = False) -> Node:
        pattern = sql.expression
        if type(pattern).__name__ != "Literal" or not pattern.is_string:
            return self._fault(sql, "CO002", "A pattern is written text such as 'a%'.")
        return Like(self.build(sql.this), str(pattern.this), ignore_case)

    def _ilike(self, sql: Any) -> Node:
        return self._like(sql, ignore_case=True)

    def _in(self, sql: Any) -> Node:
        part = self.build(sql.this)
        named = sql.args.get("field")
        if named is not None:
            return self._in_list(part, named)
        values = [self.build(value) for value in sql.expressions]
        if sql.args.get("query") or not values:
            return self._fault(
                sql,
                "CO002",
                "`in` wants written values or the name of a list.",
                "Write `x in ('a', 'b')` or `x in my_list`.",
            )
        return In(part, tuple(self._written(value, sql) for value in values))

    def _in_list(self, part: Node, named: Any) -> Node:
        if type(named).__name__ != "Column" or len(named.parts) != 1:
            return self._fault(named, "CO005", "A list is named by one word.", "Lists are defined under `lists:`.")
        self.lists.append(named.name)
        node = InList(part, named.name)
        self.spots[id(node.list)] = self._start(named)
        return node

    def _written(self, value: Node, sql: Any) -> Scalar:
        if isinstance(value, Constant) and value.value is not None:
            return value.value
        if not self.faults:
            self._fault(
                sql,
                "CO002",
                "Every value after `in` is written out.",
                "Text in single quotes, numbers without; null with `is null`.",
            )
        return ""

    # ------------------------------------------------------------------------------------ arithmetic, functions

    def _arithmetic(self, sql: Any, op: Any) -> Node:
        return Arithmetic(op, self.build(sql.this), self.build(sql.expression))

    def _add(self, sql: Any) -> Node:
        return self._arithmetic(sql, "+")

    def _sub(self, sql: Any) -> Node:
        return self._arithmetic(sql, "-")

    def _mul(self, sql: Any) -> Node:
        return self._arithmetic(sql, "*")

    def _div(self, sql: Any) -> Node:
        return self._arithmetic(sql, "/")

    def _call(self, sql: Any) -> Node:
        name = type(sql).__name__.lower()
        given = [sql.this, *([sql.args["decimals"]] if sql.args.get("decimals") is not None else []), *sql.expressions]
        fewest, most = FUNCTIONS[name]
        if not fewest <= len(given) <= most:
            wants = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            return self._fault(sql, "CO002", f"`{name}` takes {wants} values and has {len(given)}.")
        arguments = tuple(self.build(argument) for argument in given)
        if name == "round" and len(arguments) > 1 and not _digits(arguments[1]):
            return self._fault(sql, "CO002", "`round` takes a written number of digits, 0 to 9.")
        return self._named(Call(name, arguments))

    def _named(self, call: Call) -> Node:
        """Let a function begin at its name, which sqlglot does not keep."""
        before = self.text[: self.spots[id(call.arguments[0])]]
        opening = re.search(rf"\b{call.name}\s*\([\s(+-]*$", before, re.IGNORECASE)
        self.spots[id(call)] = opening.start() if opening else len(before)
        return call

    _lower = _upper = _length = _abs = _round = _coalesce = _least = _greatest = _call


def _digits(node: Node) -> bool:
    return isinstance(node, Constant) and type(node.value) is int and 0 <= node.value <= 9


def _number(text: str) -> int | float | None:
    try:
        value = int(text) if text.isdigit() else float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None
