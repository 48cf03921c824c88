"""Account details, daily usage and object schemas."""

from typing import Any

from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.errors import missing
from connectors.sandbox.hubspot.kinds import KINDS, Kind
from connectors.sandbox.hubspot.limits import PER_DAY, Limits
from connectors.sandbox.hubspot.schema import BORN
from connectors.sandbox.wire import Reply


class Account:
    """Answers `/account-info/...` and `/schemas/...`."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._state = desk.state
        self._limits = limits

    def answer(self, call: Call) -> Reply:
        if call.method == "GET" and call.rest == ("details",):
            return Reply(200, self._details())
        if call.method == "GET" and call.rest == ("api-usage", "daily", "private-apps"):
            return Reply(200, {"results": [self._usage()]})
        raise missing()

    def _details(self) -> dict[str, Any]:
        return {
            "portalId": self._state.doc("account", "portal"),
            "accountType": "SANDBOX",
            "timeZone": self._state.switch("time_zone", "Europe/Berlin"),
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+01:00",
            "utcOffsetMilliseconds": 3_600_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "eu1",
        }

    def _usage(self) -> dict[str, Any]:
        return {
            "name": "private-apps-api-calls-daily",
            "usageLimit": self._state.switch("daily_limit", PER_DAY),
            "currentUsage": self._limits.today,
            "collectedAt": BORN,
            "fetchStatus": "SUCCESS",
            "resetsAt": BORN,
        }

    def schemas(self, call: Call) -> Reply:
        """Show object schemas: the customer's own in the list, any by its name."""
        if call.method != "GET" or len(call.rest) > 1:
            raise missing()
        if call.rest:
            return Reply(200, self._schema(self._desk.kind(call.rest[0])))
        own = [self._schema(self._desk.kind(type_id)) for type_id in self._state.docs("object_type")]
        return Reply(200, {"results": own})

    def _schema(self, kind: Kind) -> dict[str, Any]:
        body = self._state.doc("object_type", kind.type_id) or {}
        standard = kind.name in KINDS
        return {
            "labels": body.get("labels", {"singular": kind.label, "plural": f"{kind.label}s"}),
            "requiredProperties": body.get("requiredProperties", []),
            "searchableProperties": body.get("searchableProperties", list(kind.shown)),
            "primaryDisplayProperty": body.get("primaryDisplayProperty", kind.shown[0] if kind.shown else "hs_object_id"),
            "secondaryDisplayProperties": list(kind.shown[1:]),
            "archived": False,
            "restorable": True,
            "metaType": "HUBSPOT" if standard else "PORTAL_SPECIFIC",
            "id": kind.type_id.partition("-")[2],
            "fullyQualifiedName": body.get("fullyQualifiedName", kind.name.upper()),
            "createdAt": "1970-01-01T00:00:00Z",
            "updatedAt": "1970-01-01T00:00:00Z",
            "objectTypeId": kind.type_id,
            "properties": list(self._desk.definitions(kind.name).values()),
            "associations": [],
            "name": body.get("name", kind.name.upper()),
        }
