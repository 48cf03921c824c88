"""The whole of the settings as one frozen value."""

from __future__ import annotations

from pydantic import Field

from settings.alerts import Alerts
from settings.destinations import DestinationSpec
from settings.handoff import Handoff
from settings.model import Model
from settings.partners import Partners
from settings.qualify import Definition, Exclusion
from settings.routing import Calendar, ListSpec, Pool, Queue, Rule
from settings.schedule import Guards, Schedule
from settings.score import Score, Tier
from settings.signals import Signal
from settings.sources import SourceSpec


class Settings(Model):
    """
    What a folder of YAML says, checked as a whole. Named things are dictionaries by name, ordered things are tuples.

    `sha` is the SHA-256 of the settings' own text (files, lists, directories), without secrets; it names the version.
    `types` gives the type of every column that conditions, signals and fields may read: text, number, flag, moment.
    A kept property of an event stands there as `event.pages`.
    """

    version: int = Field(default=1, ge=1, le=1)
    """The version of the language: 1."""
    workspace: str
    """The name under which everything is stored."""
    timezone: str = "UTC"
    """For people: due times and digests. Windows count UTC days."""
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    """Working hours by name."""
    lists: dict[str, ListSpec] = Field(default_factory=dict)
    """Named lists for conditions such as `account.domain in named_accounts`."""
    sources: dict[str, SourceSpec]
    """Where usage comes from."""
    exclude: tuple[Exclusion, ...] = ()
    """Who never qualifies, whatever the score."""
    signals: dict[str, Signal]
    """What is measured."""
    score: Score
    """What each signal is worth."""
    tiers: tuple[Tier, ...]
    """Words for how good a lead is; first match wins."""
    qualify: dict[str, Definition]
    """Definitions of a PQL."""
    handoff: Handoff
    """How people get leads."""
    routing: tuple[Rule, ...]
    """Who gets a lead; first match wins."""
    pools: dict[str, Pool] = Field(default_factory=dict)
    """People who share leads by turns."""
    queues: dict[str, Queue] = Field(default_factory=dict)
    """Queues with an owner."""
    partners: Partners = Partners()
    """Channel partners."""
    destinations: dict[str, DestinationSpec]
    """The CRMs."""
    schedule: Schedule = Schedule()
    """When things run."""
    guards: Guards = Guards()
    """What stops a run before harm."""
    alerts: Alerts = Alerts()
    """Who is told when something needs a person."""
    sha: str = ""
    types: dict[str, str] = Field(default_factory=dict)
    text: str = Field(default="", repr=False)
    """All files as one document, what `activate` stores; `${NAME}` stands where secrets go."""

    filled = frozenset({"sha", "types", "text"})

    def of_grain(self, grain: str) -> dict[str, Definition]:
        """The definitions under which leads qualify, or accounts."""
        return {name: one for name, one in self.qualify.items() if one.grain == grain}
