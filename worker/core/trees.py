"""Reading a condition's tree without evaluating it: which columns and lists it names, and its canonical text."""

from __future__ import annotations

from collections.abc import Iterator

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
)


def columns_of(node: Node) -> tuple[str, ...]:
    """The columns a tree reads, each once, in the order they are met."""
    return tuple(dict.fromkeys(found.name for found in _walk(node) if isinstance(found, Column)))


def lists_of(node: Node) -> tuple[str, ...]:
    """The named lists a tree reads."""
    return tuple(dict.fromkeys(found.list for found in _walk(node) if isinstance(found, InList)))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in parts_of(node):
        yield from _walk(part)


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes one step down."""
    match node:
        case And(parts) | Or(parts):
            return parts
        case Not(part) | IsNull(part) | In(part) | InList(part) | Like(part):
            return (part,)
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return (left, right)
        case Between(part, low, high):
            return (part, low, high)
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def render(node: Node) -> str:
    """A tree as canonical text: equal trees, equal text."""
    match node:
        case Column(name):
            return name
        case Constant(value):
            return _written(value)
        case Compare(op, left, right) | Arithmetic(op, left, right):
            return f"{_inner(left)} {op} {_inner(right)}"
        case And(parts) | Or(parts):
            return (" and " if isinstance(node, And) else " or ").join(_inner(part) for part in parts)
        case Call(name, arguments):
            return f"{name}({', '.join(render(argument) for argument in arguments)})"
        case _:
            return _rendered(node)


def _rendered(node: Node) -> str:
    match node:
        case Not(part):
            return f"not {_inner(part)}"
        case IsNull(part):
            return f"{_inner(part)} is null"
        case In(part, values):
            return f"{_inner(part)} in ({', '.join(_written(value) for value in values)})"
        case InList(part, name):
            return f"{_inner(part)} in {name}"
        case Between(part, low, high):
            return f"{_inner(part)} between {_inner(low)} and {_inner(high)}"
        case Like(part, pattern, ignore_case):
            return f"{_inner(part)} {'ilike' if ignore_case else 'like'} {_written(pattern)}"
        case _:
            raise TypeError(f"{type(node).__name__} is no node of a condition.")


def _inner(node: Node) -> str:
    return f"({render(node)})" if isinstance(node, And | Or | Not | Compare | Arithmetic | Between) else render(node)


def _written(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
