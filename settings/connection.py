"""
What a source or destination says to its connector: every key that is not the language's own, judged by the connector's
table.

Decided here: how an option is read (a secret stays closed, `${NAME}` of any other option becomes its value). Not
decided here: what options there are; connectors declare them and wiring hands the tables in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Several
from typing import Any

from settings import notyet
from settings.alerts import CHANNELS
from settings.document import Entry, Mapping, Node, Scalar, Sequence, describe
from settings.model import Model
from settings.options import Option, OptionTable
from settings.problem import Place, did_you_mean
from settings.reader import BROKEN, Formed, Path, Reader, keys_of
from settings.secret import REFERENCE, named_like_a_secret
from settings.sources import SourceSpec
from settings.terms import Secret

LIMITS = ("oldest_handoff", "silent_after", "unproved_after")
"""Limits of alerts that may be off."""


def source(reader: Reader, node: Node, path: Path) -> Formed:
    """Keys that are not ours are the connector's options."""
    return with_options(reader, node, path, SourceSpec)


def with_options(reader: Reader, node: Node, path: Path, kind: type[Model]) -> Formed:
    """Part the language's own keys of a source or destination from the options of its connector."""
    if not isinstance(node, Mapping):
        return Formed(node)
    ours = {key for key in keys_of(kind) if key != "name"}
    word = node.get("kind")
    table = _table(reader, word, kind) if isinstance(word, Scalar) else None
    mine = tuple(entry for entry in node.entries if entry.key in ours or notyet.find((*path, entry.key)))
    theirs = tuple(entry for entry in node.entries if entry not in mine)
    options = _options(reader, theirs, table, (*path, "options"), sorted(ours))
    _needed(reader, node, table, path)
    return Formed(Mapping(mine, node.place), {"options": options})


def channel(reader: Reader, node: Node, path: Path) -> Formed | None:
    """The one key that names a kind of channel gives its address, and every other key is an option of that kind."""
    if not isinstance(node, Mapping):
        return Formed(node)
    kinds = [entry for entry in node.entries if entry.key in CHANNELS]
    if len(kinds) != 1:
        listed = ", ".join(f"`{kind}`" for kind in CHANNELS)
        said = f"says {' and '.join(f'`{entry.key}`' for entry in kinds)}" if kinds else "does not say where alerts go"
        close = (
            next((said for entry in node.entries if (said := did_you_mean(entry.key, CHANNELS))), "") if not kinds else ""
        )
        place = kinds[1].place if kinds else node.place
        reader.say(place, "AL001", f"This channel {said}.", close or f"Write exactly one of {listed}.")
        return None
    kind = kinds[0].key
    options = _options(reader, node.entries, reader.options.get(kind), path, [])
    reader.places[(*path, kind)] = kinds[0].value.place
    if kind not in options:
        return None
    return Formed(Mapping((), node.place), {"kind": kind, "options": options})


def alerts(reader: Reader, node: Node, path: Path) -> Formed | None:
    """`off` turns a limit off, and the heartbeat is a secret."""
    if not isinstance(node, Mapping):
        return Formed(node)
    ready: dict[str, Any] = {}
    for entry in node.entries:
        if entry.key in LIMITS and isinstance(entry.value, Scalar) and entry.value.text == "off":
            ready[entry.key] = None
        elif entry.key == "heartbeat":
            value = _option(reader, entry, Option("heartbeat", "secret"))
            ready[entry.key] = None if value is BROKEN else value
        if entry.key in ready:
            reader.keys[(*path, entry.key)], reader.places[(*path, entry.key)] = entry.place, entry.value.place
    return Formed(Mapping(tuple(entry for entry in node.entries if entry.key not in ready), node.place), ready)


def _options(
    reader: Reader, entries: tuple[Entry, ...], table: OptionTable | None, path: Path, ours: Several[str]
) -> dict[str, object]:
    """The options among these entries, judged by the connector's table."""
    found: dict[str, object] = {}
    for entry in entries:
        option = table.get(entry.key) if table else None
        if table and option is None:
            known = [*(option.name for option in table.options), *ours]
            message = f"`{entry.key}` is not an option of `{table.kind}`."
            reader.say(entry.place, "SE004", message, did_you_mean(entry.key, known, f"There are {', '.join(known)}."))
            continue
        reader.keys[(*path, entry.key)] = entry.place
        value = _option(reader, entry, option)
        if value is not BROKEN:
            found[entry.key] = value
    return found


