"""
What a condition means: for a set (an Ibis expression), for one lead (a value), and for a reader (the comparisons tried).

Decided here: SQL's three-valued logic on both roads, held equal by a property test. Text compares as written, list keys as
lower-case text; arithmetic is done in floating numbers and division by zero is null; least, greatest and coalesce pass over
nulls. A column that a table lacks reads as null. Not decided here: what may be written (the settings' parser and check).
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from settings.condition.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Column,
    Compare,
    Condition,
    Constant,
    In,
    InList,
    IsNull,
    Like,
    Node,
    Not,
    Or,
)
from worker.core.trees import columns_of, parts_of, render

if TYPE_CHECKING:
    from settings.root import Settings

Lists = Mapping[str, Collection[str]]
Values = Mapping[str, object]

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def list_keys(settings: Settings) -> dict[str, frozenset[str]]:
    """The keys of every named list, as `compile` and `interpret` want them."""
    return {name: frozenset(lower(key) for key in spec.rows) for name, spec in settings.lists.items()}


# ------------------------------------------------------------------------------------- for a set


def compile(condition: Condition | Node, table: Any, lists: Lists) -> Any:
    """The condition as an expression over `table`; null where SQL says so."""
    tree = condition.tree if isinstance(condition, Condition) else condition
    return _expression(tree, _Set(table, lists))


def holds(condition: Condition | Node | None, table: Any, lists: Lists) -> Any:
    """True or false for every row: a condition holds only where it is true; no condition always holds."""
    import ibis

    if condition is None:
        return ibis.literal(value=True)
    return ibis.coalesce(_typed(compile(condition, table, lists), "boolean"), ibis.literal(value=False))


def real(number: float) -> Any:
    """A floating constant. Written plainly, engines read it as an exact decimal that overflows or rounds differently."""
    import ibis

    return ibis.literal(repr(float(number))).cast("float64")


@dataclass(frozen=True, slots=True)
class _Set:
    table: Any
    lists: Lists


def _typed(expression: Any, kind: Any) -> Any:
    """An absent column is an untyped null: it takes the type its place asks for."""
    return expression.cast(kind) if expression.type().is_null() else expression


@singledispatch
def _expression(node: Node, _over: _Set) -> Any:
    raise TypeError(f"{type(node).__name__} is no node of a condition.")


@_expression.register
def _(node: Column, over: _Set) -> Any:
    import ibis

    return over.table[node.name] if node.name in over.table.columns else ibis.null()


@_expression.register
def _(node: Constant, _over: _Set) -> Any:
    import ibis

    if node.value is None:
        return ibis.null()
    return real(node.value) if isinstance(node.value, float) else ibis.literal(node.value)


@_expression.register
def _(node: Compare, over: _Set) -> Any:
    left, right = _comparable(_expression(node.left, over), _expression(node.right, over), node.left, node.right)
    return _COMPARISONS[node.op](left, right)


def _comparable(left: Any, right: Any, written_left: Node, written_right: Node) -> tuple[Any, Any]:
    import ibis

    if left.type().is_timestamp() and isinstance(written_right, Constant):
        right = ibis.literal(_moment(written_right.value), type=left.type())
    if right.type().is_timestamp() and isinstance(written_left, Constant):
        left = ibis.literal(_moment(written_left.value), type=right.type())
    left = _typed(left, "string" if right.type().is_null() else right.type())
    return left, _typed(right, left.type())


@_expression.register
def _(node: And, over: _Set) -> Any:
    return functools.reduce(operator.and_, (_typed(_expression(part, over), "boolean") for part in node.parts))


@_expression.register
def _(node: Or, over: _Set) -> Any:
    return functools.reduce(operator.or_, (_typed(_expression(part, over), "boolean") for part in node.parts))


@_expression.register
def _(node: Not, over: _Set) -> Any:
    return ~_typed(_expression(node.part, over), "boolean")


@_expression.register
def _(node: IsNull, over: _Set) -> Any:
    return _expression(node.part, over).isnull()


@_expression.register
def _(node: In, over: _Set) -> Any:
    part = _typed(_expression(node.part, over), "string" if isinstance(node.values[0], str) else "float64")
    return part.isin([real(value) if isinstance(value, float) else value for value in node.values])


@_expression.register
def _(node: InList, over: _Set) -> Any:
    import ibis

    part = _typed(_expression(node.part, over), "string").cast("string").lower()
    keys = sorted(over.lists.get(node.list, ()))
    return part.isin(keys) if keys else part.isnull().ifelse(ibis.null("boolean"), ibis.literal(value=False))


@_expression.register
def _(node: Between, over: _Set) -> Any:
    return _expression(And((Compare(">=", node.part, node.low), Compare("<=", node.part, node.high))), over)


@_expression.register
def _(node: Like, over: _Set) -> Any:
    part = _typed(_expression(node.part, over), "string")
    return part.ilike(node.pattern) if node.ignore_case else part.like(node.pattern)


@_expression.register
def _(node: Arithmetic, over: _Set) -> Any:
    left, right = (_expression(side, over).cast("float64") for side in (node.left, node.right))
    match node.op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right.nullif(real(0.0))


@_expression.register
def _(node: Call, over: _Set) -> Any:
    import ibis

    arguments = [_expression(argument, over) for argument in node.arguments]
    match node.name:
        case "lower" | "upper" | "length":
            return getattr(_typed(arguments[0], "string"), node.name)()
        case "abs":
            return _typed(arguments[0], "float64").abs()
        case "round":
            return arguments[0].cast("float64").round(_digits(node))
        case _:
            return {"coalesce": ibis.coalesce, "least": ibis.least, "greatest": ibis.greatest}[node.name](*arguments)


# ------------------------------------------------------------------------------------ for one lead


def interpret(condition: Condition | Node, values: Values, lists: Lists) -> Any:
    """The condition's value for one lead, None where SQL says null."""
    tree = condition.tree if isinstance(condition, Condition) else condition
    return _value(tree, _One(values, lists))


