"""
Text to tree, by allow-list.

Decided here: which SQL a condition may use. Two gates: the tokens (words, numbers, text, the operators; nothing that could begin a
comment, a parameter, a cast or a second statement), then the tree that sqlglot makes of them, of which only the kinds in
`_Builder` pass. What a name means and whether types fit is decided in `settings.condition.types`.
"""

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
    Condition,
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
from settings.problem import Place, Problem, Problems, did_you_mean

MOST_TEXT = 2_000
MOST_DEPTH = 30
FUNCTIONS = {"lower": (1, 1), "upper": (1, 1), "length": (1, 1), "abs": (1, 1), "round": (1, 2)}
FUNCTIONS |= {"coalesce": (2, 9), "least": (2, 9), "greatest": (2, 9)}
"""Name -> fewest and most arguments."""
ARGUMENTS = {"this", "expression", "expressions", "field", "low", "high", "table", "db", "catalog", "decimals"}
ARGUMENTS |= {"is_string", "quoted", "typed", "safe", "ignore_nulls", "query"}
"""What sqlglot may have found in a node; anything beyond is a part of SQL that we would lose without a word."""
OPERATORS = {"and", "or", "not", "in", "is", "null", "between", "like", "ilike", "true", "false"}
_TOKEN = re.compile(
    r"\s+|(?P<text>'(?:[^']|'')*')|(?P<number>(?:\d+\.\d+|\d+|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark><=|>=|<>|!=|[=<>+(),.]|-(?!-)|/(?!\*)|\*(?!/))"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HINTS = {
    '"': "Text stands in single quotes: 'DE'.",
    ";": "A condition is one expression.",
    "--": "Comments belong into the YAML, after `#`.",
    "/*": "Comments belong into the YAML, after `#`.",
    "==": "Write `=`.",
    "&&": "Write `and`.",
    "||": "Write `or`.",
    "$": "Secrets and parameters have no place in a condition.",
    "'": "A quote is not closed.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a character of the text."""

    offset: int
    code: str
    message: str
    try_: str = ""


class Faulty(Exception):  # noqa: N818 - it carries faults, it is not one
    """The text is no condition of the language; everything found wrong with it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree and, for messages, the character at which each of its nodes begins (by the node's identity)."""

    condition: Condition
    spots: dict[int, int]

    def spot(self, node: Node) -> int:
        return self.spots.get(id(node), 0)


def parse(text: str, where: str = "") -> Condition:
    """
    The tree of a condition or of an arithmetic expression; raises `Problems`.

    >>> parse("projects >= 3 and integrations >= 1").columns
    ('projects', 'integrations')
    """
    try:
        return parse_with_spots(text, where).condition
    except Faulty as faulty:
        file = where.split(":", maxsplit=1)[0] or "condition"
        found = [
            Problem.at(Place(file, 1, fault.offset + 1), fault.code, fault.message, fault.try_) for fault in faulty.faults
        ]
        raise Problems(found, {file: text}) from None


def parse_with_spots(text: str, where: str = "") -> Parsed:
    """The same with the position of each node; raises `Faulty`."""
    _gate(text)
    sql = _sql_tree(text)
    builder = _Builder(text)
    tree = builder.build(sql)
    if builder.faults:
        raise Faulty(*builder.faults)
    condition = Condition(text, tree, tuple(dict.fromkeys(builder.columns)), tuple(dict.fromkeys(builder.lists)), where)
    return Parsed(condition, builder.spots)


def _gate(text: str) -> None:
    """Let through known tokens only, and no function that is not listed."""
    if not text.strip():
        raise Faulty(Fault(0, "CO001", "The condition is blank.", "Leave the key out, or write a comparison."))
    if len(text) > MOST_TEXT:
        raise Faulty(
            Fault(0, "CO001", f"The condition is longer than {MOST_TEXT:,} characters.", "Use a list in a CSV file.")
        )
    at = depth = 0
    word: tuple[str, int] | None = None
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise Faulty(_unknown_mark(text, at))
        if token["mark"] == "(":
            _called(word)
        depth += {"(": 1, ")": -1}.get(token["mark"], 0)
        if depth > MOST_DEPTH:
            raise Faulty(Fault(at, "CO001", f"More than {MOST_DEPTH} brackets stand inside each other."))
        if token.lastgroup:
            word = (token[0].lower(), at) if token["word"] else None
        at = token.end()


def _unknown_mark(text: str, at: int) -> Fault:
    hint = next((hint for mark, hint in _HINTS.items() if text.startswith(mark, at)), "")
    shown = text[at : at + 2] if text[at : at + 2] in _HINTS else text[at]
    return Fault(
        at, "CO002", f"`{shown}` is not part of the language.", hint or "Text stands in single quotes, numbers without."
    )


def _called(word: tuple[str, int] | None) -> None:
    """Refuse a bracket after a word that is neither a function nor an operator of the language."""
    if word and word[0] not in FUNCTIONS and word[0] not in OPERATORS:
        before, at = word
        known = ", ".join(FUNCTIONS)
        message = f"`{before}(...)` is not a function of the language."
        raise Faulty(Fault(at, "CO002", message, did_you_mean(before, tuple(FUNCTIONS), f"There are {known}.")))


def _sql_tree(text: str) -> Any:
    """What sqlglot makes of the text, read as one condition and never as a statement."""
    # Imported here because it costs a third of a second and not every command reads conditions.
    from sqlglot import exp
    from sqlglot.dialects.duckdb import DuckDB
    from sqlglot.errors import ParseError, SqlglotError

    dialect = DuckDB()
    try:
        trees = dialect.parser().parse_into(exp.Condition, dialect.tokenize(text), text)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = str(first.get("highlight") or "")
        offset = max(0, _offset(text, first) - len(near))
        shown = f" near `{near}`" if near else ""
        raise Faulty(
            Fault(offset, "CO001", f"This is not a condition{shown}.", "Look for a missing bracket, quote or operator.")
        ) from None
    except (SqlglotError, RecursionError) as error:
        raise Faulty(
            Fault(0, "CO001", f"This is not a condition ({type(error).__name__}).", "Write less at once.")
        ) from None
    if len(trees) != 1 or trees[0] is None:
        raise Faulty(Fault(0, "CO001", "This is not one condition.", "Join parts with `and` or `or`."))
    return trees[0]


def _offset(text: str, error: dict[str, Any]) -> int:
    lines = text.split("\n")[: max(0, int(error.get("line") or 1) - 1)]
    return min(len(text), sum(len(line) + 1 for line in lines) + int(error.get("col") or 0))


class _Builder:
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
        self.spots[id(node)] = self._start(sql)
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
        return Call(name, tuple(self.build(argument) for argument in given))

    _lower = _upper = _length = _abs = _round = _coalesce = _least = _greatest = _call


def _number(text: str) -> int | float | None:
    try:
        value = int(text) if text.isdigit() else float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None
