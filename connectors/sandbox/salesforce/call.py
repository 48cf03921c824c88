"""
One call of the REST interface: who calls, which API version, and what the Sforce headers ask for.

Decided here: how headers are read. Subrequests of a composite call get a Call of their own with their own headers.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from connectors.sandbox.salesforce.errors import bad_body
from connectors.sandbox.wire import Actor, Headers, Request

LEAST, MOST = 200, 2000  # records on a page of a query


@dataclass(frozen=True, slots=True)
class Call:
    """A request below `/services/data/vNN.0/`; `parts` are the decoded segments of its path."""

    request: Request
    actor: Actor
    version: str
    parts: tuple[str, ...]
    user: str = ""  # who LastModifiedBy names; empty is the integration user

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def root(self) -> str:
        return f"/services/data/{self.version}"

    @property
    def auto_assign(self) -> bool:
        """Assignment rules run unless the caller says FALSE; the default of REST is TRUE."""
        return self.request.headers.get("sforce-auto-assign", "TRUE").strip().upper() != "FALSE"

    @property
    def allow_save(self) -> bool:
        return "allowsave=true" in self.request.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()

    @property
    def batch_size(self) -> int:
        found = re.search(r"batchSize\s*=\s*(\d+)", self.request.headers.get("sforce-query-options", ""), re.IGNORECASE)
        return min(max(int(found[1]), LEAST), MOST) if found else MOST

    def flag(self, name: str, default: str = "false") -> bool:
        return self.request.one(name, default).lower() == "true"

    def body(self) -> Any:
        """Return the JSON of the call; JSON_PARSER_ERROR where it is none."""
        try:
            return self.request.json()
        except ValueError as problem:
            raise bad_body(f"Unexpected character at [line:1, column:1]: {problem}") from None

    def object_body(self) -> dict[str, Any]:
        found = self.body()
        if not isinstance(found, dict):
            raise bad_body("The request body is not an object at [line:1, column:1]")
        return found

    def inner(self, request: Request, parts: tuple[str, ...]) -> "Call":
        """Return the call of a subrequest; headers it does not name stay as they are."""
        headers = Headers({**dict(self.request.headers), **dict(request.headers)})
        return replace(self, request=replace(request, headers=headers), parts=parts)
