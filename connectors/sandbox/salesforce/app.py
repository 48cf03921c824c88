"""
The sandbox Salesforce: which path is answered by which room, for whom, and what stands on every answer.

Decided here: versions, sessions, the daily limit and the usage header. Not decided here: what a call does.
"""

import re
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.sandbox.pages.render import page
from connectors.sandbox.pages.salesforce import SalesforceBook
from connectors.sandbox.salesforce import acts, bulk, collections, composite, describe, errors, seeds, single, tooling
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.oauth import Sessions
from connectors.sandbox.salesforce.org import SWITCHES, Org
from connectors.sandbox.salesforce.query import Queries
from connectors.sandbox.state import State
from connectors.sandbox.wire import Actor, Reply, Request

VERSIONS = range(31, 69)
VERSION = re.compile(r"v(\d\d)\.0")
LONGEST_ADDRESS = 16_384
DAY_MS = 86_400_000
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


def open_app(state: State, token: str) -> "Salesforce":
    """Return the app over this state; `token` is the session that lives from the start."""
    return Salesforce(state, token)


class Salesforce:
    """Salesforce's REST interface over one org."""

    name = "salesforce"
    switches: Mapping[str, Any] = SWITCHES

    def __init__(self, state: State, token: str) -> None:
        self._org = Org(state)
        self._token = token
        self._sessions = Sessions(self._org)
        self._queries = Queries(self._org)
        self._calls = 0  # of the last day; a restart begins a new one
        self._since = state.now()

    # what the core asks for

    def install(self) -> None:
        self._org.forget_fields()
        seeds.install(self._org)
        self._sessions.open(self._token)

    def seed(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        return seeds.seed(self._org, doc)

    def act(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        return acts.act(self._org, self._sessions, doc)

    def page(self, path: str, query: Mapping[str, list[str]]) -> str | None:
        if path.startswith("/services/"):
            return None
        state = self._org.state
        return page(SalesforceBook(state), path, query, datetime.fromtimestamp(state.now() / 1000, UTC))

    def refuse(self, status: int, args: Mapping[str, Any]) -> Reply:
        return ordered(status, args).reply()

    def answer(self, request: Request, actor: Actor) -> Reply:
        if len(request.path) + sum(len(v) for vs in request.query.values() for v in vs) > LONGEST_ADDRESS:
            return Reply(414, b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", {"Content-Type": "text/html"})
        if request.path.startswith("/services/oauth2/"):
            return self._sessions.answer(request)
        try:
            reply = self._authenticated(request, actor)
        except Fault as fault:
            reply = fault.reply()
        return Reply(
            reply.status, reply.body, {**reply.headers, "Sforce-Limit-Info": self._usage()}, reply.delivery, reply.pace
        )

    # every REST call

    def _authenticated(self, request: Request, actor: Actor) -> Reply:
        parts = tuple(urllib.parse.unquote(part) for part in request.path.strip("/").split("/"))
        if parts[:2] != ("services", "data"):
            raise errors.not_found()
        if len(parts) == 2:
            return Reply(
                200, [{"label": f"API {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in VERSIONS]
            )
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        if not self._sessions.lives(token):
            raise errors.no_session()
        self._count()
        bulk.go_on(self._org)
        found = VERSION.fullmatch(parts[2])
        if found is None or int(found[1]) not in VERSIONS:
            raise errors.not_found()
        call = Call(request, actor, parts[2], parts[3:])
        if actor.fault in ("row_error", "partial_as_200") and actor.args.get("whole"):
            raise ordered(400, {"code": "UNABLE_TO_LOCK_ROW", **actor.args})
        return self.route(call)

    def route(self, call: Call) -> Reply:
        """Send a call to its room; subrequests of a composite come here too."""
        asked = next((name for name in CONDITIONS if name in call.request.headers), None)
        if asked is not None:
            raise errors.not_built(f"conditional requests ({asked})")
        rooms: Mapping[str, Callable[[Call], Reply]] = {
            "sobjects": self._sobjects,
            "query": lambda each: self._queries.answer(each, deleted=False),
            "queryAll": lambda each: self._queries.answer(each, deleted=True),
            "composite": self._composite,
            "limits": lambda _: Reply(200, self._limits()),
            "jobs": lambda each: bulk.answer(self._org, each),
            "tooling": lambda each: tooling.answer(self._org, each),
        }
        room = rooms.get(call.parts[0]) if call.parts else None
        if room is None:
            raise errors.not_found()
        return room(call)

    def _composite(self, call: Call) -> Reply:
        if call.parts[1:2] == ("sobjects",):
            return collections.answer(self._org, call)
        if len(call.parts) > 1 and call.parts[1]:
            raise errors.not_built(f"composite/{call.parts[1]}")
        return composite.answer(self._org, call, self.route)

    def _sobjects(self, call: Call) -> Reply:
        rest = list(call.parts[1:])
        if not rest or rest == [""]:
            return Reply(200, describe.everything(self._org, call))
        name, rest = rest[0], rest[1:]
        if rest and not rest[-1]:
            rest = rest[:-1]  # `updated/?start=` is asked with and without the slash
        sobject = self._org.sobject(name)
        if not rest:
            return (
                Reply(200, describe.basic(self._org, call, name))
                if call.method == "GET"
                else single.collection(self._org, call, sobject)
            )
        if rest[0] == "describe" and len(rest) == 1 and call.method == "GET":
            return Reply(200, describe.sobject(self._org, call, name))
        if rest[0] in single.WINDOWS and len(rest) == 1 and call.method == "GET":
            return single.changes(self._org, call, sobject, rest[0])
        if len(rest) == 1:
            return single.by_id(self._org, call, sobject, rest[0])
        if len(rest) == 2:
            return single.by_key(self._org, call, sobject, rest[0], rest[1])
        raise errors.not_found()

    # the daily limit

    def _count(self) -> None:
        state = self._org.state
        with state.lock:
            if state.now() - self._since >= DAY_MS:
                self._calls, self._since = 0, state.now()
            if self._calls >= self._org.switch("daily_limit"):
                raise errors.over_daily_limit()
            self._calls += 1

    def _usage(self) -> str:
        return f"api-usage={self._calls}/{self._org.switch('daily_limit')}"

    def _limits(self) -> dict[str, Any]:
        most, batches = int(self._org.switch("daily_limit")), int(self._org.switch("daily_bulk_batches"))
        used = int(self._org.state.doc("bulk", "batches") or 0)
        return {
            "DailyApiRequests": {"Max": most, "Remaining": max(0, most - self._calls)},
            "DailyBulkApiBatches": {"Max": batches, "Remaining": max(0, batches - used)},
            "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000},
            "DataStorageMB": {"Max": 5, "Remaining": 5},
            "FileStorageMB": {"Max": 20, "Remaining": 20},
        }


def ordered(status: int, args: Mapping[str, Any]) -> Fault:
    """Return the refusal that the weather orders, in the org's words."""
    if args.get("policy") == "DAILY":
        return errors.over_daily_limit()
    known = {
        400: Fault("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
        401: errors.no_session(),
        403: Fault("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
        423: Fault("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
        503: Fault("SERVER_UNAVAILABLE", "We are down for maintenance. Sorry for the inconvenience."),
    }
    found = known.get(status, Fault("UNKNOWN_EXCEPTION", "An unexpected error occurred."))
    code, message = str(args.get("code", found.code)), str(args.get("message", found.message))
    # Salesforce knows no 423: a locked row is a 400.
    return Fault(code, message, status=400 if status == 423 else status)
