"""
Wishes: what every record of a destination should hold after an evaluation, and how that differs from what it holds.

Decided here: which leads and accounts are looked at one by one: those whose record would change, PQLs, and those whose state
moved; everybody else costs a join. PQLs are held in memory, the others are looked at in slices. Not decided here: values,
modes and reasons (core). Writes nothing.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from worker.core import bulk
from worker.core.planning import difference, owner_want
from worker.core.threeway import is_empty
from worker.core.wanted import Standing, Want, identity, mapped, of_person, standing
from worker.core.wording import reasons, reasons_text, signals_named
from worker.steps.deciding.qualify import Qualified, Row
from worker.steps.planning.asking import Asking, Handing, Status, Wish, known, observation, record_of
from worker.steps.planning.company_wishes import accounts
from worker.steps.scoring.account_rows import rows_of
from worker.steps.scoring.score import Scored
from worker.steps.tools import Tools
from worker.store import links, records

SLICE = 5_000
"""Leads whose rows are Python objects at one time."""
_BY_PEOPLE = frozenset({"human_edit_kept", "conflict"})
"""Fields that somebody changed after us, or had filled before us."""
_DOCUMENT = (
    dict.fromkeys(("pql_flag",), "boolean") | dict.fromkeys(bulk.TEXTS, "string") | dict.fromkeys(bulk.SCORES, "float64")
)
_MOMENT = "struct<at: string>"
_MAPPED = {"float64": "float64", "boolean": "boolean", "timestamp": _MOMENT}


@dataclass(slots=True)
class Seen:
    """What was seen of wishes that are not kept."""

    kept: Counter[str] = field(default_factory=Counter)
    """Fields and owners that were left alone, by reason."""
    human_edits: int = 0

    def look_at(self, part: Iterable[Wish]) -> None:
        for wish in part:
            reasons = wish.difference.kept.values()
            self.kept.update((*reasons, wish.owner_kept) if wish.owner_kept else reasons)
            self.human_edits += bool(_BY_PEOPLE.intersection(reasons))


@dataclass(slots=True)
class Destined:
    """
    The wishes of one destination, and counts of the leads that are not among them.

    `people` are the PQLs and buyers, `companies` those that have one or were written before. `others`, whose fields only
    follow, may be a million: they are made slice by slice.
    """

    people: list[Wish]
    companies: list[Wish]
    others: Others
    unmatched: int = 0
    needs_review: int = 0
    quiet: int = 0
    overtaken: list[str] = field(default_factory=list)
    """Leads for whose CRM record another lead speaks from now on: what it acknowledged of them is no longer known."""
    acknowledged: int = 0
    """Leads of which the CRM holds a flag."""
    seen: Seen = field(default_factory=Seen)

    def all(self) -> Iterator[Wish]:
        """Every wish, the PQLs first, always in the same order."""
        yield from self.people
        yield from self.companies
        for part in self.others.slices():
            yield from part


@dataclass(frozen=True, slots=True)
class Others:
    """
    The leads besides PQLs whose record may change: a table with place, user_id, fresh, moves and `stands`.

    `place` is theirs in the frame, `stands` says that the store wants just this already.
    """

    ask: Asking
    rows: Any

    def count(self, condition: str | None = None) -> int:
        """How many, or of how many the condition (a column) is true."""
        rows = self.rows if condition is None else self.rows.filter(self.rows[condition])
        return int(self.ask.tools.engine.run(rows.aggregate(n=rows.count())).column(0)[0].as_py())

    def slices(self, *, news: bool = False) -> Iterator[list[Wish]]:
        """Their wishes, some thousands at a time; with `news` without those that the store wants already."""
        rows = self.rows.filter(~self.rows.stands) if news else self.rows
        places = self.ask.tools.engine.run(rows.order_by("place").select("place")).column(0)
        for start in range(0, len(places), SLICE):
            last = min(start + SLICE, len(places)) - 1
            yield self._between(rows, places[start].as_py(), places[last].as_py())

    def _between(self, todo: Any, first: int, last: int) -> list[Wish]:
        frame = self.ask.scored.frame
        part = frame.filter(frame.place.between(first, last))
        rows = self.ask.tools.engine.run(part.semi_join(todo, "user_id").order_by("place")).to_pylist()
        return _people(self.ask, rows)


def wishes(tools: Tools, scored: Scored, qualified: Qualified, name: str, handing: Handing) -> Destined:
    """What is wanted in one destination."""
    plays = qualified.plays(tools.settings.qualify)
    first_at = {row["subject"]: state.first_at for row, _, state in reversed(qualified.touched) if state.first_at}
    spec, buyers = tools.settings.destinations[name], qualified.buyers(plays)
    ask = Asking(tools, scored, qualified, name, spec, handing, known(tools, name), plays, buyers, first_at)
    silent, mates = _silent(ask)
    with tools.store.read() as tx:
        ask = replace(ask, mates=mates, deleted=frozenset(links.deleted_keys(tx, name)))
    first = _first(ask)
    people = _people(ask, [first[user] for user in sorted(first.keys() - silent.keys())])
    others = Others(ask, _others(ask, silent.keys() | first.keys()))
    result = Destined(people, accounts(ask), others)
    result.seen.look_at(people)
    result.overtaken = sorted(key for key, one in ask.known.of(silent.values()).items() if one.crm_id)
    statuses = ask.found.persons.group_by("status").aggregate(n=ask.found.persons.count())
    numbers = {row["status"]: row["n"] for row in tools.engine.run(statuses).to_pylist()}
    result.unmatched, result.needs_review = numbers.get("unmatched", 0), numbers.get("needs_review", 0)
    moving = sum(1 for one in people if one.difference.record.crm_id and one.difference.causes)
    result.quiet = numbers.get("matched", 0) - moving - others.count("differs")
    flagged = _documents(ask, ask.known.acknowledged, "acknowledged")
    result.acknowledged = tools.engine.run(flagged.aggregate(n=flagged.pql_flag.count())).column(0)[0].as_py()
    return result


def _first(ask: Asking) -> dict[str, Row]:
    """By user the rows of PQLs, of buyers of an account in an episode, and of those who were until now."""
    qualified = ask.qualified
    pqls = {subject: qualified.rows[subject] for subject in ask.plays if qualified.is_lead(subject)}
    buyers = (ask.buyers.keys() | qualified.replaced) - pqls.keys()
    return {row["user_id"]: row for row in (*pqls.values(), *rows_of(ask.tools, ask.scored.frame, buyers))}


def _others(ask: Asking, left_out: Collection[str]) -> Any:
    """See Others; kept in the engine. Users in `left_out` are not among them."""
    engine, persons = ask.tools.engine, ask.found.persons
    linked = persons.filter(persons.status == "matched")
    plays = engine.table(
        pa.table(
            {"subject": pa.array(list(ask.plays), pa.string()), "play": pa.array(list(ask.plays.values()), pa.string())}
        )
    )
    wanted = engine.keep(bulk.wanted(ask.scored.frame, plays, ask.tools.settings).semi_join(linked, "user_id"))
    differing = engine.keep(bulk.differing(wanted, _documents(ask, ask.known.acknowledged, "acknowledged")))
    standing = bulk.standing(wanted, _documents(ask, ask.known.table, "wanted")).select(stood="user_id")
    looked = _looked_at(ask, linked)
    without = engine.table(pa.table({"user_id": pa.array(sorted(left_out), pa.string())}))
    every = ask.scored.frame.select("user_id", "place").anti_join(without, "user_id")
    told = every.left_join(differing.rename(differing="user_id"), every.user_id == differing.user_id)
    told = told.left_join(looked.rename(looked="user_id"), told.user_id == looked.user_id)
    told = told.left_join(standing, told.user_id == standing.stood)
    told = told.filter(told.differing.notnull() | told.looked.notnull())
    return engine.keep(
        told.select(
            "user_id",
            "place",
            differs=told.differing.notnull(),
            fresh=told.fresh.fill_null(False),
            moves=told.moves.fill_null(False),
            stands=told.stood.notnull() & told.looked.isnull(),
        )
    )


def _looked_at(ask: Asking, linked: Any) -> Any:
    """Users who are looked at one by one whatever their fields say: see the module's docstring."""
    import ibis

    moved = pa.table({"user_id": pa.array(sorted({one.row["user_id"] for one in ask.qualified.moved}), pa.string())})
    parts = [ask.tools.engine.table(moved), _relinked(ask, linked), *_mapped_differently(ask, linked)]
    return ibis.union(*parts, distinct=True)


