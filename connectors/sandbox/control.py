"""
Everything under `/_sandbox/`: look at the ledger and the calls, seed, act as a person, move the clock, order faults.

Decided here: the shapes of these calls. What a seed or an act means is decided by each CRM's app.
"""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.state import Doc, State, iso
from connectors.sandbox.weather import FAULTS, Weather
from connectors.sandbox.wire import App, Reply, Request


class Control:
    """The calls a test or a person makes to the sandbox itself; each method is one call."""

    def __init__(self, app: App, state: State, weather: Weather) -> None:
        self._app = app
        self._state = state
        self._weather = weather

    def answer(self, request: Request) -> Reply:
        name = request.path.removeprefix("/_sandbox").strip("/")
        reads: Mapping[str, Callable[[int], Any]] = {
            "ledger": self._state.ledger,
            "requests": self._state.requests,
            "switches": lambda _: self.switches({}),
            "weather": lambda _: {"rules": self.faults(), "faults": FAULTS},
        }
        writes: Mapping[str, Callable[[Any], Any]] = {
            "seed": self.seed,
            "act": self.act,
            "clock": self.clock,
            "weather": self.weather,
            "switches": self.switches,
            "reset": lambda _: self.reset(),
        }
        try:
            if request.method == "GET" and not name:
                calls = [f"GET {one}" for one in reads] + [f"POST {one}" for one in writes]
                return Reply(200, {"calls": calls, "switches": self.switches({}), "faults": FAULTS})
            if request.method == "GET" and name in reads:
                return Reply(200, reads[name](int(request.one("since", "0"))))
            if request.method == "POST" and name in writes:
                return Reply(200, writes[name](request.json()))
        except (ValueError, KeyError, TypeError) as problem:
            said = f"`{problem.args[0]}` is missing." if isinstance(problem, KeyError) else str(problem)
            return Reply(400, {"message": said})
        return Reply(404, {"message": "No such call. GET /_sandbox/ lists the calls, switches and faults there are."})

    def seed(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        return self._app.seed(doc)

    def act(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        return self._app.act(doc)

    def clock(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """Move time forward; nothing else in the sandbox sleeps for it."""
        step = float(doc["advance_s"])
        if step < 0:
            raise ValueError("Time moves forward only: advance_s must be 0 or more.")
        return {"now": iso(self._state.advance(int(step * 1000)))}

    def faults(self) -> list[dict[str, Any]]:
        """The rules in force and how often each struck."""
        return self._weather.listing()

    def weather(self, docs: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Replace the list of faults; an empty list ends them all."""
        if not isinstance(docs, list):
            raise ValueError("Send a list of rules; [] ends all faults.")  # noqa: TRY004  the caller answers 400 to it
        self._weather.replace(docs)
        return {"rules": len(docs)}

    def switches(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """Turn vendor behaviours; null goes back to the default. Return how they all stand."""
        known = self._app.switches
        for name in doc:
            if name not in known:
                raise ValueError(f"There is no switch {name!r}. Known: {', '.join(sorted(known))}.")
        self._state.keep(*(Doc("switch", name, value) for name, value in doc.items()))
        return {name: self._state.switch(name, default) for name, default in known.items()}

    def reset(self) -> dict[str, Any]:
        """Go back to a new account: no records, no faults, no ledger."""
        with self._state.lock:
            self._weather.replace([])
            self._state.reset()
            self._app.install()
        return {"reset": True}
