"""
Start and stop the sandbox: one port per CRM on 127.0.0.1, in threads of this process.

Decided here: ports, data files and what is printed first. A CRM's app is imported when it is started.
"""

import signal
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from connectors.sandbox.control import Control
from connectors.sandbox.front import Front
from connectors.sandbox.state import State
from connectors.sandbox.wire import App, Server

TOKENS = {"hubspot": "pat-sandbox-hubspot", "salesforce": "00DSANDBOX!session"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One CRM of a running sandbox; the methods of `control` work without a detour over HTTP."""

    name: str
    url: str
    token: str
    app: App
    state: State
    control: Control
    server: Server

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        return self.state.ledger(since)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self.state.requests(since)

    def seed(self, **doc: Any) -> dict[str, Any]:
        return self.control.seed(doc)

    def act(self, kind: str, **doc: Any) -> dict[str, Any]:
        return self.control.act({"kind": kind, **doc})

    def weather(self, *rules: Mapping[str, Any]) -> None:
        self.control.weather(list(rules))

    def faults(self) -> list[dict[str, Any]]:
        """The rules in force, each with how many calls it has `seen` and `struck`."""
        return self.control.faults()

    def struck(self) -> bool:
        """Whether a fault in force has struck a call by now."""
        return any(rule["struck"] for rule in self.faults())

    def switch(self, **values: Any) -> None:
        self.control.switches(values)

    def advance(self, seconds: float) -> None:
        self.control.clock({"advance_s": seconds})


class Sandbox:
    """Both CRMs, running."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints

    @classmethod
    def start(
        cls,
        data: Path | None = None,
        hubspot_port: int = 0,
        salesforce_port: int = 0,
        only: Collection[str] = ("hubspot", "salesforce"),
    ) -> Self:
        """Serve the CRMs; port 0 picks a free one, and without `data` everything is forgotten at the end."""
        ports = {"hubspot": hubspot_port, "salesforce": salesforce_port}
        started: dict[str, Endpoint] = {}
        try:
            for name, port in ports.items():
                if name in only:
                    started[name] = _start(name, port, data)
        except BaseException:
            cls(started).stop()
            raise
        return cls(started)

    @property
    def hubspot(self) -> Endpoint:
        return self._endpoints["hubspot"]

    @property
    def salesforce(self) -> Endpoint:
        return self._endpoints["salesforce"]

    def addresses(self) -> dict[str, dict[str, str]]:
        return {name: {"url": one.url, "token": one.token} for name, one in self._endpoints.items()}

    def stop(self) -> None:
        for one in self._endpoints.values():
            one.server.stop()
            one.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _start(name: str, port: int, data: Path | None) -> Endpoint:
    state = State(data / f"{name}.sqlite" if data else None)
    try:
        app: App = import_module(f"connectors.sandbox.{name}.app").open_app(state, TOKENS[name])
        if not state.doc("account", "installed"):
            app.install()
        front = Front(app, state)
        server = Server(front.answer, port)
    except BaseException:
        state.close()
        raise
    threading.Thread(target=server.serve_forever, args=(0.05,), name=f"sandbox-{name}", daemon=True).start()
    return Endpoint(name, server.url, TOKENS[name], app, state, front.control, server)


def run(data: Path | None = None, hubspot_port: int = 0, salesforce_port: int = 0) -> None:
    """Serve until interrupted; the first line on stdout is JSON with each CRM's url and token."""
    with Sandbox.start(data, hubspot_port, salesforce_port) as sandbox:
        sys.stdout.write(orjson.dumps(sandbox.addresses()).decode() + "\n")
        sys.stdout.flush()
        done = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            # said out loud: a shell starts what goes to the background with SIGINT ignored
            signal.signal(number, lambda *_: done.set())
        while not done.wait(0.5):
            pass