def _documents(ask: Asking, rows: Any, column: str) -> Any:
    """user_id and bulk.COLUMNS from a column of documents of the leads' records."""
    kinds = _DOCUMENT | {"pql_trial_ends": _MOMENT}
    docs = rows.select("record_key", doc=ask.tools.engine.parsed(rows[column], kinds))
    fields = {name: docs.doc[name] for name in _DOCUMENT}
    flat = docs.select("record_key", **fields, pql_trial_ends=_moment(docs.doc["pql_trial_ends"]))
    named = ask.scored.keys.select("user_id", "lead_key")
    return flat.inner_join(named, flat.record_key == named.lead_key).drop("record_key", "lead_key")


def _moment(packed: Any) -> Any:
    return packed["at"].cast("timestamp('UTC', 6)")


def _mapped_differently(ask: Asking, linked: Any) -> list[Any]:
    """Users of whom a mapped field may differ: compared in the engine, decided one by one."""
    additional = [also for also in ask.spec.also if also.object != "company"]
    if not additional:
        return []
    frame, rows = ask.scored.frame, ask.known.acknowledged
    adds = {also.field for also in additional if also.mode == "append"}
    shown = {also.field: comparable(frame[also.value]) for also in additional}
    now = {name: column.cast("string") if name in adds else column for name, column in shown.items()}
    told = frame.semi_join(linked, "user_id").select("user_id", "lead_key", **now)
    was = rows.select(
        "record_key", doc=ask.tools.engine.parsed(rows.acknowledged, {n: packed_type(c) for n, c in now.items()})
    )
    joined = told.inner_join(was, told.lead_key == was.record_key)
    differs = [(lacks if name in adds else mapped_differs)(joined[name], joined.doc[name]) for name in now]
    return [joined.filter(functools.reduce(operator.or_, differs)).select("user_id")]


