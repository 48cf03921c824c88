"""Checks of the settings as a whole: everything that one value alone cannot tell. One module per topic, one function per question."""

from settings.checks import conditions
from settings.checks.picture import Picture


def every(picture: Picture) -> None:
    """Run all checks."""
    conditions.check(picture)
