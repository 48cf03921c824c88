"""A bare client of the sandbox Salesforce for tests: paths below the version, parsed answers, no opinion."""

from dataclasses import dataclass
from typing import Any

import requests

from connectors.sandbox.serve import Endpoint

VERSION = "v59.0"


@dataclass(frozen=True)
class Answer:
    """Status, parsed body (None where it is empty) and headers of one call."""

    status: int
    body: Any
    headers: Any


class Rest:
    """Calls to one org with one token."""

    def __init__(self, org: Endpoint, version: str = VERSION) -> None:
        self.org = org
        self.base = f"{org.url}/services/data/{version}"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {org.token}"

    def call(self, method: str, path: str, **options: Any) -> Answer:
        url = self.org.url + path if path.startswith("/services") else f"{self.base}/{path}"
        reply = self.session.request(method, url, timeout=20, **options)
        is_json = reply.content and "json" in reply.headers.get("Content-Type", "")
        return Answer(reply.status_code, reply.json() if is_json else reply.content or None, reply.headers)

    def get(self, path: str, **params: Any) -> Answer:
        return self.call("GET", path, params=params)

    def query(self, soql: str, **headers: str) -> Any:
        """Return the body of a query's first page."""
        return self.call("GET", "query", params={"q": soql}, headers=headers).body

    def records(self, soql: str) -> list[dict[str, Any]]:
        """Return the records of a query without their attributes."""
        return [
            {name: one for name, one in record.items() if name != "attributes"} for record in self.query(soql)["records"]
        ]

    def create(self, kind: str, **values: Any) -> str:
        """Create one record; return its id, or fail the test with what was said."""
        answer = self.call("POST", f"sobjects/{kind}", json=values)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    def collect(self, method: str, records: list[dict[str, Any]], path: str = "", **more: Any) -> Any:
        """Send records to sObject Collections; return the items."""
        headers = more.pop("headers", {})
        body = {"allOrNone": False, "records": records, **more}
        return self.call(method, f"composite/sobjects{path}", json=body, headers=headers).body


def lead(**values: Any) -> dict[str, Any]:
    """A lead for a collection, complete unless told otherwise."""
    return {"attributes": {"type": "Lead"}, "LastName": "Huber", "Company": "Nordwerk", **values}


def key_field(kind: str, name: str = "PQL_Key__c") -> dict[str, Any]:
    """The external id of the product, as a seed makes it."""
    return {
        "object": kind,
        "name": name,
        "type": "string",
        "length": 64,
        "unique": True,
        "external_id": True,
        "case_sensitive": True,
        "id_lookup": True,
    }