def _table(reader: Reader, word: Scalar, kind: type[Model]) -> OptionTable | None:
    role = "source" if kind is SourceSpec else "crm"
    known = [name for name, table in reader.options.items() if table.role == role]
    if known and word.text not in known:
        what = "source" if role == "source" else "destination"
        said = did_you_mean(word.text, known, f"There are {', '.join(known)}.")
        reader.say(word.place, "SE007", f"`{word.text}` is no kind of {what}.", said)
    return reader.options.get(word.text) if word.text in known else None


def _needed(reader: Reader, node: Mapping, table: OptionTable | None, path: Path) -> None:
    for option in table.options if table else ():
        if option.required and node.get(option.name) is None:
            message = f"`{option.name}` is missing; `{_kind(node)}` needs it."
            example = f"Write `{option.name}: ${{NAME}}`." if option.type == "secret" else option.says
            reader.say(reader.key(*path), "SE005", message, example)


def _kind(node: Mapping) -> str:
    word = node.get("kind")
    return word.text if isinstance(word, Scalar) else ""


def _option(reader: Reader, entry: Entry, option: Option | None) -> Any:
    """One option: a secret stays closed, anything else becomes the plain value its table asks for."""
    node = entry.value
    if isinstance(node, Scalar):
        return _single(reader, entry.key, node, option)
    if option is None:
        return _plain(reader, node)
    return reader.say(node.place, "SE006", f"`{entry.key}` takes one value, this is {describe(node)}.")


def _single(reader: Reader, key: str, node: Scalar, option: Option | None) -> Any:
    if node.value is None:
        return reader.say(node.place, "ST004", f"`{key}` has no value.", "Write one, or leave the key out.")
    reference = REFERENCE.fullmatch(node.text)
    if not reference and "${" in node.text:
        return reader.say(node.place, "SE003", "A secret is the whole value.", "Write `${NAME}` and nothing around it.")
    closed = option.type == "secret" if option else bool(reference) or named_like_a_secret(key)
    if reference:
        return _from_environment(reader, node.place, reference[1], option if not closed else None)
    if closed:
        message = f"`{key}` is a secret and is written out."
        return reader.say(node.place, "SE002", message, f"Write `{key}: ${{{key.upper()}}}` and set the variable.")
    return _typed(reader, node, node.value, option)


def _plain(reader: Reader, node: Node) -> Any:
    """A nested option of a connector that declared no table: as it is written."""
    if isinstance(node, Mapping):
        return {entry.key: _option(reader, entry, None) for entry in node.entries}
    if isinstance(node, Sequence):
        return [_plain(reader, item) for item in node.items]
    return node.value


def _from_environment(reader: Reader, place: Place, name: str, option: Option | None) -> Any:
    value = reader.environment.get(name)
    if value is None and reader.environment.wanted:
        return reader.say(
            place, "SE001", f"`{name}` is not set.", f"Set {name}, or {name}_FILE to the path of a file that holds it."
        )
    if option is None:
        return Secret(name, value or "")
    if value is None:
        return f"${{{name}}}"
    return _typed(reader, Scalar(value, value, plain=False, place=place), _resolved(value), option)


def _resolved(text: str) -> str | int | float | bool:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _typed(reader: Reader, node: Scalar, value: Any, option: Option | None) -> Any:
    if option is None:
        return value
    if option.type == "choice" and node.text not in option.choices:
        listed = ", ".join(option.choices)
        message = f"`{node.text}` is not a word for `{option.name}`."
        return reader.say(node.place, "SE006", message, did_you_mean(node.text, option.choices, f"Write one of {listed}."))
    is_flag = isinstance(value, bool)
    if option.type == "flag" and not is_flag:
        return reader.say(node.place, "SE006", f"`{option.name}` is true or false, and `{node.text}` is neither.")
    if option.type == "number" and (is_flag or not isinstance(value, (int, float))):
        return reader.say(node.place, "SE006", f"`{option.name}` is a number, and `{node.text}` is none.")
    return value if option.type in ("flag", "number") else node.text
