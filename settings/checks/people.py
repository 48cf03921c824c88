"""Pools, queues, calendars and partners: who is there, when, and whether anybody can take a lead."""

from __future__ import annotations

import re
from itertools import pairwise
from zoneinfo import available_timezones

from settings.checks.picture import Picture
from settings.partners import Partner
from settings.problem import Place, did_you_mean
from settings.routing import Calendar, Pool

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WORST_RATIO = 20
SELECTS = ("name", "language", "territory")
_BLOCK = re.compile(r"(?:(\w{3})(?:\s*-\s*(\w{3}))?)\s+(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)")


def check(picture: Picture) -> None:
    """Look at pools, queues, calendars and partner pools."""
    for name, pool in picture.section("pools").items():
        _pool(picture, name, pool)
    _in_two_pools(picture)
    for name, queue in picture.section("queues").items():
        picture.email(queue.owner, ("queues", name, "owner"))
    for name, calendar in picture.section("calendars").items():
        _calendar(picture, name, calendar)
    zone(picture, picture.given.get("timezone", "UTC"), picture.place("timezone"))
    _partner_pools(picture)


def _pool(picture: Picture, name: str, pool: Pool) -> None:
    picture.known(pool.calendar, "calendar", picture.defined("calendars"), ("pools", name, "calendar"))
    here = ("pools", name, "members")
    seen: dict[str, Place] = {}
    for n, member in picture.reader.numbered(pool.members, *here):
        picture.email(member.who, (*here, n, "who"))
        if member.who.lower() in seen:
            message = f"{member.who} is already in `{name}`."
            picture.say(
                picture.place(*here, n),
                "RT008",
                message,
                f"First in {seen[member.who.lower()]}; use `weight` for more turns.",
            )
        seen.setdefault(member.who.lower(), picture.place(*here, n))
    if len(pool.members) == picture.written(*here):
        _weights(picture, name, pool, picture.key(*here))


def _weights(picture: Picture, name: str, pool: Pool, place: Place) -> None:
    weights = [member.weight for member in pool.members if member.weight > 0]
    if not weights:
        picture.say(place, "RT005", f"Nobody in `{name}` takes a turn.", "Name a member with a weight above 0.")
    elif len(weights) == 1:
        picture.say(
            place, "W104", f"`{name}` is a pool of one.", "When that person is away, every lead goes to `when_nobody`."
        )
    elif max(weights) > WORST_RATIO * min(weights):
        message = f"Weights of {min(weights)} and {max(weights)} are further apart than {WORST_RATIO} to 1."
        picture.say(place, "W103", message, "The smaller one waits very long for a turn.")


def _in_two_pools(picture: Picture) -> None:
    first: dict[str, str] = {}
    for name, pool in picture.section("pools").items():
        for n, member in picture.reader.numbered(pool.members, "pools", name, "members"):
            who = member.who.lower()
            if first.get(who, name) != name:
                message = f"{member.who} is also in `{first[who]}`."
                try_ = "Two fair rotations give an unfair total; use `per_day` in both, or one pool."
                capped = member.per_day is not None
                if not capped:
                    picture.say(picture.place("pools", name, "members", n), "W111", message, try_)
            first.setdefault(who, name)


# ---------------------------------------------------------------------------------------- calendars


def _calendar(picture: Picture, name: str, calendar: Calendar) -> None:
    zone(picture, calendar.timezone, picture.place("calendars", name, "timezone"))
    problem = hours_problem(calendar.hours)
    if problem:
        picture.say(picture.place("calendars", name, "hours"), "RT010", *problem)
    if calendar.holidays is not None:
        _holidays(picture, calendar.holidays, picture.place("calendars", name, "holidays"))


def zone(picture: Picture, name: str, place: Place) -> None:
    """Say where a time zone does not exist."""
    known = available_timezones()
    if name not in known:
        said = did_you_mean(name, sorted(known), "Write a name such as `Europe/Berlin`.")
        picture.say(place, "RT010", f"`{name}` is not a time zone.", said)


def hours_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with working hours such as `Mon-Thu 09:00-12:00, Mon-Thu 13:00-18:00`, and what to try."""
    week: dict[str, list[tuple[int, int]]] = {day: [] for day in DAYS}
    for part in text.split(","):
        match = _BLOCK.fullmatch(part.strip())
        if not match or match[1] not in DAYS or (match[2] or "Mon") not in DAYS:
            return f"`{part.strip()}` is not working hours.", "Write them like `Mon-Fri 09:00-18:00`."
        opens, closes = (int(match[n]) * 60 + int(match[n + 1]) for n in (3, 5))
        if not opens < closes <= 24 * 60 or int(match[4]) > 59 or int(match[6]) > 59:
            return f"`{part.strip()}` has no hours.", "Let it close after it opens, at 24:00 at the latest."
        first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
        for n in range((last - first) % 7 + 1):
            week[DAYS[(first + n) % 7]].append((opens, closes))
    for day, blocks in week.items():
        if any(later[0] < earlier[1] for earlier, later in pairwise(sorted(blocks))):
            return f"`{text}` has hours on {day} that overlap.", "Write each hour once."
    return None


def _holidays(picture: Picture, place_name: str, place: Place) -> None:
    # Imported here because it is large and a calendar may name no country.
    from holidays.registry import COUNTRIES

    country, _, _part = place_name.partition("-")
    codes = sorted({names[1] for names in COUNTRIES.values()})
    if country not in codes:
        said = did_you_mean(country, codes, "Write an ISO code such as `DE`.")
        picture.say(place, "RT010", f"`{place_name}` is no country whose holidays are known.", said)
    elif not _has_part(country, _part):
        picture.say(place, "RT010", f"`{country}` has no part `{_part}` with holidays of its own.", f"Write `{country}`.")


def _has_part(country: str, part: str) -> bool:
    from holidays import country_holidays

    try:
        country_holidays(country, subdiv=part or None)
    except (NotImplementedError, KeyError):
        return False
    return True


# ---------------------------------------------------------------------------------------- partners


def _partner_pools(picture: Picture) -> None:
    directory = picture.partners.directory
    for name, pool in picture.partners.pools.items():
        here = ("partners", "pools", name)
        good = all(_selects(picture, (*here, "members", key), key, value, directory) for key, value in pool.members.items())
        if good and directory and not any(not partner.paused for partner in picture.partners.of(name)):
            picture.say(
                picture.key(*here),
                "RT005",
                f"No partner of `{name}` takes offers.",
                "Look at `paused`, or at the words selected on.",
            )
    if picture.partners.pools and ("partners", "directory") not in picture.reader.keys:
        message = "Partner pools need a directory."
        picture.say(picture.key("partners", "pools"), "RT012", message, "Write `directory: {file: partners.csv}`.")


def _selects(picture: Picture, path: tuple[str, ...], key: str, value: str, directory: tuple[Partner, ...]) -> bool:
    if key not in SELECTS:
        said = did_you_mean(key, SELECTS, f"There are {', '.join(SELECTS)}.")
        picture.say(picture.key(*path), "RT004", f"Partners are not selected by `{key}`.", said)
        return False
    known = sorted({str(getattr(partner, key)) for partner in directory if getattr(partner, key)})
    if directory and value not in known:
        said = did_you_mean(
            value, known, f"The directory has {', '.join(known[:8])}." if known else "The directory leaves it blank."
        )
        picture.say(picture.place(*path), "RT004", f"No partner has {key} `{value}`.", said)
        return False
    return True
