"""Alerts: addresses that can be written to, channels named once, limits that usual work keeps to."""

from __future__ import annotations

from settings.alerts import Alerts
from settings.checks.picture import Picture
from settings.problem import Place
from settings.terms import Duration

LEAST = {"oldest_handoff": 120, "silent_after": 600, "unproved_after": 300, "recovered_after": 60}
"""Seconds: a claim that lapsed and the sweep after it must fit in, else a killed worker is an alert."""


def check(picture: Picture) -> None:
    """Look at each channel and at the limits."""
    alerts: Alerts = picture.given.get("alerts") or Alerts()
    seen: dict[str, Place] = {}
    for n, channel in picture.reader.numbered(alerts.to, "alerts", "to"):
        place = picture.place("alerts", "to", n, channel.kind)
        first = seen.setdefault(channel.name, place)
        if first is not place:
            picture.say(place, "AL002", f"`{channel.name}` is already in {first.short}.", "Keep one of them.")
        if channel.kind == "email":
            picture.email(str(channel.address), ("alerts", "to", n, "email"))
    for name, least in LEAST.items():
        limit: Duration | None = getattr(alerts, name)
        if limit is not None and limit.seconds < least:
            message = f"`{name}` of {limit} is shorter than work takes to go on after a crash."
            picture.say(picture.place("alerts", name), "AL003", message, f"Write `{Duration(least)}` or more.")
