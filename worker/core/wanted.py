"""
What a CRM record should hold: the standard fields of a person and of a company, and what the settings map besides.

Decided here: the value of each field, in the form a CRM can keep (whole scores rounded down, moments to the second, text on
one line and within its length), and which fields are worth a write by themselves. Not decided here: whether a field may be
written (`threeway`), nor what differs (`planning`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import floor, isfinite
from typing import Any

from connectors.contract import Value
from connectors.fields import BY_NAME, IDENTITY, fields_on
from settings.destinations import DestinationSpec, Mode
from settings.root import Settings
from worker.core.templates import clean, cut

SCORE_STEP = 5.0
"""The least move of a score that is worth a write."""
TEXT_LENGTH = 255
_OF_PERSON = {
    "email": "user.email",
    "first_name": "user.first_name",
    "last_name": "user.last_name",
    "title": "user.title",
    "phone": "user.phone",
    "company_name": "account.name",
}
_OF_COMPANY = {"domain": "account.domain", "name": "account.name"}
_NUMBERS = ("pql_score", "pql_fit_score", "pql_intent_score")


@dataclass(frozen=True, slots=True)
class Want:
    """
    One field and its value. `step`: a smaller move causes no write. `rides`: never causes one, goes with one.

    `wording`: compared by the signals it names. `once`: written where nothing stands, never changed. `clear`: an empty
    value empties the field.
    """

    field: str
    value: Value
    mode: Mode = "own"
    step: float = 0.0
    rides: bool = False
    wording: bool = False
    once: bool = False
    clear: bool = False

    @property
    def label(self) -> str:
        standard = BY_NAME.get(self.field)
        return standard.label if standard else self.field


@dataclass(frozen=True, slots=True)
class Handed:
    """The open handoff of a lead or account, as its record tells it."""

    routed_by: str
    respond_by: datetime | None = None
    next_step: str | None = None
    partner: str | None = None
    partner_status: str | None = None
    partner_respond_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lead or an account stands at an instant. `play` is the definition it qualifies under, None if it does not."""

    key: str
    play: str | None
    tier: str | None = None
    score: float | None = None
    fit: float | None = None
    intent: float | None = None
    plan: str | None = None
    trial_ends: datetime | None = None
    reasons: str | None = None
    since: datetime | None = None
    first_at: datetime | None = None
    last_active: datetime | None = None
    handed: Handed | None = None
    active_users: float | None = None
    qualified_leads: int | None = None
    champion: str | None = None


def standing(key: str, play: str | None, row: Mapping[str, Any], settings: Settings, **more: Any) -> Standing:
    """A lead's standing from its row of the frame; `pql_score` is the score its definition names, else the first one's."""
    definition = settings.qualify[play] if play else next(iter(settings.qualify.values()))
    plain = {"tier": row.get("tier"), "plan": row.get("account.plan"), "trial_ends": row.get("account.trial_ends")}
    scores = {"score": row.get(definition.score), "fit": row.get("fit"), "intent": row.get("intent")}
    return Standing(key, play, **{**plain, **scores, "last_active": row.get("last_active"), **more})


def of_person(one: Standing, settings: Settings, object: str) -> tuple[Want, ...]:
    """The standard fields of a contact or lead."""
    return _fitting((*_of_everyone(one, settings), *_of_pqls(one), *_of_handoff(one)), object)


def of_company(one: Standing, settings: Settings) -> tuple[Want, ...]:
    """The standard fields of a company: the same without the next step, plus who is active and who champions it."""
    active = one.play is not None
    more = (
        # Day to day the number of active users moves: it is news only where somebody works on the account.
        Want("pql_active_users", _whole(one.active_users), rides=not active, step=1.0),
        Want("pql_leads", one.qualified_leads),
        Want("pql_champion", one.champion, clear=True),
    )
    return _fitting((*_of_everyone(one, settings), *_of_pqls(one), *_of_handoff(one), *more), "company")


def identity(row: Mapping[str, Any], object: str) -> tuple[Want, ...]:
    """What a new record is made with; never written to a record that is there."""
    column = _OF_COMPANY if object == "company" else _OF_PERSON
    wants = (Want(name, storable(row.get(column[name])), "create_only") for name in IDENTITY if name in column)
    return tuple(want for want in wants if want.value is not None)


def mapped(destination: DestinationSpec, object: str, row: Mapping[str, Any]) -> tuple[Want, ...]:
    """The further fields that the settings map on this object."""
    return tuple(
        Want(also.field, storable(row.get(also.value)), also.mode, step=_step(also.value), clear=also.clear)
        for also in destination.also
        if also.object == object
    )


def storable(value: Any, length: int = TEXT_LENGTH) -> Value:
    """The value in a form a CRM can keep: numbers to two places, moments to the second, text on one line."""
    if isinstance(value, str):
        return cut(clean(value), length) or None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0)
    if isinstance(value, float) and isfinite(value):
        return int(value) if value == floor(value) else round(value, 2)
    if value is None or isinstance(value, bool | int | float):
        return value
    return cut(clean(str(value)), length) or None


def _of_everyone(one: Standing, settings: Settings) -> tuple[Want, ...]:
    scores = (_whole(one.score), _whole(one.fit), _whole(one.intent))
    return (
        Want("pql_flag", one.play is not None),
        Want("pql_type", one.play, clear=True),
        Want("pql_tier", one.tier),
        *(Want(name, score, step=SCORE_STEP) for name, score in zip(_NUMBERS, scores, strict=True)),
        Want("pql_plan", one.plan),
        Want("pql_trial_ends", one.trial_ends, clear=True),
        Want("pql_key", one.key, once=True),
        Want("pql_rules", settings.sha, rides=True),
    )


def _of_pqls(one: Standing) -> tuple[Want, ...]:
    active = one.play is not None
    day = one.last_active.astimezone(UTC).replace(hour=0, minute=0, second=0) if one.last_active else None
    return (
        Want("pql_reasons", one.reasons if active else None, wording=True, clear=True),
        Want("pql_since", one.since if active else None, clear=True),
        Want("pql_first_at", one.first_at),
        # PQLs only, and at most daily: the day, not the moment.
        Want("pql_last_active", day if active else None),
    )


def _of_handoff(one: Standing) -> tuple[Want, ...]:
    handed = one.handed if one.play is not None and one.handed else Handed("")
    return (
        Want("pql_next_step", handed.next_step, clear=True),
        Want("pql_respond_by", handed.respond_by, clear=True),
        Want("pql_routed_by", handed.routed_by, clear=True),
        Want("pql_partner", handed.partner, clear=True),
        Want("pql_partner_status", handed.partner_status, clear=True),
        Want("pql_partner_respond_by", handed.partner_respond_by, clear=True),
    )


def _fitting(wants: tuple[Want, ...], object: str) -> tuple[Want, ...]:
    """Those that the object has, each bounded to its field."""
    has = {standard.name: standard.length for standard in fields_on(object) if not standard.by_people}
    return tuple(_bounded(want, has[want.field]) for want in wants if want.field in has)


def _bounded(want: Want, length: int) -> Want:
    value = storable(want.value, length)
    return want if value is want.value else replace(want, value=value)


def _whole(score: float | None) -> float | None:
    """Rounded down, so that nobody reads 60 who has not reached it; a hair's breadth between engines is forgiven."""
    if score is None or not isfinite(score):
        return score
    return floor(score + 1e-9)


def _step(name: str) -> float:
    return SCORE_STEP if name in ("usage", "fit", "intent") else 0.0
