"""
What can go wrong at the edge, named by what the caller should do next.

    ConnectorError
    ├── TryLater      nothing was written; wait `after` seconds, then send it again
    ├── Unknown       maybe it was written; read back before anything else
    ├── Moved         merged, converted or gone; match this record again
    ├── Rejected      this one record is bad; park it, carry on with the rest
    └── Refused       credentials, scopes or settings are wrong; stop and tell a person

A whole call raises one of these; an outcome of a single row inside a batch is a `Receipt` that carries the same names.
Messages are two sentences, what happened and what to try, and never hold a token, a header or a response body.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """The root; `code` is the vendor's own code where there was one."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TryLater(ConnectorError):
    """Nothing was written. `after` is the least wait in seconds, None where the far side did not say."""

    def __init__(self, message: str, *, code: str = "", after: float | None = None, limited: bool = False) -> None:
        super().__init__(message, code=code)
        self.after = after
        self.limited = limited
        """True for an answer of a rate limit, which uses up no attempt."""


class Unknown(ConnectorError):
    """The request may have been applied: a timeout after sending, a 5xx on a write, an unreadable 2xx."""


class Moved(ConnectorError):
    """The record is elsewhere or gone. `to` is its successor's id where the far side named one."""

    def __init__(self, message: str, *, code: str = "", to: str | None = None) -> None:
        super().__init__(message, code=code)
        self.to = to


class Rejected(ConnectorError):
    """The far side will never take this payload. `field` names the column where it said which."""

    def __init__(self, message: str, *, code: str = "", field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Refused(ConnectorError):
    """Nothing will work until a person mends credentials, scopes or set-up. `scope` names what is missing."""

    def __init__(self, message: str, *, code: str = "", scope: str | None = None) -> None:
        super().__init__(message, code=code)
        self.scope = scope
