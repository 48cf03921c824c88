"""The words that people read: every name in braces is one that is declared, and can be known there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from settings.catalogue import At
from settings.checks.picture import Picture
from settings.problem import did_you_mean
from settings.reader import Path

PLACE = re.compile(r"\{([^{}]*)\}")
HANDOFF = ("lead.name", "account.name", "top_reason")


def names_in(template: str) -> tuple[str, ...]:
    """The names a text asks for: `{n:%} of {account.name}` -> n, account.name."""
    return tuple(match[1].partition(":")[0].strip() for match in PLACE.finditer(template))


def check(picture: Picture) -> None:
    """Look at each text that has names in braces."""
    frame = picture.types.catalogue.names(At.SCORE)
    for name, signal in picture.section("signals").items():
        if signal.says:
            _text(picture, signal.says, {"n", *frame}, ("signals", name, "says"))
    for path, line in picture.lines():
        if line.says:
            _text(picture, line.says, {"n", *frame} if line.signal else frame, (*path, "says"))
    for path, text in _handoff(picture):
        known = {*picture.types.catalogue.names(At.TIER), "tier", *HANDOFF, *_tops(picture)}
        _text(picture, text, known, path)


def _handoff(picture: Picture) -> Iterator[tuple[Path, str]]:
    if picture.handoff:
        yield ("handoff", "subject"), picture.handoff.subject
        for n, step in picture.reader.numbered(picture.handoff.next_steps, "handoff", "next_steps"):
            yield ("handoff", "next_steps", n, "say"), step.say


def _tops(picture: Picture) -> set[str]:
    """`{top_integration}`: the most frequent value of a property that a signal tells apart."""
    signals = picture.section("signals").values()
    return {f"top_{signal.property}" for signal in signals if signal.kind == "distinct" and signal.property}


def _text(picture: Picture, text: str, known: Iterable[str], path: Path) -> None:
    place = picture.place(*path)
    names = list(known)
    for match in PLACE.finditer(text):
        name, colon, form = match[1].partition(":")
        if name.strip() not in names:
            said = did_you_mean(name.strip(), names, "Use a column, a signal, a score or `tier`.")
            picture.say(place, "HA004", f"`{match[0]}` names nothing that is known here.", said)
        elif colon and form != "%":
            picture.say(
                place,
                "HA004",
                f"`{match[0]}` asks for a form that does not exist.",
                "There is `{n}` and `{n:%}`, for percent.",
            )
    if "{" in PLACE.sub("", text) or "}" in PLACE.sub("", text):
        picture.say(place, "HA004", "A brace has no partner.", "Names stand in braces: `{account.name}`.")
