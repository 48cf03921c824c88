"""
Whether one condition can only hold where another one holds.

Decided here: what `check` knows about two conditions without data, as intervals and sets of values of one column and as
parts of `and` and `or`. It says yes only where it is sure; a no means that it does not know.
"""

from __future__ import annotations

from settings.condition.reach import Blank, Reach, Span, Values, as_moment, as_number, meet, nothing, subset
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
    if any(never(part) or Not(part) in parts for part in parts if part is not node):
        return True
    return any(nothing(reach) for reach in _reaches(parts).values())


def always(node: Node) -> bool:
    """True when the condition surely holds for everybody."""
    return isinstance(node, Constant) and node.value is True


def _implies(narrow: Node, wide: Node) -> bool:
    if narrow == wide or always(wide) or never(narrow):
        return True
    if isinstance(narrow, Or):
        return all(_implies(part, wide) for part in narrow.parts)
    if isinstance(wide, (And, Or)):
        each = (_implies(narrow, part) for part in wide.parts)
        return all(each) if isinstance(wide, And) else any(each)
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
    return subset(have, reach)


def _reaches(parts: tuple[Node, ...]) -> dict[Node, Reach]:
    """What each column may be when all parts hold."""
    found: dict[Node, Reach] = {}
    for part in parts:
        one = _reach(part)
        if one:
            term, reach = one
            found[term] = meet(found[term], reach) if term in found else reach
    return found


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
    number = as_moment(value) if isinstance(value, str) else as_number(value)
    if number is None:
        return None
    if op in ("<", "<="):
        return Span(high=number, high_open=op == "<")
    return Span(low=number, low_open=op == ">")


def normal(node: Node) -> Node:
    """The same condition in one form: constants on the right, no `between`, `not` pushed inwards where that is safe."""
    if isinstance(node, (And, Or)):
        return type(node)(_sorted([normal(part) for part in node.parts], type(node)))
    if isinstance(node, Between):
        return normal(And((Compare(">=", node.part, node.low), Compare("<=", node.part, node.high))))
    if isinstance(node, In) and len(node.values) == 1:
        node = Compare("=", node.part, Constant(node.values[0]))
    if isinstance(node, Compare):
        return _compare(node)
    if isinstance(node, Not):
        return _negated(node)
    return node


def _compare(node: Compare) -> Node:
    if isinstance(node.left, Constant) and not isinstance(node.right, Constant):
        node = Compare(_FLIPPED[node.op], node.right, node.left)  # type: ignore[arg-type]  # the table maps operators to operators
    # `is True`: a number of 1 equals True in Python and is no flag
    said = node.right.value if isinstance(node.right, Constant) else None
    if said is True and node.op == "=" and isinstance(node.left, (Column, Call)):
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


def _sorted(parts: list[Node], kind: type[And | Or]) -> tuple[Node, ...]:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))]
    return tuple(sorted(dict.fromkeys(flat), key=repr))
