"""
Where things are: settings, store, broker, lake. Options win over the environment, the environment over defaults.

The one module below the command line that reads environment variables for places; settings read theirs for secrets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

HOME = Path(".pql")


class NoSettings(Exception):
    """There are no settings where we looked."""


@dataclass(frozen=True, slots=True)
class Places:
    """Resolved places. `store` and `broker` are URLs and may hold a password: they never show themselves."""

    settings: Path
    store: str
    lake: Path
    broker: str | None = None
    memory: str = "1GB"
    threads: int | None = None

    def __repr__(self) -> str:
        return f"Places(settings={str(self.settings)!r}, lake={str(self.lake)!r})"


def find(
    settings: str | None = None, store: str | None = None, environment: Mapping[str, str] = os.environ, home: Path = HOME
) -> Places:
    """Places from what was asked and the environment. Does not look whether they exist."""
    threads = environment.get("PQL_THREADS")
    return Places(
        settings=Path(settings or environment.get("PQL_SETTINGS") or _usual_settings()),
        store=store
        or value_of(environment, "PQL_STORE")
        or value_of(environment, "DATABASE_URL")
        or f"sqlite:///{home / 'pql.db'}",
        lake=Path(environment.get("PQL_LAKE") or home / "lake"),
        broker=value_of(environment, "PQL_BROKER") or value_of(environment, "REDIS_URL"),
        memory=environment.get("PQL_MEMORY", "1GB"),
        threads=int(threads) if threads else None,
    )


def existing(places: Places) -> Places:
    """The same, after making sure that there are settings."""
    if not places.settings.exists():
        raise NoSettings(
            f"There are no settings at {places.settings}. Write some with `pql init`, or name them with --settings."
        )
    return replace(places, settings=places.settings)


def _usual_settings() -> str:
    return "pql.yaml" if Path("pql.yaml").exists() and not Path("settings.d").exists() else "settings.d"


def value_of(environment: Mapping[str, str], name: str) -> str | None:
    """A variable, or the content of the file that NAME_FILE names."""
    file = environment.get(f"{name}_FILE")
    return Path(file).read_text().strip() if file else environment.get(name)
