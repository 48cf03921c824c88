"""
Tokens: `/services/oauth2/token` and `/userinfo`, which sessions live, and when one is over.

Decided here: client credentials and JWT bearer are answered, the password flow is refused as orgs do now. Any client
id and secret will do, but an assertion must be a JWT that has not expired; its signature is not checked, because the
sandbox holds no certificate.
"""

import base64
import binascii
import secrets
import urllib.parse
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.state import Doc
from connectors.sandbox.wire import Reply, Request

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SESSION = "session"


class Sessions:
    """Logins of the org by their token."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def open(self, token: str) -> str:
        """Store a session that begins now; return its token."""
        self._org.state.keep(Doc(SESSION, token, {"since": self._org.state.now()}))
        return token

    def lives(self, token: str) -> bool:
        session = self._org.state.doc(SESSION, token)
        minutes = self._org.switch("session_minutes")
        return session is not None and (minutes is None or self._org.state.now() - session["since"] < minutes * 60_000)

    def revoke(self, token: str | None = None) -> int:
        """End one session or all; return how many ended."""
        ended = [each for each in self._org.state.docs(SESSION) if token in (None, each)]
        self._org.state.keep(*(Doc(SESSION, each, None) for each in ended))
        return len(ended)

    def answer(self, request: Request) -> Reply:
        """Answer a call below `/services/oauth2/`."""
        rooms = {("POST", "token"): self._token, ("GET", "userinfo"): self._userinfo}
        room = rooms.get((request.method, request.path.removeprefix("/services/oauth2/").rstrip("/")))
        return room(request) if room else Reply(404, {"error": "unsupported", "error_description": "not in this sandbox"})

    def _userinfo(self, request: Request) -> Reply:
        """Tell who a token stands for: how a caller learns its own user id."""
        if not self.lives(request.headers.get("authorization", "").partition(" ")[2].strip()):
            return Reply(403, b"Bad_OAuth_Token", {"Content-Type": "text/html"})
        user = self._org.row(self._org.integration_user)
        about = user.properties if user else {}
        told = {"user_id": self._org.integration_user, "organization_id": self._org.state.doc("account", "organization")}
        return Reply(200, {**told, "preferred_username": about.get("Username"), "email": about.get("Email"), "active": True})

    def _token(self, request: Request) -> Reply:
        """Answer a login; refusals are objects here, not arrays."""
        form = {name: values[0] for name, values in urllib.parse.parse_qs(request.body.decode("utf-8", "replace")).items()}
        refused = self._refused(form, request)
        if refused is not None:
            return Reply(400, {"error": refused[0], "error_description": refused[1]})
        if self._org.switch("login_kills_older"):
            self.revoke()
        token = f"00D5g0000000001!{secrets.token_urlsafe(48)}"
        self.open(token)
        return Reply(200, self._granted(token, request))

    def _granted(self, token: str, request: Request) -> dict[str, Any]:
        host = f"http://{request.headers.get('host', '127.0.0.1')}"
        organization = str(self._org.state.doc("account", "organization"))
        return {
            "access_token": token,
            "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
            "scope": "api",
            "instance_url": host,
            "id": f"{host}/id/{organization}/{self._org.integration_user}",
            "token_type": "Bearer",
            "issued_at": str(self._org.state.now()),
        }

    def _refused(self, form: Mapping[str, str], request: Request) -> tuple[str, str] | None:
        ordered = self._org.switch("login_refused")
        if ordered:
            return str(ordered), "authentication failure"
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            named = form.get("client_id") and form.get("client_secret")
            basic = request.headers.get("authorization", "").startswith("Basic ")
            return None if named or basic else ("invalid_client_id", "client identifier invalid")
        if grant == JWT:
            return self._assertion(form.get("assertion", ""))
        if grant == "password":
            return "invalid_grant", "authentication failure"
        return "unsupported_grant_type", "grant type not supported"

    def _assertion(self, assertion: str) -> tuple[str, str] | None:
        parts = assertion.split(".")
        try:
            claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            expires = float(claims["exp"])
        except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
            return "invalid_grant", "invalid assertion"
        if len(parts) != 3 or not claims.get("iss") or not claims.get("sub"):
            return "invalid_grant", "invalid assertion"
        # The caller's clock is the machine's; the sandbox's may have been moved forward.
        offset = int(self._org.state.doc("clock", "offset_ms") or 0)
        real = (self._org.state.now() - offset) / 1000
        if not real - 60 < expires < real + 300:
            return "invalid_grant", "assertion is expired or too far ahead"
        return None
