"""
The settings as far as they could be read, for checks that look at all of it.

Decided here: what a check may ask. A part that could not be read is absent from the models but its name still counts as
defined, so that one mistake is said once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from settings.catalogue import At, Catalogue, Known, built_in, columns_of
from settings.condition.tree import Condition
from settings.condition.types import Types
from settings.handoff import Handoff
from settings.model import Model
from settings.partners import Partners
from settings.problem import Place, did_you_mean
from settings.reader import Path, Reader, Written
from settings.routing import Pool, Target
from settings.schedule import Guards, Schedule
from settings.score import Score

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class Picture:
    """What was read, with the places to point at."""

    reader: Reader
    given: dict[str, Any]
    types: Types = field(default_factory=lambda: Types(Catalogue()))

    def __post_init__(self) -> None:
        catalogue = self.types.catalogue
        for known in built_in():
            catalogue.add(known)
        for known in columns_of(self.section("sources"), self.reader):
            catalogue.add(known)
        for name, place in self.defined("signals").items():
            catalogue.add(Known(name, "signal", "number", place))

    # ------------------------------------------------------------------------------------ parts

    def section(self, name: str) -> dict[str, Any]:
        """A part of named things, as far as it could be read."""
        found: dict[str, Any] = self.given.get(name, {})
        return found

    def ordered(self, name: str) -> Iterator[tuple[int, Any]]:
        """A part that is a list, with the position each entry was written at."""
        return self.reader.numbered(self.given.get(name, ()), name)

    def whole(self, name: str) -> bool:
        """Whether a list could be read to its last entry."""
        return name in self.given and len(self.given[name]) == self.written(name)

    def written(self, *path: str | int) -> int:
        return sum(1 for known in self.reader.places if known[:-1] == path and isinstance(known[-1], int))

    @property
    def score(self) -> Score:
        return self.given.get("score") or Score()

    @property
    def handoff(self) -> Handoff | None:
        return self.given.get("handoff")

    @property
    def partners(self) -> Partners:
        return self.given.get("partners") or Partners()

    @property
    def schedule(self) -> Schedule:
        return self.given.get("schedule") or Schedule()

    @property
    def guards(self) -> Guards:
        return self.given.get("guards") or Guards()

    def lines(self) -> Iterator[tuple[Path, Any]]:
        """Every line of the three scores."""
        for dimension in ("usage", "fit", "intent"):
            for n, line in self.reader.numbered(getattr(self.score, dimension), "score", dimension):
                yield ("score", dimension, n), line

    def targets(self) -> Iterator[tuple[Path, Target]]:
        """Every target that is written: of rules, of pools, and those inside other targets."""
        for n, rule in self.ordered("routing"):
            yield from _nested(("routing", n, "to"), rule.to)
            yield from _nested(("routing", n, "otherwise"), rule.otherwise)
        for name, pool in self.section("pools").items():
            if isinstance(pool, Pool):
                yield from _nested(("pools", name, "when_nobody"), pool.when_nobody)

    def conditions(self) -> Iterator[tuple[Written, At]]:
        """Every condition that could be read, with the step it belongs to."""
        return ((written, step_of(written.path)) for written in self.reader.conditions)

    def defined(self, *path: str) -> dict[str, Place]:
        """Names defined under a key, readable or not, with their places."""
        keys = self.reader.keys.items()
        return {str(known[-1]): place for known, place in keys if known[:-1] == path and len(known) == len(path) + 1}

    # ------------------------------------------------------------------------------------ saying

    def say(self, place: Place, code: str, message: str, try_: str = "") -> None:
        self.reader.say(place, code, message, try_)

    def place(self, *path: str | int) -> Place:
        return self.reader.place(*path)

    def key(self, *path: str | int) -> Place:
        return self.reader.key(*path)

    def known(self, word: str | None, what: str, names: dict[str, Place], path: Path, code: str = "RT004") -> bool:
        """Whether a name is defined; says so with a suggestion where not."""
        if word is None or word in names:
            return True
        otherwise = f"Defined are {', '.join(names)}." if names else f"No {what} is defined."
        self.say(self.place(*path), code, f"`{word}` is not a {what}.", did_you_mean(word, names, otherwise))
        return False

    def email(self, text: str, path: Path) -> None:
        if not EMAIL.fullmatch(text):
            self.say(
                self.place(*path),
                "RT024",
                f"`{text}` is not an e-mail address.",
                "People are named by the address they have in the CRM.",
            )


def step_of(path: Path) -> At:
    """The step at which the condition at a path is evaluated."""
    if path[0] == "signals":
        return At.COLUMNS if path[-1] == "expression" else At.EVENT
    return {"score": At.SCORE, "tiers": At.TIER, "exclude": At.EXCLUDE}.get(str(path[0]), At.ALL)


def _nested(path: Path, target: Target | None) -> Iterator[tuple[Path, Target]]:
    if target is not None:
        yield path, target
        yield from _nested((*path, "if_inactive"), target.if_inactive)


def conditions_in(model: Model) -> Iterator[Condition]:
    """The conditions that are fields of a model."""
    return (value for value in model.__dict__.values() if isinstance(value, Condition))
