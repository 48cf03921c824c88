"""
Addresses to pages: `/`, `/records/{object}/{id}`, `/reps/{id}`, `/partners/{name}`, and the vendor's own record addresses.

Decided here: what stands on which page. Everything is escaped by the templates, and nothing on a page can run or send.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from connectors.fields import FIELDS
from connectors.sandbox.pages.book import LABELS, PEOPLE, Book, Owner, Record, moment

LISTED = 200
MOST_TASKS = 20_000
NOT_STATED = datetime.max.replace(tzinfo=UTC)
SCORES = (("score", "Usage"), ("fit_score", "Fit"), ("intent_score", "Intent"))
ON_CARD = frozenset(
    {
        "flag",
        "type",
        "tier",
        "score",
        "fit_score",
        "intent_score",
        "reasons",
        "next_step",
        "respond_by",
        "key",
        "seq",
        "rules",
    }
)
BY_PEOPLE = frozenset(one.name.removeprefix("pql_") for one in FIELDS if one.by_people)


@cache
def _templates(crm: str) -> Environment:
    templates = Environment(
        loader=PackageLoader("connectors.sandbox.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {"crm": crm, "labels": LABELS, "scores": SCORES, "by_people": BY_PEOPLE}
    templates.filters |= {"reasons": _reasons, "number": _number, "path": lambda text: quote(text, safe="")}
    return templates


def page(book: Book, path: str, query: Mapping[str, Sequence[str]], now: datetime) -> str | None:
    """Return the page of an address, None where there is none."""
    view = View(book, now)
    parts = [unquote(part) for part in path.split("/") if part]
    if not parts:
        return view.home((query.get("q") or [""])[0], (query.get("object") or [""])[0])
    located = book.located(path)
    if located and not located[1]:
        return view.home("", located[0])
    if located or (len(parts) == 3 and parts[0] == "records" and parts[1] in LABELS):
        return view.record(*(located or (parts[1], parts[2])))
    rooms: Mapping[str, Callable[[str], str | None]] = {"reps": view.rep, "partners": view.partner}
    return rooms[parts[0]](parts[1]) if len(parts) == 2 and parts[0] in rooms else None


class View:
    """The pages of one CRM at one moment."""

    def __init__(self, book: Book, now: datetime) -> None:
        self._book = book
        self._zone = ZoneInfo(book.zone)
        self._now = now
        self._owners = {owner.id: owner for owner in book.owners()}

    def home(self, words: str, object: str) -> str:
        """Who is qualified, who works for whom; or what a search finds."""
        people = [record for name in PEOPLE for record in self._book.flagged(name)]
        qualified = sorted(people, key=lambda one: -one.score)
        tasks = [one for one in self._book.first("task", MOST_TASKS) if one.todo and one.todo.open]
        found, found_count = self._found(words, object)
        tiers: dict[str, int] = {}
        for one in qualified:
            name = one.pql["tier"] or "no tier"
            tiers[name] = tiers.get(name, 0) + 1
        return self._render(
            "home.html",
            words=words,
            object=object,
            found=found[:LISTED],
            found_count=found_count,
            qualified=qualified[:LISTED],
            qualified_count=len(qualified),
            tiers=tiers,
            tasks=len(tasks),
            overdue=sum(1 for one in tasks if self._late(one)),
            objects=self._book.objects(),
            reps=self._busy(tasks, qualified),
            partners=self._partners(qualified),
        )

    def _found(self, words: str, object: str) -> tuple[Sequence[Record], int]:
        if words:
            names = [object] if object in LABELS else list(LABELS)
            found = [record for name in names for record in self._book.mentioning(name, words)]
            return found, len(found)
        if object not in LABELS:
            return [], 0
        return self._book.first(object, LISTED), dict(self._book.objects())[object]

    def _busy(self, tasks: Sequence[Record], qualified: Sequence[Record]) -> list[tuple[Owner, int, int]]:
        def owned(records: Sequence[Record], owner: str) -> int:
            return sum(1 for one in records if one.owner == owner)

        counted = [(one, owned(tasks, one.id), owned(qualified, one.id)) for one in self._owners.values()]
        return sorted(counted, key=lambda row: (not row[0].active, -row[1], -row[2], row[0].name))

    def _partners(self, qualified: Sequence[Record]) -> list[tuple[str, int]]:
        names = [one.pql["partner"] for one in qualified if one.pql["partner"]]
        return [(name, names.count(name)) for name in sorted(set(names))]

    def record(self, object: str, id: str) -> str | None:
        """One record as a rep sees it: why now, what to do, the open tasks, the fields."""
        record = self._book.one(object, id)
        if record is None:
            return None
        tasks = [record] if record.object == "task" else list(self._book.related(record, "task"))
        tasks = sorted(tasks, key=lambda one: (not (one.todo and one.todo.open), self._due(one)))
        others = {name: list(self._book.related(record, name)) for name in LABELS if name not in ("task", object)}
        people = [one for name in PEOPLE for one in others.get(name, [])] if object == "company" else []
        return self._render(
            "record.html",
            record=record,
            owner=self._owners.get(record.owner),
            tasks=tasks,
            related={name: found for name, found in others.items() if found},
            champions=sorted((one for one in people if one.qualified), key=lambda one: -one.score),
            more=[(name, value) for name, value in sorted(record.pql.items()) if name not in ON_CARD],
            is_task=object == "task",
        )

    def rep(self, id: str) -> str | None:
        """What waits for a rep or in a queue: tasks by due time, then the qualified leads."""
        owner = self._owners.get(id)
        if owner is None:
            return None
        tasks = [one for one in self._book.owned("task", id) if one.todo]
        waiting = sorted((one for one in tasks if one.todo and one.todo.open), key=self._due)
        leads = [one for name in PEOPLE for one in self._book.owned(name, id) if one.qualified]
        return self._render(
            "rep.html",
            owner=owner,
            tasks=waiting[:LISTED],
            waiting=len(waiting),
            done=len(tasks) - len(waiting),
            late_count=sum(1 for one in waiting if self._late(one)),
            leads_owned=sorted(leads, key=lambda one: -one.score)[:LISTED],
        )

    def partner(self, name: str) -> str | None:
        """What was offered to a partner, and how it stands."""
        offered = [record for kind in (*PEOPLE, "company") for record in self._book.offered(kind, name)]
        if not offered:
            return None
        return self._render("partner.html", partner=name, offered=sorted(offered, key=lambda one: -one.score)[:LISTED])

    # small things the templates ask

    def _render(self, name: str, **values: object) -> str:
        asked = {"when": self._when, "late": self._late, "owner_of": lambda record: self._owners.get(record.owner)}
        return _templates(self._book.crm).get_template(name).render(**asked, **values)

    def _due(self, record: Record) -> datetime:
        due = record.todo.due if record.todo else None
        if due is None:
            return NOT_STATED
        # Salesforce knows only the day: it is due when that day is over where people are.
        return due if due.tzinfo else due.replace(tzinfo=self._zone) + timedelta(days=1)

    def _late(self, record: Record) -> bool:
        return bool(record.todo and record.todo.open and self._due(record) < self._now)

    def _when(self, value: datetime | str | None) -> str:
        """Return a time as people say it, in the zone of the account; other text as it is."""
        if value is None:
            return ""
        told = moment(value) if isinstance(value, str) else value
        if told is None:
            return str(value)
        if told.tzinfo is None:
            return f"{told:%a %d %b %Y}"
        return f"{told.astimezone(self._zone):%a %d %b %Y, %H:%M}"


def _reasons(text: str) -> list[str]:
    pieces = text.replace("; ", " / ").replace("\n", " / ").split(" / ")
    return [piece.strip() for piece in pieces if piece.strip()]


def _number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
