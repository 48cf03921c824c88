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
    """When the steps run; each is `every 15 minutes`, or what is said below."""

    pull: Every = Every(every=Duration(900))
    """Fetch usage from the sources."""
    score: Every = Every(after="pull")
    """Score, qualify and route: also `after pull`."""
    push: Every = Every(on_change=True)
    """Write to the CRMs: also `when something changed`."""
    watch: Every = Every(every=Duration(300))
    """Read what people did in the CRMs."""


class Guards(Model):
    """What stops a run before harm. `off` turns a guard off; `pql run --plan FILE --override GUARD` lets one plan pass."""

    changed_leads: Share | None = Share(0.2)
    """
    Most leads whose flag, tier or owner may change in one run, of those that the CRM has any of. Quiet below 10 leads, and
    for those whom a new definition flags in its first run.
    """
    tasks_per_run: int | None = Field(default=200, ge=0)
    """Most tasks of one run."""
    source_older_than: Duration | None = Duration(6 * 3600)
    """A source that brought nothing for this long demotes nobody."""
    source_rows_below: Share | None = Share(0.5)
    """
    A source whose last whole day brought fewer events than this share of the usual stops the run. Usual is what the week
    before brought, and no more than the same day a week ago; a day counts once `source_older_than` has passed since its end.
    """
    flips_per_day: int | None = Field(default=20, ge=0)
    """Most leads whose flag may change in one run after it changed within the 24 hours before."""
    mirror_older_than: Duration | None = Duration(6 * 3600)
    """A picture of the CRM older than this holds the run."""
