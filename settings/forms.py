"""
Written forms that differ from the model behind them.

Decided here: that a member may be a bare address, a kept column a bare name, a signal says its kind by a key, a
schedule is a phrase, an unknown key of a source or destination is an option of its connector. Each form rewrites nodes
and keeps their places.
"""

from __future__ import annotations

import re
from typing import Any

from settings import notyet
from settings.alerts import Alerts, Channel
from settings.connection import alerts, channel, source, with_options
from settings.destinations import Also, DestinationSpec
from settings.document import Entry, Mapping, Node, Scalar, Sequence, describe, text_node
from settings.model import Model
from settings.partners import Partners
from settings.problem import did_you_mean
from settings.reader import BROKEN, Form, Formed, Path, Reader, keys_of
from settings.routing import ListSpec, Member
from settings.schedule import Every, Guards
from settings.signals import KINDS, Signal
from settings.sources import Kept, SourceSpec
from settings.tables import read_directory, read_list

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EVERY = re.compile(r"every\s+(.+)")
NORMALISED = ("kind", "events", "property", "minus_property", "expression")
"""Fields of a signal that its kind key fills."""
_EVENT_PROPERTY = re.compile(r"(.+)\.([A-Za-z_][A-Za-z0-9_]*)")


def member(_reader: Reader, node: Node, _path: Path) -> Formed:
    """`ana@acme.com` -> `{who: ana@acme.com}`."""
    if isinstance(node, Scalar):
        return Formed(Mapping((Entry("who", node.place, node),), node.place))
    return Formed(node)


def kept(reader: Reader, node: Node, _path: Path) -> Formed | None:
    """`pages`, `{pages: properties.pages}` or `{name: pages, column: properties.pages, type: number}`."""
    if isinstance(node, Scalar):
        node = Mapping((Entry("name", node.place, node),), node.place)
    elif isinstance(node, Mapping) and len(node.entries) == 1 and node.entries[0].key not in keys_of(Kept):
        only = node.entries[0]
        node = Mapping(
            (Entry("name", only.place, text_node(only.key, only.place)), Entry("column", only.place, only.value)), node.place
        )
    name = node.get("name") if isinstance(node, Mapping) else None
    if isinstance(name, Scalar) and isinstance(name.value, str) and not _NAME.fullmatch(name.text):
        message = f"`{name.text}` cannot be a column's name in conditions."
        reader.say(name.place, "ST007", message, f"Write `{{{_snake(name.text)}: {name.text}}}`.")
        return None
    return Formed(node)


