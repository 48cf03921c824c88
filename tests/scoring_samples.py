"""Small settings and small tables for tests of scores and states, written in Python."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from settings.condition.parse import parse
from settings.condition.tree import Condition
from settings.handoff import Handoff, NextStep
from settings.qualify import Definition, Exclusion, MustHave
from settings.root import Settings
from settings.routing import ListSpec, Rule, Target
from settings.score import Line, Score, Tier
from settings.signals import Signal
from settings.sources import AccountFeed, EventFeed, Kept, Plan, SourceSpec, UserFeed
from settings.terms import Duration
from worker.core import frame, rollup

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""The instant most tests pretend to be at."""

MOMENT = pa.timestamp("us", "UTC")
EVENTS = {
    "source": pa.string(),
    "event_id": pa.string(),
    "user_id": pa.string(),
    "anonymous_id": pa.string(),
    "account_id": pa.string(),
    "name": pa.string(),
    "at": MOMENT,
    "arrived": MOMENT,
    "pages": pa.float64(),
    "integration": pa.string(),
}
USERS = {"source": pa.string(), "user_id": pa.string(), "email": pa.string(), "account_id": pa.string(), "signed_up": MOMENT}
USERS |= {"arrived": MOMENT, "title": pa.string()}
ACCOUNTS = {
    "source": pa.string(),
    "account_id": pa.string(),
    "name": pa.string(),
    "domain": pa.string(),
    "trial_ends": MOMENT,
}
ACCOUNTS |= {"plan": pa.string(), "arrived": MOMENT, "employees": pa.float64(), "industry": pa.string()}
ACCOUNTS |= {"storage_used": pa.float64(), "storage_limit": pa.float64()}
TYPES = {"account.employees": "number", "account.storage_used": "number", "account.storage_limit": "number"}


def days(number: int) -> Duration:
    return Duration(number * 86400)


def when(text: str) -> Condition:
    """A condition; names of the sample's lists are known as lists."""
    return parse(text)


def count(name, *events, within=14, family="use", **more):
    return Signal(name=name, kind="count", events=events, within=days(within) if within else None, family=family, **more)


def signal(name, kind, *events, family="use", **more):
    return Signal(name=name, kind=kind, events=events, family=family, **more)


def sample_signals() -> dict[str, Signal]:
    wanted = (
        signal("active_days", "days_with", "any_event", within=days(14)),
        count("projects", "project_created", where=when("pages >= 2"), family="value"),
        signal(
            "integrations",
            "distinct",
            "integration_connected",
            property="integration",
            minus=("integration_removed",),
            family="value",
        ),
        signal("habit", "decayed", "report_viewed", half_life=days(7)),
        signal("volume", "sum", "project_created", property="pages", within=days(28), family="value"),
        signal("team", "active_users", "any_event", within=days(28), per="account"),
        signal(
            "near_limit",
            "ratio",
            expression=when("account.storage_used / account.storage_limit"),
            per="account",
            family="intent",
        ),
        count("pricing_views", "pricing_viewed", "plan_compared", within=7, family="intent"),
        count("hand_raise", "contact_sales_clicked", within=30, family="intent"),
    )
    return {one.name: one for one in wanted}


def sample_score() -> Score:
    return Score(
        usage=(
            Line(signal="projects", points=30, full_at=5),
            Line(signal="active_days", points=20, full_at=10),
            Line(signal="habit", points=10, full_at=4, curve="exponential"),
            Line(signal="integrations", points=20, full_at=2),
            Line(signal="team", points=20, full_at=5),
        ),
        fit=(
            Line(when=when("account.employees between 50 and 5000"), points=60),
            Line(when=when("account.industry in ('software', 'media')"), points=40),
        ),
        intent=(
            Line(signal="hand_raise", points=100, full_at=1),
            Line(signal="pricing_views", points=50, full_at=3),
            Line.model_validate({"signal": "near_limit", "points": 50, "from": 0.7, "full_at": 1.0}),
        ),
    )


def sample_definition(**changes) -> Definition:
    given = {
        "name": "pql",
        "applies_to": when("account.plan in ('free', 'trial') and not crm.is_customer"),
        "must_have": MustHave(
            use=when("active_days >= 3"),
            value=when("projects >= 3 and integrations >= 1"),
            intent=when("pricing_views >= 1 or near_limit >= 0.85"),
        ),
        "score": "usage",
        "enter_at": 60,
        "exit_below": 45,
        "stay_at_least": days(3),
        "grace": days(2),
        "expires_after": days(60),
        "requalify_after": days(90),
        "requalify_after_rejection": {"wrong_timing": days(30), "not_a_fit": days(180), "competitor": "never"},
        "immediately_when": when("hand_raise >= 1"),
    }
    return Definition(**(given | changes))


