"""
Nodes to models.

Decided here: how a written value becomes a field of a model, by the model's own annotations, and how every misfit is
said with its place. Written forms that differ from the model (a bare member, a signal's kind key) are rewritten first,
in `settings.forms`. Whatever could be read is built, so that later checks still see it; `BROKEN` stands for the rest.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from settings import notyet
from settings.bundle import Bundle
from settings.condition.build import Faulty
from settings.condition.parse import Parsed, parse_with_spots
from settings.condition.tree import Condition, Constant
from settings.described import meaning
from settings.document import Entry, Mapping, Node, Scalar, Sequence, describe
from settings.model import Model
from settings.options import OptionTable
from settings.problem import Place, Problem, did_you_mean
from settings.secret import REFERENCE, Environment, named_like_a_secret
from settings.terms import Duration, Share, Working

Path = tuple[str | int, ...]
QUOTE = "Put quotes around this."
VARIABLE = ("file", "query")
"""Texts of a stream in which `${NAME}` stands for a path that differs between machines."""
SAME_AS_FLAGS = {"no", "yes", "on", "off"}


class _Broken:
    """Something that could not be read; its problem has been said."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN = _Broken()


@dataclass(frozen=True, slots=True)
class Written:
    """A condition as it was found: where, and with which positions inside."""

    path: Path
    parsed: Parsed
    node: Scalar

    def at(self, offset: int) -> Place:
        return self.node.inside(offset)


@dataclass(frozen=True, slots=True)
class Formed:
    """What a form makes of a node: the keys to read, and values that are ready."""

    node: Node
    ready: dict[str, Any] = field(default_factory=dict)


Form = Callable[["Reader", Node, Path], "Formed | None"]


