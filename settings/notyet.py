"""
What the language is meant to say one day and cannot do yet. `pql check` refuses it with a clear word; nothing is parsed
and ignored.

To lift an entry, delete its line. A path names keys from the top; `*` stands for any name or position.
"""

from __future__ import annotations

from typing import NamedTuple

Steps = tuple[str | int, ...]


class NotYet(NamedTuple):
    """A key, or one value of a key, that is planned."""

    path: str
    value: str | None
    says: str


KEYS: tuple[NotYet, ...] = (
    NotYet("holdout", None, "A randomised holdout"),
    NotYet("model", None, "A predictive model"),
    NotYet("playbooks", None, "Playbooks"),
    NotYet("notify", None, "Notifications"),
    NotYet("sla", None, "Reminders and escalation after the due time"),
    NotYet("nurture", None, "A nurture lane"),
    NotYet("milestones", None, "Milestones"),
    NotYet("channels", None, "Caps by channel"),
    NotYet("retention", None, "Retention by table"),
    NotYet("approval", None, "Activation after approval by named roles"),
    NotYet("sources.*.channel", None, "Channels"),
    NotYet("sources.*.events.channel", None, "Channels"),
    NotYet("signals.*.once_per", None, "A cap per event and day"),
    NotYet("signals.*.most_per_day", None, "A cap per event and day"),
    NotYet("signals.*.lifespan", None, "Linear decay"),
    NotYet("signals.*.truncate", None, "Decay cut off by a window"),
    NotYet("signals.*.trend", None, "Trends"),
    NotYet("signals.*.surge", None, "Surges"),
    NotYet("signals.*.session_minutes", None, "Sessions"),
    NotYet("signals.*.depth", None, "Sessions"),
    NotYet("signals.*.stage", None, "Stages"),
    NotYet("score.caps", None, "Caps by group"),
    NotYet("score.model", None, "A predictive model"),
    NotYet("qualify.*.fresh_evidence", None, "Counting only evidence after the last exit"),
    NotYet("qualify.*.type", None, "Expansion definitions"),
    NotYet("qualify.*.product_channels", None, "Content that counts as product"),
    NotYet("qualify.*.holdout", None, "A randomised holdout"),
    NotYet("handoff.alerts", None, "A message to people for each handoff"),
    NotYet("handoff.playbooks", None, "Playbooks"),
    NotYet("routing.*.to.owner_of", "newest_open_deal", "The owner of the newest open deal"),
    NotYet("routing.*.to.offer", "partner_of_record", "Offers to the partner of record"),
    NotYet("routing.*.hold", None, "Holding a lead before it is routed"),
    NotYet("pools.*.distribute", "load_balanced", "Turns by load"),
    NotYet("pools.*.distribute", "totals", "Turns by totals"),
    NotYet("pools.*.distribute", "value", "Turns by value"),
    NotYet("pools.*.distribute", "weighted_random", "Turns by weighted chance"),
    NotYet("pools.*.away", "catch_up", "Catching up after absence"),
    NotYet("pools.*.away.catch_up", None, "Catching up after absence"),
    NotYet("pools.*.cap_group", None, "One cap across pools"),
    NotYet("partners.offers", None, "Own timings and disclosure for offers"),
    NotYet("partners.directory.companies", None, "A directory kept in the CRM"),
    NotYet("destinations.*.fields", "custom", "Own names for the standard fields"),
    NotYet("guards.api_calls", None, "A guard on API calls"),
)

COLUMNS: dict[str, str] = {
    "crm.deal_registration": "Deal registrations of partners",
    "crm.source_partner": "Partners who bring leads",
}
"""Columns that conditions will read one day."""


def find(path: Steps, value: str | None = None) -> NotYet | None:
    """The entry for a key (no value) or for a value of a key."""
    return next((entry for entry in KEYS if entry.value == value and _fits(entry.path.split("."), path)), None)


def _fits(pattern: list[str], path: Steps) -> bool:
    return len(pattern) == len(path) and all(want in ("*", str(have)) for want, have in zip(pattern, path, strict=True))
