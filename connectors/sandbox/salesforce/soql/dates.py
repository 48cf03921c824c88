"""
Date words and stamps: what TODAY covers, and how Salesforce prints a moment.

Decided here: days are UTC days, because the sandbox's users live in UTC. Weeks begin on Sunday, as in the locale
en_US.
"""

from datetime import UTC, date, datetime, timedelta

from connectors.sandbox.salesforce.soql.parse import DateWord


def stamp(milliseconds: int) -> str:
    """Return the moment as the API prints it: whole seconds, zone without a colon."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def moment(text: str) -> datetime:
    """Read a moment as a caller or the org itself writes it; ValueError where it is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} lies outside of time") from None


def covered(word: DateWord, today: date) -> tuple[date, date]:
    """Return the first day the word covers and the day after the last."""
    day = timedelta(days=1)
    count = 90 if word.name.endswith("_90_DAYS") else word.count
    spans = {
        "LAST_N_DAYS": (-count, 1),
        "LAST_90_DAYS": (-count, 1),
        "NEXT_N_DAYS": (1, count + 1),
        "NEXT_90_DAYS": (1, count + 1),
        "N_DAYS_AGO": (-count, 1 - count),
        "YESTERDAY": (-1, 0),
        "TODAY": (0, 1),
        "TOMORROW": (1, 2),
    }
    if word.name in spans:
        first, last = spans[word.name]
        return today + first * day, today + last * day
    which, _, unit = word.name.partition("_")
    step = {"LAST": -1, "THIS": 0, "NEXT": 1}[which]
    if unit == "WEEK":
        sunday = today - ((today.weekday() + 1) % 7) * day
        return sunday + 7 * step * day, sunday + 7 * (step + 1) * day
    if unit == "YEAR":
        return date(today.year + step, 1, 1), date(today.year + step + 1, 1, 1)
    return _month(today, step), _month(today, step + 1)


def _month(today: date, step: int) -> date:
    months = today.year * 12 + today.month - 1 + step
    return date(months // 12, months % 12 + 1, 1)
