"""
What stands between the socket and a CRM's app: control calls, pages, faults and the request log.

Decided here: the order of these. Control calls and pages meet no faults and are no CRM requests.
"""

import threading
import time
from typing import Any

from connectors.sandbox import weather as sky
from connectors.sandbox.control import Control
from connectors.sandbox.state import State
from connectors.sandbox.weather import Fault, Weather
from connectors.sandbox.wire import Actor, App, Reply, Request

INTEGRATION = "integration"
HTML = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
}


class Front:
    """One CRM of the sandbox, ready to be served."""

    def __init__(self, app: App, state: State) -> None:
        self.app = app
        self.state = state
        self.weather = Weather()
        self.control = Control(app, state, self.weather)

    def answer(self, request: Request) -> Reply:
        if request.path.startswith("/_sandbox"):
            return self.control.answer(request)
        if request.method == "GET" and (html := self.app.page(request.path, request.query)) is not None:
            return Reply(200, html.encode(), HTML)
        return self._call(request)

    def _call(self, request: Request) -> Reply:
        actor = Actor(INTEGRATION, self.state.begin_request())
        fault = self.weather.strike(request)
        reply = self._through(request, actor, fault) if fault else self.app.answer(request, actor)
        query = "&".join(f"{name}={value}" for name, values in request.query.items() for value in values)
        path = f"{request.path}?{query}" if query else request.path
        self.state.log_request(actor, request.method, path, 0 if reply.delivery == "reset" else reply.status)
        return reply

    def _through(self, request: Request, actor: Actor, fault: Fault) -> Reply:
        args = fault.args
        if fault.name == "latency":
            time.sleep(float(args.get("seconds", 1)))
            return self.app.answer(request, actor)
        refused = self._refused(fault)
        if refused is not None:
            return refused
        if fault.name == "commit_after":
            later = Actor(actor.name, actor.request)
            timer = threading.Timer(float(args.get("seconds", 1)), self.app.answer, (request, later))
            timer.daemon = True  # a sandbox that is stopped applies nothing any more
            timer.start()
            return Reply(0, delivery="reset")
        if not args.get("applied", fault.name != "html"):
            return _bent(Reply(200), fault)
        actor.fault, actor.args = fault.name, args
        return _bent(self.app.answer(request, actor), fault)

    def _refused(self, fault: Fault) -> Reply | None:
        """Return the answer of a fault that keeps the call from the app."""
        fixed: dict[str, tuple[int, dict[str, Any]]] = {
            "status": (int(fault.args.get("status", 500)), {}),
            "daily_limit": (429, {"policy": "DAILY"}),
            "unauthorized": (401, {}),
            "forbidden": (403, {}),
            "locked": (423, {}),
        }
        if fault.name == "reset_before":
            return Reply(0, delivery="reset")
        if fault.name not in fixed:
            return None
        status, extra = fixed[fault.name]
        return self.app.refuse(status, {**extra, **fault.args})


def _bent(reply: Reply, fault: Fault) -> Reply:
    """Return the answer as the fault delivers it."""
    args = fault.args
    if fault.name == "html":
        return sky.page(int(args.get("status", 502)))
    if fault.name == "empty_2xx":
        return sky.emptied(reply, str(args.get("body", "none")))
    if fault.name == "drop_item":
        return sky.without_item(reply, int(args.get("index", 0)))
    deliveries = {"reset_after": "reset", "truncate": "truncate", "drip": "drip"}
    if fault.name in deliveries:
        pace = float(args.get("seconds", 2))
        return Reply(reply.status, reply.body, reply.headers, deliveries[fault.name], pace)
    return reply
