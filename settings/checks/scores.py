"""Scores: what a line may say, that a rep can read why, and that points can be earned."""

from __future__ import annotations

from typing import Any

from settings.checks.picture import Picture
from settings.problem import did_you_mean
from settings.reader import Path
from settings.score import DIMENSIONS, Line


def check(picture: Picture) -> None:
    """Look at each line, then at each dimension."""
    for path, line in picture.lines():
        if (line.signal is None) == (line.when is None):
            both = "both `signal` and `when`" if line.signal else "neither `signal` nor `when`"
            picture.say(picture.place(*path), "SC001", f"The line says {both}.", "Write one of them.")
        elif line.signal is not None:
            _signal(picture, path, line)
        else:
            _condition(picture, path, line)
        if line.points == 0:
            picture.say(
                picture.place(*path, "points"), "SC004", "0 points change nothing.", "Give it points, or leave the line out."
            )
    _attainable(picture)


def _signal(picture: Picture, path: Path, line: Line) -> None:
    signals = picture.defined("signals")
    if line.signal not in signals:
        said = did_you_mean(line.signal or "", signals, "Define it under `signals:`.")
        picture.say(picture.place(*path, "signal"), "SC002", f"`{line.signal}` is not a signal.", said)
        return
    known = picture.section("signals").get(line.signal or "")
    if known is not None and not known.says and not line.says:
        message = f"`{line.signal}` earns points and has no `says`."
        picture.say(
            picture.place(*path, "signal"),
            "SC003",
            message,
            f"Say it in words for the rep: {signals[line.signal or ''].short}.",
        )
    _bounds(picture, path, line)


def _bounds(picture: Picture, path: Path, line: Line) -> None:
    if line.full_at is None:
        picture.say(picture.place(*path), "SC004", "`full_at` is missing.", "Say from which value all points are given.")
        return
    place = picture.place(*path, "full_at")
    if line.from_ < 0:
        picture.say(picture.place(*path, "from_"), "SC004", f"`from: {line.from_:g}` is below 0.", "Signals begin at 0.")
    elif line.full_at <= line.from_:
        message = f"`full_at: {line.full_at:g}` is not above {line.from_:g}, where points begin."
        picture.say(place, "SC004", message, "Let it be larger.")
    if line.curve != "linear" and line.from_:
        picture.say(
            picture.place(*path, "from_"),
            "SC001",
            f"`from` does not go with `{line.curve}`.",
            "It goes with the linear curve.",
        )


def _condition(picture: Picture, path: Path, line: Line) -> None:
    strange: dict[str, Any] = {"full_at": line.full_at, "from_": line.from_, "curve": line.curve != "linear"}
    for key in (key for key, value in strange.items() if value):
        message = f"`{key.rstrip('_')}` does not go with `when`, which earns all points or none."
        picture.say(picture.key(*path, key), "SC001", message, "Leave it out.")
    if not line.says:
        picture.say(
            picture.place(*path), "SC003", "This condition earns points and has no `says`.", "Say it in words for the rep."
        )
    signals = picture.defined("signals")
    if path[1] == "usage" and line.when and not any(column in signals for column in line.when.columns):
        message = "A line of `usage` must read a signal; what is known about a company is `fit`."
        picture.say(picture.place(*path, "when"), "SC005", message, "Move it to `fit`.")


def _attainable(picture: Picture) -> None:
    """A dimension that someone relies on needs points to earn."""
    relied = {definition.score: name for name, definition in picture.section("qualify").items()}
    for dimension in DIMENSIONS:
        lines = picture.score.of(dimension)
        if len(lines) != picture.written("score", dimension) or "score" not in picture.given:
            continue
        earns = any(line.points > 0 for line in lines)
        if lines and not earns:
            picture.say(
                picture.key("score", dimension), "SC008", f"`{dimension}` has no positive points.", "Then it is always 0."
            )
        elif dimension in relied and not earns:
            place = picture.place("qualify", relied[dimension], "score")
            picture.say(place, "SC008", f"The score `{dimension}` has no lines.", f"Add lines under `score: {dimension}:`.")
