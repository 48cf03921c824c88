"""Named things that nothing reads: a warning, since a name that was meant is easily missed."""

from __future__ import annotations

from settings.checks.picture import Picture


def check(picture: Picture) -> None:
    """Look for lists, pools, queues, calendars and partner pools without a reader."""
    # A misspelt name leaves the right one unread; it has been said already.
    if {"RT004", "CO005", "RT022"} & {problem.code for problem in picture.reader.problems}:
        return
    if not (picture.whole("routing") and len(picture.section("pools")) == len(picture.defined("pools"))):
        return
    targets = [target for _, target in picture.targets()]
    lists = {name for written, _ in picture.conditions() for name in written.parsed.condition.lists}
    read = {
        "lists": lists | {target.owner_in for target in targets},
        "pools": {target.pool for target in targets},
        "queues": {target.queue for target in targets},
        "calendars": {pool.calendar for pool in picture.section("pools").values()},
    }
    offered = {target.offer for target in targets}
    for section, names in read.items():
        _unread(picture, (section,), names)
    _unread(picture, ("partners", "pools"), offered)


def _unread(picture: Picture, path: tuple[str, ...], read: set[str | None]) -> None:
    for name, place in picture.defined(*path).items():
        if name not in read:
            picture.say(place, "W123", f"Nothing reads `{name}`.", "Use it, or leave it out.")