def comparable(column: Any) -> Any:
    """A value as a CRM would keep it: whoever seems to differ is only looked at more closely."""
    kind = column.type()
    if kind.is_numeric():
        return column.cast("float64").round(2)
    if kind.is_timestamp():
        return column.truncate("s").cast("timestamp('UTC', 6)")
    return column if kind.is_boolean() else column.cast("string")


def packed_type(column: Any) -> str:
    """The type in which a document holds such a value."""
    kind = column.type()
    return _MAPPED.get("timestamp" if kind.is_timestamp() else str(kind), "string")


def mapped_differs(now: Any, was: Any) -> Any:
    """Whether a comparable value is another one than a document's; one of another type counts as none."""
    return ~now.identical_to(_moment(was) if now.type().is_timestamp() else was)


def lacks(now: Any, was: Any) -> Any:
    """Whether a value of text is not among those that a field of several values holds; an empty one is never missing."""
    return now.notnull() & ~(";" + was + ";").contains(";" + now + ";").fill_null(False)


def _relinked(ask: Asking, linked: Any) -> Any:
    """Users whose lead is written to another record from now on, or whose state waits for a record that is there now."""
    before = ask.known.table.select("record_key", held_id="crm_id")
    joined = linked.inner_join(before, linked.lead_key == before.record_key)
    return joined.filter(~joined.crm_id.identical_to(joined.held_id)).select("user_id")


