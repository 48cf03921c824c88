"""
What HubSpot's answers mean: refusals in both dialects, and which of our errors or outcomes each one is.

Decided here: how details are found (JSON inside the message, or `errors` with a context) and what they ask the caller to do.
Not decided here: which input of a batch a refusal belongs to (`batches`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.contract import Outcome
from connectors.errors import ConnectorError, Moved, Refused, Rejected, TryLater
from connectors.http import classified, redacted

NO_SUCH_FIELD = "PROPERTY_DOESNT_EXIST"
FIELD_CODES = frozenset({NO_SUCH_FIELD, "READ_ONLY_VALUE"})
"""These say that a mapping is wrong, not that a row is."""
TAKEN = frozenset({"CONFLICT", "CONFLICTING_UNIQUE_VALUE", "UNIQUE_VALUE_CONFLICT"})
_OUTCOMES: Mapping[str, Outcome] = {
    "OBJECT_NOT_FOUND": Outcome.MOVED,
    "CONFLICT": Outcome.MOVED,
    "VALIDATION_ERROR": Outcome.REJECTED,
    "RATE_LIMITS": Outcome.TRY_LATER,
    "LOCKED": Outcome.TRY_LATER,
    "MISSING_SCOPES": Outcome.REFUSED,
    "INVALID_AUTHENTICATION": Outcome.REFUSED,
    "BANNED": Outcome.REFUSED,
}
REQUIRED = "REQUIRED_PROPERTY"
_NUMBER = "Map a number to it, or make the property a text."
_TRY: Mapping[str, str] = {
    "INVALID_OPTION": "Add the option to the property and run pql retry, or let the settings say one that it has.",
    "INVALID_OWNER_ID": "Name somebody who is an active user of the portal, or activate them and run pql retry.",
    "PROPERTY_VALUE_TOO_LONG": "Map something shorter to it.",
    "INVALID_EMAIL": "Correct the address at its source.",
    "INVALID_DATE": "Map a date to it, or make the property a text.",
    **dict.fromkeys(("INVALID_LONG", "INVALID_FLOAT", "INVALID_INTEGER"), _NUMBER),
    REQUIRED: "Map a value to it (`also`), or ask the portal's admin not to require it of integrations; then run pql retry.",
    "READ_ONLY_VALUE": "Only HubSpot writes this property. Take it out of the settings.",
}
"""What to do about a value that was not taken."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One value that was not taken: the property, HubSpot's code, its sentence."""

    name: str | None
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal of a whole call or of some inputs of a batch."""

    status: int
    category: str
    says: str
    details: tuple[Detail, ...] = ()
    traces: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    existing: str | None = None
    policy: str = ""
    scope: str | None = None

    @property
    def code(self) -> str:
        return (
            self.details[0].code if self.details and self.details[0].code else self.category or str(self.status or "ERROR")
        )

    @property
    def field(self) -> str | None:
        return next((one.name for one in self.details if one.name), None)

    @property
    def message(self) -> str:
        """HubSpot's sentence and what to try, where the code says it."""
        todo = _TRY.get(self.code, "")
        return f"{self.says.rstrip('. ')}. {todo}" if todo and self.says else self.says or todo

    @property
    def wrong_fields(self) -> Mapping[str, str]:
        """Properties that no row can be written with, and why."""
        return {one.name: one.code for one in self.details if one.name and one.code in FIELD_CODES}

    @property
    def taken(self) -> bool:
        """Somebody else has this unique value, or we had it earlier."""
        return self.existing is not None or self.category in TAKEN or any(one.code in TAKEN for one in self.details)

    @property
    def outcome(self) -> Outcome:
        if self.wrong_fields:
            return Outcome.REFUSED
        if self.taken:
            return Outcome.MOVED
        if self.category in _OUTCOMES:
            return _OUTCOMES[self.category]
        return Outcome.REJECTED if self.details or 400 <= self.status < 500 else Outcome.UNKNOWN

    def error(self, *, writes: bool, after: float | None = None) -> ConnectorError:
        """This refusal as the end of a whole call."""
        plain = classified(self.status, writes=writes, says=self.says, code=self.code, after=after)
        if isinstance(plain, TryLater) and plain.limited:
            return TryLater(str(plain), code=self.policy or plain.code, after=after, limited=True)
        if self.taken and isinstance(plain, Moved | Rejected):
            return Moved(str(plain), code=self.code, to=self.existing)
        if isinstance(plain, Refused):
            scope = f"The missing scope: {self.scope}." if self.scope else ""
            return Refused(f"{plain} {scope}".rstrip(), code=plain.code, scope=self.scope)
        if isinstance(plain, Rejected):
            return Rejected(str(plain), code=plain.code, field=self.field)
        return plain


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the parsed body of a success, or the fault."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    error: ConnectorError | None = None

    def good(self) -> Mapping[str, Any]:
        """The body, or the error that this answer is."""
        if self.error is not None:
            raise self.error
        return self.body