def sample_source() -> SourceSpec:
    plan = Plan(column="plan_name", free=("starter",), trial=("trial_14",), paid=("team", "business"))
    return SourceSpec(
        kind="files",
        events=EventFeed(id="event_id", user="user_id", account="account_id", name="event", at="occurred_at"),
        users=UserFeed(
            id="user_id", email="email", account="account_id", signed_up="created_at", columns=(Kept(name="title"),)
        ),
        accounts=AccountFeed(
            id="account_id", plan=plan, columns=tuple(Kept(name=name) for name in ("employees", "industry"))
        ),
    )


def sample_settings(**changes) -> Settings:
    given = {
        "workspace": "acme",
        "lists": {"own_domains": ListSpec(name="own_domains", rows={"acme.com": {}})},
        "sources": {"product": sample_source()},
        "exclude": (
            Exclusion(name="own people", when=when("user.email_domain in own_domains")),
            Exclusion(name="do not contact", when=when("crm.do_not_contact")),
        ),
        "signals": sample_signals(),
        "score": sample_score(),
        "tiers": (
            Tier(name="hot", when=when("hand_raise >= 1 or (usage >= 70 and fit >= 50)")),
            Tier(name="warm", when=when("usage >= 40")),
            Tier(name="cold"),
        ),
        "qualify": {"pql": sample_definition()},
        "handoff": Handoff(work_in="hubspot", next_steps=(NextStep(action="email", say="Write."),)),
        "routing": (Rule(name="all", to=Target(queue="desk")),),
        "destinations": {},
        "types": TYPES,
    }
    return Settings(**(given | changes))


@dataclasses.dataclass
class World:
    """Rows as they stand in a lake, built event by event."""

    events: list[dict] = dataclasses.field(default_factory=list)
    users: list[dict] = dataclasses.field(default_factory=list)
    accounts: list[dict] = dataclasses.field(default_factory=list)

    def event(self, user, name, ago=0.0, late=0.0, **more):
        """Something a user did `ago` days before noon, which arrived `late` days after."""
        at = NOON - timedelta(days=ago)
        row = {"source": "product", "event_id": f"e{len(self.events)}", "user_id": user, "account_id": None, "name": name}
        self.events.append(row | {"at": at, "arrived": at + timedelta(days=late)} | more)
        return self

    def user(self, user, ago=400.0, **more):
        row = {"source": "product", "user_id": user, "email": f"{user}@kunde.example", "account_id": "a1"}
        self.users.append(row | {"arrived": NOON - timedelta(days=ago)} | more)
        return self

    def account(self, account="a1", ago=400.0, **more):
        row = {"source": "product", "account_id": account, "name": "Kunde", "domain": "kunde.example", "plan": "starter"}
        self.accounts.append(
            row | {"arrived": NOON - timedelta(days=ago), "employees": 100.0, "industry": "software"} | more
        )
        return self

    def arrow(self):
        return arrow(self.events, EVENTS), arrow(self.users, USERS), arrow(self.accounts, ACCOUNTS)


def arrow(rows: list[dict], columns: dict) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in columns.items()})


def keen_user(world: World, user="u1", **more) -> World:
    """Someone who meets every gate of the sample definition."""
    for ago in range(10):
        world.event(user, "report_viewed", ago, **more)
    for ago in (1, 2, 3, 4, 5):
        world.event(user, "project_created", ago, pages=3.0, **more)
    for ago, name in ((2, "slack"), (3, "jira")):
        world.event(user, "integration_connected", ago, integration=name, **more)
    return world.event(user, "pricing_viewed", 1, **more)


def random_world(seed: int, events: int = 120) -> World:
    """Forty days of a few users and visitors; some events arrive late, some lack what others have."""
    chance = random.Random(seed)
    world = World()
    for number in range(3):
        world.user(f"u{number}", account_id=chance.choice(["a1", "a2", None]))
        world.account(f"a{number}", storage_used=float(number), storage_limit=chance.choice([4.0, 0.0, None]))
    kinds = ["project_created", "integration_connected", "integration_removed", "report_viewed", "pricing_viewed", "login"]
    for _ in range(events):
        user = chance.choice(["u0", "u1", "u2", "u3", None])
        more = {} if user and chance.random() < 0.9 else {"anonymous_id": chance.choice(["x", "y"])}
        more |= {"account_id": chance.choice(["a1", "a2", None]), "pages": chance.choice([1.0, 2.0, 2.5, None])}
        more |= {"integration": chance.choice(["slack", "jira", None])}
        late = chance.choice([0, 0, 0, 0.3, 2])
        world.event(user, chance.choice(kinds), chance.choice([0, 0.5, 1]) + chance.randrange(40), late, **more)
    return world


def inputs_of(engine, world: World, settings: Settings, as_of: datetime = NOON, **more) -> frame.Inputs:
    """What a frame is made of, all folded from the events of a world."""
    events, users, accounts = (engine.table(rows) for rows in world.arrow())
    return frame.Inputs(
        rollup=rollup.fold(events, rollup.columns(settings), as_of),
        side=rollup.side_fold(events, rollup.side_columns(settings), as_of),
        users=users,
        accounts=accounts,
        **more,
    )
