"""Lists where the first match wins: a catch-all at the end, and every entry within reach."""

from __future__ import annotations

from dataclasses import dataclass

from settings.checks.picture import Picture
from settings.condition.subsume import always, implies, never
from settings.condition.tree import Condition, Constant
from settings.problem import Place


@dataclass(frozen=True, slots=True)
class Step:
    """One entry: its name in a message, its condition, where it stands and whether anything follows it."""

    name: str
    when: Condition | None
    place: Place

    @property
    def catches_all(self) -> bool:
        return self.when is None or always(self.when.tree)


@dataclass(frozen=True, slots=True)
class Ladder:
    """The words and codes for one such list."""

    what: str
    no_end: str
    out_of_reach: str
    try_: str


TIERS = Ladder("tier", "SC006", "SC007", "Add one without `when` at the end, such as `{name: cold}`.")
RULES = Ladder(
    "rule", "RT001", "RT003", "Add one without `when` at the end, such as `{name: everyone else, to: {pool: ...}}`."
)
STEPS = Ladder("next step", "HA002", "HA003", "Leave `when` out of the last one.")


def check(picture: Picture) -> None:
    """Look at tiers, routing rules and next steps."""
    _whole(picture, "tiers", TIERS)
    _whole(picture, "routing", RULES)
    if picture.handoff and len(picture.handoff.next_steps) == picture.written("handoff", "next_steps"):
        entries = picture.reader.numbered(picture.handoff.next_steps, "handoff", "next_steps")
        steps = [Step(step.say, step.when, picture.place("handoff", "next_steps", n)) for n, step in entries]
        _ladder(picture, STEPS, steps, picture.key("handoff", "next_steps"))


def _whole(picture: Picture, section: str, ladder: Ladder) -> None:
    if picture.whole(section):
        entries = picture.ordered(section)
        _ladder(
            picture,
            ladder,
            [Step(entry.name, entry.when, picture.place(section, n)) for n, entry in entries],
            picture.key(section),
        )


def _ladder(picture: Picture, ladder: Ladder, steps: list[Step], place: Place) -> None:
    if not steps or not any(step.catches_all for step in steps):
        last = steps[-1].place if steps else place
        picture.say(last, ladder.no_end, f"No {ladder.what} catches what is left over.", ladder.try_)
    for n, step in enumerate(steps):
        before = _hidden_by(step, steps[:n])
        if before:
            taken = f"`{before.name}` ({before.place.short}) takes all of it."
            message = f"The {ladder.what} `{step.name}` can never be reached: {taken}"
            picture.say(step.place, ladder.out_of_reach, message, "Move it up, or leave it out.")


def _hidden_by(step: Step, earlier: list[Step]) -> Step | None:
    """The first earlier entry that holds wherever this one would."""
    for before in earlier:
        if before.catches_all or before.when is None:
            return before
        unread = Constant(None)
        if step.when is None or unread in (step.when.tree, before.when.tree) or never(before.when.tree):
            continue
        if implies(step.when.tree, before.when.tree):
            return before
    return None
