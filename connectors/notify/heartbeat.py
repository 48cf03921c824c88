"""
A monitoring service that is called while all is well, as Healthchecks.io takes it: a URL with `/start` and `/fail` below it.

Decided here: a service that does not know `/start` or `/fail` is left alone with them, since its silence says the same.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from connectors.errors import Refused
from connectors.posting import post, session
from connectors.reach import Reach
from settings.terms import Secret

MOST = 1_000
"""Characters of the reason that goes with a failure."""


class HttpHeartbeat:
    """One check of one service."""

    def __init__(self, url: Secret) -> None:
        reach = Reach()
        self._url = reach.checked(url.reveal())
        self._session = session(reach)
        self.where = str(urlsplit(self._url).hostname)

    def start(self) -> None:
        """An evaluation begins."""
        self._extra("/start", "")

    def success(self) -> None:
        """An evaluation was completed."""
        post(self._session, self._url, b"", {}, {})

    def fail(self, why: str) -> None:
        """One failed, or a guard holds it."""
        self._extra("/fail", why)

    def _extra(self, what: str, text: str) -> None:
        parts = urlsplit(self._url)
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + what))
        try:
            post(self._session, url, text[:MOST].encode(), {"Content-Type": "text/plain; charset=utf-8"}, {})
        except Refused as refused:
            if refused.code not in ("404", "405", "410"):
                raise
