"""
A PostHog that answers HogQL over real HTTP, no kinder than the vendor: at most 50,000 rows and 100 where no LIMIT is said,
types as pairs or as a plain list, stamps with and without a fraction, wrong keys and too many calls refused.

The queries run in DuckDB, with ClickHouse's functions as macros; properties are JSON.
"""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import duckdb

TOKEN = "phx-test"
MOST = 50_000
_MACROS = """
SET TimeZone = 'UTC';
CREATE MACRO toString(x) AS CAST(x AS VARCHAR);
CREATE MACRO toTimeZone(x, zone) AS timezone(zone, x);
CREATE MACRO toDateTime64(x, digits, zone) AS timezone(zone, CAST(x AS TIMESTAMP));
CREATE TABLE events
    (uuid VARCHAR, event VARCHAR, timestamp TIMESTAMPTZ, distinct_id VARCHAR, person_id VARCHAR, properties JSON);
CREATE TABLE persons (id VARCHAR, created_at TIMESTAMPTZ, properties JSON);
"""
_PROPERTY = re.compile(r"\bproperties((?:\.(?:`[^`]+`|[A-Za-z_]\w*))+)")


class Server(ThreadingHTTPServer):
    """One project, number 1. `refuse` is a list of (status, headers, body) for the next calls."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.db = duckdb.connect()
        self.db.execute(_MACROS)
        self.lock = threading.Lock()
        self.queries: list[str] = []
        self.refuse: list[tuple[int, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put_event(self, uuid: str, event: str, at: datetime, person: str | None = None, **properties: Any) -> None:
        with self.lock:
            values = [uuid, event, at, properties.get("visitor") or person or "", person, json.dumps(properties)]
            self.db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", values)

    def put_person(self, id: str, at: datetime, **properties: Any) -> None:
        with self.lock:
            self.db.execute("INSERT INTO persons VALUES (?, ?, ?)", [id, at, json.dumps(properties)])

    def answer(self, query: str) -> dict[str, Any]:
        """The answer to one HogQL query."""
        said = re.search(r"LIMIT (\d+)\s*$", query)
        limit = min(int(said[1]), MOST) if said else 100
        sql = _PROPERTY.sub(_extracted, query[: said.start()] if said else query)
        with self.lock:
            self.queries.append(query)
            found = self.db.execute(f"{sql} LIMIT {limit + 1}")
            names = [(column[0], str(column[1])) for column in found.description]
            rows = [list(row) for row in found.fetchall()]
        pairs = len(self.queries) % 2 == 0
        return {
            "columns": [name for name, _ in names],
            "types": [list(pair) for pair in names] if pairs else [kind for _, kind in names],
            "results": rows[:limit],
            "hasMore": len(rows) > limit,
            "hogql": query,
        }


def _extracted(match: re.Match[str]) -> str:
    steps = [step.strip("`") for step in re.findall(r"`[^`]+`|[A-Za-z_]\w*", match[1])]
    path = "$" + "".join(f'."{step}"' for step in steps)
    return f"json_extract_string(properties, '{path}')"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refuse:
            self._say(*self.server.refuse.pop(0))
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._say(401, {}, {"type": "authentication_error", "detail": "Invalid personal API key."})
        elif self.path != "/api/projects/1/query/":
            self._say(404, {}, {"detail": "Not found."})
        elif body["query"]["kind"] != "HogQLQuery":
            self._say(400, {}, {"detail": "Unknown kind"})
        else:
            self._ask(body["query"]["query"])

    def _ask(self, query: str) -> None:
        try:
            answer = self.server.answer(query)
        except duckdb.Error as problem:
            self._say(400, {}, {"type": "validation_error", "detail": f"Unable to resolve field: {problem}"})
        else:
            self._say(200, {}, answer)

    def _say(self, status: int, headers: dict[str, str], body: Any) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(payload)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