def _silent(ask: Asking) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Users (with lead keys) whose record another lead speaks for, and those keys by who speaks; see `_voice`."""
    persons, frame = ask.found.persons, ask.scored.frame
    linked = persons.filter(persons.status == "matched")
    shared = linked.group_by("object", "crm_id").aggregate(leads=linked.count())
    several = linked.semi_join(shared.filter(shared.leads > 1), ["object", "crm_id"]).select(
        "user_id", "object", held_by="crm_id"
    )
    rows = ask.tools.engine.run(several.inner_join(frame.select("user_id", "lead_key", "usage"), "user_id")).to_pylist()
    speaking: dict[tuple[str, str], str] = {}
    silent: dict[str, str] = {}
    mates: dict[str, list[str]] = {}
    for row in sorted(rows, key=functools.partial(_voice, ask)):
        record = (row["object"], row["held_by"])
        if record in speaking:
            silent[row["user_id"]] = row["lead_key"]
            mates.setdefault(speaking[record], []).append(row["lead_key"])
        speaking.setdefault(record, row["lead_key"])
    return silent, mates


def _voice(ask: Asking, row: Row) -> tuple[bool, bool, float, str]:
    """Whose word counts on a shared record: a PQL's, the buyer's of an account in an episode, then the most usage."""
    key = row["lead_key"]
    return key not in ask.plays, key not in ask.buyers, -row["usage"], key


def _matches(ask: Asking, users: Sequence[str]) -> dict[str, Row]:
    """The match of each of these users, with what the mirror says of the record."""
    engine = ask.tools.engine
    ids = engine.table(pa.table({"asked": pa.array(sorted(users), pa.string())}))
    persons = ask.found.persons.semi_join(ids, ask.found.persons.user_id == ids.asked)
    seen = ask.found.mirror.records.select(
        seen_object="object", seen_id="id", seen_owner="owner", seen_key="key", seen_fields="fields", seen_account="account"
    )
    joined = persons.left_join(seen, [persons.object == seen.seen_object, persons.crm_id == seen.seen_id])
    return {row["user_id"]: row for row in engine.run(joined).to_pylist()}


def _people(ask: Asking, rows: Sequence[Row]) -> list[Wish]:
    """The wishes of these leads; some have none."""
    here = ask.holding(row["lead_key"] for row in rows)
    matches = _matches(here, [row["user_id"] for row in rows])
    found = (_person(here, row, matches[row["user_id"]]) for row in rows)
    return [wish for wish in found if wish is not None]


def _person(ask: Asking, row: Row, match: Row) -> Wish | None:
    subject = ask.shows(row["lead_key"])
    play = ask.plays.get(subject)
    status, creating = _status(ask, match["status"], play, gone=row["lead_key"] in ask.deleted)
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
    change = difference(wants, record, observation(ask, shown, record, flagged=play is not None))
    return Wish(row, wants, change, status, match["seen_account"], kept)


def _asked_for(ask: Asking, row: Row) -> bool:
    """Whether a record of this lead is still to be made."""
    known = ask.held.get(row["lead_key"])
    return known is not None and known.crm_id is None and known.status == "due"


def _status(ask: Asking, matched: str, play: str | None, *, gone: bool) -> tuple[Status | None, bool]:
    """Status of the record state and whether a new record is asked for; None: nothing is wanted."""
    if matched == "matched":
        return "due", False
    if matched == "needs_review":
        return ("needs_review" if play else None), False
    if not gone and (ask.spec.create == "always" or (ask.spec.create == "when_qualified" and play)):
        return "due", True
    return ("unmatched" if play else None), False


def _standing(ask: Asking, key: str, row: Row, play: str | None) -> Standing:
    """Where a person stands; `row` is its own, or its account's where the record shows that."""
    settings = ask.tools.settings
    state = ask.qualified.open.get((row["subject"], play)) if play else None
    told = reasons_text(reasons(settings, row, settings.timezone)) if play else None
    first = state.first_at if state else ask.first_at.get(key)
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
