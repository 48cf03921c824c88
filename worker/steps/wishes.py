"""
Wishes: what every record of a destination should hold after an evaluation, and how that differs from what it holds.

Decided here: which leads and accounts are looked at one by one: those whose record would change, PQLs, and those whose state
moved; everybody else costs a join. Not decided here: values, modes and reasons (core). Writes nothing.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from connectors.contract import Value
from worker.core import bulk
from worker.core.planning import difference, owner_want
from worker.core.threeway import is_empty
from worker.core.wanted import Standing, Want, identity, mapped, of_person, standing
from worker.core.wording import reasons, reasons_text, signals_named
from worker.steps.account_rows import rows_of
from worker.steps.asking import Asking, Handing, Held, Status, Wish, held, observation, record_of
from worker.steps.company_wishes import accounts
from worker.steps.qualify import Qualified, Row, frame_rows
from worker.steps.score import Scored
from worker.steps.tools import Tools
from worker.store import records


@dataclass(slots=True)
class Destined:
    """The wishes of one destination, and counts of the leads that are not among them."""

    people: list[Wish] = field(default_factory=list)
    companies: list[Wish] = field(default_factory=list)
    unmatched: int = 0
    needs_review: int = 0
    quiet: int = 0
    overtaken: list[str] = field(default_factory=list)
    """Leads for whose CRM record another lead speaks from now on: what it acknowledged of them is no longer known."""
    known: Mapping[str, Held] = field(default_factory=dict)


def wishes(tools: Tools, scored: Scored, qualified: Qualified, name: str, handing: Handing) -> Destined:
    """What is wanted in one destination."""
    plays = qualified.plays(tools.settings.qualify)
    spec, buyers = tools.settings.destinations[name], qualified.buyers(plays)
    ask = Asking(tools, scored, qualified, name, spec, handing, held(tools, name), plays, buyers)
    result = Destined(known=ask.known)
    rows = _looked_at(ask)
    matches = _matches(ask, rows)
    silent = _silent(ask)
    for user_id, row in sorted(rows.items()):
        if user_id in silent:
            continue
        wish = _person(ask, row, matches[user_id])
        if wish is not None:
            result.people.append(wish)
    result.overtaken = sorted(key for key in silent.values() if key in ask.known and ask.known[key].crm_id)
    result.companies = accounts(ask)
    statuses = ask.found.persons.group_by("status").aggregate(n=ask.found.persons.count())
    numbers = {row["status"]: row["n"] for row in tools.engine.run(statuses).to_pylist()}
    result.unmatched, result.needs_review = numbers.get("unmatched", 0), numbers.get("needs_review", 0)
    result.quiet = numbers.get("matched", 0) - sum(
        1 for one in result.people if one.difference.record.crm_id and one.difference.causes
    )
    return result


def _looked_at(ask: Asking) -> dict[str, Row]:
    """The frame rows of those whose record may change: see the module's docstring."""
    engine = ask.tools.engine
    matched = ask.found.persons
    linked = matched.filter(matched.status == "matched")
    plays = engine.table(
        pa.table(
            {"subject": pa.array(list(ask.plays), pa.string()), "play": pa.array(list(ask.plays.values()), pa.string())}
        )
    )
    wanted = bulk.wanted(ask.scored.frame, plays, ask.tools.settings)
    wanted = wanted.semi_join(linked, "user_id")
    differing = {row["user_id"] for row in engine.run(bulk.differing(wanted, _acknowledged(ask))).to_pylist()}
    moved = {one.row["user_id"] for one in ask.qualified.moved}
    open_now = {ask.qualified.rows[subject]["user_id"] for subject in ask.plays}
    open_now |= {row["user_id"] for row in rows_of(ask.tools, ask.scored.frame, ask.qualified.replaced)}
    looked = differing | moved | open_now | _mapped_differently(ask, linked) | _relinked(ask, linked)
    return {row["user_id"]: row for row in frame_rows(ask.tools, ask.scored, looked)}


def _acknowledged(ask: Asking) -> Any:
    """bulk.COLUMNS as the CRM echoed them, by user id; leads that were never written have no row."""
    keys = [key for key, one in ask.known.items() if one.acknowledged]
    values = [ask.known[key].acknowledged for key in keys]
    kinds = {"pql_flag": pa.bool_(), "pql_trial_ends": pa.timestamp("us", tz="UTC")}
    kinds |= dict.fromkeys(bulk.TEXTS, pa.string()) | dict.fromkeys(bulk.SCORES, pa.float64())
    columns = {name: pa.array([one.get(name) for one in values], kinds[name]) for name in bulk.COLUMNS}
    engine = ask.tools.engine
    table = engine.table(pa.table({"record_key": pa.array(keys, pa.string()), **columns}))
    named = ask.scored.keys.select("user_id", "lead_key")
    return table.inner_join(named, table.record_key == named.lead_key).drop("record_key", "lead_key")


