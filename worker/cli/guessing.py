"""
Guesses for `pql init`: which table holds what, which column means what, what an event is evidence of.

Decided here: the words that speak for a meaning, in order; content counts where names say nothing. Pure: a person may
overrule every guess, and the settings that follow are checked like any others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from connectors.contract import EventCount, Stream
from connectors.reading.listing import Table

Family = Literal["use", "value", "intent", "content"]
Roles = Mapping[str, str | tuple[str, ...]]

ROLES: Mapping[Stream, Mapping[str, tuple[str, ...]]] = {
    "events": {
        "id": ("event_id", "uuid", "message_id", "insert_id", "id"),
        "user": ("user_id", "userid", "person_id", "distinct_id", "customer_id", "member_id", "actor_id", "uid", "user"),
        "anonymous": ("anonymous_id", "anon_id", "device_id", "cookie_id", "visitor_id"),
        "account": (
            *("account_id", "workspace_id", "organization_id", "organisation_id", "org_id", "company_id", "tenant_id"),
            *("team_id", "group_id", "account", "workspace", "organization", "company"),
        ),
        "name": ("event", "event_name", "event_type", "name", "type", "action", "page"),
        "at": (
            "occurred_at",
            "event_at",
            "event_time",
            "timestamp",
            "happened_at",
            "time",
            "at",
            "ts",
            "sent_at",
            "created_at",
        ),
        "received": ("loaded_at", "received_at", "ingested_at", "inserted_at", "fivetran_synced", "synced_at"),
    },
    "users": {
        "id": ("user_id", "userid", "id", "uid", "person_id", "member_id", "customer_id", "distinct_id"),
        "email": ("email", "email_address", "e_mail", "mail", "user_email"),
        "account": (
            *("account_id", "workspace_id", "organization_id", "organisation_id", "org_id", "company_id", "tenant_id"),
            *("team_id", "group_id", "account", "workspace", "organization", "company"),
        ),
        "signed_up": ("created_at", "signed_up_at", "signed_up", "signup_at", "signup_date", "registered_at", "created"),
    },
    "accounts": {
        "id": (
            *("account_id", "workspace_id", "organization_id", "organisation_id", "org_id", "company_id", "tenant_id"),
            *("team_id", "group_id", "id"),
        ),
        "name": ("name", "account_name", "workspace_name", "organization_name", "company_name", "company"),
        "domain": ("domain", "email_domain", "website_domain", "company_domain"),
        "trial_ends": ("trial_end", "trial_ends", "trial_ends_at", "trial_end_at", "trial_end_date", "trial_expires_at"),
        "plan": ("plan_name", "plan", "subscription_plan", "plan_type", "subscription", "tier"),
    },
}
NEEDED: Mapping[Stream, tuple[str, ...]] = {"events": ("user", "name", "at"), "users": ("id",), "accounts": ("id",)}
CALLED: Mapping[Stream, tuple[str, ...]] = {
    "events": ("event", "track", "activit", "log", "usage", "action"),
    "users": ("user", "member", "people", "person", "customer", "signup"),
    "accounts": ("account", "workspace", "organi", "compan", "tenant", "team", "group"),
}
KEEP: Mapping[Stream, tuple[str, ...]] = {
    "events": (),
    "users": ("first_name", "last_name", "title", "language", "partner_consent"),
    "accounts": ("employees", "industry", "country", "state"),
}
FAMILIES: tuple[tuple[Family, tuple[str, ...]], ...] = (
    ("intent", ("pricing", "price", "upgrade", "contact", "sales", "demo", "checkout", "billing", "quote", "plan", "limit")),
    ("content", ("webinar", "blog", "newsletter", "ebook", "whitepaper", "docs", "help", "marketing", "email_opened")),
    (
        "value",
        (
            *("created", "create", "invited", "invite", "connected", "connect", "integrat", "installed", "published"),
            *("shared", "exported", "imported", "uploaded", "completed", "added", "deployed", "saved"),
        ),
    ),
    ("use", ("viewed", "login", "logged", "opened", "session", "visited", "page", "click", "search", "started", "view")),
)
TAKEN_BACK = ("removed", "disconnected", "deleted", "uninstalled", "revoked", "cancelled", "canceled", "failed", "error")
HAND_RAISE = ("contact", "sales", "demo_requested", "request_demo", "demo_request", "talk_to")
FREE_WORDS = ("free", "starter", "hobby", "basic", "community", "none")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MOST_SIGNALS = 8
MOSTLY = 0.8


@dataclass(frozen=True, slots=True)
class Feed:
    """One stream as guessed: the table, which of its columns means what, the columns that are kept, and those left over."""

    table: Table
    roles: Roles
    keep: tuple[str, ...] = ()
    rest: tuple[str, ...] = field(default=())


def snake(text: str) -> str:
    """
    A name that settings accept.

    >>> snake("Contact Sales clicked!")
    'contact_sales_clicked'
    """
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", text).lower()).strip("_")


def feeds(tables: Sequence[Table], named: Mapping[Stream, str | None]) -> dict[Stream, Feed]:
    """The table for each stream: the one that was named, else the one whose name and columns speak for it."""
    found: dict[Stream, Feed] = {}
    left, ids = list(tables), frozenset[str]()
    for stream in ("events", "users", "accounts"):
        chosen = _chosen(left, stream, named.get(stream), ids)
        if chosen is not None:
            found[stream] = feed(stream, chosen, ids)
            left.remove(chosen)
            ids = ids or frozenset(chosen.values(str(found[stream].roles.get("user"))))
    return found


def feed(stream: Stream, table: Table, ids: Collection[str] = frozenset()) -> Feed:
    """What the columns of a table mean for a stream; `ids` are user ids that occurred in events."""
    roles: dict[str, str | tuple[str, ...]] = dict(_by_name(table.columns, ROLES[stream]))
    roles |= {role: column for role, column in _by_content(stream, table, roles, ids).items() if role not in roles}
    if stream == "events" and "id" not in roles:
        roles["id"] = tuple(str(roles[role]) for role in ("user", "name", "at") if role in roles)
    used = {column for value in roles.values() for column in (value if isinstance(value, tuple) else (value,))}
    rest = tuple(column for column in table.columns if column not in used)
    keep = tuple(column for column in rest if snake(column) in KEEP[stream])
    return Feed(table, roles, keep, tuple(column for column in rest if column not in keep))


def _chosen(tables: Sequence[Table], stream: Stream, named: str | None, ids: Collection[str]) -> Table | None:
    if named is not None:
        return next((table for table in tables if table.name == named or table.name.endswith("/" + named)), None)
    ranked = sorted(((_speaks_for(table, stream, ids), -place) for place, table in enumerate(tables)), reverse=True)
    return tables[-ranked[0][1]] if ranked and ranked[0][0] > 0 else None


def _speaks_for(table: Table, stream: Stream, ids: Collection[str]) -> int:
    """How much speaks for a table; 0 where something needed is missing."""
    roles = feed(stream, table, ids).roles
    if any(role not in roles for role in NEEDED[stream]):
        return 0
    called = any(word in snake(table.name) for word in CALLED[stream])
    if stream == "users" and "email" not in roles and not called:
        return 0
    if stream == "accounts" and not called and not {"domain", "plan"} & roles.keys():
        return 0
    return len(roles) + (10 if called else 0) + (3 if stream == "users" and "email" in roles else 0)


def _by_name(columns: Sequence[str], roles: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Each role to the first of its words that a free column has."""
    plain = {snake(column.rpartition(".")[2]): column for column in reversed(columns)} | {
        snake(column): column for column in reversed(columns)
    }
    taken: dict[str, str] = {}
    for role, words in roles.items():
        column = next((plain[word] for word in words if word in plain and plain[word] not in taken.values()), None)
        if column is not None:
            taken[role] = column
    return taken