def _snake(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower() or "name"


def every(reader: Reader, node: Node, path: Path) -> Formed | None:
    """`every 15 minutes`, `after pull`, `when something changed`."""
    text = " ".join(node.text.split()) if isinstance(node, Scalar) else ""
    repeated = _EVERY.fullmatch(text)
    if repeated:
        return Formed(Mapping((Entry("every", node.place, text_node(repeated[1], node.place)),), node.place))
    if text in ("after pull", "when something changed"):
        return Formed(Mapping((), node.place), {"after": "pull"} if text == "after pull" else {"on_change": True})
    message = f"{describe(node)} says no time for `{path[-1]}`."
    reader.say(node.place, "ST003", message, "Write `every 15 minutes`, `after pull` or `when something changed`.")
    return None


def guards(reader: Reader, node: Node, path: Path) -> Formed:
    """`off` turns a guard off."""
    if not isinstance(node, Mapping):
        return Formed(node)
    off = {entry.key for entry in node.entries if isinstance(entry.value, Scalar) and entry.value.text == "off"}
    off &= set(keys_of(Guards))
    for name in off:
        reader.places[(*path, name)] = node.places()[name]
    rest = tuple(entry for entry in node.entries if entry.key not in off)
    return Formed(Mapping(rest, node.place), dict.fromkeys(off))


def signal(reader: Reader, node: Node, path: Path) -> Formed | None:
    """The kind key and its events become `kind`, `events`, `property`, `minus`, `expression`."""
    if not isinstance(node, Mapping):
        return Formed(node)
    kind = _kind(reader, node, path)
    if kind is None:
        return None
    entries = [entry for entry in node.entries if entry.key not in (*KINDS, "minus", *NORMALISED)]
    for entry in node.entries:
        if entry.key in NORMALISED:
            reader.say(entry.place, "ST001", f"`{entry.key}` is not a key here.", "The kind's own key names the events.")
    ready: dict[str, Any] = {"kind": kind.key}
    minus = next((entry for entry in node.entries if entry.key == "minus"), None)
    good = _events(reader, kind, path, ready) and (minus is None or _minus(reader, minus, path, ready))
    if kind.key == "ratio":
        entries.append(Entry("expression", kind.place, kind.value))
    return Formed(Mapping(tuple(entries), node.place), ready) if good else None


def _kind(reader: Reader, node: Mapping, path: Path) -> Entry | None:
    """The one key that says what the signal measures."""
    kinds = [entry for entry in node.entries if entry.key in KINDS]
    if len(kinds) == 1:
        return kinds[0]
    for entry in node.entries:
        planned = notyet.find((*path, entry.key))
        if planned and not kinds:
            reader.say(entry.place, "NYI", f"{planned.says}: not yet built.", f"Leave `{entry.key}` out.")
            return None
    if kinds:
        both = " and ".join(f"`{entry.key}`" for entry in kinds)
        reader.say(kinds[1].place, "SI001", f"The signal says {both}.", "Keep one of them.")
        return None
    listed = ", ".join(f"`{kind}`" for kind in KINDS)
    close = _close_kind(node) or f"Write exactly one of {listed}."
    reader.say(reader.key(*path), "SI001", "The signal does not say what it measures.", close)
    return None


def _close_kind(node: Mapping) -> str:
    known = set(keys_of(Signal)) | {"minus"}
    strange = (entry.key for entry in node.entries if entry.key not in known)
    return next((said for said in (did_you_mean(key, KINDS) for key in strange) if said), "")


def _events(reader: Reader, entry: Entry, path: Path, ready: dict[str, Any]) -> bool:
    if entry.key == "ratio":
        return True
    names = _names(reader, entry, path)
    reader.places[(*path, "events")] = reader.places[(*path, "property")] = entry.value.place
    if entry.key not in ("distinct", "sum"):
        ready["events"] = tuple(names)
        return bool(names)
    split = _split(reader, entry, names)
    if split:
        ready["events"], ready["property"] = split
    return split is not None


def _minus(reader: Reader, entry: Entry, path: Path, ready: dict[str, Any]) -> bool:
    reader.keys[(*path, "minus")] = entry.place
    if ready["kind"] != "distinct":
        message = f"`minus` takes values away again and does not go with `{ready['kind']}`."
        reader.say(entry.place, "SI002", message, "It goes with `distinct`.")
        return False
    split = _split(reader, entry, _names(reader, entry, path))
    reader.places[(*path, "minus")] = reader.places[(*path, "minus_property")] = entry.value.place
    if split:
        ready["minus"], ready["minus_property"] = split
    return split is not None


def _names(reader: Reader, entry: Entry, path: Path) -> list[str]:
    """One event or a list of them."""
    nodes = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
    read = [reader.value(str, node, (*path, entry.key)) for node in nodes]
    if not nodes:
        reader.say(entry.value.place, "ST004", f"`{entry.key}` names no event.", "Name one, a list of them, or `any_event`.")
    names = [name for name in read if name is not BROKEN]
    if "any_event" in names and len(names) > 1:
        reader.say(entry.value.place, "SI002", "`any_event` stands by itself.", "Leave the other names out.")
    return names if len(names) == len(nodes) else []


def _split(reader: Reader, entry: Entry, names: list[str]) -> tuple[tuple[str, ...], str] | None:
    """`integration_connected.integration` -> its event and its property."""
    found = [_EVENT_PROPERTY.fullmatch(name) for name in names]
    pairs = [(match[1], match[2]) for match in found if match]
    if not names:
        return None
    if len(pairs) != len(names):
        message = f"`{entry.key}` wants an event and a property."
        reader.say(
            entry.value.place, "SI002", message, "Write them with a dot, such as `integration_connected.integration`."
        )
        return None
    if len({name for _, name in pairs}) > 1:
        reader.say(
            entry.value.place, "SI002", f"`{entry.key}` names two properties.", "Several events must share one property."
        )
        return None
    return tuple(event for event, _ in pairs), pairs[0][1]


def also(_reader: Reader, node: Node, _path: Path) -> Formed:
    """The object and the field come from the key, where `_also_row` found them."""
    if not isinstance(node, Mapping):
        return Formed(node)
    named = {entry.key: entry.value.text for entry in node.entries[:2] if isinstance(entry.value, Scalar)}
    return Formed(Mapping(node.entries[2:], node.place), dict(named))


def destination(reader: Reader, node: Node, path: Path) -> Formed:
    """`also: {contact.usage_segment: {...}}` becomes a list; keys that are not ours are the connector's options."""
    formed = with_options(reader, node, path, DestinationSpec)
    fields = formed.node.get("also") if isinstance(formed.node, Mapping) else None
    if not isinstance(fields, Mapping) or not isinstance(formed.node, Mapping):
        return formed
    rows = tuple(row for entry in fields.entries if (row := _also_row(reader, entry)))
    entries = tuple(
        Entry(entry.key, entry.place, Sequence(rows, fields.place)) if entry.key == "also" else entry
        for entry in formed.node.entries
    )
    return Formed(Mapping(entries, formed.node.place), formed.ready)


def _also_row(reader: Reader, entry: Entry) -> Mapping | None:
    object_name, dot, field_name = entry.key.partition(".")
    if not dot or not object_name or not field_name:
        message = f"`{entry.key}` names no field of an object."
        reader.say(entry.place, "DE001", message, "Write the object, a dot and the field, such as `contact.usage_segment`.")
        return None
    if not isinstance(entry.value, Mapping):
        reader.say(
            entry.value.place, "ST003", f"Wanted for `{entry.key}`: keys with values.", "Write `{value: tier, mode: own}`."
        )
        return None
    named = (
        Entry("object", entry.place, text_node(object_name, entry.place)),
        Entry("field", entry.place, text_node(field_name, entry.place)),
    )
    return Mapping((*named, *entry.value.entries), entry.place)


FORMS: dict[type[Model], Form] = {
    Member: member,
    Kept: kept,
    Also: also,
    Every: every,
    Guards: guards,
    Alerts: alerts,
    Channel: channel,
    Signal: signal,
    DestinationSpec: destination,
    SourceSpec: source,
    ListSpec: read_list,
    Partners: read_directory,
}
