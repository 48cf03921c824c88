"""Conditions as a whole: names and types, conditions that can never hold, and protection that a blank takes away."""

from __future__ import annotations

from settings.checks.picture import Picture
from settings.condition.subsume import never
from settings.condition.tree import And, Column, Node, Not, Or
from settings.condition.types import learn
from settings.reader import Written


def check(picture: Picture) -> None:
    """Names and types first; the rest only where the condition makes sense."""
    _sums(picture)
    found = learn(picture.types, list(picture.conditions()), picture.defined("lists"))
    picture.reader.problems.extend(found)
    bad = {(problem.file, problem.line) for problem in found}
    for written, _ in picture.conditions():
        if (written.node.place.file, written.node.place.line) in bad:
            continue
        tree = written.parsed.condition.tree
        if written.path[-1] != "expression" and never(tree):
            picture.say(written.node.place, "CO010", "This can never hold.", "Look at the values that it compares with.")
        _blank(picture, written)


def _sums(picture: Picture) -> None:
    """A property that is summed is a number."""
    for name, signal in picture.section("signals").items():
        key = f"event.{signal.property}"
        known = picture.types.catalogue.known.get(key)
        place = picture.place("signals", name, "property")
        if signal.kind == "sum" and known and known.type not in (None, "number"):
            picture.say(
                place,
                "CO006",
                f"`{signal.property}` is {known.type}, and only numbers can be summed.",
                "Change its type in `keep`.",
            )
        elif signal.kind == "sum" and known:
            picture.types.use(key, "number", place)


def _blank(picture: Picture, written: Written) -> None:
    """Warn of `not column` where a blank column lets through what was to be kept out."""
    path = written.path
    protects = path[0] in ("exclude", "routing") or path[-1] == "applies_to"
    if not protects:
        return
    for column in _negated(written.parsed.condition.tree):
        known = picture.types.catalogue.known.get(column.name)
        if known and known.blank:
            place = written.at(written.parsed.spot(column))
            message = f"Where `{column.name}` is blank, `not {column.name}` does not hold."
            picture.say(place, "W120", message, f"Say what a blank means: `not coalesce({column.name}, false)`.")


def _negated(node: Node) -> list[Column]:
    """Columns that stand by themselves after `not`."""
    if isinstance(node, Not) and isinstance(node.part, Column):
        return [node.part]
    if isinstance(node, (And, Or)):
        return [column for part in node.parts for column in _negated(part)]
    return []