def _by_content(stream: Stream, table: Table, roles: Roles, ids: Collection[str]) -> dict[str, str]:
    """E-mail addresses and moments are recognised by their looks, a user's id because it occurs in events."""
    free = [column for column in table.columns if column not in roles.values()]
    found: dict[str, str] = {}
    if stream == "users":
        found |= _first("email", free, table, lambda value: bool(_EMAIL.fullmatch(value.strip())))
        found |= _first("id", free, table, lambda value: value in ids)
    if stream == "events":
        found |= _first("at", free, table, _is_moment)
    return found


def _first(role: str, columns: Iterable[str], table: Table, fits: Callable[[str], bool]) -> dict[str, str]:
    for column in columns:
        values = table.values(column)
        if values and sum(map(fits, values)) > MOSTLY * len(values):
            return {role: column}
    return {}


def _is_moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return len(value) >= len("2026-11-22T09")


# --------------------------------------------------------------------------------------------------- events


def family(event: str) -> Family:
    """
    What an event is evidence of, by its words; use where none speaks.

    >>> family("pricing_viewed"), family("Project Created"), family("webinar_attended")
    ('intent', 'value', 'content')
    """
    words = snake(event)
    families = FAMILIES if not any(word in words for word in TAKEN_BACK) else ()
    return next((name for name, told in families if any(word in words for word in told)), "use")


def raises_hand(event: str) -> bool:
    """Whether somebody asks to be spoken to."""
    return any(word in snake(event) for word in HAND_RAISE)


def picked(events: Sequence[EventCount]) -> tuple[str, ...]:
    """The events that make good signals: what shows value or intent first, then what most people do."""
    order = {"intent": 0, "value": 1, "content": 2, "use": 3}
    ranked = sorted(events, key=lambda one: (not raises_hand(one.name), order[family(one.name)], -one.users, one.name))
    limits = {"intent": 4, "value": 4, "content": 1, "use": 2}
    chosen: list[str] = []
    for one in ranked:
        kind = family(one.name)
        if any(word in snake(one.name) for word in TAKEN_BACK):
            continue
        if limits[kind] and len(chosen) < MOST_SIGNALS:
            limits[kind] -= 1
            chosen.append(one.name)
    return tuple(chosen)


def distinct_of(event: str, columns: Iterable[str]) -> str | None:
    """
    The property that makes occurrences different things, by its name: integration in integration_connected.

    >>> distinct_of("integration_connected", ["pages", "properties.integration"])
    'properties.integration'
    """
    words = snake(event).split("_")
    return next((column for column in columns if snake(column.rpartition(".")[2]) in words), None)


def taken_back_by(event: str, events: Iterable[str]) -> str | None:
    """
    The event that undoes another, by its name.

    >>> taken_back_by("integration_connected", ["report_viewed", "integration_removed"])
    'integration_removed'
    """
    stem = snake(event).rpartition("_")[0]
    return next((one for one in events if stem and snake(one) in {f"{stem}_{word}" for word in TAKEN_BACK}), None)


def plan_states(values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The source's plan names, sorted into free, trial and paid."""
    sorted_: dict[str, list[str]] = {"free": [], "trial": [], "paid": []}
    for value in sorted(set(values)):
        words = snake(value)
        state = "trial" if "trial" in words else "free" if any(word in words for word in FREE_WORDS) else "paid"
        sorted_[state].append(value)
    return {state: tuple(names) for state, names in sorted_.items() if names}
