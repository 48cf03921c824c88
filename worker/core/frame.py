"""
The lead frame: one row per lead, what everyone downstream reads.

A lead is a user with a users row or with events by the instant. Column names hold dots as written:

    user_id, account_id           account of the users row, else of the newest event that has one
    user.<column>                 user.email (lower-cased), user.email_domain, user.signed_up and what the settings declare
    account.<column>              account.name, .domain (lower-cased), .trial_ends, .days_left_in_trial (UTC days, negative
                                  when over), .plan (the plan state), .plan_name (the source's word), and what is declared
    crm.<column>                  from the mirror; false, 0 or 'none' where there is no record
    as_of_unknown                 the users or accounts row is younger than the instant: its columns are null
    last_active                   newest event
    <signal>                      one column per signal
    why_<dimension>_<i>, cap_<dimension>, usage, fit, intent, tier
    excluded                      name of the first exclusion that applies, else null
    applies_<d>, must_<d>, must_<d>_<family>, immediate_<d>, value_<d>      per definition d of the grain `lead`

Decided here: how the pieces are joined. Not decided here: what a signal or a score is (signals, scoring), the row of an
account (accounts), what state follows (qualify). Nothing here runs: the frame is an expression.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.core import conditions, scoring, signals, versions
from worker.core.identity import resolve
from worker.core.instants import AsOf, day_number, utc_date

if TYPE_CHECKING:
    from settings.qualify import Definition
    from settings.root import Settings

CRM_COLUMNS: Mapping[str, bool | float | str] = {
    "crm.is_customer": False,
    "crm.open_deals": 0.0,
    "crm.account_owner": "none",
    "crm.account_owner_active": False,
    "crm.do_not_contact": False,
    "crm.days_since_sales_activity": 0.0,
}
"""What the mirror tells, and what stands where it has no record."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """
    The tables a frame is made of.

    rollup    `rollup.together` of the cached days and those folded fresh
    side      the side roll-up likewise, or None
    users     versions: source, user_id, email, account_id, signed_up, arrived, declared columns
    accounts  versions: source, account_id, name, domain, trial_ends, plan, arrived, declared columns
    identity  `identity.links`: visitor, user_id; or None
    crm       user_id and any of CRM_COLUMNS, at most one row per user; or None
    """

    rollup: Any
    users: Any
    accounts: Any
    side: Any | None = None
    identity: Any | None = None
    crm: Any | None = None


def leads(settings: Settings, inputs: Inputs, as_of: AsOf) -> Any:
    """The frame at an instant."""
    return judged(settings, measured(settings, inputs, as_of))


def judged(settings: Settings, rows: Any, crm: Any | None = None) -> Any:
    """Measured leads with scores, tier and gates. `crm`, where given, takes the place of what they knew of the CRM."""
    lists = conditions.list_keys(settings)
    known = rows if crm is None else _with_crm(rows.drop(*CRM_COLUMNS), crm)
    frame = scoring.add_scores(known, settings.score, lists)
    frame = scoring.add_tier(frame, settings.tiers, lists)
    return add_gates(add_exclusion(frame, settings, lists), settings.of_grain("lead"), lists)


def measured(settings: Settings, inputs: Inputs, as_of: AsOf) -> Any:
    """Leads with their attributes and signals, before any score."""
    today = day_number(as_of)
    rows = resolve(inputs.rollup, inputs.identity)
    side = None if inputs.side is None else resolve(inputs.side, inputs.identity)
    known = users(settings, inputs.users, as_of)
    joined = _with_accounts(_people(rows, side, known, settings, today), accounts(settings, inputs.accounts, as_of))
    per_account = signals.of_accounts(rows, side, known.select("user_id", "account_id"), settings, today)
    joined = _with_account_signals(joined, per_account, settings)
    return _with_ratios(_with_crm(joined, inputs.crm), settings)


def _people(rows: Any, side: Any | None, known: Any, settings: Settings, today: int) -> Any:
    """Every user with a row or with events, under `user_id`."""
    import ibis

    counted = signals.of_leads(rows, side, settings, today)
    placed = counted.left_join(last := signals.last_accounts(rows, today).rename(placed="user"), counted.user == last.placed)
    both = known.outer_join(placed.drop("placed"), known.user_id == placed.user)
    # Nothing had arrived of whoever has neither an event nor a row by then.
    both = both.filter(both.user.notnull() | ~both.as_of_unknown)
    names = [reading.signal.name for reading in signals.readings(settings, "lead", today)]
    zeros = {name: ibis.coalesce(both[name], 0) for name in names}
    return both.mutate(
        user_id=ibis.coalesce(both.user_id, both.user),
        account_id=ibis.coalesce(both.account_id, both.event_account),
        as_of_unknown=ibis.coalesce(both.as_of_unknown, ibis.literal(value=False)),
        **zeros,
    ).drop("user", "event_account")


def _with_accounts(people: Any, known: Any) -> Any:
    import ibis

    described = known.rename(described="account_id", unknown_account="as_of_unknown")
    joined = people.left_join(described, people.account_id == described.described)
    unknown = joined.as_of_unknown | ibis.coalesce(joined.unknown_account, ibis.literal(value=False))
    return joined.mutate(as_of_unknown=unknown).drop("described", "unknown_account")


def _with_account_signals(people: Any, per_account: Any | None, settings: Settings) -> Any:
    import ibis

    if per_account is None:
        return people
    names = [name for name, signal in settings.signals.items() if signal.per == "account" and signal.kind != "ratio"]
    joined = people.left_join(per_account, people.account_id == per_account.account)
    return joined.mutate(**{name: ibis.coalesce(joined[name], 0) for name in names}).drop("account")


def _with_ratios(people: Any, settings: Settings) -> Any:
    ratios = {
        name: signal.expression for name, signal in settings.signals.items() if signal.kind == "ratio" and signal.expression
    }
    values = {name: conditions.compile(expression, people, {}).cast("float64") for name, expression in ratios.items()}
    return people.mutate(**values) if values else people


def _with_crm(people: Any, crm: Any | None) -> Any:
    import ibis

    if crm is None:
        return people.mutate(**{name: _nothing(name) for name in CRM_COLUMNS})
    mirrored = crm.rename(mirrored="user_id")
    joined = people.left_join(mirrored, people.user_id == mirrored.mirrored)
    filled = {name: ibis.coalesce(joined[name], _nothing(name)) for name in CRM_COLUMNS if name in joined.columns}
    filled |= {name: _nothing(name) for name in CRM_COLUMNS if name not in joined.columns}
    return joined.mutate(**filled).drop("mirrored")


def _nothing(name: str) -> Any:
    import ibis

    nothing = CRM_COLUMNS[name]
    return conditions.real(nothing) if isinstance(nothing, float) else ibis.literal(nothing)


# ------------------------------------------------------------------------------------- attributes


def users(settings: Settings, table: Any, as_of: AsOf) -> Any:
    """Users at an instant: user_id, account_id, as_of_unknown and `user.*`."""
    feeds = {name: source.users for name, source in settings.sources.items() if source.users}
    rows = versions.newest(table, "user_id", as_of, tuple(feeds))
    rows = _complete(rows, {"email": "string", "account_id": "string", "signed_up": "timestamp('UTC', 6)"})
    rows = _complete(rows, _declared("user", settings, [kept.name for feed in feeds.values() for kept in feed.columns]))
    email = rows.email.strip().lower()
    domain = email.contains("@").ifelse(email.substr(email.find("@") + 1), None)
    rest = {
        f"user.{name}": rows[name]
        for name in rows.columns
        if name not in ("user_id", "account_id", "email", versions.UNKNOWN)
    }
    return rows.select(
        "user_id", "account_id", versions.UNKNOWN, **{"user.email": email, "user.email_domain": domain}, **rest
    )


def accounts(settings: Settings, table: Any, as_of: AsOf) -> Any:
    """Accounts at an instant: account_id, as_of_unknown and `account.*`."""
    feeds = {name: source.accounts for name, source in settings.sources.items() if source.accounts}
    rows = versions.newest(_with_state(table, settings), "account_id", as_of, tuple(feeds))
    rows = _complete(rows, {"name": "string", "domain": "string", "trial_ends": "timestamp('UTC', 6)", "plan": "string"})
    rows = _complete(rows, _declared("account", settings, [kept.name for feed in feeds.values() for kept in feed.columns]))
    import ibis

    left = rows.trial_ends.date().delta(ibis.literal(utc_date(as_of)), unit="day")
    rest = {
        f"account.{name}": rows[name]
        for name in rows.columns
        if name not in ("account_id", "plan", "state_", "domain", versions.UNKNOWN)
    }
    own = {
        "account.plan": rows.state_,
        "account.plan_name": rows.plan,
        "account.domain": rows.domain.strip().lower(),
        "account.days_left_in_trial": left,
    }
    return rows.select("account_id", versions.UNKNOWN, **own, **rest)


def _with_state(table: Any, settings: Settings) -> Any:
    """Each version with the plan state that its own source's words stand for."""
    import ibis

    plans = {
        name: source.accounts.plan for name, source in settings.sources.items() if source.accounts and source.accounts.plan
    }
    branches = [
        ((table.source == name) & (table.plan == word), state)
        for name, plan in plans.items()
        if "plan" in table.columns
        for word, state in plan.states().items()
    ]
    return table.mutate(state_=ibis.cases(*branches, else_=ibis.null("string")) if branches else ibis.null("string"))


