"""
The refusals of HubSpot: status, category and words, as a whole answer or as one entry of a batch's `errors`.

Decided here: the two dialects of detail. v3 puts JSON into the message, the dated versions list `errors` with a context.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.sandbox.wire import Reply

VALIDATION = "VALIDATION_ERROR"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One property value that cannot be taken."""

    name: str
    code: str
    message: str

    def embedded(self) -> dict[str, Any]:
        return {"isValid": False, "message": self.message, "error": self.code, "name": self.name}

    def listed(self) -> dict[str, Any]:
        return {"message": self.message, "code": self.code, "context": {"propertyName": [self.name]}}


@dataclass(eq=False)
class Refusal(Exception):
    """An input or a whole call that HubSpot does not accept."""

    status: int
    category: str
    message: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)
    wrongs: Sequence[Wrong] = ()
    sub_category: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, dialect: str, trace: str | None = None) -> dict[str, Any]:
        """Return this refusal as one item of a batch's `errors`."""
        context = {name: list(values) for name, values in self.context.items()}
        if trace:
            context["objectWriteTraceId"] = [trace]
        entry: dict[str, Any] = {"status": "error", "category": self.category, "message": self._words(dialect)}
        if self.sub_category:
            entry["subCategory"] = self.sub_category
        entry["context"] = context
        if self.wrongs and dialect == "listed":
            entry["errors"] = [wrong.listed() for wrong in self.wrongs]
        return entry

    def reply(self, dialect: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return this refusal as a whole answer."""
        correlation = str(uuid.uuid4())
        body: dict[str, Any] = {"status": "error", "message": self._words(dialect), "correlationId": correlation}
        if self.wrongs and dialect == "listed":
            body["errors"] = [wrong.listed() for wrong in self.wrongs]
        if self.context:
            body["context"] = {name: list(values) for name, values in self.context.items()}
        if self.category:
            body["category"] = self.category
        if self.sub_category:
            body["subCategory"] = self.sub_category
        return Reply(self.status, {**body, **self.extra}, {"X-HubSpot-Correlation-Id": correlation, **(headers or {})})

    def _words(self, dialect: str) -> str:
        if not self.wrongs or dialect == "listed":
            return self.message
        return f"{self.message}: {orjson.dumps([wrong.embedded() for wrong in self.wrongs]).decode()}"


def invalid(message: str, **context: Sequence[str]) -> Refusal:
    return Refusal(400, VALIDATION, message, context)


def wrong_values(wrongs: Sequence[Wrong]) -> Refusal:
    return Refusal(400, VALIDATION, "Property values were not valid", wrongs=wrongs)


def not_found(kind: str, ids: Sequence[str]) -> Refusal:
    return Refusal(
        404, "OBJECT_NOT_FOUND", f"Could not get some {kind} objects, they may be deleted or not exist.", {"ids": ids}
    )


def missing(message: str = "resource not found") -> Refusal:
    return Refusal(404, "OBJECT_NOT_FOUND", message)


def conflict(label: str, existing: str) -> Refusal:
    return Refusal(409, "CONFLICT", f"{label} already exists. Existing ID: {existing}")


def ordered(status: int, args: Mapping[str, Any]) -> Reply:
    """Return the error a fault asked for, in HubSpot's words unless the fault brings its own."""
    if status == 429:
        return _limited(args)
    known = {
        401: ("INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports OAuth 2.0 authentication."),
        403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
        404: ("OBJECT_NOT_FOUND", "resource not found"),
        409: ("CONFLICT", "Contact already exists. Existing ID: 1"),
        414: ("", "URI Too Long"),
        423: ("LOCKED", "The resource is locked. Try again in a moment."),
        477: ("MIGRATION_IN_PROGRESS", "This account is being moved to another data hosting location."),
    }
    category, message = known.get(status, ("", "internal error") if status >= 500 else (VALIDATION, "Invalid input"))
    extra: dict[str, Any] = {}
    if status == 403:
        scope = str(args.get("scope", "crm.objects.contacts.write"))
        needed = {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": [scope]},
        }
        extra = {"errors": [needed], "links": {"scopes": "https://developers.hubspot.com/scopes"}}
    refusal = Refusal(status, str(args.get("category", category)), str(args.get("message", message)), extra=extra)
    return refusal.reply("listed", _retry_after(args))


def _limited(args: Mapping[str, Any]) -> Reply:
    policy = str(args.get("policy", "TEN_SECONDLY_ROLLING"))
    if policy == "SECONDLY":
        return Refusal(429, "RATE_LIMITS", "You have reached your secondly limit.").reply("listed", _retry_after(args))
    message = f"You have reached your {policy.lower()} limit."
    extra = {"errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi:private-apps:api-calls"}
    return Refusal(429, "", str(args.get("message", message)), extra=extra).reply("listed", _retry_after(args))


def _retry_after(args: Mapping[str, Any]) -> dict[str, str]:
    return {"Retry-After": str(args["retry_after"])} if args.get("retry_after") is not None else {}
