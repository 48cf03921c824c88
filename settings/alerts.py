"""Alerts: who is told when something needs a person, and when it is over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.model import Model
from settings.terms import Duration, Secret

ChannelKind = Literal["slack", "email", "webhook"]
CHANNELS: tuple[ChannelKind, ...] = ("slack", "email", "webhook")


class Channel(Model):
    """Where alerts go: exactly one of slack, email and webhook, with the options of that kind beside it."""

    kind: ChannelKind
    options: dict[str, object] = Field(default_factory=dict)

    filled = frozenset({"kind", "options"})

    @property
    def address(self) -> object:
        """What stands under the kind: an e-mail address, or a URL that is a secret."""
        return self.options.get(self.kind)

    @property
    def name(self) -> str:
        """What the channel is called in the store and on screens: its kind and the variable or the address, no secret."""
        return f"{self.kind} {self.address.name if isinstance(self.address, Secret) else self.address}"


class Alerts(Model):
    """
    When something needs a person, and when it is over: one message to each channel for each such change.

    `off` turns a limit off.
    """

    to: tuple[Channel, ...] = ()
    """Each gets every alert once. Blank: `pql status` and the console show them, and nobody is told."""
    heartbeat: Secret | None = None
    """
    A URL at a monitoring service, as `${NAME}`, that is called after every complete evaluation: the service tells you when
    nothing runs at all, which pqlsync itself cannot. `/start` and `/fail` are added to it as Healthchecks wants them.
    """
    oldest_handoff: Duration | None = Duration(30 * 60)
    """A task that has waited longer than this to be made, moved or closed in the CRM."""
    silent_after: Duration | None = Duration(2 * 3600)
    """Nothing was evaluated, or scheduled work did not run, for this long; never less than twice its schedule."""
    unproved_after: Duration | None = Duration(3600)
    """A write whose outcome could not be proved for this long."""
    recovered_after: Duration = Duration(10 * 60)
    """What was not seen for this long is over. Whatever comes and goes faster is one alert."""
