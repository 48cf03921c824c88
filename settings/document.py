"""
YAML text as nodes that remember where they stood.

Decided here: YAML 1.2 and the core words of it (`no` is text), no tags, no merge keys, no second document, caps on
size, depth and on what aliases repeat. Built from parser events without recursion, so that nothing is expanded before
it is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from settings.problem import Place, Problem

MOST_TEXT = 2_000_000
MOST_NODES = 100_000
MOST_DEPTH = 40
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"null": None, "~": None, "": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` is as written without quotes; `source` and `start` reach back to the file for exact columns."""

    value: str | int | float | bool | None
    text: str
    plain: bool
    place: Place
    source: str = field(default="", repr=False)
    start: int = 0

    def inside(self, offset: int) -> Place:
        """Where the character at `offset` of the text stands in the file, through quotes and folded lines."""
        at = self.start
        for wanted in self.text[:offset]:
            at = _skip(self.source, at, wanted) + 1
        if offset < len(self.text):
            at = _skip(self.source, at, self.text[offset])
        line_start = self.source.rfind("\n", 0, at) + 1
        return Place(self.place.file, self.source.count("\n", 0, at) + 1, at - line_start + 1)


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    place: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[Entry, ...]
    place: Place

    def get(self, key: str) -> Node | None:
        return next((entry.value for entry in self.entries if entry.key == key), None)

    def places(self) -> dict[str, Place]:
        return {entry.key: entry.place for entry in self.entries}


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    place: Place


Node = Scalar | Mapping | Sequence


def text_node(text: str, place: Place) -> Scalar:
    """A text that stands for one that was written, at its place."""
    return Scalar(text, text, plain=False, place=place)


def describe(node: Node) -> str:
    """A node in a few words, for a message."""
    if isinstance(node, Mapping):
        return "keys with values"
    if isinstance(node, Sequence):
        return "a list"
    return f"`{node.text}`" if node.value is not None else "nothing"


def read_yaml(file: str, text: str) -> tuple[Mapping | None, list[Problem]]:
    """The mapping that a file holds, and every problem of reading it."""
    if len(text) > MOST_TEXT:
        return None, [Problem(file, 1, 1, "YA004", f"The file is larger than {MOST_TEXT:,} characters.", "Split it.")]
    builder = _Builder(file, text)
    stopped = _fed(builder)
    if stopped:
        return None, [*builder.problems, stopped]
    root = builder.root
    if isinstance(root, Mapping):
        return root, builder.problems
    if root is not None and not (isinstance(root, Scalar) and root.value is None):
        message = f"Keys such as `signals:` are wanted, this is {describe(root)}."
        builder.problems.append(Problem.at(root.place, "ST003", message))
    return None, builder.problems


def _fed(builder: _Builder) -> Problem | None:
    """Give the builder every event; the problem that ended it early."""
    try:
        for event in YAML(typ="safe", pure=True).parse(builder.text):
            builder.take(event)
    except _Stop as stop:
        return stop.problem
    except MarkedYAMLError as error:
        return _broken(builder.file, error)
    except (YAMLError, ValueError) as error:
        said = str(error).splitlines()[0]
        return Problem(builder.file, 1, 1, "YA001", f"This is not YAML: {said}.", "Save it as UTF-8 text.")
    return None


