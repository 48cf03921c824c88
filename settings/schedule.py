"""When things run: pull, score, push, watch; and the guards that stop a run before harm."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.model import Model
from settings.terms import Duration, Share


class Every(Model):
    """`every 15 minutes`, `after pull` or `when something changed`."""

    every: Duration | None = None
    after: Literal["pull"] | None = None
    on_change: bool = False


class Schedule(Model):
    pull: Every = Every(every=Duration(900))
    score: Every = Every(after="pull")
    push: Every = Every(on_change=True)
    watch: Every = Every(every=Duration(300))


class Guards(Model):
    """None: the guard is off."""

    changed_leads: Share | None = Share(0.2)
    tasks_per_run: int | None = Field(default=200, ge=0)
    source_older_than: Duration | None = Duration(6 * 3600)
    source_rows_below: Share | None = None
    mirror_older_than: Duration | None = Duration(6 * 3600)
