"""Sources: one place per stream, each column under one name, plan names in one state."""

from __future__ import annotations

from typing import Any

from settings.catalogue import BUILT_IN
from settings.checks.people import zone
from settings.checks.picture import Picture
from settings.problem import Place
from settings.sources import Plan, SourceSpec

PLACES = ("table", "file", "query")
STREAMS = {"events": "event", "users": "user", "accounts": "account"}


def check(picture: Picture) -> None:
    """Look at each stream of each source."""
    for name, spec in picture.section("sources").items():
        if spec.events and not spec.events.id:
            place = picture.place("sources", name, "events", "id")
            picture.say(place, "ST004", "`id` names no column.", "Name one, or several that together are unique.")
        for stream, kind in STREAMS.items():
            feed = getattr(spec, stream)
            if feed is not None:
                _place(picture, name, spec, stream)
                _columns(picture, (name, stream), kind, feed)
        if spec.naive_tz is not None:
            zone(picture, spec.naive_tz, picture.place("sources", name, "naive_tz"))
        if spec.accounts and spec.accounts.plan:
            _plan(picture, name, spec.accounts.plan)
    _events(picture)


def _events(picture: Picture) -> None:
    sources = picture.section("sources")
    if sources and len(sources) == len(picture.defined("sources")) and not any(spec.events for spec in sources.values()):
        picture.say(picture.key("sources"), "SO004", "No source has events.", "Say under `events:` where they stand.")


def _place(picture: Picture, name: str, spec: SourceSpec, stream: str) -> None:
    """Exactly one place, of those that the connector knows; without its table, at most one."""
    feed = getattr(spec, stream)
    said = [place for place in PLACES if getattr(feed, place)]
    table = picture.reader.options.get(spec.kind)
    here = picture.key("sources", name, stream)
    if len(said) > 1:
        second = picture.key("sources", name, stream, said[1])
        picture.say(second, "SO001", f"`{said[0]}` and `{said[1]}` both say where {stream} stand.", "Keep one of them.")
    elif table and table.feeds and not said:
        listed = " or ".join(f"`{place}`" for place in table.feeds)
        picture.say(here, "SO001", f"Nothing says where {stream} stand.", f"Write {listed}.")
    elif table and said and said[0] not in table.feeds:
        listed = " or ".join(f"`{place}`" for place in table.feeds)
        here = picture.key("sources", name, stream, said[0])
        picture.say(
            here, "SO001", f"`{spec.kind}` reads from no `{said[0]}`.", f"Write {listed}." if listed else "Leave it out."
        )


def _columns(picture: Picture, path: tuple[str, str], kind: str, feed: Any) -> None:
    key = "keep" if kind == "event" else "columns"
    seen: dict[str, Place] = {}
    for n, kept in picture.reader.numbered(getattr(feed, key), "sources", *path, key):
        place = picture.place("sources", *path, key, n)
        if kept.name in BUILT_IN.get(kind, ()):
            message = f"`{kind}.{kept.name}` is built in."
            picture.say(place, "SO002", message, f"Say its column by `{kept.name}:` above, or call this one otherwise.")
        elif kept.name in seen:
            picture.say(place, "SO002", f"`{kept.name}` is already kept.", f"First in {seen[kept.name]}.")
        seen.setdefault(kept.name, place)


def _plan(picture: Picture, name: str, plan: Plan) -> None:
    seen: dict[str, str] = {}
    here = ("sources", name, "accounts", "plan")
    for state in Plan.STATES:
        for n, word in picture.reader.numbered(getattr(plan, state), *here, state):
            if word in seen:
                message = f"The plan `{word}` is already {seen[word]}."
                picture.say(picture.place(*here, state, n), "SO003", message, "Each plan name is in one state.")
            seen.setdefault(word, state)
    if not seen:
        picture.say(
            picture.key(*here), "SO003", "No plan name is sorted into a state.", "Write for example `trial: [trial_14]`."
        )
