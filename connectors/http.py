"""
HTTP for everything that speaks to the outside through requests, and what an answer means to the caller of any client.

Decided here: no redirects, no repeats, which of `connectors.errors` a status or a broken connection is, what may be shown of
an answer. Not decided here: what a vendor's body says; when a call is repeated (the store); where calls may go (`reach`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter

from connectors.errors import ConnectorError, Moved, Refused, Rejected, TryLater, Unknown
from connectors.reach import Reach, Timeouts, pool_classes

USER_AGENT = f"pqlsync/{version('pqlsync')}"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCKED_WAIT = 2.0
_SECRETS = re.compile(
    r"(?i)(bearer\s+|basic\s+)[^\s\"',;]+"
    r"|\bpat-[a-z0-9-]{6,}"
    r"|\b00D[A-Za-z0-9]{6,}![^\s\"'&]+"
    r"|((?:access_token|refresh_token|client_secret|api_key|token|code|assertion|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"
)


class _Adapter(HTTPAdapter):
    def __init__(self, reach: Reach, timeouts: Timeouts) -> None:
        self._pools = pool_classes(reach, timeouts)
        super().__init__(max_retries=urllib3.Retry(0, read=False, redirect=False))

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools


class Session(requests.Session):
    """
    A requests session that goes only where it may, waits only so long, follows no redirect and repeats nothing.

    A broken connection is raised as TryLater (nothing can have been written) or Unknown. `writes` says whether the call
    changes anything; None takes it from the method.
    """

    def __init__(self, reach: Reach | None = None, timeouts: Timeouts | None = None) -> None:
        super().__init__()
        self.reach, self.timeouts = reach or Reach(), timeouts or Timeouts()
        self.headers["User-Agent"] = USER_AGENT
        self.auth = _as_it_is
        self.sent = 0
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(self.reach, self.timeouts))

    def request(  # type: ignore[override]  # the signature of requests, with one more word
        self, method: str, url: str, *, writes: bool | None = None, **named: Any
    ) -> requests.Response:
        self.reach.checked(str(url))
        named["allow_redirects"] = False
        named.setdefault("timeout", (self.timeouts.connect, self.timeouts.answer))
        writes = method.upper() not in READS if writes is None else writes
        self.sent += 1
        try:
            return super().request(method, url, **named)
        except requests.RequestException as problem:
            raise broken(problem, writes=writes) from None

    def ask(self, method: str, url: str, *, writes: bool | None = None, **named: Any) -> Any:
        """Return the parsed JSON of a 2xx answer (None for an empty 204); raise what any other answer is."""
        writes = method.upper() not in READS if writes is None else writes
        answer = self.request(method, url, writes=writes, **named)
        if not 200 <= answer.status_code < 300:
            raise classified(answer.status_code, writes=writes, after=retry_after(answer.headers))
        return None if answer.status_code == 204 else parsed(answer.content, writes=writes)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # Without this, requests looks into ~/.netrc and replaces our Authorization header.
    return request


# ---------------------------------------------------------------------------------------- what an answer means


def parsed(body: bytes, *, writes: bool) -> Any:
    """JSON, or the error that an unreadable success is: something may have been written."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        said = "The answer says success but is not JSON. Something between us and the far side may have replaced it."
        raise (Unknown(said, code="NOT_JSON") if writes else TryLater(said, code="NOT_JSON")) from None


def classified(status: int, *, writes: bool, says: str = "", code: str = "", after: float | None = None) -> ConnectorError:
    """The error for an HTTP status that is no success; `says` is the far side's own sentence, already redacted."""
    said = f"HTTP {status}{': ' + says.rstrip('.') if says else ''}. "
    code = code or str(status)
    if status in _WAIT:
        wait = max(after or 0.0, LOCKED_WAIT) if status == 423 else after
        return TryLater(said + _WAIT[status], code=code, after=wait, limited=status == 429)
    if status >= 500 or status == 408:
        if writes:
            return Unknown(said + "It may have been written; read back first.", code=code)
        return TryLater(said + "Nothing was written; ask again later.", code=code, after=after)
    if status in _STOP or 300 <= status < 400:
        return Refused(
            said + _STOP.get(status, "It is a redirect, which we do not follow; set the final address."), code=code
        )
    if status in (404, 410):
        return Moved(said + "The record or path is not there; match it again.", code=code)
    return Rejected(said + "The same content will be refused again; correct it first.", code=code)


_WAIT = {
    423: "The record is locked; send it again later.",
    429: "The limit is used up; wait and send it again.",
    477: "The account is being moved; send it again later.",
}
_STOP = {
    401: "Check the token; it may have been revoked or expired.",
    403: "Give the token the missing permission.",
}


def broken(problem: Exception, *, writes: bool) -> ConnectorError:
    """The error for a connection that failed: TryLater if nothing can have arrived, else Unknown for a write."""
    causes = list(_causes(problem))
    own = next((cause for cause in causes if isinstance(cause, ConnectorError)), None)
    if own is not None:
        return own
    names = {type(cause).__name__ for cause in causes}
    if names & _NEVER_SENT:
        said = "No connection was made, so nothing was sent. Check the network and the address, then send it again."
        return TryLater(said, code=_first(names & _NEVER_SENT))
    kind = _first(names & _CUT_OFF) or type(problem).__name__
    if not writes:
        return TryLater("The connection broke while reading. Nothing was written; ask again.", code=kind)
    return Unknown("The connection broke after sending. It may have been written; read back first.", code=kind)


_NEVER_SENT = frozenset(
    {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout", "SSLError", "ProxyError"}
    | {"LocationParseError", "InvalidURL", "MissingSchema", "InvalidSchema", "InvalidHeader", "gaierror"}
)
_CUT_OFF = frozenset(
    {"ReadTimeoutError", "ReadTimeout", "ProtocolError", "ChunkedEncodingError", "IncompleteRead", "DecodeError"}
)


def _first(names: Iterable[str]) -> str:
    return min(names, default="")


def _causes(problem: BaseException) -> Iterable[BaseException]:
    seen: list[BaseException] = []
    todo: list[Any] = [problem]
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or any(one is other for other in seen):
            continue
        seen.append(one)
        todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return seen


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """
    Seconds that a Retry-After header asks for, as a number or a date; None where there is none or it makes no sense.

    >>> retry_after({"Retry-After": "7"})
    7.0
    """
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def redacted(text: str, secrets: Sequence[str] = (), most: int = 300) -> str:
    """Text that may be shown: known secrets and what looks like one replaced, cut to `most` characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _SECRETS.sub(lambda match: f"{match[1] or match[2] or ''}***", text)[:most]
