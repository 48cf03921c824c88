"""Destinations and schedule: fields that can be written, ways to match, steps that can be followed."""

from __future__ import annotations

from settings.catalogue import At
from settings.checks.picture import Picture
from settings.destinations import Also, DestinationSpec
from settings.problem import Place, did_you_mean
from settings.reader import Path
from settings.schedule import Every

OBJECTS = ("contact", "lead", "company")
EXTRA = ("lead.name", "top_reason")
AFTER: dict[str, tuple[str, ...]] = {"pull": (), "score": ("after",), "push": ("on_change",), "watch": ()}
MOST_RESERVED = 0.9
SHORTEST = 60
"""Seconds between two runs of a step at the least."""


def check(picture: Picture) -> None:
    """Look at each destination and at the schedule."""
    for name, spec in picture.section("destinations").items():
        _match(picture, name, spec)
        if spec.reserve is not None and spec.reserve.of > MOST_RESERVED:
            message = f"A reserve of {spec.reserve.of:.0%} leaves pqlsync next to nothing."
            picture.say(
                picture.place("destinations", name, "reserve"), "DE005", message, "Write 90% or less, such as `10%`."
            )
        seen: dict[tuple[str, str], Place] = {}
        for n, also in picture.reader.numbered(spec.also, "destinations", name, "also"):
            here = ("destinations", name, "also", n)
            _field(picture, here, also)
            first = seen.setdefault((also.object, also.field), picture.place(*here))
            if first != picture.place(*here):
                message = f"`{also.object}.{also.field}` is already mapped."
                picture.say(picture.place(*here), "DE002", message, f"First in {first.short}.")
    for step, allowed in AFTER.items():
        _step(picture, step, getattr(picture.schedule, step), allowed)


def _match(picture: Picture, name: str, spec: DestinationSpec) -> None:
    here = ("destinations", name, "match")
    if not spec.match:
        picture.say(picture.key(*here), "DE004", "Nothing would be matched.", "Write `[stored_id, pql_key, email]`.")
    for n, way in picture.reader.numbered(spec.match, *here):
        if way in spec.match[: spec.match.index(way)] or (spec.match.count(way) > 1 and n > spec.match.index(way)):
            picture.say(picture.place(*here, n), "DE004", f"`{way}` stands twice.", "Keep the first.")
    emails = any(source.users and source.users.email for source in picture.section("sources").values())
    if "email" in spec.match and not emails and picture.section("sources"):
        message = "Leads are matched by e-mail, and no source gives one."
        picture.say(picture.place(*here), "DE004", message, "Say `email:` under `users:`, or leave `email` out.")


def _field(picture: Picture, path: Path, also: Also) -> None:
    if also.object not in OBJECTS:
        words = {"account": "company", "opportunity": "deal"}
        otherwise = (
            f"Did you mean `{words[also.object]}`?" if also.object == "account" else f"There are {', '.join(OBJECTS)}."
        )
        said = did_you_mean(also.object, OBJECTS, otherwise)
        picture.say(picture.place(*path), "DE001", f"`{also.object}` is not a CRM object that is written.", said)
    if also.field.lower().startswith("pql_"):
        message = f"`{also.field}` is one of the standard fields."
        picture.say(picture.place(*path), "DE002", message, "They are written by themselves; name a field of yours.")
    names = picture.types.catalogue.names(At.ALL) | dict.fromkeys(EXTRA)
    if also.value not in names:
        said = did_you_mean(also.value, names, "Write a column, a signal, a score or `tier`.")
        picture.say(picture.place(*path, "value"), "DE003", f"`{also.value}` is not known.", said)
    elif also.mode == "append":
        _added(picture, path, also)


def _added(picture: Picture, path: Path, also: Also) -> None:
    """Only words can be among the values of a field of several values; nothing is ever taken out of one."""
    known = picture.types.catalogue.look_up(also.value, At.ALL)
    kind = known.type if known else None
    if kind is not None and kind != "text":
        message = f"`{also.value}` is a {kind}, which a field of several values does not hold."
        picture.say(picture.place(*path, "mode"), "DE006", message, "Write `mode: respect_human`, or a value that is text.")
    if also.clear:
        message = "`append` adds and takes nothing out, so there is nothing to clear."
        picture.say(picture.place(*path, "clear"), "DE006", message, "Leave `clear` out.")


def _step(picture: Picture, step: str, every: Every, allowed: tuple[str, ...]) -> None:
    place = picture.place("schedule", step)
    if every.every is None and not any(getattr(every, way) for way in allowed):
        said = {"after": "after pull", "on_change": "when something changed"}
        ways = ["`every 15 minutes`", *(f"`{said[way]}`" for way in allowed)]
        picture.say(place, "SH001", f"`{step}` cannot follow that.", f"Write {' or '.join(ways)}.")
    elif every.every is not None and every.every.seconds < SHORTEST:
        picture.say(place, "SH001", f"Every {every.every} is too often.", "Write `every 1 minute` or more.")
