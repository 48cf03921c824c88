"""The options of a HubSpot destination: what may be written in the settings, and the same as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from settings.options import Option, OptionTable
from settings.terms import Secret

if TYPE_CHECKING:
    from connectors.reach import Reach

HOSTS = ("api.hubapi.com", "api-*.hubapi.com")
HOME = "https://api.hubapi.com"
VERSIONS = ("v3", "2026-03", "2026-09")

OPTIONS = OptionTable(
    kind="hubspot",
    role="crm",
    options=(
        Option("token", "secret", required=True, says="Token of a private app or service key."),
        Option("base_url", says=f"Address of the API, by default {HOME}; http only on this machine."),
        Option("api_version", "choice", choices=VERSIONS, says="Version in the paths, by default 2026-09."),
        Option("allow_host", says="One more host that base_url may name, such as a proxy of your own."),
    ),
)


@dataclass(frozen=True, slots=True)
class Options:
    """One portal: where it is and how we are let in."""

    token: Secret
    base_url: str = HOME
    api_version: str = "2026-09"
    allow_host: str | None = None

    @property
    def reach(self) -> Reach:
        from connectors.reach import Reach

        return Reach(HOSTS, self.allow_host)
