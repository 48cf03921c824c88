"""
The worker of this process, on the active settings, opened at its first work and again when others were activated.

Decided here: a Celery process works on nothing but what `pql activate` stored, looks for news before each message, and
waits where nothing is active yet. A pool forks, so nothing is open before the first message.
"""

from __future__ import annotations

import time

import structlog

from settings.root import Settings
from worker.store import versions
from worker.store.errors import StoreError
from worker.wiring.duties import NothingActive, sweep_seconds
from worker.wiring.opening import active_settings, open
from worker.wiring.places import find
from worker.wiring.timetable import jobs
from worker.wiring.worker import Worker

log = structlog.get_logger("pql")
LOOK_SECONDS = 3.0
NOTHING = "No settings are active. Run `pql activate`."


class _Open:
    worker: Worker | None = None
    hash: str = ""


def worker() -> Worker:
    """The worker of this process."""
    here = _Open.worker
    if here is not None and _active(here) == _Open.hash:
        return here
    before = here.tools.settings if here is not None else None
    if here is not None:
        _Open.worker = None
        here.close()
    settings = active_settings()
    if settings is None:
        raise NothingActive(NOTHING)
    if before is not None:
        _tell(before, settings)
    fresh = _Open.worker = open(settings, find())
    _Open.hash = _active(fresh)
    return fresh


def _active(here: Worker) -> str:
    with here.tools.store.read() as tx:
        version = versions.active(tx)
    return version.hash if version else ""


def _tell(before: Settings, now: Settings) -> None:
    log.info("settings", reason="Other settings were activated; from this message on they are in force.", sha=now.sha[:12])
    if jobs(before, sweep_seconds()) != jobs(now, sweep_seconds()):
        log.warning(
            "settings", reason="The schedule or a destination changed. Restart beat and workers to keep the new one."
        )


def settings_when_active() -> Settings:
    """The active settings; waits, saying why, until there are some and the store answers."""
    said = ""
    while True:
        try:
            settings = active_settings()
            reason = NOTHING
        except StoreError as problem:
            settings, reason = None, str(problem)
        if settings is not None:
            return settings
        if reason != said:
            log.warning("waiting", reason=reason)
            said = reason
        time.sleep(LOOK_SECONDS)
