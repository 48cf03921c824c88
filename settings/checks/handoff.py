"""Handoff: where people work, and keys that need each other."""

from __future__ import annotations

from settings.checks.picture import Picture


def check(picture: Picture) -> None:
    """Look at the handoff's own keys; its words are checked in `words`, its steps in `ladder`."""
    handoff = picture.handoff
    if handoff is None:
        return
    picture.known(handoff.work_in, "destination", picture.defined("destinations"), ("handoff", "work_in"), "HA001")
    if handoff.handoff_within is not None and handoff.on_first_run != "flag_only":
        place = picture.key("handoff", "handoff_within")
        message = "`handoff_within` has no effect: on the first run everybody qualified gets a handoff."
        picture.say(place, "HA005", message, "Write `on_first_run: flag_only`, or leave it out.")
    for n, owner in picture.reader.numbered(handoff.unowned, "handoff", "unowned"):
        picture.email(owner, ("handoff", "unowned", n))
