"""
A made-up company's customers: workspaces, users and what they did in the product, the same for the same seed.

Decided here: which kinds of users there are and how often. The files have the columns that the starter settings name.
Nobody in it exists.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

FIRST = [
    "Maria",
    "Jan",
    "Aylin",
    "Tomás",
    "Chloé",
    "Noor",
    "Luca",
    "Zoë",
    "Émile",
    "Ingrid",
    "Yusuf",
    "Priya",
    "Hana",
    "Olu",
    "Sofía",
    "Mateo",
    "Freya",
    "Kenji",
    "Leila",
    "Anouk",
]
LAST = [
    "Huber",
    "Roth",
    "Yılmaz",
    "Novák",
    "Dubois",
    "Haddad",
    "Rossi",
    "de-Vries",
    "Lambert",
    "Berg",
    "Demir",
    "Sharma",
    "Sato",
    "Adeyemi",
    "García",
    "López",
    "Lund",
    "Mori",
    "Azizi",
    "Blanc",
]
FIRMS = [
    "Nordwerk",
    "Alpenglas",
    "Hafenlogik",
    "Blauwald",
    "Kupferkern",
    "Steinbach",
    "Lichtung",
    "Auric",
    "Fjordline",
    "Montclair",
    "Cedarpoint",
    "Redbrook",
    "Solaris",
    "Quartz",
]
KINDS = ["GmbH", "AG", "SARL", "Ltd", "Inc", "BV", "AB"]
TITLES = ["Head of Operations", "Product Manager", "Engineer", "Founder", "Analyst", "CTO", "Student"]
COUNTRIES = ["DE", "DE", "AT", "CH", "FR", "NL", "SE", "US", "US", "GB", None]
INDUSTRIES = ["software", "media", "logistics", "retail", "manufacturing"]
INTEGRATIONS = ["slack", "jira", "github", "salesforce", "sheets"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """One account of the product."""

    id: str
    name: str
    domain: str
    plan: str
    trial_end: datetime | None
    employees: int
    industry: str
    country: str | None
    storage: float
    limit: float = 100.0


@dataclass(frozen=True, slots=True)
class User:
    """One user: who, where, and the habit that makes the events."""

    id: str
    email: str
    first: str
    last: str
    title: str
    workspace: Workspace
    habit: str
    signed_up: datetime
    consent: bool | None


@dataclass(frozen=True, slots=True)
class Company:
    """All of it, as of an instant."""

    as_of: datetime
    workspaces: tuple[Workspace, ...]
    users: tuple[User, ...]
    events: tuple[dict[str, object], ...] = field(repr=False)


# habit -> (share of users, active days of the last 14, projects, integrations, pricing views, hand raises)
HABITS: dict[str, tuple[float, int, int, int, int, int]] = {
    "ready to buy": (0.05, 11, 6, 2, 3, 0),
    "raised a hand": (0.008, 5, 2, 1, 1, 1),
    "explores the trial": (0.12, 6, 3, 1, 0, 0),
    "uses it daily, pays never": (0.10, 13, 0, 0, 0, 0),
    "looks at prices only": (0.05, 2, 0, 0, 4, 0),
    "came for the webinar": (0.06, 0, 0, 0, 0, 0),
    "steady": (0.20, 4, 1, 0, 0, 0),
    "sleeps": (0.412, 0, 0, 0, 0, 0),
}


def make(users: int, as_of: datetime, seed: int = 7) -> Company:
    """A company of about this many users."""
    dice = random.Random(seed)  # noqa: S311 (made-up people need no cryptography)
    workspaces = [_workspace(dice, number, as_of) for number in range(max(1, users // 5))]
    people = [_user(dice, number, workspaces, as_of) for number in range(users)]
    events = [event for user in people for event in _events(dice, user, as_of)]
    events.sort(key=lambda event: str(event["occurred_at"]))
    return Company(as_of, tuple(workspaces), tuple(people), tuple(events))


def _workspace(dice: random.Random, number: int, as_of: datetime) -> Workspace:
    name = f"{FIRMS[number % len(FIRMS)]} {number // len(FIRMS) + 1}" if number >= len(FIRMS) else FIRMS[number]
    plan = dice.choices(["starter", "trial_14", "team", "business"], [45, 35, 15, 5])[0]
    return Workspace(
        id=f"w{number}",
        name=f"{name} {dice.choice(KINDS)}",
        domain=name.lower().replace(" ", "") + ".example",
        plan=plan,
        trial_end=as_of + timedelta(days=dice.randint(-5, 13)) if plan == "trial_14" else None,
        employees=dice.choice([4, 12, 35, 80, 120, 240, 900, 6000]),
        industry=dice.choice(INDUSTRIES),
        country=dice.choice(COUNTRIES),
        storage=round(dice.choice([5, 20, 45, 71, 86, 92, 99]) + dice.random(), 1),
    )


def _user(dice: random.Random, number: int, workspaces: list[Workspace], as_of: datetime) -> User:
    workspace = workspaces[number % len(workspaces)]
    first, last = dice.choice(FIRST), dice.choice(LAST)
    own = number % 211 == 5
    domain = "acme.com" if own else workspace.domain
    return User(
        id=f"u{number}",
        email=f"user{number}@{domain}",
        first=first,
        last=last,
        title=dice.choice(TITLES),
        workspace=workspace,
        habit=dice.choices(list(HABITS), [habit[0] for habit in HABITS.values()])[0],
        signed_up=as_of - timedelta(days=dice.randint(3, 120), minutes=dice.randint(0, 1000)),
        consent=dice.choice([True, True, False, None]),
    )


class _Diary:
    """What one user did, as rows of the product's own event log."""

    def __init__(self, dice: random.Random, user: User, as_of: datetime) -> None:
        self._dice, self._user, self._as_of = dice, user, as_of
        self.rows: list[dict[str, object]] = []

    def add(self, name: str, days_ago: float, **properties: object) -> None:
        at = self._as_of - timedelta(days=days_ago, minutes=self._dice.randint(1, 300))
        number = len(self.rows) + 1
        who = {"event_id": f"{self._user.id}-{number}", "user_id": self._user.id, "account_id": self._user.workspace.id}
        moments = {"occurred_at": at.isoformat(), "loaded_at": (at + timedelta(minutes=2)).isoformat()}
        self.rows.append({**who, "event": name, **moments, **properties})