_KINDS = {"text": "string", "number": "float64", "flag": "boolean", "moment": "timestamp('UTC', 6)"}


def _declared(prefix: str, settings: Settings, names: list[str]) -> dict[str, str]:
    return {name: _KINDS[settings.types.get(f"{prefix}.{name}", "text")] for name in names}


def _complete(table: Any, columns: Mapping[str, str]) -> Any:
    import ibis

    absent = {name: ibis.null(kind) for name, kind in columns.items() if name not in table.columns}
    return table.mutate(**absent) if absent else table


# ------------------------------------------------------------------------------------------ gates


def add_exclusion(frame: Any, settings: Settings, lists: conditions.Lists) -> Any:
    """The frame with `excluded`."""
    import ibis

    nobody = ibis.null("string")
    rules = [(conditions.holds(rule.when, frame, lists), rule.name) for rule in settings.exclude]
    return frame.mutate(excluded=ibis.cases(*rules, else_=nobody) if rules else nobody)


def add_gates(frame: Any, definitions: Mapping[str, Definition], lists: conditions.Lists) -> Any:
    """The frame with the five answers of each of these definitions."""
    gates: dict[str, Any] = {}
    for name, definition in definitions.items():
        gates |= _gate(frame, name, definition, lists)
    return frame.mutate(**gates) if gates else frame


def gates(definition: Definition) -> tuple[str, ...]:
    """The columns of a definition's answers."""
    name = definition.name
    families = (f"must_{name}_{family}" for family, _ in definition.must_have.parts())
    return (f"applies_{name}", *families, f"must_{name}", f"immediate_{name}", f"value_{name}")


def _gate(frame: Any, name: str, definition: Definition, lists: conditions.Lists) -> dict[str, Any]:
    import ibis

    families = {family: conditions.holds(part, frame, lists) for family, part in definition.must_have.parts()}
    immediately = definition.immediately_when
    return {
        f"applies_{name}": conditions.holds(definition.applies_to, frame, lists),
        **{f"must_{name}_{family}": answer for family, answer in families.items()},
        f"must_{name}": functools.reduce(operator.and_, families.values(), ibis.literal(value=True)),
        f"immediate_{name}": ibis.literal(value=False)
        if immediately is None
        else conditions.holds(immediately, frame, lists),
        f"value_{name}": frame[definition.score],
    }
