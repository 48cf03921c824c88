"""
Score: from the lake and the mirror to one row per lead and one per account, kept in the engine.

Decided here: in which order the pieces are read and joined. Not decided here: what a signal, a score or a gate is (core),
which days are folded (fold). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from worker.core import frame as frames
from worker.core import keys, mirrored
from worker.core.instants import Instant
from worker.engine import Recipe
from worker.steps.scoring.account_rows import account_rows
from worker.steps.scoring.fold import Form, Given, inputs, scoring_input
from worker.steps.scoring.matching import Found, match
from worker.steps.tables import gathered
from worker.steps.tools import Tools
from worker.store import leads as stored

if TYPE_CHECKING:
    from settings.root import Settings

CRM = ("crm_object", "crm_id", "crm_company", "crm_owner", "company_owner", "crm_phone", "crm_name")


@dataclass(frozen=True, slots=True)
class Scored:
    """
    What is known at an instant, as tables of the engine.

    frame     one row per lead (`worker.core.frame`) with subject (its lead_key), lead_key, account_key, match_status and
              the columns of CRM, which speak of the CRM where people work; in the order of `place`, which counts them
    accounts  one row per account (`worker.core.accounts`) in the same columns; its subject is the account_key
    found     destination -> matches and mirror
    keys      user_id, lead_key, account_id, account_key, is_new (not in the store yet)
    """

    as_of: datetime
    frame: Any
    accounts: Any
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
    given_facts = {"persons": home.persons, "companies": home.companies, "records": home.mirror.records}
    facts = engine.made(Recipe(_facts, settings, given.form.day), {**given_facts, "owners": home.mirror.owners}, as_of)
    tables = {"measured": measured, "named": named, "facts": facts, "persons": home.persons}
    frame = engine.made(Recipe(_frame, settings), tables, as_of)
    return Scored(as_of, frame, account_rows(tools, frame, as_of), found, named, given)


def _facts(_: Settings, day: int, tables: Mapping[str, Any], moment: Any) -> Any:
    """What the CRM where people work tells of each lead."""
    persons = tables["persons"].select("user_id", "account_id", "object", "crm_id")
    companies = tables["companies"].select("account_id", company="crm_id")
    told = mirrored.Mirror(persons, companies.filter(companies.company.notnull()), tables["records"], tables["owners"])
    return mirrored.facts(told, Instant(day, moment))


def _frame(settings: Settings, _: None, tables: Mapping[str, Any], __: Any) -> Any:
    """See Scored."""
    import ibis

    facts, named = tables["facts"], tables["named"].drop("account_id").rename(named="user_id")
    known = facts.select("user_id", *(name for name in facts.columns if name.startswith("crm.")))
    frame = frames.judged(settings, tables["measured"], known)
    extra = facts.select(*(name for name in ("user_id", *CRM) if name in facts.columns)).rename(fact_of="user_id")
    statuses = tables["persons"].select(matched_of="user_id", match_status="status")
    joined = frame.inner_join(named, frame.user_id == named.named).drop("named")
    joined = joined.left_join(extra, joined.user_id == extra.fact_of).drop("fact_of")
    joined = joined.left_join(statuses, joined.user_id == statuses.matched_of).drop("matched_of")
    # in this order in memory too, so that a slice reads its own part only
    return joined.mutate(subject=joined.lead_key, place=ibis.row_number().over(order_by=joined.lead_key)).order_by("place")


def measure(tools: Tools, given: Given) -> Any:
    """Every lead with its attributes and signals, kept."""
    return tools.engine.made(Recipe(_measured, tools.settings, given.form), given.tables, given.as_of)


def _measured(settings: Settings, form: Form, tables: Mapping[str, Any], moment: Any) -> Any:
    as_of = Instant(form.day, moment)
    return frames.measured(settings, inputs(settings, form, tables, as_of), as_of)


def _accounts(measured: Any, named: Any) -> Any:
    """One row per account of a lead: account_key, account_id, domain."""
    joined = measured.inner_join(named, "user_id")
    rows = joined.filter(joined.account_key.notnull())
    return rows.group_by("account_key").aggregate(account_id=rows.account_id.max(), domain=rows["account.domain"].max())


def _named(tools: Tools, measured: Any) -> Any:
    """Our keys: read for the leads that the store knows, made for the others."""
    workspace = tools.settings.workspace
    people = measured.select("user_id", "account_id")
    with tools.store.read() as tx:
        have = gathered(tools, {"user_id": pa.string(), "lead_key": pa.string()}, stored.known(tx)).rename(known="user_id")
    strangers = people.anti_join(have, people.user_id == have.known).select(known="user_id")
    fresh = _with_keys(tools, strangers, "lead_key", lambda user: keys.lead_key(workspace, user))
    every = have.mutate(is_new=False).union(fresh.select("lead_key", "known", is_new=True))
    places = people.filter(people.account_id.notnull()).select(place="account_id").distinct()
    accounts = _with_keys(tools, places, "account_key", lambda place: keys.account_key(workspace, place))
    joined = people.inner_join(every, people.user_id == every.known).drop("known")
    return tools.engine.keep(joined.left_join(accounts, joined.account_id == accounts.place).drop("place"))


def _with_keys(tools: Tools, names: Any, column: str, key: Callable[[str], str]) -> Any:
    """A table of one column of names with the keys made of them, `column`, beside it."""
    (name,) = names.columns
    parts = (batch.column(0).to_pylist() for batch in tools.engine.batches(names))
    made = ({name: part, column: [key(one) for one in part]} for part in parts)
    return gathered(tools, {name: pa.string(), column: pa.string()}, made)
