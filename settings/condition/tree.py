"""
The tree of a condition or of an arithmetic expression.

Decided here: the few kinds of node that the language knows. The parser (`settings.condition.parse`) makes trees, the check
types them, the core compiles them to an Ibis expression for sets and interprets them for one lead; nothing else reads text.
A comparison with a missing value is neither true nor false (SQL's null); a whole condition holds only when it is true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as Choice

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its full name: `user.x`, `account.x`, `crm.x`, or bare (a signal, a score, `tier`, an event property)."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; None stands for NULL and occurs nowhere but as an argument of a function."""

    value: Scalar | None


@dataclass(frozen=True, slots=True)
class Compare:
    op: Choice["=", "<>", "<", "<=", ">", ">="]
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class IsNull:
    part: Node


@dataclass(frozen=True, slots=True)
class In:
    """Membership in written values. Text compares as written."""

    part: Node
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class InList:
    """Membership in a named list of the settings, by the list's key column."""

    part: Node
    list: str


@dataclass(frozen=True, slots=True)
class Between:
    part: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Like:
    """SQL LIKE with % and _; `ignore_case` for ILIKE."""

    part: Node
    pattern: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Division by zero gives null."""

    op: Choice["+", "-", "*", "/"]
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the allow-list: lower, upper, length, abs, round, coalesce, least, greatest."""

    name: str
    arguments: tuple[Node, ...]


Node = Column | Constant | Compare | And | Or | Not | IsNull | In | InList | Between | Like | Arithmetic | Call


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition or expression: its text as written, its tree, the columns and lists it reads."""

    text: str
    tree: Node
    columns: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    where: str = field(default="", compare=False)
    """file:line:col in the settings, for messages and `pql explain`."""
