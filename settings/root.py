"""The whole of the settings as one frozen value."""

from __future__ import annotations

from pydantic import Field

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
    """

    version: int = 1
    workspace: str
    timezone: str = "UTC"
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    lists: dict[str, ListSpec] = Field(default_factory=dict)
    sources: dict[str, SourceSpec]
    exclude: tuple[Exclusion, ...] = ()
    signals: dict[str, Signal]
    score: Score
    tiers: tuple[Tier, ...]
    qualify: dict[str, Definition]
    handoff: Handoff
    routing: tuple[Rule, ...]
    pools: dict[str, Pool] = Field(default_factory=dict)
    queues: dict[str, Queue] = Field(default_factory=dict)
    partners: Partners = Partners()
    destinations: dict[str, DestinationSpec]
    schedule: Schedule = Schedule()
    guards: Guards = Guards()
    sha: str = ""
    types: dict[str, str] = Field(default_factory=dict)
    text: str = Field(default="", repr=False)
    """All files as one document, what `activate` stores; `${NAME}` stands where secrets go."""
