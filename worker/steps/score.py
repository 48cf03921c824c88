"""
Score: from the lake and the mirror to one row per lead, kept in the engine.

Decided here: in which order the pieces are read and joined. Not decided here: what a signal, a score or a gate is (core),
which days are folded (fold). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from worker.core import frame as frames
from worker.core import keys, mirrored
from worker.core.instants import Instant
from worker.engine import Recipe
from worker.steps.fold import Form, Given, inputs, scoring_input
from worker.steps.matching import Found, match
from worker.steps.tools import Tools
from worker.store import leads as stored

if TYPE_CHECKING:
    from settings.root import Settings

CRM = ("crm_object", "crm_id", "crm_company", "crm_owner", "company_owner", "crm_phone", "crm_name")


@dataclass(frozen=True, slots=True)
class Scored:
    """
    What is known at an instant, as tables of the engine.

    frame     one row per lead (`worker.core.frame`) with lead_key, account_key, match_status and the columns of CRM, which
              speak of the CRM where people work
    found     destination -> matches and mirror
    keys      user_id, lead_key, account_id, account_key, is_new (not in the store yet)
    """

    as_of: datetime
    frame: Any
    found: Mapping[str, Found]
    keys: Any
    given: Given


def score(tools: Tools, as_of: datetime) -> Scored:
    """Everything that a plan needs to know of every lead at `as_of`."""
    engine, settings = tools.engine, tools.settings
    given = scoring_input(tools, as_of)
    measured = measure(tools, given)
    named = _named(tools, measured)
    people = measured.inner_join(named, "user_id").select(
        "lead_key", "user_id", "account_id", "account_key", email=measured["user.email"]
    )
    people = engine.keep(people)
    accounts = engine.keep(_accounts(measured, named))
    found = {name: match(tools, name, people, accounts) for name in tools.crms}
    home = found[settings.handoff.work_in]
    facts = engine.keep(mirrored.facts(_mirror(home), as_of))
    frame = frames.judged(
        settings, measured, facts.select("user_id", *(name for name in facts.columns if name.startswith("crm.")))
    )
    extra = facts.select(*(name for name in ("user_id", *CRM) if name in facts.columns)).rename(fact_of="user_id")
    statuses = home.persons.select(matched_of="user_id", match_status="status")
    joined = frame.inner_join(named.drop("account_id").rename(named="user_id"), frame.user_id == named.user_id).drop("named")
    joined = joined.left_join(extra, joined.user_id == extra.fact_of).drop("fact_of")
    joined = joined.left_join(statuses, joined.user_id == statuses.matched_of).drop("matched_of")
    return Scored(as_of, engine.keep(joined), found, named, given)


def measure(tools: Tools, given: Given) -> Any:
    """Every lead with its attributes and signals, kept."""
    return tools.engine.made(Recipe(_measured, tools.settings, given.form), given.tables, given.as_of)


def _measured(settings: Settings, form: Form, tables: Mapping[str, Any], moment: Any) -> Any:
    as_of = Instant(form.day, moment)
    return frames.measured(settings, inputs(settings, form, tables, as_of), as_of)


def _mirror(home: Found) -> mirrored.Mirror:
    persons = home.persons.select("user_id", "account_id", "object", "crm_id")
    companies = home.companies.select("account_id", company="crm_id")
    return mirrored.Mirror(persons, companies.filter(companies.company.notnull()), home.mirror.records, home.mirror.owners)


def _accounts(measured: Any, named: Any) -> Any:
    """One row per account of a lead: account_key, account_id, domain."""
    joined = measured.inner_join(named, "user_id")
    rows = joined.filter(joined.account_key.notnull())
    return rows.group_by("account_key").aggregate(account_id=rows.account_id.max(), domain=rows["account.domain"].max())


def _named(tools: Tools, measured: Any) -> Any:
    """Our keys: read for the leads that the store knows, made for the others."""
    workspace = tools.settings.workspace
    with tools.store.read() as tx:
        known = stored.names(tx)
    have = tools.engine.table(
        pa.table({"known": pa.array(known["user_id"], pa.string()), "lead_key": pa.array(known["lead_key"], pa.string())})
    )
    people = measured.select("user_id", "account_id")
    fresh = tools.engine.run(people.anti_join(have, people.user_id == have.known).select("user_id")).column(0).to_pylist()
    made = {
        "known": pa.array(fresh, pa.string()),
        "lead_key": pa.array([keys.lead_key(workspace, user) for user in fresh], pa.string()),
    }
    every = have.mutate(is_new=False).union(tools.engine.table(pa.table(made)).mutate(is_new=True))
    places = tools.engine.run(people.select("account_id").distinct()).column(0).drop_null().to_pylist()
    accounts = tools.engine.table(_account_keys(workspace, places))
    joined = people.inner_join(every, people.user_id == every.known).drop("known")
    return tools.engine.keep(joined.left_join(accounts, joined.account_id == accounts.place).drop("place"))


def _account_keys(workspace: str, places: Iterable[str]) -> pa.Table:
    ordered = sorted(places)
    made = [keys.account_key(workspace, place) for place in ordered]
    return pa.table({"place": pa.array(ordered, pa.string()), "account_key": pa.array(made, pa.string())})
