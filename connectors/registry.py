"""
The only door to a concrete connector: a kind in the settings becomes a class, and its module is loaded no sooner than that.

Decided here: which kinds there are. Not decided here: what a kind needs; each module declares its
`OPTIONS` next to its class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal

from connectors.contract import Crm, Source
from connectors.errors import Refused
from connectors.notices import Heartbeat, MailServer, Notifier
from settings.alerts import Channel
from settings.destinations import DestinationSpec
from settings.options import OptionTable
from settings.sources import SourceSpec
from settings.terms import Secret

Role = Literal["source", "crm", "notifier"]
PLACES: Mapping[Role, Mapping[str, str]] = {
    "source": {
        "files": "connectors.sources.files:Files",
        "posthog": "connectors.sources.posthog:PostHog",
        "warehouse": "connectors.sources.warehouse:Warehouse",
    },
    "crm": {
        "hubspot": "connectors.crms.hubspot:HubSpot",
        "salesforce": "connectors.crms.salesforce:Salesforce",
    },
    "notifier": {
        "slack": "connectors.notify.slack:Slack",
        "email": "connectors.notify.mail:Mail",
        "webhook": "connectors.notify.webhook:Webhook",
    },
}


def kinds(role: Role) -> tuple[str, ...]:
    return tuple(PLACES[role])


def tables() -> tuple[OptionTable, ...]:
    """The options of every kind, for `settings.load` and `settings.check`."""
    return tuple(table(role, kind) for role in PLACES for kind in PLACES[role])


def table(role: Role, kind: str) -> OptionTable:
    declared = _module(role, kind).OPTIONS
    if not isinstance(declared, OptionTable):
        raise TypeError(f"The {role} {kind} declares no OptionTable.")
    return declared


def source(spec: SourceSpec, **more: Any) -> Source:
    """Open a source; `more` is what its class takes beyond the settings, such as the root of relative paths."""
    opened: Source = _class("source", spec.kind)(spec, **more)
    return opened


def crm(spec: DestinationSpec, **more: Any) -> Crm:
    """Open a CRM with the options of a destination; `more` may bring shorter `timeouts`."""
    options = _module("crm", spec.kind).Options(**spec.options)
    opened: Crm = _class("crm", spec.kind)(options, **more)
    return opened


def notifier(channel: Channel, mail: Callable[[], MailServer]) -> Notifier:
    """Open a channel to people; `mail` is asked for the mail server only where e-mail goes out."""
    opened: Notifier = _class("notifier", channel.kind)(channel.options, mail)
    return opened


def heartbeat(url: Secret) -> Heartbeat:
    """Open the monitoring service that notices when nothing runs."""
    opened: Heartbeat = import_module("connectors.notify.heartbeat").HttpHeartbeat(url)
    return opened


def _module(role: Role, kind: str) -> Any:
    return import_module(_place(role, kind).partition(":")[0])


def _class(role: Role, kind: str) -> Any:
    return getattr(_module(role, kind), _place(role, kind).partition(":")[2])


def _place(role: Role, kind: str) -> str:
    try:
        return PLACES[role][kind]
    except KeyError:
        known = ", ".join(kinds(role))
        raise Refused(f"There is no {role} of the kind `{kind}`. Known kinds: {known}.", code="NO_SUCH_KIND") from None
