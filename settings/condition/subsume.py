"""
Whether one condition can only hold where another one holds.

Decided here: what `check` knows about two conditions without data, as intervals and sets of values of one column and as parts of
`and` and `or`. It says yes only where it is sure; a no means that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from settings.condition.tree import (
    And,
    Between,
    Call,
    Column,
    Compare,
    Constant,
    In,
    IsNull,
    Node,
    Not,
    Or,
    Scalar,
)

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from low to high; the ends belong to it unless open."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    def within(self, other: Span) -> bool:
        above = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        below = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return above and below

    def meet(self, other: Span) -> Span:
        low = max(((self.low, self.low_open), (other.low, other.low_open)), key=lambda end: (end[0], end[1]))
        high = min(((self.high, self.high_open), (other.high, other.high_open)), key=lambda end: (end[0], not end[1]))
        return Span(low[0], high[0], low[1], high[1])

    def holds(self, value: float) -> bool:
        return Span(value, value).within(self)

    @property
    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))


@dataclass(frozen=True, slots=True)
class Values:
    """A finite set of values, or with `out` everything but them."""

    values: frozenset[Scalar]
    out: bool = False


@dataclass(frozen=True, slots=True)
class Blank:
    """The column is null."""


Reach = Span | Values | Blank


def implies(narrow: Node, wide: Node) -> bool:
    """True when `wide` surely holds wherever `narrow` holds."""
    narrow, wide = normal(narrow), normal(wide)
    return _implies(narrow, wide)


def never(node: Node) -> bool:
    """True when the condition surely never holds."""
    node = normal(node)
    if isinstance(node, Or):
        return all(never(part) for part in node.parts)
    if isinstance(node, Constant):
        return node.value is False
    parts = node.parts if isinstance(node, And) else (node,)
    if any(never(part) for part in parts if part is not node):
        return True
    return any(_nothing(reach) for reach in _reaches(parts).values())


def always(node: Node) -> bool:
    """True when the condition surely holds for everybody."""
    return isinstance(node, Constant) and node.value is True


def _implies(narrow: Node, wide: Node) -> bool:
    if narrow == wide or always(wide) or never(narrow):
        return True
    if isinstance(narrow, Or):
        return all(_implies(part, wide) for part in narrow.parts)
    if isinstance(wide, And):
        return all(_implies(narrow, part) for part in wide.parts)
    if isinstance(wide, Or):
        return any(_implies(narrow, part) for part in wide.parts)
    parts = narrow.parts if isinstance(narrow, And) else (narrow,)
    if wide in parts or any(isinstance(part, Or) and _implies(part, wide) for part in parts):
        return True
    return _covered(_reaches(parts), wide)


def _covered(reaches: dict[Node, Reach], wide: Node) -> bool:
    found = _reach(wide)
    if found is None:
        return False
    term, reach = found
    have = reaches.get(term)
    if have is None:
        return False
    return _subset(have, reach)


def _subset(narrow: Reach, wide: Reach) -> bool:
    if isinstance(wide, Blank) or isinstance(narrow, Blank):
        return narrow == wide
    if isinstance(narrow, Span):
        if isinstance(wide, Span):
            return narrow.within(wide)
        return wide.out and not any(_number(value) is not None and narrow.holds(float(value)) for value in wide.values)
    if isinstance(wide, Span):
        if wide == Span():
            return True
        return not narrow.out and all(_number(value) is not None and wide.holds(float(value)) for value in narrow.values)
    if narrow.out:
        return wide.out and wide.values <= narrow.values
    return not (narrow.values & wide.values) if wide.out else narrow.values <= wide.values


def _reaches(parts: tuple[Node, ...]) -> dict[Node, Reach]:
    """What each column may be when all parts hold."""
    found: dict[Node, Reach] = {}
    for part in parts:
        one = _reach(part)
        if one:
            term, reach = one
            found[term] = _meet(found[term], reach) if term in found else reach
    return found


def _meet(a: Reach, b: Reach) -> Reach:
    if isinstance(a, Blank) or isinstance(b, Blank):
        return a if a == b else Values(frozenset())
    if isinstance(a, Span) and isinstance(b, Span):
        return a.meet(b)
    if isinstance(a, Span):
        a, b = b, a
    if isinstance(b, Span):
        if isinstance(a, Values) and not a.out:
            # Text has no number to compare: it stays, so that the result is never too small.
            return Values(frozenset(v for v in a.values if _number(v) is None or b.holds(float(v))))
        return b
    if isinstance(a, Span):
        return a
    if a.out and b.out:
        return Values(a.values | b.values, out=True)
    if a.out:
        a, b = b, a
    return Values(a.values - b.values if b.out else a.values & b.values)


def _nothing(reach: Reach) -> bool:
    if isinstance(reach, Span):
        return reach.empty
    return isinstance(reach, Values) and not reach.out and not reach.values


def _reach(node: Node) -> tuple[Node, Reach] | None:
    """The column of a simple condition and what it lets through; None for anything else."""
    if isinstance(node, Compare) and isinstance(node.right, Constant) and node.right.value is not None:
        reach = _compared(node.op, node.right.value)
        return (node.left, reach) if reach else None
    if isinstance(node, In):
        return node.part, Values(frozenset(node.values))
    if isinstance(node, Column):
        return node, Values(frozenset({True}))
    if isinstance(node, IsNull):
        return node.part, Blank()
    if isinstance(node, Not):
        return _refused(node.part)
    return None


def _refused(node: Node) -> tuple[Node, Reach] | None:
    if isinstance(node, Column):
        return node, Values(frozenset({False}))
    if isinstance(node, In):
        return node.part, Values(frozenset(node.values), out=True)
    if isinstance(node, IsNull):
        return node.part, Span()
    return None


def _compared(op: str, value: Scalar) -> Reach | None:
    if op in ("=", "<>"):
        return Values(frozenset({value}), out=op == "<>")
    number = _moment(value) if isinstance(value, str) else _number(value)
    if number is None:
        return None
    if op in ("<", "<="):
        return Span(high=number, high_open=op == "<")
    return Span(low=number, low_open=op == ">")


def _moment(text: str) -> float | None:
    """A moment as a number, read in UTC where it has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(value: Scalar) -> float | None:
    return None if isinstance(value, (str, bool)) else float(value)


