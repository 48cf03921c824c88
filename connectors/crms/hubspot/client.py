"""
The official HubSpot client, kept to paths and verbs; sending, deadlines and judging answers are ours.

Decided here: the version in the paths, one pool of connections, no repeats, no redirects, JSON once and validated, what
writes. Not decided here: when a call is made again (the store).

The client's models are not used: on an undeclared 2xx they answer None, and on a foreign body an object of Nones, so that a
write that failed looks like one that worked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import urllib3

from connectors.contract import CALLS, Budget, Gate, open_gate
from connectors.crms.hubspot.answers import Answer, fault_of
from connectors.crms.hubspot.limits import SEARCH, Allowance
from connectors.crms.hubspot.options import Options
from connectors.errors import TryLater, Unknown
from connectors.http import READS, USER_AGENT, broken, parsed, retry_after
from connectors.reach import Timeouts, pool_classes

PLURALS = {"contact": "contacts", "company": "companies", "deal": "deals", "task": "tasks"}
TYPE_IDS = {"contact": "0-1", "company": "0-2", "deal": "0-3", "task": "0-27"}
BATCH = 100
# The client knows v3 and v4 paths only; these become the dated ones.
_PATHS = (
    (re.compile(r"^/crm/v[34]/(objects|properties|owners|associations)"), r"/crm/\1/{v}"),
    (re.compile(r"^/account-info/v3"), "/account-info/{v}"),
)
_READING = re.compile(r"/(batch/read|search|get/access-token-info)/?$")


class Client:
    """One portal. Safe for several threads; `calls` counts what was sent."""

    def __init__(self, options: Options, timeouts: Timeouts | None = None) -> None:
        self.base_url = options.reach.checked(options.base_url)
        self.version = options.api_version
        self.allowance = Allowance()
        self.gate: Gate = open_gate
        self.calls = 0
        self._date: str | None = None
        self._token = options.token.reveal()
        self._timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._apis: dict[tuple[str, str], Any] = {}
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)
        self._pool.pool_classes_by_scheme = pool_classes(options.reach, self._timeouts)
        self._hub: Any = None

    def __repr__(self) -> str:
        return f"Client({self.base_url}, {self.version})"

    def close(self) -> None:
        self._pool.clear()

    @property
    def budget(self) -> Budget:
        return self.allowance.budget

    def now(self) -> datetime:
        """The time as the portal's last answer had it; ours where it said none."""
        try:
            return parsedate_to_datetime(self._date or "").astimezone(UTC)
        except ValueError:
            return datetime.now(UTC)

    # ------------------------------------------------------------------ calls, by what they are for

    def batch(
        self, object: str, verb: str, inputs: Sequence[Mapping[str, Any]], *, archived: bool = False, **more: Any
    ) -> Answer:
        """Create, update or read up to 100 records of an object."""
        query = {"archived": True} if archived else {}
        return self._call(getattr(self._crm.objects.batch_api, verb), PLURALS[object], {"inputs": inputs, **more}, **query)

    def get(self, object: str, id: str, **query: Any) -> Answer:
        """One record by id or by the unique property `id_property`."""
        return self._call(self._crm.objects.basic_api.get_by_id, PLURALS[object], id, **query)

    def page(self, object: str, **query: Any) -> Answer:
        """One page of all records of an object."""
        return self._call(self._crm.objects.basic_api.get_page, PLURALS[object], **query)

    def search(self, object: str, body: Mapping[str, Any]) -> Answer:
        return self._call(self._crm.objects.search_api.do_search, PLURALS[object], body)

    def patch(self, object: str, id: str, properties: Mapping[str, str]) -> Answer:
        return self._call(self._crm.objects.basic_api.update, PLURALS[object], id, {"properties": properties})

    def associations(self, from_object: str, to_object: str, inputs: Sequence[Mapping[str, str]]) -> Answer:
        batch_api = self._crm.associations.v4.batch_api
        return self._call(batch_api.get_page, PLURALS[from_object], PLURALS[to_object], {"inputs": inputs})

    def owners(self, **query: Any) -> Answer:
        return self._call(self._crm.owners.owners_api.get_page, **query)

    def properties(self, object: str) -> Answer:
        return self._call(self._crm.properties.core_api.get_all, PLURALS[object])

    def create_properties(self, object: str, definitions: Sequence[Mapping[str, Any]]) -> Answer:
        return self._call(self._crm.properties.batch_api.create, PLURALS[object], {"inputs": definitions})

    def groups(self, object: str) -> Answer:
        return self._call(self._crm.properties.groups_api.get_all, PLURALS[object])

    def create_group(self, object: str, group: Mapping[str, Any]) -> Answer:
        return self._call(self._crm.properties.groups_api.create, PLURALS[object], group)

    def account(self) -> Answer:
        """Portal id, time zone, domain of the pages; the client has no package for it, so it goes by its path."""
        return self.send("GET", self.dated("/account-info/v3/details"))

    def token_info(self) -> Answer:
        """Scopes of this token, where HubSpot tells."""
        return self.send("POST", "/oauth/v2/private-apps/get/access-token-info", body={"tokenKey": self._token})

    # ------------------------------------------------------------------ the wire

    @property
    def _crm(self) -> Any:
        if self._hub is None:
            from hubspot import HubSpot

            self._hub = HubSpot(access_token="unused", retry=False, api_factory=self._api)  # noqa: S106  we set the header
        return self._hub.crm

    def _call(self, method: Any, *args: Any, **query: Any) -> Answer:
        answer: Answer = method(*args, **query)
        return answer

    def _api(self, package: Any, name: str, _config: Mapping[str, Any]) -> Any:
        """What the client's `api_factory` asks for: one object per API, kept, because making one is slow."""
        key = (package.__name__, name)
        if key not in self._apis:
            wired = type("Wired", (_Wired, package.ApiClient), {"client": self})
            self._apis[key] = getattr(package, name)(api_client=wired(package.Configuration()))
        return self._apis[key]

    def send(self, method: str, path: str, query: Sequence[tuple[str, Any]] = (), body: Any = None) -> Answer:
        writes = method not in READS and _READING.search(path) is None
        url = self.base_url + path + (f"?{urlencode(query)}" if query else "")
        self.gate(SEARCH if path.endswith("/search") else CALLS)
        with self._lock:
            self.calls += 1
        try:
            answer = self._pool.request(
                method,
                url,
                body=None if body is None else orjson.dumps(body),
                headers=self._headers(),
                timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.answer),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as problem:
            raise broken(problem, writes=writes) from None
        self.allowance.hear(answer.headers)
        self._date = answer.headers.get("Date")
        return self._judged(answer.status, answer.headers, answer.data, writes=writes)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }

    def _judged(self, status: int, headers: Mapping[str, str], data: bytes, *, writes: bool) -> Answer:
        if not 200 <= status < 300:
            fault = fault_of(status, data, (self._token,))
            after = self.allowance.wait(fault.policy, headers) if status == 429 else retry_after(headers)
            return Answer(status, fault=fault, error=fault.error(writes=writes, after=after))
        if status == 204:
            return Answer(status)
        body = parsed(data, writes=writes)
        if not isinstance(body, dict):
            said = "The answer says success but is no JSON object. Something between us and HubSpot may have replaced it."
            raise Unknown(said, code="NOT_AN_OBJECT") if writes else TryLater(said, code="NOT_AN_OBJECT")
        return Answer(status, body)

    def dated(self, path: str) -> str:
        """A path as the client writes it, in the version of the settings."""
        if self.version == "v3":
            return path
        for pattern, to in _PATHS:
            path, hits = pattern.subn(to.replace("{v}", self.version), path)
            if hits:
                break
        return path


class _Wired:
    """Mixed before a package's ApiClient: the client's paths and query names, our sending."""

    client: Client

    def call_api(
        self,
        resource_path: str,
        method: str,
        path_params: Mapping[str, Any] | None = None,
        query_params: Sequence[tuple[str, Any]] | None = None,
        _header_params: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> Answer:
        for name, value in (path_params or {}).items():
            resource_path = resource_path.replace(f"{{{name}}}", quote(str(value), safe=""))
        query = [
            (name, one) for name, value in query_params or () for one in (value if isinstance(value, list) else [value])
        ]
        words = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in query]
        return self.client.send(method, self.client.dated(resource_path), words, named.get("body"))
