"""
Posting something to an address where nobody answers with data: alerts and heartbeats.

Decided here: short timeouts, what each status means to whoever sends, and that neither the address nor the answer is shown:
both may hold the secret. Not decided here: when it is sent again (the store).
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.errors import Refused, TryLater, Unknown
from connectors.http import Session, retry_after
from connectors.reach import Reach, Timeouts

TIMEOUTS = Timeouts(connect=5.0, answer=10.0)
_AGAIN = frozenset({423, 425, 429})


def session(reach: Reach) -> Session:
    """A session for one address."""
    return Session(reach, TIMEOUTS)


def post(session: Session, url: str, body: bytes, headers: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Send it once. `known` maps words of an answer that may be repeated in an error to what they mean."""
    try:
        answer = session.request("POST", url, data=body, headers=dict(headers), writes=True)
    except Unknown as unknown:
        raise Unknown("The connection broke after sending. It may have been taken.", code=unknown.code) from None
    status = answer.status_code
    if 200 <= status < 300:
        return
    word = answer.text[:40].strip()
    said = f"HTTP {status}{f': {known[word]}' if word in known else ''}."
    if status in _AGAIN:
        raise TryLater(
            f"{said} Nothing was taken; it is sent again later.", code=str(status), after=retry_after(answer.headers)
        )
    if status >= 500 or status == 408:
        raise Unknown(f"{said} It may have been taken.", code=str(status))
    if 300 <= status < 400:
        raise Refused(f"{said} It leads to another address. Set the final one.", code=str(status))
    raise Refused(f"{said} Check the address in its variable, and whether it is still in force.", code=str(status))
