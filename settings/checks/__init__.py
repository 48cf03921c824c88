"""Checks of the settings as a whole: everything that one value alone cannot tell. One module per topic."""

from settings.checks import (
    alerts,
    conditions,
    definitions,
    destinations,
    handoff,
    ladder,
    names,
    people,
    routing,
    scores,
    signals,
    sources,
    unused,
    words,
)
from settings.checks.picture import Picture


def every(picture: Picture) -> None:
    """Run all checks, types first."""
    for topic in (
        conditions,
        names,
        sources,
        signals,
        scores,
        ladder,
        definitions,
        handoff,
        words,
        routing,
        people,
        destinations,
        alerts,
        unused,
    ):
        topic.check(picture)