def fault_of(status: int, body: bytes, secrets: Sequence[str] = ()) -> Fault:
    """Read the refusal in the body of a 4xx or 5xx; a body of any other kind (a proxy's page) leaves only the status."""
    try:
        doc = orjson.loads(body)
    except orjson.JSONDecodeError:
        doc = {}
    return fault_in(doc if isinstance(doc, dict) else {}, status, secrets)


def fault_in(doc: Mapping[str, Any], status: int = 0, secrets: Sequence[str] = ()) -> Fault:
    """Read a refusal, whole or one entry of a batch's `errors`; nothing in it is taken for granted."""
    message = _text(doc.get("message"))
    head, embedded = _embedded(message)
    context = _mapping(doc.get("context"))
    inner = [_mapping(one) for one in _items(doc.get("errors"))]
    results = [*embedded, *(_mapping(one) for one in _items(doc.get("validationResults")))]
    details = [*(_embedded_detail(one) for one in results), *(_listed_detail(one) for one in inner)]
    words = " ".join([message, *(detail.says for detail in details)])
    existing = re.search(r"Existing ID:\s*(\d+)|(\d+) already has that value", words)
    if not details and (taken := re.search(r"Cannot set (\w+)=", message)):
        details = [Detail(taken[1], "CONFLICTING_UNIQUE_VALUE", "")]
    if not details and REQUIRED in _text(doc.get("subCategory")):
        details = [Detail(name, REQUIRED, "") for name in _names(context, "properties", "propertyName")]
        inner = []
    return Fault(
        status=status,
        category=_text(doc.get("category")) or _text(doc.get("errorType")),
        says=redacted(head if embedded or not inner else _with_first(head, details), secrets, 200),
        details=tuple(details),
        traces=_names(context, "objectWriteTraceId") or _strings(doc.get("objectWriteTraceId")),
        ids=_names(context, "ids", "id", "objectId"),
        existing=(existing[1] or existing[2]) if existing else None,
        policy=_text(doc.get("policyName")) or ("SECONDLY" if "secondly" in message.lower() else ""),
        scope=next((scope for one in (doc, *inner) for scope in _scopes(_mapping(one.get("context")))), None),
    )


def _with_first(head: str, details: Sequence[Detail]) -> str:
    return f"{head.rstrip('. ')}: {details[0].says}" if details[0].says else head


def _embedded(message: str) -> tuple[str, list[Mapping[str, Any]]]:
    """`Property values were not valid: [{...}]` -> its first words and the list."""
    head, found, tail = message.partition(": [")
    if not found:
        return message, []
    try:
        listed = orjson.loads("[" + tail)
    except orjson.JSONDecodeError:
        return message, []
    rows = [_mapping(one) for one in _items(listed)]
    return f"{head}: {_text(rows[0].get('message'))}" if rows else head, rows


def _embedded_detail(one: Mapping[str, Any]) -> Detail:
    return Detail(_text(one.get("name")) or None, _text(one.get("error")), _text(one.get("message")))


def _listed_detail(one: Mapping[str, Any]) -> Detail:
    names = _names(_mapping(one.get("context")), "propertyName", "name")
    return Detail(names[0] if names else _text(one.get("in")) or None, _text(one.get("code")), _text(one.get("message")))


def _scopes(context: Mapping[str, Any]) -> tuple[str, ...]:
    return _names(context, "requiredGranularScopes", "requiredScopes", "missingScopes")


def _names(context: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    return next((found for key in keys if (found := _strings(context.get(key)))), ())


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(one) for one in value if one is not None)
    return (str(value),) if isinstance(value, str | int) and value != "" else ()


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
