"""Names: snake_case, no words of the language, each once where a list has names."""

from __future__ import annotations

import re

from settings.checks.picture import Picture
from settings.condition.build import FUNCTIONS, OPERATORS, Faulty
from settings.condition.parse import parse_with_spots
from settings.condition.tree import Column
from settings.problem import Place

NAMED = ("calendars", "lists", "sources", "signals", "qualify", "pools", "queues", "destinations")
IN_CONDITIONS = ("lists", "signals")
RESERVED = (
    {"usage", "fit", "intent", "tier", "user", "account", "crm", "event", "lead", "any_event", "n"}
    | OPERATORS
    | set(FUNCTIONS)
)
_SNAKE = re.compile(r"[a-z][a-z0-9_]*")


def check(picture: Picture) -> None:
    """Look at every name that is given."""
    for section in NAMED:
        for name, place in picture.defined(section).items():
            _name(picture, section, name, place)
    for name, place in picture.defined("partners", "pools").items():
        _name(picture, "pools", name, place)
    for section, code in (("exclude", "ST009"), ("tiers", "ST009"), ("routing", "RT009")):
        _once(picture, section, code)


def _name(picture: Picture, section: str, name: str, place: Place) -> None:
    if not _SNAKE.fullmatch(name):
        snake = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        better = f"Write `{snake}`." if _SNAKE.fullmatch(snake) else "Begin with a letter; use a to z, digits and `_`."
        picture.say(place, "ST007", f"`{name}` is not in snake_case.", better)
    elif section in IN_CONDITIONS and not may_stand_in_conditions(name):
        picture.say(
            place, "ST007", f"`{name}` is a word of conditions and cannot be a name.", f"Write `my_{name}` or say more."
        )


def may_stand_in_conditions(name: str) -> bool:
    """Whether a signal or list may be called so."""
    return bool(_SNAKE.fullmatch(name)) and name not in RESERVED and _readable(name)


def _readable(name: str) -> bool:
    """Whether a condition could name it; words of SQL cannot."""
    try:
        return parse_with_spots(f"{name} >= 1").condition.columns == (name,) and isinstance(
            parse_with_spots(name).condition.tree, Column
        )
    except Faulty:
        return False


def _once(picture: Picture, section: str, code: str) -> None:
    seen: dict[str, Place] = {}
    for n, entry in picture.ordered(section):
        place = picture.place(section, n, "name")
        if entry.name in seen:
            picture.say(
                place, code, f"`{entry.name}` is already the name of another.", f"First in {seen[entry.name].short}."
            )
        seen.setdefault(entry.name, place)
