"""
What `pql doctor` looks at of alerts: whether each channel can be opened; it sends nothing unless it is asked to.

Decided here: a test goes to every channel and never to the heartbeat, where it would stand for an evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

from worker.steps.upkeep.doctor import Finding

if TYPE_CHECKING:
    from settings.alerts import Channel
    from settings.root import Settings

GROUP = "alerts"
TRY = "Nothing was sent; pql doctor --test-alerts sends a test message."


def channels(settings: Settings, *, test: bool) -> Iterator[Finding]:
    """A finding for each channel and the heartbeat."""
    if not settings.alerts.to:
        says = "None; pql status and the console show alerts, and nobody is told. Name channels under `alerts: to:`."
        yield Finding(group=GROUP, name="channels", level="pass", says=says)
    for channel in settings.alerts.to:
        yield _channel(channel, settings, test=test)
    if settings.alerts.heartbeat is not None:
        yield _heartbeat(settings)


def _channel(channel: Channel, settings: Settings, *, test: bool) -> Finding:
    from connectors.errors import ConnectorError
    from worker.steps.upkeep.alerting import test_notice
    from worker.wiring.alerting import open_channel

    try:
        opened = open_channel(channel)
        if test:
            opened.notify(test_notice(settings.workspace, f"pql_test_{uuid4().hex}"))
    except ConnectorError as problem:
        return Finding(group=GROUP, name=channel.name, level="fail", says=str(problem))
    says = "The test message was taken." if test else f"Can be used ({opened.where}). {TRY}"
    return Finding(group=GROUP, name=channel.name, level="pass", says=says)


def _heartbeat(settings: Settings) -> Finding:
    from connectors import registry
    from connectors.errors import ConnectorError

    url = settings.alerts.heartbeat
    try:
        where = registry.heartbeat(url).where if url is not None else ""
    except ConnectorError as problem:
        return Finding(group=GROUP, name="heartbeat", level="fail", says=str(problem))
    return Finding(group=GROUP, name="heartbeat", level="pass", says=f"{where} is called after each evaluation.")