def _mapped_differently(ask: Asking, linked: Any) -> set[str]:
    """Users of whom a mapped field may differ: compared in the engine, decided one by one."""
    additional = [also for also in ask.spec.also if also.object != "company"]
    if not additional:
        return set()
    engine, frame = ask.tools.engine, ask.scored.frame
    keys = [key for key, one in ask.known.items() if one.acknowledged]
    now = {f"now_{also.field}": _comparable(frame[also.value]) for also in additional}
    columns = {
        f"was_{also.field}": _column([ask.known[key].acknowledged.get(also.field) for key in keys], now[f"now_{also.field}"])
        for also in additional
    }
    was = engine.table(pa.table({"record_key": pa.array(keys, pa.string()), **columns}))
    told = frame.semi_join(linked, "user_id").select("user_id", "lead_key", **now)
    joined = told.inner_join(was, told.lead_key == was.record_key)
    differs = [~joined[f"now_{also.field}"].identical_to(joined[f"was_{also.field}"]) for also in additional]
    found = joined.filter(functools.reduce(operator.or_, differs)).select("user_id")
    return {row["user_id"] for row in engine.run(found).to_pylist()}


def _comparable(column: Any) -> Any:
    """A value as a CRM would keep it: whoever seems to differ is only looked at more closely."""
    kind = column.type()
    if kind.is_numeric():
        return column.cast("float64").round(2)
    if kind.is_timestamp():
        return column.truncate("s").cast("timestamp('UTC', 6)")
    return column if kind.is_boolean() else column.cast("string")


def _column(values: Sequence[Value], now: Any) -> pa.Array:
    """What was acknowledged, in the type of what is now; a value of another type is as good as none."""
    kind = now.type()
    if kind.is_floating():
        numbers = (None if isinstance(value, bool) or not isinstance(value, int | float) else value for value in values)
        return pa.array(list(numbers), pa.float64())
    if kind.is_timestamp():
        return pa.array([value if isinstance(value, datetime) else None for value in values], pa.timestamp("us", tz="UTC"))
    if kind.is_boolean():
        return pa.array([value if isinstance(value, bool) else None for value in values], pa.bool_())
    return pa.array([value if isinstance(value, str) else None for value in values], pa.string())


def _relinked(ask: Asking, linked: Any) -> set[str]:
    """Users whose lead is written to another record from now on, or whose state waits for a record that is there now."""
    pairs = [(key, one.crm_id) for key, one in ask.known.items()]
    held_now = ask.tools.engine.table(
        pa.table(
            {
                "record_key": pa.array([key for key, _ in pairs], pa.string()),
                "held_id": pa.array([id for _, id in pairs], pa.string()),
            }
        )
    )
    joined = linked.inner_join(held_now, linked.lead_key == held_now.record_key)
    other = joined.filter(~joined.crm_id.identical_to(joined.held_id)).select("user_id")
    return {row["user_id"] for row in ask.tools.engine.run(other).to_pylist()}


def _silent(ask: Asking) -> dict[str, str]:
    """Users (with lead keys) whose record another lead speaks for; see `_voice`."""
    persons, frame = ask.found.persons, ask.scored.frame
    linked = persons.filter(persons.status == "matched")
    shared = linked.group_by("object", "crm_id").aggregate(leads=linked.count())
    several = linked.semi_join(shared.filter(shared.leads > 1), ["object", "crm_id"]).select(
        "user_id", "object", held_by="crm_id"
    )
    rows = ask.tools.engine.run(several.inner_join(frame.select("user_id", "lead_key", "usage"), "user_id")).to_pylist()
    speaking: set[tuple[str, str]] = set()
    silent: dict[str, str] = {}
    for row in sorted(rows, key=functools.partial(_voice, ask)):
        record = (row["object"], row["held_by"])
        if record in speaking:
            silent[row["user_id"]] = row["lead_key"]
        speaking.add(record)
    return silent


