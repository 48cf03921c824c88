"""
The sandbox HubSpot as one app: who may call, which room answers, what is added to each answer.

Decided here: authentication, routing, the list of switches, and that calls follow each other. Everything else has its own
file.
"""

import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from connectors.sandbox.hubspot import scopes
from connectors.sandbox.hubspot.account import Account
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.automation import Automation
from connectors.sandbox.hubspot.batches import Batches, dialect_of
from connectors.sandbox.hubspot.call import Call, parsed
from connectors.sandbox.hubspot.definitions import Definitions
from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.errors import Refusal, invalid, missing, ordered
from connectors.sandbox.hubspot.limits import Limits
from connectors.sandbox.hubspot.links import Links
from connectors.sandbox.hubspot.objects import Objects
from connectors.sandbox.hubspot.owners import Owners
from connectors.sandbox.hubspot.people import People
from connectors.sandbox.hubspot.search import Search
from connectors.sandbox.hubspot.seeds import Seeds
from connectors.sandbox.pages.hubspot import HubSpotBook
from connectors.sandbox.pages.render import page
from connectors.sandbox.state import State
from connectors.sandbox.wire import Actor, Reply, Request

ROW_FAULTS = ("row_error", "partial_as_200")
log = logging.getLogger(__name__)

SWITCHES: Mapping[str, Any] = MappingProxyType(
    {
        "archived_holds_unique": False,  # an archived record keeps its unique values
        "company_insights": {},  # {domain: {name: value}}, fills blanks of a new company
        "conditional_required": [],  # [{object, property, value, then: [names]}], asked by 2026-09 only
        "create_companies": False,  # a new contact's domain makes a company
        "daily_limit": 625_000,
        "echo_trace_ids": False,  # repeat objectWriteTraceId on success
        "enforce_limits": False,
        "error_dialect": "by_version",  # or embedded, listed
        "lenient": False,  # any ids, properties and tokens
        "oauth": False,  # no daily headers
        "partial_email_upserts": False,  # let upserts by e-mail fail row by row
        "partial_status": "by_version",  # or 207, plain
        "refuse_inactive_owner": True,
        "required_properties": {},  # {object: [names]}, asked on creation by 2026-09 only
        "retry_after_s": None,  # sent with a 429 where it is set
        "search_lag_s": 0,
        "search_limit": 5,  # searches per second
        "shuffle_seed": 1,  # false keeps results in the order of the inputs
        "tells_scopes": False,  # the token is that of a private app, which tells its scopes
        "ten_second_limit": 190,
        "time_zone": "Europe/Berlin",
        "unique_conflict_status": 400,  # or 409
        "unique_on_tasks": True,
        "whole_batch_refusal": False,  # one bad row refuses every batch
        "workflows": [],  # [{object, on: property, set: {name: value}}]
    }
)


class HubSpotApp:
    """One portal."""

    name = "hubspot"
    switches = SWITCHES

    def __init__(self, state: State, token: str) -> None:
        self.state = state
        self._token = token
        self.desk = Desk(state)
        self.associations = Associations(self.desk)
        automation = Automation(self.desk, self.associations)
        self._limits = Limits(state)
        self._batches = Batches(self.desk, self.associations, automation)
        self._objects = Objects(self.desk, self.associations, automation)
        self._search = Search(self.desk)
        self._owners = Owners(state)
        self._definitions = Definitions(self.desk)
        self._links = Links(self.desk, self.associations)
        self._account = Account(self.desk, self._limits)
        self._seeds = Seeds(self.desk, self.associations, self._owners)
        self._people = People(self.desk, self._definitions)

    # what the control calls and pages need

    def install(self) -> None:
        self._limits.today = 0
        self.desk.versions.clear()
        self._seeds.install()

    def seed(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        return self._seeds.seed(doc)

    def act(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        return self._people.act(doc)

    def refuse(self, status: int, args: Mapping[str, Any]) -> Reply:
        return ordered(status, args)

    def page(self, path: str, query: Mapping[str, list[str]]) -> str | None:
        if path.startswith(("/crm/", "/account-info/")):
            return None
        with self.state.lock:
            return page(HubSpotBook(self.desk), path, query, datetime.fromtimestamp(self.state.now() / 1000, UTC))

    # the interface

    def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one call; a refusal anywhere becomes an answer here."""
        search = request.path.endswith("/search")
        reply = self._refusal(request, search=search) or self._answer(request, actor)
        correlation = {"X-HubSpot-Correlation-Id": str(uuid.uuid4())}
        headers = {**correlation, **self._limits.headers(search=search), **reply.headers}
        return Reply(reply.status, reply.body, headers)

    def _refusal(self, request: Request, *, search: bool) -> Reply | None:
        if not self.state.switch("lenient"):
            good = request.headers.get("authorization") == f"Bearer {self._token}"
            if not good or self.state.doc("account", "revoked"):
                return ordered(401, {})
        over = self._limits.admit(request.at, search=search)
        return over or scopes.refusal(self.state, request) or scopes.told(self.state, request)

    def _answer(self, request: Request, actor: Actor) -> Reply:
        dialect = "listed"
        try:
            call = parsed(request, actor, lenient=bool(self.state.switch("lenient")))
            dialect = dialect_of(self.desk, call)
            if actor.fault in ROW_FAULTS and "batch" not in call.rest:
                return ordered(400, {**actor.args, "category": "VALIDATION_ERROR"})  # a call of one row fails as a whole
            with self.state.lock:  # one call after another: what it reads stays true until it has written
                return self._routed(call)
        except Refusal as refusal:
            return refusal.reply(dialect)
        except (KeyError, TypeError, AttributeError, ValueError):
            # A body of the wrong shape surfaces wherever it is read; HubSpot answers all of these alike.
            log.debug("a body of the wrong shape at %s", request.path, exc_info=True)
            return invalid("Invalid input JSON on line 1, column 1: the body does not have the expected shape").reply(
                dialect
            )

    def _routed(self, call: Call) -> Reply:
        if call.area == "owners":
            return self._owners.answer(call)
        if call.area == "properties":
            return self._definitions.answer(call)
        if call.area == "associations":
            return self._links.answer(call)
        if call.area in ("schemas", "object-schemas"):
            return self._account.schemas(call)
        if call.area == "account-info":
            return self._account.answer(call)
        return self._object(call)

    def _object(self, call: Call) -> Reply:
        if not call.rest:
            raise missing()
        kind, rest = self.desk.kind(call.rest[0]), call.rest[1:]
        if len(rest) > 1 and rest[1] == "associations":
            return self._objects.associations(call, kind, rest[0], rest[2:])
        if call.version == "v4":
            raise missing()
        if not rest:
            return self._objects.collection(call, kind)
        if rest[0] == "batch" and len(rest) == 2:
            return self._batches.answer(call, kind, rest[1])
        posts = {"search": self._search.answer, "merge": self._objects.merge, "gdpr-delete": self._objects.gdpr_delete}
        if len(rest) == 1 and call.method == "POST" and rest[0] in posts:
            return posts[rest[0]](call, kind)
        if len(rest) == 1:
            return self._objects.one(call, kind, rest[0])
        raise missing()


def open_app(state: State, token: str) -> HubSpotApp:
    """Return the app; `serve` calls this by name."""
    return HubSpotApp(state, token)
