"""
`pql up`: the schedule in one process, without Redis: loops for usage (pull, then score), a push and a watch loop for each
CRM, and a sweep.

Decided here: who wakes whom. A pull wakes scoring, scoring wakes the pushes of the destinations that have something due.
A loop that fails says so and goes on at its next turn; work that was in hand is in the store.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from connectors.errors import ConnectorError, Refused
from worker.wiring.duties import claim_slot, seconds_of
from worker.wiring.timetable import SAFETY_SECONDS, jobs
from worker.wiring.worker import Worker

log = structlog.get_logger("pql.up")
SLICE_SECONDS = 20.0


@dataclass
class Loops:
    """The running loops. `stop` ends them after what is in flight."""

    worker: Worker
    stopping: threading.Event = field(default_factory=threading.Event)
    bells: dict[str, threading.Event] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        settings = self.worker.tools.settings
        self._loop("usage", seconds_of(settings, "pull"), self._usage, slot="pull")
        for name in settings.destinations:
            self._loop(f"push:{name}", SAFETY_SECONDS, functools.partial(self._push, name))
            watch = f"watch:{name}"
            self._loop(watch, seconds_of(settings, watch), functools.partial(self._watch, name), slot=watch)
        self._loop("sweep", next(job.seconds for job in jobs(settings).jobs if job.name == "sweep"), self._sweep)

    def ring(self, loop: str) -> None:
        """Wake a loop before its time."""
        if loop in self.bells:
            self.bells[loop].set()

    def stop(self) -> None:
        """End all loops; returns when the last one has."""
        self.stopping.set()
        for bell in self.bells.values():
            bell.set()
        for thread in self.threads:
            thread.join()

    def _loop(self, name: str, seconds: float, turn: Callable[[], bool], slot: str | None = None) -> None:
        bell = self.bells[name] = threading.Event()
        bell.set()

        def run() -> None:
            while not self.stopping.is_set():
                rung = bell.wait(timeout=seconds)
                bell.clear()
                if self.stopping.is_set():
                    return
                if slot and not rung and not claim_slot(self.worker, slot):
                    continue
                if self._turn(name, turn):
                    bell.set()

        thread = threading.Thread(target=run, name=f"pql-{name}", daemon=True)
        self.threads.append(thread)
        thread.start()

    def _turn(self, name: str, turn: Callable[[], bool]) -> bool:
        """One turn of a loop; whether there is more at once."""
        started = time.monotonic()
        try:
            return turn()
        except Refused as refused:
            log.error("refused", loop=name, reason=str(refused))  # noqa: TRY400 (a sentence for people, no traceback)
        except ConnectorError as error:
            log.warning("later", loop=name, reason=str(error), error=type(error).__name__)
        except Exception:
            log.exception("failed", loop=name, seconds=round(time.monotonic() - started, 1))
        return False

    def _usage(self) -> bool:
        more = self.worker.pull(seconds=SLICE_SECONDS)
        for name in self.worker.evaluate():
            self.ring(f"push:{name}")
        return more

    def _push(self, name: str) -> bool:
        return self.worker.push(name, seconds=SLICE_SECONDS)

    def _watch(self, name: str) -> bool:
        return self.worker.watch(name, seconds=SLICE_SECONDS)

    def _sweep(self) -> bool:
        for name in self.worker.sweep():
            self.ring(f"push:{name}")
        return False
