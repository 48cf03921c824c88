"""
Text to tree, by allow-list.

Decided here: which SQL a condition may use. Two gates: the tokens (words, numbers, text, the operators; nothing that
could begin a comment, a parameter, a cast or a second statement), then the tree that sqlglot makes of them, of which only
the kinds in `settings.condition.build` pass. What a name means is decided in `settings.condition.types`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from settings.condition.build import FUNCTIONS, OPERATORS, Builder, Fault, Faulty
from settings.condition.tree import Condition, Node
from settings.problem import Place, Problem, Problems, did_you_mean

MOST_TEXT = 2_000
MOST_DEPTH = 30
_TOKEN = re.compile(
    r"[ \t\r\n]+|(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>(?:[0-9]+\.[0-9]+|[0-9]+|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))"
    r"|(?P<mark><=|>=|<>|!=|[=<>+(),.]|-(?!-)|/(?!\*)|\*(?!/))"
)
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
    builder = Builder(text)
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
