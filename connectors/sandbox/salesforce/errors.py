"""
The refusals of Salesforce in their three shapes: a row in a collection, an array at the top level, an object at the
token endpoint.

Decided here: the words and the status of each refusal. Not decided here: when one is due (rules, writes, soql).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.wire import Reply


@dataclass(eq=False)
class Fault(Exception):
    """One refusal. `fields` is None where Salesforce leaves the key out at the top level."""

    code: str
    message: str
    fields: Sequence[str] | None = None
    status: int = 400
    extra: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the error as an item of a collection carries it."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}

    def top(self) -> dict[str, Any]:
        """Return the error as a call of its own carries it."""
        body = {**self.extra, "message": self.message, "errorCode": self.code}
        return body if self.fields is None else {**body, "fields": list(self.fields)}

    def reply(self) -> Reply:
        return Reply(self.status, [self.top()])


def not_found(message: str = "The requested resource does not exist") -> Fault:
    return Fault("NOT_FOUND", message, status=404)


def no_external_id(name: str) -> Fault:
    return not_found(f"Provided external ID field does not exist or is not accessible: {name}")


def no_column(name: str, entity: str) -> Fault:
    return Fault("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity}")


def no_type(name: str) -> Fault:
    return Fault("INVALID_TYPE", f"sObject type '{name}' is not supported.")


def read_only(names: Sequence[str]) -> Fault:
    message = (
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set."
    )
    return Fault("INVALID_FIELD_FOR_INSERT_UPDATE", message, list(names))


def missing(names: Sequence[str]) -> Fault:
    return Fault("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", list(names))


def deleted() -> Fault:
    return Fault("ENTITY_IS_DELETED", "entity is deleted", [], status=404)


def no_session() -> Fault:
    return Fault("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def over_daily_limit() -> Fault:
    return Fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)


def not_built(what: str) -> Fault:
    return Fault("NOT_IN_THIS_SANDBOX", f"The sandbox does not answer {what}. Use a scratch org for it.", status=501)


def bad_body(why: str) -> Fault:
    return Fault("JSON_PARSER_ERROR", why)


def bad_method(method: str) -> Fault:
    message = f"HTTP Method '{method}' not allowed. Allowed are the methods of this resource"
    return Fault("METHOD_NOT_ALLOWED", message, status=405)
