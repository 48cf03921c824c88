"""
What Salesforce's answers mean: refusals in their three shapes, and which of our errors or outcomes each one is.

Decided here: a list at the top level (`errorCode`), an entry of a row (`statusCode`), an object of the token endpoint
(`error`); what each code asks the caller to do. A code nobody knows refuses its row and is shown as it is. A missing
right on one record (`INSUFFICIENT_ACCESS...` in a row) refuses that row alone, because sharing is per record; the same
for a whole call stops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Outcome
from connectors.crms.salesforce.limits import CONCURRENT_WAIT, DAILY_WAIT
from connectors.crms.salesforce.values import full_id
from connectors.errors import ConnectorError, Moved, Refused, Rejected, TryLater, Unknown
from connectors.http import classified, redacted

FIELD_CODES = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"})
"""These say that a mapping is wrong, not that a row is: no such field, or field-level security hides it."""
LIMIT = "REQUEST_LIMIT_EXCEEDED"
TAKEN = "DUPLICATE_VALUE"
CONVERTED = "CANNOT_UPDATE_CONVERTED_LEAD"
MANY = "MULTIPLE_CHOICES"
_OUTCOMES: Mapping[str, Outcome] = {
    **dict.fromkeys(
        (
            *("UNABLE_TO_LOCK_ROW", "REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE", LIMIT),
            *("TOO_MANY_APEX_REQUESTS", "UNKNOWN_EXCEPTION", "INVALID_QUERY_LOCATOR", "ALL_OR_NONE_OPERATION_ROLLED_BACK"),
        ),
        Outcome.TRY_LATER,
    ),
    **dict.fromkeys(FIELD_CODES, Outcome.REFUSED),
    **dict.fromkeys(
        (
            *("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "INVALID_LOGIN", "STORAGE_LIMIT_EXCEEDED", "INVALID_TYPE"),
            *("MALFORMED_QUERY", "INVALID_SESSION_ID"),
        ),
        Outcome.REFUSED,
    ),
    **dict.fromkeys(("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", CONVERTED, "NOT_FOUND"), Outcome.MOVED),
    **dict.fromkeys((TAKEN, "DUPLICATE_EXTERNAL_ID", "DUPLICATES_DETECTED", MANY), Outcome.NEEDS_REVIEW),
}
_TRY: Mapping[str, str] = {
    "INACTIVE_OWNER_OR_USER": "Route it to somebody else, or activate the user and run pql retry.",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (
        "Add the value to the picklist, for this record type too, and run pql retry; or let the settings say another."
    ),
    "STRING_TOO_LONG": "Map something shorter to it, or make the field longer and run pql retry.",
    "REQUIRED_FIELD_MISSING": "Map a value to it (`also`), or ask the org's admin not to require it; then run pql retry.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (
        "That is a validation rule of the org. Correct the value, or exempt the integration user, and run pql retry."
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": "Map a smaller number to it, or give the field more digits and run pql retry.",
    "INVALID_EMAIL_ADDRESS": "Correct the address at its source.",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "That is a trigger of the org. Ask its admin, then run pql retry.",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "That is a flow of the org. Ask its admin, then run pql retry.",
    "INVALID_CROSS_REFERENCE_KEY": "The record that the value names is not there. Correct it, then run pql retry.",
    "DUPLICATES_DETECTED": "Decide which record is meant; duplicate rules are never bypassed.",
    "STORAGE_LIMIT_EXCEEDED": "Free storage in the org.",
    "API_DISABLED_FOR_ORG": "Give the org or the user's profile the API.",
    "INVALID_FIELD": "Run pql provision, or take the field out of the settings.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "Let the integration user write the field; pql provision does so for ours.",
}
_COLUMN = re.compile(r"No such column '([A-Za-z0-9_.]+)'")
_HELD = re.compile(r"duplicate value found: (\S+) duplicates value on record with id: (\w+)")
_NO_KEY = re.compile(r"Provided external ID field does not exist or is not accessible: (\w+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal of a whole call or of one row. `status` is 0 for a row; `fields` are Salesforce's names."""

    status: int
    code: str
    says: str
    fields: tuple[str, ...] = ()
    existing: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What it means for one row."""
        return _OUTCOMES.get(self.code, Outcome.REJECTED if self.code else Outcome.UNKNOWN)

    @property
    def message(self) -> str:
        """Salesforce's sentence and what to try, where the code says it."""
        return " ".join(part for part in (self.says, _TRY.get(self.code, "")) if part)

    def error(self, *, writes: bool) -> ConnectorError:
        """This refusal as the end of a whole call."""
        if self.code == LIMIT:
            return self._over_limit()
        # What a 5xx had done before it failed nobody knows, whatever code it carries.
        meaning = _OUTCOMES.get(self.code) if self.status < 500 else None
        if meaning is Outcome.TRY_LATER:
            return TryLater(f"{self.says} Nothing was written; send it again later.", code=self.code)
        if meaning is Outcome.REFUSED or _NO_KEY.search(self.says):
            return Refused(self.message, code=self.code)
        if meaning in (Outcome.MOVED, Outcome.NEEDS_REVIEW):
            return Moved(self.message, code=self.code, to=self.existing[0] if len(self.existing) == 1 else None)
        plain = classified(self.status, writes=writes, says=self.says, code=self.code)
        field = self.fields[0] if self.fields else None
        return Rejected(str(plain), code=plain.code, field=field) if isinstance(plain, Rejected) else plain

    def _over_limit(self) -> TryLater:
        if "concurrent" in self.says.lower():
            said = "Too many long calls run in this org at once. Nothing was written; send it again in a moment."
            return TryLater(said, code=LIMIT, after=CONCURRENT_WAIT)
        said = "The org's calls of the last 24 hours are used up. Nothing was written; they come back as the day rolls on."
        return TryLater(said, code=LIMIT, after=DAILY_WAIT, limited=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the parsed body of a success (None where it was empty), or the fault."""

    body: Any = None
    fault: Fault | None = None
    error: ConnectorError | None = None

    def good(self) -> Any:
        """The body, or the error that this answer is."""
        if self.error is not None:
            raise self.error
        return self.body

    def record(self, *, writes: bool = False) -> Mapping[str, Any]:
        """The body where it must be an object."""
        body = self.good()
        if isinstance(body, dict):
            return body
        raise unreadable(writes=writes)


def unreadable(*, writes: bool) -> ConnectorError:
    """The error for a success that says nothing we understand."""
    said = "The answer says success but is not what was asked for. Something between us and Salesforce may have replaced it."
    return Unknown(said, code="EMPTY_ANSWER") if writes else TryLater(said, code="EMPTY_ANSWER")


def fault_of(status: int, content: Any, secrets: Sequence[str] = ()) -> Fault:
    """Read the refusal of a whole call from its parsed body, or from text where it is none (a proxy's page)."""
    if status == 300 and isinstance(content, list):
        ids = tuple(str(one).rpartition("/")[2] for one in content)
        return Fault(status, MANY, "Several records carry this key.", existing=ids)
    first = next((one for one in content if isinstance(one, dict)), {}) if isinstance(content, list) else content
    return fault_in(first if isinstance(first, dict) else {}, status, secrets)


def fault_in(doc: Mapping[str, Any], status: int = 0, secrets: Sequence[str] = ()) -> Fault:
    """Read one error, of a row, of a call or of the token endpoint; nothing in it is taken for granted."""
    code = next((said for key in ("statusCode", "errorCode", "error") if (said := _text(doc.get(key)))), "")
    message = _text(doc.get("message")) or _text(doc.get("error_description"))
    named = doc.get("fields")
    fields = [str(one) for one in named if isinstance(one, str)] if isinstance(named, list) else []
    if not fields and (column := _COLUMN.search(message)):
        fields = [column[1]]
    existing: Iterable[str] = _matches(doc)
    if held := _HELD.search(message):
        fields = fields or [held[1]]
        existing = (held[2],)
    ids = tuple(dict.fromkeys(id for one in existing if (id := full_id(one))))
    says = redacted(message, secrets, 250).rstrip(". ")
    return Fault(status, code, f"{says}." if says else "", tuple(fields), ids)


def _matches(doc: Mapping[str, Any]) -> list[str]:
    """Ids of the records that a duplicate rule found; the misspelt key is Salesforce's own."""
    result = doc.get("duplicateResut") or doc.get("duplicateResult")
    listed = result.get("matchResults") if isinstance(result, dict) else None
    found: list[str] = []
    for match in listed if isinstance(listed, list) else []:
        records = match.get("matchRecords") if isinstance(match, dict) else None
        rows = [one.get("record") for one in records if isinstance(one, dict)] if isinstance(records, list) else []
        found += [str(row["Id"]) for row in rows if isinstance(row, dict) and row.get("Id")]
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