def normal(node: Node) -> Node:
    """The same condition in one form: constants on the right, no `between`, `not` pushed inwards where that is safe."""
    if isinstance(node, And):
        return And(_sorted([normal(part) for part in node.parts], And))
    if isinstance(node, Or):
        return Or(_sorted([normal(part) for part in node.parts], Or))
    if isinstance(node, Between):
        return normal(And((Compare(">=", node.part, node.low), Compare("<=", node.part, node.high))))
    if isinstance(node, Compare):
        return _compare(node)
    if isinstance(node, In) and len(node.values) == 1:
        return Compare("=", node.part, Constant(node.values[0]))
    if isinstance(node, Not):
        return _negated(node)
    return node


def _compare(node: Compare) -> Node:
    if isinstance(node.left, Constant) and not isinstance(node.right, Constant):
        node = Compare(_FLIPPED[node.op], node.right, node.left)  # type: ignore[arg-type]  # the table maps operators to operators
    if node.right == Constant(value=True) and node.op == "=" and isinstance(node.left, (Column, Call)):
        return node.left
    return node


def _negated(node: Not) -> Node:
    """SQL's three values survive: not (a and b) is (not a or not b), not (a < 1) is a >= 1, both null where a is."""
    part = normal(node.part)
    if isinstance(part, Not):
        return part.part
    if isinstance(part, And):
        return normal(Or(tuple(Not(each) for each in part.parts)))
    if isinstance(part, Or):
        return normal(And(tuple(Not(each) for each in part.parts)))
    if isinstance(part, Compare):
        return _compare(Compare(_OPPOSITE[part.op], part.left, part.right))  # type: ignore[arg-type]  # see above
    return Not(part)


def _sorted(parts: list[Node], kind: type[And] | type[Or]) -> tuple[Node, ...]:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))]
    return tuple(sorted(dict.fromkeys(flat), key=repr))
