"""`pql up`, `pql console`, `pql sandbox`: processes that go on until they are told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Any

from worker.cli.asked import DONE, Asked


def up(asked: Asked) -> int:
    """The schedule in one process, until SIGTERM or Ctrl-C; what is in flight is finished."""
    from worker.wiring import opening
    from worker.wiring.logs import configure
    from worker.wiring.up import up as work

    configure()
    places = asked.places()
    settings = opening.read_settings(places)
    done = threading.Event()
    _stop_at_signals(done)
    work(settings, places, done)
    return DONE


def console(asked: Asked, host: str, port: int) -> int:
    """/livez, /readyz and the status page. Started by its import string: entrypoints do not know each other."""
    import os

    import uvicorn

    places = asked.places()
    os.environ.update(PQL_STORE=places.store, PQL_SETTINGS=str(places.settings))  # what was asked wins over what was set
    uvicorn.run("worker.console.app:create", factory=True, host=host, port=port, log_level="warning", server_header=False)
    return DONE


def sandbox(data: str | None, hubspot_port: int, salesforce_port: int) -> int:
    """Both make-believe CRMs; the first line on stdout is JSON with their addresses and tokens."""
    from connectors.sandbox.serve import run

    run(Path(data) if data else None, hubspot_port, salesforce_port)
    return DONE


def _stop_at_signals(done: threading.Event) -> None:
    """The first signal asks to finish what is in flight, a second Ctrl-C stops at once."""

    def heard(number: int, frame: Any) -> None:
        if done.is_set() and number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        done.set()
        sys.stderr.write("Finishing what is in flight.\n")

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, heard)
