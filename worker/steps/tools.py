"""
What a step is handed: the settings, the store, the lake, an engine, the connectors, a clock and somebody to tell.

Steps build nothing; wiring does. A step reads, asks the core, writes, and is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.contract import Crm, Source
    from settings.root import Settings
    from worker.engine import Engine
    from worker.lake import Lake
    from worker.store.database import Store

Progress = Callable[[str, int, int | None], None]
"""(stage, done so far, all there is or None)."""


def _silent(_stage: str, _done: int, _all: int | None) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything a step may use."""

    settings: Settings
    store: Store
    lake: Lake
    engine: Engine
    sources: Mapping[str, Source]
    crms: Mapping[str, Crm]
    progress: Progress = _silent
    stopping: Callable[[], bool] = _never
    """True once a person asked to stop: finish what is in flight, begin nothing new."""
    now: Callable[[], datetime] = field(default=_now)