@dataclass(slots=True)
class Reader:
    """Reads nodes into models and collects problems, places and conditions on the way."""

    bundle: Bundle
    environment: Environment
    options: dict[str, OptionTable]
    forms: dict[type[Model], Form]
    problems: list[Problem] = field(default_factory=list)
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    conditions: list[Written] = field(default_factory=list)
    kept: dict[Path, list[int]] = field(default_factory=dict)
    rows: dict[tuple[str, str], Place] = field(default_factory=dict)
    """Where a row of a CSV file stands, by file and key."""
    tables: dict[str, str] = field(default_factory=dict)
    """The file that a list comes from."""

    def say(self, place: Place, code: str, message: str, try_: str = "") -> _Broken:
        self.problems.append(Problem.at(place, code, message, try_))
        return BROKEN

    def place(self, *path: str | int) -> Place:
        """Where a value stands; where a default stands in its place, the nearest thing above it that is written."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.places.get((), Place("settings"))

    def key(self, *path: str | int) -> Place:
        """Where the key of a value stands."""
        return self.keys.get(path) or self.place(*path)

    def numbered(self, items: tuple[Any, ...], *path: str | int) -> Iterator[tuple[int, Any]]:
        """Items with the position they were written at; some may have been dropped as broken."""
        return zip(self.kept.get(path, range(len(items))), items, strict=False)

    # ------------------------------------------------------------------------------------ by annotation

    def value(self, kind: Any, node: Node, path: Path) -> Any:
        """Read a node as `kind`, an annotation of a model's field."""
        self.places[path] = node.place
        if isinstance(node, Scalar):
            planned = notyet.find(path, node.text)
            if planned:
                return self.say(node.place, "NYI", f"{planned.says}: not yet built.", f"Leave `{node.text}` out.")
            if node.value is None:
                return self.say(node.place, "ST004", f"`{path[-1]}` has no value.", f"{QUOTE} Or leave the key out.")
        read: dict[Any, Callable[[Any, Node, Path], Any]] = {
            Union: self._either,
            types.UnionType: self._either,
            Literal: self._choice,
            tuple: self._items,
            dict: self._named,
        }
        return read.get(get_origin(kind), self._single)(kind, node, path)

    def _single(self, kind: Any, node: Node, path: Path) -> Any:
        if isinstance(kind, type) and issubclass(kind, Model):
            return self.model(kind, node, path)
        if not isinstance(node, Scalar):
            return self._wrong(node, path, _wants(kind))
        if kind is Condition:
            return self._condition(node, path)
        if kind in (Duration, Working, Share):
            return self._word(kind, node)
        read = {str: self._text, bool: self._flag, int: self._number, float: self._number}[kind]
        return read(kind, node, path)

    def _either(self, kind: Any, node: Node, path: Path) -> Any:
        """Optional values, a list or one, a word or something else."""
        arms = [arm for arm in get_args(kind) if arm is not type(None)]
        for arm in arms[:-1]:
            words = get_args(arm) if get_origin(arm) is Literal else ()
            if isinstance(node, Scalar) and node.text in words:
                return node.text
        several = next((arm for arm in arms if get_origin(arm) is tuple), None)
        if several and isinstance(node, Sequence):
            return self.value(several, node, path)
        words = get_args(arms[-1]) if get_origin(arms[-1]) is Literal else ()
        if isinstance(node, Scalar) and node.text in words:
            return node.text
        return self.value(arms[0], node, path)

    def _choice(self, kind: Any, node: Node, path: Path) -> Any:
        words = get_args(kind)
        listed = ", ".join(f"`{word}`" for word in words)
        if not isinstance(node, Scalar):
            planned = (
                [entry for entry in node.entries if notyet.find((*path, entry.key))] if isinstance(node, Mapping) else []
            )
            for entry in planned:
                self.unknown(entry, [], path)
            return BROKEN if planned else self._wrong(node, path, f"one of {listed}")
        if node.text in words:
            return node.text
        message = f"`{node.text}` is not a word for `{path[-1]}`."
        return self.say(
            node.place, "ST005", message, did_you_mean(node.text, [str(word) for word in words], f"Write one of {listed}.")
        )

    def _items(self, kinds: Any, node: Node, path: Path) -> Any:
        kind = get_args(kinds)[0]
        if not isinstance(node, Sequence):
            return self._wrong(node, path, "a list", "Put it in square brackets.")
        read = [(n, self.value(kind, item, (*path, n))) for n, item in enumerate(node.items)]
        self.kept[path] = [n for n, item in read if item is not BROKEN]
        return tuple(item for _, item in read if item is not BROKEN)

    def _named(self, kinds: Any, node: Node, path: Path) -> Any:
        kind = get_args(kinds)[1]
        if not isinstance(node, Mapping):
            return self._wrong(node, path, "names with their values", "Write `name: ...`, one for each.")
        found: dict[str, Any] = {}
        for entry in node.entries:
            here = (*path, entry.key)
            self.keys[here] = entry.place
            is_model = isinstance(kind, type) and issubclass(kind, Model)
            read = (
                self.model(kind, entry.value, here, entry.key if "name" in kind.filled else None)
                if is_model
                else self.value(kind, entry.value, here)
            )
            if read is not BROKEN:
                found[entry.key] = read
        return found

    # ------------------------------------------------------------------------------------ models

    def model(self, kind: type[Model], node: Node, path: Path, name: str | None = None) -> Any:
        """Read a node as a model; `name` comes from the key above it."""
        self.places[path] = node.place
        if isinstance(node, Scalar) and node.value is None:
            return self.say(
                node.place, "ST004", f"`{path[-1] if path else ''}` has no value.", "Write its keys, or leave it out."
            )
        form = self.forms.get(kind)
        formed = form(self, node, path) if form else Formed(node)
        if formed is None:
            return BROKEN
        if not isinstance(formed.node, Mapping):
            return self._wrong(node, path, "keys with values")
        given = formed.ready | ({"name": name} if name is not None else {})
        good = self.fields(kind, formed.node, path, given)
        if not good:
            return BROKEN
        if "where" in kind.filled:
            given["where"] = str(node.place)
        return self.build(kind, given, path)

    def fields(self, kind: type[Model], node: Mapping, path: Path, given: dict[str, Any]) -> bool:
        """Read the written keys into `given`; False where one that is needed is missing or broken."""
        writable = {key: name for key, name in keys_of(kind).items() if name not in given}
        good = True
        for entry in node.entries:
            field_name = writable.get(entry.key)
            if field_name is None:
                self.unknown(entry, list(writable), path)
                continue
            here = (*path, field_name)
            self.keys[here] = entry.place
            read = self.value(kind.model_fields[field_name].annotation, entry.value, here)
            if read is not BROKEN:
                given[field_name] = read
            else:
                good = good and not kind.model_fields[field_name].is_required()
        return self._complete(kind, node, path, given) and good

    def _complete(self, kind: type[Model], node: Mapping, path: Path, given: dict[str, Any]) -> bool:
        writable = keys_of(kind)
        written = {writable.get(entry.key) for entry in node.entries}
        missing = [
            key
            for key, name in writable.items()
            if kind.model_fields[name].is_required() and name not in given and name not in written
        ]
        for key in missing:
            self.say(self.key(*path), "ST002", f"`{key}` is missing here.", meaning(kind, writable[key]))
        return not missing

    def unknown(self, entry: Entry, known: list[str], path: Path) -> None:
        """Say that a key is planned, or not known."""
        planned = notyet.find((*path, entry.key))
        if planned:
            self.say(entry.place, "NYI", f"{planned.says}: not yet built.", f"Leave `{entry.key}` out.")
            return
        listed = ", ".join(f"`{key}`" for key in known)
        self.say(
            entry.place, "ST001", f"`{entry.key}` is not a key here.", did_you_mean(entry.key, known, f"There are {listed}.")
        )

    def build(self, kind: type[Model], given: dict[str, Any], path: Path) -> Any:
        """The model of values that were read; what its bounds refuse is said at the value's place."""
        try:
            return kind(**given)
        except ValidationError as error:
            for found in error.errors():
                name = str(found["loc"][0]) if found["loc"] else ""
                message = f"`{name.rstrip('_')}`: {found['msg'].removeprefix('Value error, ')}."
                self.say(self.place(*path, name), "ST006", message)
            return BROKEN

    # ------------------------------------------------------------------------------------ single values

    def _text(self, _kind: Any, node: Scalar, path: Path) -> Any:
        if _is_reference(node.text):
            if path[0] == "sources" and path[-1] in VARIABLE:
                return self._with_variables(node, path)
            message = f"`{path[-1]}` takes no secret."
            where = "`${NAME}` stands in the options of sources and destinations, and in the `file` and `query` of a stream."
            return self.say(node.place, "SE003", message, where)
        if not isinstance(node.value, str):
            return self.say(node.place, "ST003", f"Text is wanted for `{path[-1]}`, and `{node.text}` is none.", QUOTE)
        if node.plain and node.text.lower() in SAME_AS_FLAGS:
            message = f"`{node.text}` is read as true or false by other YAML tools."
            return self.say(node.place, "ST008", message, QUOTE)
        if not node.text.strip():
            return self.say(node.place, "ST004", f"`{path[-1]}` is blank.", "Write a value, or leave the key out.")
        return node.text

    def _with_variables(self, node: Scalar, path: Path) -> Any:
        """A path or query with `${NAME}` in it. It is shown and logged, so nothing named like a secret may stand there."""
        names = list(dict.fromkeys(match[1] for match in REFERENCE.finditer(node.text)))
        values: dict[str, str] = {}
        for name in names:
            value = self.environment.get(name)
            if named_like_a_secret(name):
                self.say(node.place, "SE003", f"`{path[-1]}` takes no secret, and `{name}` is named like one.")
            elif value is None and self.environment.wanted:
                self.say(node.place, "SE001", f"`{name}` is not set.", f"Set {name} to a path.")
            else:
                values[name] = f"${{{name}}}" if value is None else value
        if len(values) < len(names):
            return BROKEN
        # In a query a path stands between quotes: a quote in it is written twice.
        quote = "''" if path[-1] == "query" else "'"
        return REFERENCE.sub(lambda match: values[match[1]].replace("'", quote), node.text)

    def _flag(self, _kind: Any, node: Scalar, path: Path) -> Any:
        if isinstance(node.value, bool):
            return node.value
        wanted = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(node.text.lower(), "true` or `false")
        return self.say(
            node.place, "ST003", f"`{path[-1]}` is true or false, and `{node.text}` is neither.", f"Write `{wanted}`."
        )

    def _number(self, kind: Any, node: Scalar, path: Path) -> Any:
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            return self.say(node.place, "ST003", f"A number is wanted for `{path[-1]}`, and `{node.text}` is none.")
        if kind is int and node.value != int(node.value):
            return self.say(node.place, "ST003", f"A whole number is wanted for `{path[-1]}`, and `{node.text}` is none.")
        return kind(node.value)

    def _word(self, kind: Any, node: Scalar) -> Any:
        try:
            return kind.parse(node.value if isinstance(node.value, str) else node.text)
        except ValueError as error:
            message, _, try_ = str(error).partition(". ")
            return self.say(node.place, "ST003", message + ".", try_)

    def _condition(self, node: Scalar, path: Path) -> Any:
        where = str(node.place)
        try:
            parsed = parse_with_spots(node.text, where)
        except Faulty as faulty:
            for fault in faulty.faults:
                self.say(node.inside(fault.offset), fault.code, fault.message, fault.try_)
            # Stands in for the unreadable condition, so that what surrounds it is still checked.
            return Condition(node.text, Constant(None), where=where)
        self.conditions.append(Written(path, parsed, node))
        return parsed.condition

    def _wrong(self, node: Node, path: Path, wants: str, try_: str = "") -> _Broken:
        name = f" for `{path[-1]}`" if path and isinstance(path[-1], str) else ""
        # `{n} views` without quotes is a mapping to YAML, `[a] b` a list.
        braces = wants in ("text", "a condition") and not isinstance(node, Scalar)
        return self.say(
            node.place, "ST003", f"Wanted{name}: {wants}. This is {describe(node)}.", try_ or (QUOTE if braces else "")
        )


def keys_of(kind: type[Model]) -> dict[str, str]:
    """The keys that may be written for a model -> its fields."""
    return {info.alias or name: name for name, info in kind.model_fields.items() if name not in kind.filled}


def _is_reference(text: str) -> bool:
    return any(match[1].isupper() for match in REFERENCE.finditer(text))


def _wants(kind: Any) -> str:
    words = {Condition: "a condition", str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    return words.get(kind) or {Duration: "a duration", Working: "working time", Share: "a share"}.get(kind, "a value")
