"""
simple-salesforce, kept to one session that is ours; sending, deadlines and judging answers are ours too.

Decided here: headers of every call (no assignment rules, ever), the version in the paths, what becomes of a 401: one
new session for all threads, then TryLater, because nothing was written; a session refused at its first use ends the
connection. Not decided here: when a call is made again (the store).

Only `restful` of the package is used, which takes timeouts and quoted paths; its object methods do neither. It writes
https into every address, so its `base_url` is set to ours afterwards; `Reach` admits http on loopback alone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import orjson
import requests

from connectors.contract import CALLS, Budget, Gate, open_gate
from connectors.crms.salesforce.answers import Answer, fault_of
from connectors.crms.salesforce.limits import Allowance
from connectors.crms.salesforce.login import Grant, Login
from connectors.crms.salesforce.options import Options
from connectors.errors import Refused, TryLater, Unknown
from connectors.http import READS, Session, classified, parsed, retry_after
from connectors.reach import Timeouts

BATCH = 200
PAGE = 2000
EXPIRED = "INVALID_SESSION_ID"
_LOCATOR = re.compile(r"/query(?:All)?/([A-Za-z0-9-]+)$")


class Wire(Session):
    """Our session with what is sent on every call, and an ear for what every answer says."""

    def __init__(self, options: Options, timeouts: Timeouts | None, allowance: Allowance) -> None:
        super().__init__(options.reach, timeouts)
        self.headers["Sforce-Auto-Assign"] = "FALSE"
        self.headers["Sforce-Query-Options"] = f"batchSize={PAGE}"
        self.headers["Accept"] = "application/json"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.allowance = allowance
        self.gate: Gate = open_gate
        self.date: str | None = None

    def request(self, method: str, url: str, *, writes: bool | None = None, **named: Any) -> requests.Response:  # type: ignore[override]  # as in Session
        self.gate(CALLS)
        answer = super().request(method, url, writes=writes, **named)
        self.allowance.hear(answer.headers)
        self.date = answer.headers.get("Date")
        if answer.status_code == 429:  # none of Salesforce's own; whatever stands between us says how long to wait
            raise classified(429, writes=True, after=retry_after(answer.headers))
        return answer


@dataclass(slots=True)
class Line:
    """One session in use: the package over it, and whether it was ever accepted."""

    grant: Grant
    org: Any
    proven: bool = False


class Client:
    """One org. Safe for several threads; `calls` counts what was sent, logins included."""

    def __init__(self, options: Options, timeouts: Timeouts | None = None) -> None:
        self.base_url = options.reach.checked(options.base_url)
        self.version = options.api_version
        self.allowance = Allowance()
        self._session = Wire(options, timeouts, self.allowance)
        self._login = Login(options, self._session)
        self._lock = threading.Lock()
        self._line: Line | None = None

    def __repr__(self) -> str:
        return f"Client({self.base_url}, {self.version})"

    def close(self) -> None:
        self._session.close()

    @property
    def calls(self) -> int:
        return self._session.sent

    @property
    def budget(self) -> Budget:
        return self.allowance.budget

    def pass_through(self, gate: Gate) -> None:
        self._session.gate = gate

    @property
    def home(self) -> str:
        """Where people look at records: the org's own address once it was told."""
        return self._line.grant.base_url if self._line else self.base_url

    def now(self) -> datetime:
        """The time as the org's last answer had it; ours where it said none."""
        try:
            return parsedate_to_datetime(self._session.date or "").astimezone(UTC)
        except ValueError:
            return datetime.now(UTC)

    # ------------------------------------------------------------------ calls, by what they are for

    def collection(self, method: str, records: list[dict[str, Any]], trace: str = "") -> Answer:
        """Create (POST) or update (PATCH) up to 200 records; each row stands for itself."""
        return self.send(method, "composite/sobjects", body={"allOrNone": False, "records": records}, trace=trace)

    def records(self, type: str, ids: list[str], fields: list[str]) -> Answer:
        """Up to 2,000 records by id, in the order asked; None for one that is not there."""
        return self.send("POST", f"composite/sobjects/{type}", body={"ids": ids, "fields": fields}, writes=False)

    def update(self, type: str, id: str, values: Mapping[str, Any]) -> Answer:
        return self.send("PATCH", f"sobjects/{type}/{quote(id, safe='')}", body=values)

    def create(self, path: str, values: Mapping[str, Any]) -> Answer:
        return self.send("POST", path, body=values)

    def describe(self, type: str) -> Answer:
        return self.send("GET", f"sobjects/{type}/describe")

    def query(self, soql: str, *, deleted: bool = False) -> Answer:
        """The first page of a query; `deleted` looks into the recycle bin too."""
        return self.send("GET", "queryAll" if deleted else "query", params={"q": soql})

    def next_page(self, url: str) -> Answer:
        """The page behind a `nextRecordsUrl`, of which only the locator is used: it must not lead elsewhere."""
        found = _LOCATOR.search(url)
        if found is None:
            raise TryLater("Salesforce named a next page that is none. Ask again later.", code="EMPTY_ANSWER")
        return self.send("GET", f"query/{found[1]}")

    def tooling(self, soql: str) -> Answer:
        return self.send("GET", "tooling/query", params={"q": soql})

    def limits(self) -> Answer:
        return self.send("GET", "limits")

    def user(self) -> str:
        """Id of the user we act as: told at login, else asked for."""
        line = self._opened()
        if line.grant.user:
            return line.grant.user
        headers = {"Authorization": f"Bearer {line.grant.token}"}
        answer = self._session.request("GET", f"{line.grant.base_url}/services/oauth2/userinfo", headers=headers)
        if answer.status_code in (401, 403):
            raise self._expired(line)
        if answer.status_code != 200:
            raise classified(answer.status_code, writes=False)
        said = parsed(answer.content, writes=False)
        return str(said.get("user_id", "")) if isinstance(said, dict) else ""

    # ------------------------------------------------------------------ the wire

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        writes: bool | None = None,
        trace: str = "",
    ) -> Answer:
        from simple_salesforce.exceptions import SalesforceError

        writes = method not in READS if writes is None else writes
        line = self._opened()
        named: dict[str, Any] = {"headers": {"X-Request-Id": trace}} if trace else {}
        if body is not None:
            named["data"] = orjson.dumps(body)
        try:
            found = line.org.restful(path, params=params, method=method, writes=writes, **named)
        except SalesforceError as problem:
            return self._refused(line, int(problem.status), problem.content, writes=writes)
        except (ValueError, TypeError):
            said = "The answer says success but is not JSON. Something between us and Salesforce may have replaced it."
            raise (Unknown(said, code="NOT_JSON") if writes else TryLater(said, code="NOT_JSON")) from None
        line.proven = True
        return Answer(found)

    def raw(self, method: str, path: str, *, data: bytes | None = None) -> bytes:
        """A file of a bulk job, sent or fetched as it is: the package would take it for JSON, or guess its encoding."""
        line, writes = self._opened(), method not in READS
        headers = {"Authorization": f"Bearer {line.grant.token}"}
        headers |= {"Content-Type": "text/csv; charset=UTF-8"} if data is not None else {"Accept": "text/csv"}
        url = f"{line.grant.base_url}/services/data/v{self.version}/{path}"
        answer = self._session.request(method, url, headers=headers, data=data)
        if 200 <= answer.status_code < 300:
            line.proven = True
            return answer.content
        try:
            content: Any = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            content = ""
        self._refused(line, answer.status_code, content, writes=writes).good()
        raise classified(answer.status_code, writes=writes)

    def _refused(self, line: Line, status: int, content: Any, *, writes: bool) -> Answer:
        if status == 401:
            raise self._expired(line)
        fault = fault_of(status, content, (line.grant.token, *self._login.secrets))
        return Answer(fault=fault, error=fault.error(writes=writes))

    def _opened(self) -> Line:
        with self._lock:
            if self._line is None:
                self._line = self._new_line()
            return self._line

    def _expired(self, line: Line) -> TryLater | Refused:
        """What a 401 is: whoever comes first gets a new session for all."""
        if not self._login.renews:
            said = "Salesforce does not accept the token; it expired or was revoked. Give a new one, or use client_id."
            return Refused(said, code=EXPIRED)
        with self._lock:
            if self._line is line:
                if not line.proven:
                    said = "Salesforce refuses a session it has only now given. Check the user's API access and IP ranges."
                    return Refused(said, code=EXPIRED)
                self._line = self._new_line()
        return TryLater(
            "The session was over; a new one is open. Nothing was written; send it again.", code=EXPIRED, after=1.0
        )

    def _new_line(self) -> Line:
        from simple_salesforce import Salesforce

        grant = self._login.open()
        org = Salesforce(
            session_id=grant.token,
            instance_url=grant.base_url,
            version=self.version,
            session=self._session,
            object_pairs_hook=None,
        )
        org.base_url = f"{grant.base_url}/services/data/v{self.version}/"
        org.headers.pop("X-PrettyPrint", None)
        return Line(grant, org)
