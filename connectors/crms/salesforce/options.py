"""
The options of a Salesforce destination: what may be written in the settings, and the same as a value.

Decided here: the three ways in (a given token, client credentials, a signed JWT), exactly one of them. A user name with
a password is none: Salesforce is ending that flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from connectors.errors import Refused
from settings.options import Option, OptionTable
from settings.terms import Secret

if TYPE_CHECKING:
    from connectors.reach import Reach

HOSTS = ("*.salesforce.com", "*.salesforce.mil")
VERSIONS = tuple(f"{number}.0" for number in range(58, 69))
Carrier = Literal["lead", "contact", "both"]
_WAYS_IN = "Give token, or client_id and client_secret, or client_id, username and jwt_key."

OPTIONS = OptionTable(
    kind="salesforce",
    role="crm",
    options=(
        Option("base_url", required=True, says="Address of your org (My Domain), such as https://acme.my.salesforce.com."),
        Option("token", "secret", says="A session token; when it expires, a person must give another."),
        Option("client_id", says="Consumer key of the external client app; goes with client_secret or jwt_key."),
        Option("client_secret", "secret", says="Consumer secret, for the client credentials flow."),
        Option("jwt_key", "secret", says="Private key (PEM) for the JWT bearer flow; goes with client_id and username."),
        Option("username", says="The user that a JWT logs in; it must be pre-authorised."),
        Option("object", "choice", choices=("lead", "contact", "both"), says="What carries a lead, by default both."),
        Option(
            "bulk_above",
            "number",
            says="More due updates of one object than this, by default 2000, go as bulk jobs; 0 never uses them.",
        ),
        Option("api_version", "choice", choices=VERSIONS, says="Version in the paths, by default 67.0."),
        Option("allow_host", says="One more host that base_url may name, such as a proxy of your own."),
    ),
)


@dataclass(frozen=True, slots=True)
class Options:
    """One org: where it is and how we are let in."""

    base_url: str
    token: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    jwt_key: Secret | None = None
    username: str | None = None
    object: Carrier = "both"
    api_version: str = "67.0"
    bulk_above: int = 2000
    allow_host: str | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.token, self.client_secret, self.jwt_key) if one is not None]
        if len(given) != 1:
            raise Refused(f"A Salesforce destination needs exactly one way in. {_WAYS_IN}", code="NO_WAY_IN")
        if self.token is None and not self.client_id:
            raise Refused(f"client_id is missing. {_WAYS_IN}", code="NO_WAY_IN")
        if self.jwt_key is not None and not self.username:
            raise Refused(f"username is missing. {_WAYS_IN}", code="NO_WAY_IN")

        if self.bulk_above != int(self.bulk_above) or self.bulk_above < 0:
            raise Refused("bulk_above is a whole number of rows, or 0 for no bulk jobs.", code="BAD_OPTION")

    @property
    def reach(self) -> Reach:
        from connectors.reach import Reach

        return Reach(HOSTS, self.allow_host)
