"""
How models are written where that differs from their fields, for the JSON Schema and the reference.

Decided here: the words and shapes of those forms. `settings.forms` reads them; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from settings.alerts import Alerts, Channel
from settings.connection import LIMITS
from settings.destinations import Also, DestinationSpec
from settings.model import Model
from settings.partners import Partners
from settings.routing import ListSpec, Member
from settings.schedule import Every, Guards
from settings.signals import Signal
from settings.sources import Kept, SourceSpec

Shape = dict[str, Any]
TEXT: Shape = {"type": "string"}
EVENTS: Shape = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
FILE: Shape = {"type": "string", "pattern": r"\.csv$"}


@dataclass(frozen=True, slots=True)
class Extra:
    """A key that is written and is no field."""

    key: str
    words: str
    shape: Shape
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What is written instead: keys more, fields less, a short form, keys of a connector."""

    extra: tuple[Extra, ...] = ()
    hidden: frozenset[str] = frozenset()
    short: Shape | None = None
    short_words: str = ""
    only_short: bool = False
    open: bool = False
    """Further keys are options of the connector."""


_SIGNAL = (
    Extra("count", "event or list of events", EVENTS, "Number of events in the window."),
    Extra("days_with", "event or list of events", EVENTS, "Number of UTC days with such an event."),
    Extra("distinct", "`event.property`", EVENTS, "Number of different values of a property."),
    Extra("minus", "`event.property`", EVENTS, "With `distinct`: an event that takes its value away again."),
    Extra("active_users", "event or list of events", EVENTS, "Number of users of the account with such an event."),
    Extra("decayed", "event or list of events", EVENTS, "Events weighed by age; goes with `half_life`."),
    Extra("ratio", "expression", TEXT, "A number from columns, such as `account.storage_used / account.storage_limit`."),
    Extra("sum", "`event.property`", EVENTS, "Sum of a numeric property."),
)
_ALSO = Extra(
    "also",
    "fields by `object.field`",
    {"type": "object", "additionalProperties": {"$ref": "#/$defs/Also"}},
    "Further fields: `contact.usage_segment: {value: tier, mode: respect_human}`.",
)
_DIRECTORY = Extra(
    "directory",
    "`{file: x.csv}`",
    {"type": "object", "properties": {"file": FILE}, "required": ["file"], "additionalProperties": False},
    "A CSV file with the columns name, contact, manager, and if wanted language, territory, per_month, paused.",
)
_LIST = (
    Extra("file", "CSV file inside the settings", FILE, "Where the rows stand.", required=True),
    Extra("key", "column", TEXT, "The column that is looked up.", required=True),
)
SECRET: Shape = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"}
_CHANNEL = (
    Extra("slack", "secret", SECRET, "URL of a Slack incoming webhook, as `${NAME}`."),
    Extra("email", "e-mail address", TEXT, "Who gets an e-mail; the mail server comes from PQL_SMTP_HOST and its kin."),
    Extra("webhook", "secret", SECRET, "URL that gets a JSON document by POST, as `${NAME}`."),
    Extra("secret", "secret", SECRET, "With `webhook`: signs each message, as Standard Webhooks describes."),
    Extra("allow_host", "text", TEXT, "A host of your own network that `slack` or `webhook` may lead to."),
)

FORMS: dict[type[Model], Written] = {
    Signal: Written(_SIGNAL, frozenset({"kind", "events", "property", "minus", "minus_property", "expression"})),
    Member: Written(short=TEXT, short_words="an e-mail address"),
    Kept: Written(
        short={"anyOf": [TEXT, {"type": "object", "additionalProperties": TEXT, "minProperties": 1, "maxProperties": 1}]},
        short_words="a name, or `{name: column.in.source}`",
    ),
    Every: Written(
        short={"type": "string", "pattern": r"^(every \d+ (second|minute|hour|day)s?|after pull|when something changed)$"},
        short_words="`every 15 minutes`, `after pull` or `when something changed`",
        only_short=True,
    ),
    DestinationSpec: Written((_ALSO,), frozenset({"also"}), open=True),
    SourceSpec: Written(open=True),
    Partners: Written((_DIRECTORY,), frozenset({"directory"})),
    Channel: Written(_CHANNEL),
    ListSpec: Written(_LIST, frozenset({"key"}), short={"type": "array", "items": TEXT}, short_words="`[a, b]`"),
}
OFF: dict[type[Model], frozenset[str]] = {
    Guards: frozenset(Guards.model_fields),
    Alerts: frozenset(LIMITS),
}
"""Keys that may be `off`, by model."""
REFERRED: tuple[type[Model], ...] = (Also,)
"""Models that only a shape above refers to."""
