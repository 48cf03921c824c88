"""
Any URL that takes a JSON document by POST, signed as Standard Webhooks describes.

With a secret, the header `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; id and
timestamp stand in headers of their own. A receiver refuses old timestamps and drops an id that it knows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

import orjson

from connectors.errors import Refused
from connectors.notices import MailServer, Notice
from settings.options import Option, OptionTable
from settings.terms import Secret

OPTIONS = OptionTable(
    "webhook",
    (
        Option("webhook", "secret", required=True, says="Address that takes the document."),
        Option("secret", "secret", says="Signs each message."),
        Option("allow_host", says="A host of your own network."),
    ),
    role="notifier",
)
PREFIX = "whsec_"


class Webhook:
    """One address."""

    def __init__(self, options: Mapping[str, object], _mail: Callable[[], MailServer]) -> None:
        from connectors.posting import session
        from connectors.reach import Reach

        url, host, secret = options["webhook"], options.get("allow_host"), options.get("secret")
        reach = Reach(allow_host=str(host) if host else None)
        self._url = reach.checked(url.reveal() if isinstance(url, Secret) else str(url))
        self._key = _key(secret.reveal()) if isinstance(secret, Secret) else None
        self._session = session(reach)
        self.where = "signed" if self._key else "not signed: say `secret` so that its receiver can tell it is yours"

    def notify(self, notice: Notice) -> None:
        """Post the facts."""
        from connectors.posting import post

        body = orjson.dumps(dict(notice.facts), option=orjson.OPT_SORT_KEYS)
        headers = {"webhook-id": notice.id, "webhook-timestamp": str(int(time.time()))}
        if self._key:
            headers["webhook-signature"] = signature(self._key, headers["webhook-id"], headers["webhook-timestamp"], body)
        post(self._session, self._url, body, {**headers, "Content-Type": "application/json"}, {})


def signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    """
    What stands in `webhook-signature`.

    >>> signature(b"key", "msg_1", "1700000000", b"{}")
    'v1,XaXLFEFQ69Q4+demDWPEv5ydXczDW2mM5crCUEFcFBA='
    """
    told = b".".join((id.encode(), timestamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()}"


def _key(secret: str) -> bytes:
    """The bytes of a secret: after `whsec_` base64, any other text as it is."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise Refused("The webhook's secret begins with whsec_ and is not base64. Copy it again.", code="SECRET") from None
