"""
How we are let into an org: a given token, client credentials or a signed JWT.

Decided here: the calls to the token endpoint and what their refusals mean; where the answered `instance_url` may lead.
Not decided here: when a new session is asked for (`client`). The package's own logins are not used: they go to fixed
hosts, repeat a 401 without end and lose headers on the way.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.crms.salesforce.answers import fault_of
from connectors.crms.salesforce.options import Options
from connectors.errors import Refused, TryLater
from connectors.http import Session, parsed
from connectors.reach import is_loopback

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_SECONDS = 170
"""Salesforce takes three minutes at most, and clocks differ a little."""


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """A session: its token, the address it is good for, the user it stands for where that was told."""

    token: str
    base_url: str
    user: str = ""


class Login:
    """Asks for sessions of one org."""

    def __init__(self, options: Options, session: Session) -> None:
        self._options = options
        self._session = session
        self._base = options.reach.checked(options.base_url)

    @property
    def renews(self) -> bool:
        """Whether a session that is over can be followed by another one without a person."""
        return self._options.token is None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        kept = (self._options.token, self._options.client_secret, self._options.jwt_key)
        return tuple(one.reveal() for one in kept if one is not None)

    def open(self) -> Grant:
        """A session; raises Refused where we are not let in, TryLater where nobody answered."""
        if self._options.token is not None:
            return Grant(self._options.token.reveal(), self._base)
        answer = self._session.request("POST", self._base + TOKEN_PATH, data=self._form(), writes=False)
        if answer.status_code >= 500:
            said = f"The token endpoint answered HTTP {answer.status_code}. Nothing was written; ask again later."
            raise TryLater(said, code=str(answer.status_code))
        if answer.status_code != 200:
            raise self._refused(answer.status_code, answer.content)
        return self._grant(parsed(answer.content, writes=False))

    def _form(self) -> dict[str, str]:
        options = self._options
        if options.client_secret is not None:
            return {
                "grant_type": "client_credentials",
                "client_id": str(options.client_id),
                "client_secret": options.client_secret.reveal(),
            }
        return {"grant_type": JWT_GRANT, "assertion": self._assertion()}

    def _assertion(self) -> str:
        import jwt

        options = self._options
        claims = {
            "iss": options.client_id,
            "sub": options.username,
            "aud": self._base,  # external client apps take My Domain only
            "exp": int(time.time()) + JWT_SECONDS,
        }
        # A key in an environment variable often carries its line ends as two characters.
        key = options.jwt_key.reveal().replace("\\n", "\n") if options.jwt_key else ""
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise Refused("jwt_key is no private key in PEM form. Give the whole file.", code="BAD_KEY") from None

    def _refused(self, status: int, content: bytes) -> Refused:
        try:
            fault = fault_of(status, parsed(content, writes=False), self.secrets)
        except TryLater:
            fault = fault_of(status, "")
        said = f"Salesforce does not let us in: {fault.code or f'HTTP {status}'}. {fault.says}".rstrip()
        return Refused(f"{said} Check the external client app, its user and these options.", code=fault.code or str(status))

    def _grant(self, said: Any) -> Grant:
        body: Mapping[str, Any] = said if isinstance(said, dict) else {}
        token, instance = body.get("access_token"), body.get("instance_url")
        if not isinstance(token, str) or not isinstance(instance, str) or not token:
            raise TryLater("The token endpoint answered without a token. Ask again later.", code="EMPTY_ANSWER")
        if urlsplit(self._base).hostname == self._options.allow_host:
            instance = self._base  # a proxy stays in between
        base = self._options.reach.checked(instance)
        if is_loopback(urlsplit(base).hostname or "") and not is_loopback(urlsplit(self._base).hostname or ""):
            raise Refused("The answered instance_url leads to this machine. The login is not used.", code="HOST_NOT_ALLOWED")
        return Grant(token, base, str(body.get("id") or "").rpartition("/")[2])