def _events(dice: random.Random, user: User, as_of: datetime) -> Iterator[dict[str, object]]:
    _, days, projects, integrations, prices, raises = HABITS[user.habit]
    diary = _Diary(dice, user, as_of)
    for day in sorted(dice.sample(range(14), min(14, max(0, days + dice.randint(-1, 1))))):
        for _ in range(dice.randint(1, 4)):
            diary.add("report_viewed", day)
    for _ in range(projects):
        diary.add("project_created", dice.randint(0, 12), pages=dice.randint(2, 9))
    _integrate(diary, dice, integrations)
    for _ in range(prices):
        diary.add(dice.choice(["pricing_viewed", "plan_compared"]), dice.randint(0, 5))
    for _ in range(raises):
        diary.add("contact_sales_clicked", dice.randint(0, 2))
    if user.habit == "came for the webinar":
        diary.add("webinar_attended", dice.randint(1, 10))
    if user.habit == "sleeps":
        diary.add("report_viewed", dice.randint(30, 80))
    yield from diary.rows


def _integrate(diary: _Diary, dice: random.Random, many: int) -> None:
    for name in dice.sample(INTEGRATIONS, many):
        diary.add("integration_connected", dice.randint(1, 40), integration=name)
        if dice.random() < 0.08:
            diary.add("integration_removed", 0.5, integration=name)


def write(company: Company, folder: Path) -> None:
    """events.jsonl, users.csv and accounts.csv, as a product's export would bring them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in company.events)
    columns = [
        "user_id",
        "email",
        "account_id",
        "created_at",
        "first_name",
        "last_name",
        "title",
        "language",
        "partner_consent",
    ]
    with (folder / "users.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(columns)
        for user in company.users:
            consent = "" if user.consent is None else str(user.consent).lower()
            row = [
                user.id,
                user.email,
                user.workspace.id,
                user.signed_up.isoformat(),
                user.first,
                user.last,
                user.title,
                "de",
                consent,
            ]
            lines.writerow(row)
    _write_accounts(company, folder / "accounts.csv")


def _write_accounts(company: Company, path: Path) -> None:
    columns = ["account_id", "name", "domain", "trial_end", "plan_name", "employees", "industry", "country", "state"]
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*columns, "storage_used", "storage_limit"])
        for place in company.workspaces:
            ends = place.trial_end.isoformat() if place.trial_end else ""
            facts = [place.employees, place.industry, place.country or "", "", place.storage, place.limit]
            lines.writerow([place.id, place.name, place.domain, ends, place.plan, *facts])