@dataclass(frozen=True, slots=True)
class _One:
    values: Values
    lists: Lists


@singledispatch
def _value(node: Node, _one: _One) -> Any:
    raise TypeError(f"{type(node).__name__} is no node of a condition.")


@_value.register
def _(node: Column, one: _One) -> Any:
    value = one.values.get(node.name)
    return None if isinstance(value, float) and math.isnan(value) else value


@_value.register
def _(node: Constant, _one: _One) -> Any:
    return node.value


@_value.register
def _(node: Compare, one: _One) -> Any:
    left, right = _value(node.left, one), _value(node.right, one)
    if left is None or right is None:
        return None
    if isinstance(left, datetime) or isinstance(right, datetime):
        left, right = _moment(left), _moment(right)
    return _COMPARISONS[node.op](left, right)


@_value.register
def _(node: And, one: _One) -> Any:
    seen = [_value(part, one) for part in node.parts]
    return False if False in seen else None if None in seen else True


@_value.register
def _(node: Or, one: _One) -> Any:
    seen = [_value(part, one) for part in node.parts]
    return True if True in seen else None if None in seen else False


@_value.register
def _(node: Not, one: _One) -> Any:
    value = _value(node.part, one)
    return None if value is None else not value


@_value.register
def _(node: IsNull, one: _One) -> Any:
    return _value(node.part, one) is None


@_value.register
def _(node: In, one: _One) -> Any:
    value = _value(node.part, one)
    return None if value is None else value in node.values


@_value.register
def _(node: InList, one: _One) -> Any:
    value = _value(node.part, one)
    return None if value is None else lower(str(value)) in one.lists.get(node.list, ())


@_value.register
def _(node: Between, one: _One) -> Any:
    return _value(And((Compare(">=", node.part, node.low), Compare("<=", node.part, node.high))), one)


@_value.register
def _(node: Like, one: _One) -> Any:
    value = _value(node.part, one)
    if value is None:
        return None
    pattern = lower(node.pattern) if node.ignore_case else node.pattern
    shape = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(shape, lower(value) if node.ignore_case else value, re.DOTALL) is not None


@_value.register
def _(node: Arithmetic, one: _One) -> Any:
    left, right = _value(node.left, one), _value(node.right, one)
    if left is None or right is None or (node.op == "/" and right == 0):
        return None
    return {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[node.op](
        float(left), float(right)
    )


@_value.register
def _(node: Call, one: _One) -> Any:
    arguments = [_value(argument, one) for argument in node.arguments]
    if node.name in ("coalesce", "least", "greatest"):
        present = [argument for argument in arguments if argument is not None]
        chosen: dict[str, Callable[[list[Any]], Any]] = {"coalesce": operator.itemgetter(0), "least": min, "greatest": max}
        return chosen[node.name](present) if present else None
    (value, *_rest) = arguments
    if value is None:
        return None
    match node.name:
        case "lower" | "upper":
            return lower(value) if node.name == "lower" else upper(value)
        case "length":
            return len(value)
        case "abs":
            return abs(value)
        case _:
            return _rounded(float(value), _digits(node))


def _digits(node: Call) -> int:
    written = node.arguments[1] if len(node.arguments) > 1 else Constant(0)
    return int(written.value or 0) if isinstance(written, Constant) else 0


def _rounded(value: float, digits: int) -> float:
    """Half away from zero, as engines round."""
    scale = 10.0**digits
    scaled = value * scale
    if not math.isfinite(scaled):
        return value
    whole = math.floor(abs(scaled))
    return math.copysign(whole + (abs(scaled) - whole >= 0.5), value) / scale


def lower(text: str) -> str:
    """Letter by letter, as engines do: no letter becomes two, none depends on its neighbours."""
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


def upper(text: str) -> str:
    """Letter by letter, as engines do."""
    return text.upper() if text.isascii() else "".join(_capital(letter) for letter in text)


def _capital(letter: str) -> str:
    if letter == "ß":
        return "ẞ"
    return next((turned for turned in (letter.upper(), letter.title()) if len(turned) == 1), letter)


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ------------------------------------------------------------------------------------- for a reader


@dataclass(frozen=True, slots=True)
class Tried:
    """One comparison of a condition, the values it saw, and its outcome: None where a value is missing."""

    text: str
    seen: Values
    outcome: bool | None

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns without a value."""
        return tuple(name for name, value in self.seen.items() if value is None)


def trace(condition: Condition | Node, values: Values, lists: Lists) -> tuple[Tried, ...]:
    """The comparisons of a condition in the order written, each with the values it saw."""
    tree = condition.tree if isinstance(condition, Condition) else condition
    if isinstance(tree, And | Or | Not):
        return tuple(tried for part in parts_of(tree) for tried in trace(part, values, lists))
    seen = {name: values.get(name) for name in columns_of(tree)}
    return (Tried(render(tree), seen, interpret(tree, values, lists)),)
