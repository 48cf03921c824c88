"""
Whether a tree makes sense: names that are known at its step, operators that fit types, and the types that use alone
reveals.

Decided here: text, number, flag and moment; a column without a declared type takes the one it is used as. Text in ISO
form compared with a column is a moment. Two passes use the same walk: the first learns, the second says what does not
fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from settings.catalogue import At, Catalogue
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
from settings.notyet import COLUMNS
from settings.problem import Place, Problem, did_you_mean
from settings.reader import Written

ORDER = {"<", "<=", ">", ">="}
A_VALUE = {"text": "text", "number": "a number", "flag": "true or false", "moment": "a moment"}


@dataclass(frozen=True, slots=True)
class Use:
    """A column used as a type, at a place."""

    type: str
    place: Place


@dataclass(slots=True)
class Types:
    """The types of all columns: declared ones, and what the uses say."""

    catalogue: Catalogue
    uses: dict[str, list[Use]] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    disputed: set[str] = field(default_factory=set)

    def of(self, key: str) -> str | None:
        known = self.catalogue.known.get(key)
        return (known.type if known else None) or self.settled.get(key)

    def use(self, key: str, type_: str, place: Place) -> None:
        self.uses.setdefault(key, []).append(Use(type_, place))

    def settle(self) -> list[Problem]:
        """Give each column without a type the one it is used as; say where two uses contradict each other."""
        problems = []
        for key, known in self.catalogue.known.items():
            found = self.uses.get(key, [])
            other = next((use for use in found if use.type != found[0].type), None)
            if known.type or key in self.disputed or not found:
                continue
            if other:
                self.disputed.add(key)
                name = key.removeprefix("event.")
                message = (
                    f"`{name}` is used as {A_VALUE[other.type]} here and as {A_VALUE[found[0].type]} in {found[0].place}."
                )
                problems.append(Problem.at(other.place, "CO007", message, "Declare its type: `{name: x, type: number}`."))
            else:
                self.settled[key] = found[0].type
        return problems

    def all(self) -> dict[str, str]:
        return {key: self.of(key) or "text" for key in self.catalogue.known}


def learn(types: Types, conditions: Sequence[tuple[Written, At]], lists: dict[str, Place]) -> list[Problem]:
    """Settle types by use, then check every condition; all problems found."""
    problems: list[Problem] = []
    for guessing in (False, True):
        before = -1
        while before != len(types.settled):
            before = len(types.settled)
            for written, at in conditions:
                _Walk(types, written, at, lists, guessing=guessing).top()
            problems += types.settle()
    for written, at in conditions:
        walk = _Walk(types, written, at, lists, learning=False)
        walk.top()
        problems += walk.problems
    return problems


@dataclass(slots=True)
class _Walk:
    types: Types
    written: Written
    at: At
    lists: dict[str, Place]
    learning: bool = True
    guessing: bool = False
    """Two columns of no known type that are put in order are numbers."""
    problems: list[Problem] = field(default_factory=list)

    def top(self) -> None:
        tree = self.written.parsed.condition.tree
        if self.written.path[-1] == "expression":
            self._want(tree, "number", "CO009", "A ratio is a number.")
        else:
            self._want(tree, "flag", "CO009", "A condition is true or false.")

    def _say(self, node: Node | str, code: str, message: str, try_: str = "") -> None:
        if not self.learning:
            offset = self.written.parsed.spots.get(id(node), 0)
            self.problems.append(Problem.at(self.written.at(offset), code, message, try_))

    # ------------------------------------------------------------------------------------ wanting a type

    def _want(self, node: Node, wanted: str, code: str = "CO006", why: str = "") -> None:
        """Let a node be of a type: learn it, or say that it is another."""
        if isinstance(node, Column):
            self._column_as(node, wanted, code, why)
        elif isinstance(node, Call) and node.name in ("coalesce", "least", "greatest"):
            for argument in node.arguments:
                self._want(argument, wanted, code, why)
        elif isinstance(node, Constant):
            self._constant_as(node, wanted, code, why)
        else:
            found = self._type(node)
            if found and found != wanted:
                self._say(node, code, f"{why} This is {A_VALUE[found]}.".strip(), _hint(found, wanted))

    def _column_as(self, node: Column, wanted: str, code: str, why: str) -> None:
        found = self._type(node)
        key = self._key(node.name)
        if key is None or key in self.types.disputed:
            return
        if found is None:
            place = self.written.at(self.written.parsed.spot(node))
            self.types.use(key, wanted, place)
        elif found != wanted:
            known = self.types.catalogue.known[key]
            defined = f"  ({known.place.short})" if known.place else ""
            message = f"{why} " if why else ""
            self._say(
                node,
                code,
                f"{message}`{node.name}` is {A_VALUE[found]}, and {A_VALUE[wanted]} is wanted.",
                _hint(found, wanted) + defined,
            )

    def _constant_as(self, node: Constant, wanted: str, code: str, why: str) -> None:
        found = _constant_type(node.value)
        if node.value is None or found == wanted:
            if node.value is None and code == "CO009":
                self._say(node, code, f"{why} This is null.")
            return
        if wanted == "moment" and isinstance(node.value, str):
            self._say(node, code, f"'{node.value}' is not a moment.", "Write it like '2026-11-22' or '2026-11-22 09:00'.")
            return
        if wanted == "text" and found == "moment":
            return
        self._say(
            node,
            code,
            f"{why} `{node.value}` is {A_VALUE[found]}, and {A_VALUE[wanted]} is wanted.".strip(),
            _hint(found, wanted),
        )

    def _same(self, *nodes: Node) -> str | None:
        """Let all nodes be of one type, the first that is known."""
        found = [self._type(node) for node in nodes]
        # A column says more than a literal: text in ISO form is a moment only beside a moment or an unknown column.
        columns = [type_ for node, type_ in zip(nodes, found, strict=True) if type_ and not isinstance(node, Constant)]
        known = columns[0] if columns else next((type_ for type_ in found if type_), None)
        if known:
            for node in nodes:
                self._want(node, known)
        return known

    # ------------------------------------------------------------------------------------ the type of a node

    def _type(self, node: Node) -> str | None:
        if isinstance(node, Column):
            return self._column(node)
        if isinstance(node, Constant):
            return _constant_type(node.value) if node.value is not None else None
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Arithmetic):
            for side in (node.left, node.right):
                self._want(side, "number", why="Arithmetic is for numbers.")
            return "number"
        self._truth(node)
        return "flag"

    def _truth(self, node: Node) -> None:
        """Look into a node that is true or false."""
        if isinstance(node, (And, Or)):
            for part in node.parts:
                self._want(part, "flag", "CO009", "`and` and `or` join conditions.")
        elif isinstance(node, Not):
            self._want(node.part, "flag", "CO009", "`not` turns a condition round.")
        elif isinstance(node, Compare):
            self._compare(node)
        elif isinstance(node, Between):
            found = self._same(node.part, node.low, node.high)
            self._ordered(node, found, "between")
        elif isinstance(node, In):
            self._in(node)
        elif isinstance(node, InList):
            self._in_list(node)
        elif isinstance(node, Like):
            self._want(node.part, "text", why="`like` is for text.")
        elif isinstance(node, IsNull):
            self._type(node.part)

    def _compare(self, node: Compare) -> None:
        found = self._same(node.left, node.right)
        if node.op in ORDER:
            self._ordered(node, found, node.op)
            if found is None and self.guessing:
                self._want(node.left, "number")
                self._want(node.right, "number")

    def _ordered(self, node: Node, found: str | None, op: str) -> None:
        if found in ("text", "flag"):
            message = f"`{op}` orders numbers and moments, and this is {A_VALUE[found]}."
            hint = "Moments are written like '2026-11-22'." if found == "text" else "Write the flag by itself."
            self._say(node, "CO006", message, hint + self._defined(node))

    def _defined(self, node: Node) -> str:
        """Where the column of a comparison is defined."""
        sides = (node.left, node.right) if isinstance(node, Compare) else (node.part,) if isinstance(node, Between) else ()
        keys = (self._key(side.name) for side in sides if isinstance(side, Column))
        places = (self.types.catalogue.known[key].place for key in keys if key)
        return next((f"  ({place.short})" for place in places if place), "")

    def _in(self, node: In) -> None:
        # `in` compares as written, so text in ISO form is text here.
        types = {"text" if isinstance(value, str) else _constant_type(value) for value in node.values}
        if len(types) > 1:
            self._say(node, "CO006", "The values after `in` are of several types.", "Put all in single quotes, or none.")
            return
        self._want(node.part, types.pop(), why="The values after `in` decide.")

    def _in_list(self, node: InList) -> None:
        self._want(node.part, "text", why="Lists hold text.")
        if node.list not in self.lists:
            said = did_you_mean(node.list, self.lists, "Define it under `lists:`.")
            self._say(node.list, "CO005", f"`{node.list}` is not a list.", said)

    def _call(self, node: Call) -> str | None:
        if node.name in ("coalesce", "least", "greatest"):
            found = self._same(*node.arguments)
            if found == "moment" and any(isinstance(argument, Constant) for argument in node.arguments):
                self._say(node, "CO006", f"`{node.name}` takes no written moments.", "Compare the column with the moment.")
            return found
        wanted = "number" if node.name in ("abs", "round") else "text"
        for argument in node.arguments:
            self._want(
                argument,
                "number" if argument is not node.arguments[0] else wanted,
                why=f"`{node.name}` is for {wanted}s.".replace("texts", "text"),
            )
        return "text" if node.name in ("lower", "upper") else "number"

    # ------------------------------------------------------------------------------------ names

    def _key(self, name: str) -> str | None:
        known = self.types.catalogue.look_up(name, self.at)
        return known.name if known else None

    def _column(self, node: Column) -> str | None:
        key = self._key(node.name)
        if key is not None:
            return None if key in self.types.disputed else self.types.of(key)
        self._unknown(node)
        return None

    def _unknown(self, node: Column) -> None:
        catalogue, name = self.types.catalogue, node.name
        if name in COLUMNS:
            self._say(node, "NYI", f"{COLUMNS[name]}: not yet built.", "Leave the condition out.")
            return
        elsewhere = catalogue.anywhere(name)
        if elsewhere:
            place = f"  ({elsewhere.place.short})" if elsewhere.place else ""
            seen = {
                At.EVENT: "It sees kept properties of the event only.",
                At.COLUMNS: "It sees `user.x` and `account.x` only.",
            }
            try_ = seen.get(self.at, "The CRM is looked at after scoring; use it in `qualify`, `exclude` or `routing`.")
            self._say(node, "CO008", f"`{name}` is not known in {self.at.value}.", try_ + place)
            return
        what = {"user": "column of the users", "account": "column of the accounts", "crm": "column of the CRM"}.get(
            name.split(".")[0]
        )
        if self.at is At.EVENT:
            otherwise = "Add it to `keep` of the events."
            self._say(
                node, "CO004", f"`{name}` is kept by no source.", did_you_mean(name, catalogue.names(self.at), otherwise)
            )
            return
        otherwise = "No source gives it; add it to `columns`." if what and not name.startswith("crm.") else ""
        said = did_you_mean(name, catalogue.names(self.at), otherwise)
        self._say(node, "CO004", f"`{name}` is not a {what or 'signal, score or column'}.", said)


def _constant_type(value: Scalar | None) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "moment" if is_moment(value) else "text"
    return "number"


def is_moment(text: str) -> bool:
    """Whether text is a date or a moment in ISO form, such as 2026-11-22 or 2026-11-22T09:00:00Z."""
    if len(text) < 10 or text[4:5] != "-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _hint(found: str, wanted: str) -> str:
    if found == "number" and wanted == "flag":
        return "Compare it with a number, such as `x >= 1`."
    if found == "text" and wanted == "flag":
        return "Compare it with text, such as `x = 'a'`."
    if found == "number" and wanted == "text":
        return "Put single quotes around values of a text."
    return "Text stands in single quotes, numbers and flags without."