class _Stop(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that has begun and not ended."""

    kind: str
    place: Place
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    key: tuple[str, Place] | None = None
    size: int = 1


class _Builder:
    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        name = type(event).__name__.removesuffix("Event")
        act: Callable[[Any], None] | None = getattr(self, f"_{name.lower()}", None)
        if act:
            act(event)

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, event: Any, message: str, try_: str = "", code: str = "YA004") -> _Stop:
        return _Stop(Problem.at(self._place(event), code, message, try_))

    def _documentstart(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._stop(event, "A second document begins here.", "Put it into a file of its own.", "YA008")

    def _scalar(self, event: Any) -> None:
        self._untagged(event)
        plain = event.style is None
        start = _content_start(self.text, event)
        value = _resolve(event.value) if plain else event.value
        place = self._place(event)
        self._add(event, Scalar(value, event.value, plain, place, self.text, start), 1)

    def _mappingstart(self, event: Any) -> None:
        self._begin(event, "mapping")

    def _sequencestart(self, event: Any) -> None:
        self._begin(event, "sequence")

    def _begin(self, event: Any, kind: str) -> None:
        self._untagged(event)
        if len(self._open) >= MOST_DEPTH:
            raise self._stop(event, f"Nested more than {MOST_DEPTH} deep.")
        self._open.append(_Open(kind, self._place(event), event.anchor))

    def _mappingend(self, _event: Any) -> None:
        done = self._open.pop()
        self._named(done.anchor, Mapping(tuple(done.entries), done.place), done.size)
        self._put(Mapping(tuple(done.entries), done.place), done.size)

    def _sequenceend(self, _event: Any) -> None:
        done = self._open.pop()
        self._named(done.anchor, Sequence(tuple(done.items), done.place), done.size)
        self._put(Sequence(tuple(done.items), done.place), done.size)

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise self._stop(event, f"`*{event.anchor}` repeats something that has not ended before it.", code="YA001")
        node, size = known
        self._count += size
        if self._count > MOST_NODES:
            raise self._stop(
                event, f"Aliases repeat more than {MOST_NODES:,} values.", "Write less, or use a list in a CSV file."
            )
        self._put(node, size)

    def _add(self, event: Any, node: Node, size: int) -> None:
        self._count += size
        if self._count > MOST_NODES:
            raise self._stop(event, f"More than {MOST_NODES:,} values.", "Put long lists into a CSV file.")
        self._named(event.anchor, node, size)
        self._put(node, size)

    def _named(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor:
            self._anchors[anchor] = (node, size)

    def _untagged(self, event: Any) -> None:
        if event.tag:
            message = f"`{event.tag}` is a tag."
            self.problems.append(Problem.at(self._place(event), "YA003", message, "Settings are plain data; leave it out."))

    def _put(self, node: Node, size: int) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += size
        if parent.kind == "sequence":
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node)
        else:
            self._pair(parent, node)

    def _key(self, node: Node) -> tuple[str, Place]:
        if not isinstance(node, Scalar):
            message = "A key cannot be in braces or brackets."
            self.problems.append(Problem.at(node.place, "YA005", message, "Put quotes around this."))
            return "", node.place
        if node.text == "<<" and node.plain:
            self.problems.append(Problem.at(node.place, "YA008", "`<<` merges keys from elsewhere.", "Write the keys out."))
            return "", node.place
        if node.value is None:
            self.problems.append(Problem.at(node.place, "YA005", "This key is blank.", "Put quotes around this."))
            return "", node.place
        return node.text, node.place

    def _pair(self, parent: _Open, value: Node) -> None:
        key, place = parent.key or ("", parent.place)
        parent.key = None
        if not key:
            return
        first = next((entry for entry in parent.entries if entry.key == key), None)
        if first:
            message = f"`{key}` is already in line {first.place.line}."
            self.problems.append(Problem.at(place, "YA002", message, "Keep one of the two."))
            return
        parent.entries.append(Entry(key, place, value))


def _resolve(text: str) -> str | int | float | bool | None:
    """What a plain scalar stands for in YAML 1.2."""
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    if _INT.fullmatch(text) and len(text) < 30:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _content_start(text: str, event: Any) -> int:
    """The index of the first character of a scalar's content."""
    start: int = event.start_mark.index
    if event.style in ("|", ">"):
        # The mark stands on the indicator; the content begins on the following line.
        return text.find("\n", start) + 1
    return start + (event.style is not None)


def _skip(source: str, at: int, wanted: str) -> int:
    """The next index from `at` where `wanted` stands; a line break in the file reads as a space."""
    while at < len(source):
        here = source[at]
        if here == wanted or (wanted.isspace() and here.isspace()):
            return _last_blank(source, at) if wanted.isspace() else at
        at += 1
    return max(0, len(source) - 1)


def _last_blank(source: str, at: int) -> int:
    """A folded break and its indentation are one blank."""
    end = at
    while end + 1 < len(source) and source[end + 1].isspace():
        end += 1
    return end if "\n" in source[at : end + 1] else at


def _broken(file: str, error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    said = " ".join(part for part in (error.context, error.problem) if part)
    return Problem.at(
        place, "YA001", f"This is not YAML: {said}.", "Look for a missing quote, bracket or colon, or at the indentation."
    )


def walk(node: Node) -> Iterator[Scalar]:
    """Every scalar below a node, in written order."""
    waiting: list[Node] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Scalar):
            yield here
        elif isinstance(here, Sequence):
            waiting.extend(reversed(here.items))
        else:
            waiting.extend(entry.value for entry in reversed(here.entries))