def _voice(ask: Asking, row: Row) -> tuple[bool, bool, float, str]:
    """Whose word counts on a shared record: a PQL's, the buyer's of an account in an episode, then the most usage."""
    key = row["lead_key"]
    return key not in ask.plays, key not in ask.buyers, -row["usage"], key


def _matches(ask: Asking, rows: Mapping[str, Row]) -> dict[str, Row]:
    """The match of each of these users, with what the mirror says of the record."""
    engine = ask.tools.engine
    ids = engine.table(pa.table({"asked": pa.array(sorted(rows), pa.string())}))
    persons = ask.found.persons.semi_join(ids, ask.found.persons.user_id == ids.asked)
    seen = ask.found.mirror.records.select(
        seen_object="object", seen_id="id", seen_owner="owner", seen_key="key", seen_fields="fields", seen_account="account"
    )
    joined = persons.left_join(seen, [persons.object == seen.seen_object, persons.crm_id == seen.seen_id])
    return {row["user_id"]: row for row in engine.run(joined).to_pylist()}


def _person(ask: Asking, row: Row, match: Row) -> Wish | None:
    subject = ask.shows(row["lead_key"])
    play = ask.plays.get(subject)
    status, creating = _status(ask, match["status"], play)
    if status is None and _asked_for(ask, row):
        status = "unmatched"  # it qualified, and does no longer: the record that was to be made is not
    if status is None:
        return None
    object = match["object"] or ask.tools.crms[ask.name].creates
    shown = row if subject == row["lead_key"] else {**ask.qualified.rows[subject], "last_active": row["last_active"]}
    stand = _standing(ask, row["lead_key"], shown, play)
    wants = (*of_person(stand, ask.tools.settings, object), *mapped(ask.spec, object, row))
    if creating:
        wants = (*wants, *identity(row, object))
    record = record_of(ask, row["lead_key"], object, match)
    kept = None
    owner = ask.owner(row["lead_key"]) if ask.sets_owner else None
    if owner:
        answer = owner_want(ask.tools.settings.handoff.set_owner, owner, record, ask.handing.unowned)
        wants, kept = ((*wants, answer), None) if isinstance(answer, Want) else (wants, answer.reason)
    change = difference(wants, record, observation(ask, shown, flagged=play is not None))
    return Wish(row, wants, change, status, match["seen_account"], kept)


def _asked_for(ask: Asking, row: Row) -> bool:
    """Whether a record of this lead is still to be made."""
    known = ask.known.get(row["lead_key"])
    return known is not None and known.crm_id is None and known.status == "due"


def _status(ask: Asking, matched: str, play: str | None) -> tuple[Status | None, bool]:
    """Status of the record state and whether a new record is asked for; None: nothing is wanted."""
    if matched == "matched":
        return "due", False
    if matched == "needs_review":
        return ("needs_review" if play else None), False
    if ask.spec.create == "always" or (ask.spec.create == "when_qualified" and play):
        return "due", True
    return ("unmatched" if play else None), False


def _standing(ask: Asking, key: str, row: Row, play: str | None) -> Standing:
    """Where a person stands; `row` is its own, or its account's where the record shows that."""
    settings = ask.tools.settings
    state = ask.qualified.open.get((row["subject"], play)) if play else None
    told = reasons_text(reasons(settings, row, settings.timezone)) if play else None
    first = (
        state.first_at
        if state
        else next((s.first_at for (r, _, s) in ask.qualified.touched if r["subject"] == key and s.first_at), None)
    )
    more = {
        "reasons": told,
        "since": state.entered_at if state else None,
        "first_at": first,
        "handed": ask.handed(key),
    }
    return standing(key, play, row, settings, **more)


def to_store(wish: Wish) -> records.Want:
    """The wish as record state. An empty value stands in it only where it is to empty the field."""
    change = wish.difference.change
    fields = {want.field: want.value for want in wish.wants if want.clear or not is_empty(want.value)}
    words = {want.field: "/".join(sorted(signals_named(want.value))) for want in wish.wants if want.wording}
    return records.Want(
        record_key=wish.difference.record.key,
        object=wish.difference.record.object,
        fields=fields,
        crm_id=wish.difference.record.crm_id,
        because=change.because if change else "",
        status=wish.status,
        priority=1 if fields.get("pql_flag") else 5,
        account=wish.account,
        compare=words,
    )


def news(found: Sequence[Wish]) -> list[Wish]:
    """The wishes that are worth a write, or wait for a record."""
    return [wish for wish in found if wish.difference.causes or wish.status != "due"]
