"""
Alerts of a worker: the channels of the settings opened, the mail server of the environment, the heartbeat.

Decided here: alerts never hold up work, so whatever goes wrong with them is logged and forgotten; a monitoring service hears
of each evaluation that ended, once it took the call. Not decided here: what is an alert, and when it is sent again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from connectors import registry
from connectors.errors import ConnectorError, Refused
from connectors.notices import Heartbeat, MailServer, Notifier
from settings.alerts import Channel
from settings.root import Settings
from worker.core.alerting import AWAITED
from worker.steps.tools import Tools
from worker.steps.upkeep import alerting
from worker.store import alerts, runs
from worker.store.database import Store
from worker.wiring.masking import masked
from worker.wiring.places import value_of

log = structlog.get_logger("pql")
TLS = ("starttls", "tls", "off")
PORTS = {"starttls": 587, "tls": 465, "off": 25}
GOOD = ("done", "partial")


def look_and_tell(tools: Tools, every: Mapping[str, float] | None = None) -> None:
    """Note what needs a person, tell who is to be told, and let the monitoring service know. Raises nothing."""
    settings, store = tools.settings, tools.store
    try:
        alerting.look(store, settings, every or {})
        alerting.deliver(store, openers(settings))
    except Exception as problem:  # noqa: BLE001  alerts hold nothing up; the store may be away, which the work says itself
        log.warning("alerts", reason=masked(f"{type(problem).__name__}: nobody was told. The next look tries again."))
    beat(store, settings)


def openers(settings: Settings) -> dict[str, Callable[[], Notifier]]:
    """How each channel is opened, by its name; nothing is opened yet."""
    return {channel.name: partial(open_channel, channel) for channel in settings.alerts.to}


def open_channel(channel: Channel) -> Notifier:
    """Open one channel; Refused where it cannot work as it is set up."""
    return registry.notifier(channel, mail_server)


def mail_server(environment: Mapping[str, str] = os.environ) -> MailServer:
    """Where e-mail goes out, as PQL_SMTP_HOST and its kin say; Refused with what is missing."""
    host, sender = environment.get("PQL_SMTP_HOST"), environment.get("PQL_SMTP_FROM")
    missing = [name for name, value in (("PQL_SMTP_HOST", host), ("PQL_SMTP_FROM", sender)) if not value]
    if not host or not sender:
        raise Refused(f"E-mail needs a mail server: {' and '.join(missing)} not set.", code="SMTP")
    tls = environment.get("PQL_SMTP_TLS", "starttls").lower()
    port = environment.get("PQL_SMTP_PORT") or str(PORTS.get(tls, 0))
    if tls not in TLS or not port.isdigit():
        raise Refused("PQL_SMTP_TLS is starttls, tls or off, and PQL_SMTP_PORT a number. Correct them.", code="SMTP")
    return MailServer(
        host=host,
        sender=sender,
        port=int(port),
        user=environment.get("PQL_SMTP_USER", ""),
        password=value_of(environment, "PQL_SMTP_PASSWORD") or "",
        tls=tls,  # type: ignore[arg-type]  # one of the three, as was looked at
    )


# ---------------------------------------------------------------------------------------- heartbeat


def beat(store: Store, settings: Settings) -> None:
    """Tell the monitoring service of the run that ended last, if it has not heard of it. Raises nothing."""
    url = settings.alerts.heartbeat
    if url is None:
        return
    try:
        with store.read() as tx:
            last, heard = runs.last_ended(tx), alerts.heard_of(tx)
        if last is None or last.id == heard:
            return
        _tell(registry.heartbeat(url), last)
        with store.write() as tx:
            alerts.hears_of(tx, last.id)
    except ConnectorError as problem:
        log.warning("heartbeat", reason=str(problem))
    except Exception as problem:  # noqa: BLE001  as above
        log.warning("heartbeat", reason=masked(f"{type(problem).__name__}: it was not called. The next look tries again."))


def _tell(heartbeat: Heartbeat, last: runs.Run) -> None:
    if last.status in GOOD:
        heartbeat.success()
        return
    guards = {one["name"]: one["says"] for one in (last.report or {}).get("guards", []) if one["holds"]}
    if last.status == "held" and guards.keys() == {AWAITED}:
        return  # the CRM is being read; if that takes too long, the silence says so
    heartbeat.fail(f"The run as of {last.as_of:%Y-%m-%d %H:%M} UTC is {last.status}. {' '.join(guards.values())}".strip())


def begins(settings: Settings) -> threading.Thread | None:
    """Tell the monitoring service that a run begins, beside the run."""
    url = settings.alerts.heartbeat
    if url is None:
        return None

    def start() -> None:
        try:
            registry.heartbeat(url).start()
        except Exception as problem:  # noqa: BLE001  as above
            log.warning("heartbeat", reason=str(problem) if isinstance(problem, ConnectorError) else type(problem).__name__)

    thread = threading.Thread(target=start, name="pql-heartbeat", daemon=True)
    thread.start()
    return thread
