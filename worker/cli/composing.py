"""
The settings that `pql init` writes: from answers to commented YAML, one file per topic.

Decided here: what a first version looks like. It passes `pql check`; everything in it is for people to change. Secrets stand
in it as `${NAME}` only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.contract import Stream
from settings.checks.names import may_stand_in_conditions
from worker.cli.guessing import Family, Feed, distinct_of, raises_hand, snake, taken_back_by

HEADER = "# yaml-language-server: $schema=schema.json\n"
DAYS: Mapping[Family, int] = {"use": 14, "value": 14, "intent": 7, "content": 30}
ALWAYS = {"active_days", "team"}
FREE = ("free", "trial")


@dataclass(frozen=True, slots=True)
class Picked:
    """An event that becomes a signal."""

    event: str
    family: Family


@dataclass(frozen=True, slots=True)
class Told:
    """Everything the settings are written from. `source` holds the source's own lines: kind and options."""

    workspace: str
    source: Mapping[str, str]
    feeds: Mapping[Stream, Feed]
    place: str
    """`file` or `table`, or nothing where a source needs neither."""
    picked: Sequence[Picked]
    events: Sequence[str] = ()
    """Names of the events that were seen."""
    naive_tz: str | None = None
    epoch: str | None = None
    timezone: str = "UTC"
    plans: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_domains: Sequence[str] = ()
    people: Sequence[str] = ()
    crms: Sequence[str] = ("hubspot",)
    variables: frozenset[str] = frozenset()
    """Environment variables that are set: an option is written where its variable is."""


def quoted(text: str) -> str:
    """
    Text as YAML: bare where nothing can be mistaken.

    >>> quoted("data/events*.jsonl"), quoted("no"), quoted("a: b")
    ('data/events*.jsonl', '"no"', '"a: b"')
    """
    plain = re.fullmatch(r"[A-Za-z./][\w./*-]*", text) and text.lower() not in {
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
        "y",
        "n",
    }
    return text if plain else json.dumps(text, ensure_ascii=False)


def files(told: Told) -> dict[str, str]:
    """Every file by its name."""
    signals = Signals(told)
    return {
        "pql.yaml": _head(told),
        "sources.yaml": _sources(told, signals),
        "signals.yaml": signals.text(),
        "score.yaml": _score(told, signals),
        "qualify.yaml": _qualify(told, signals),
        "handoff.yaml": _handoff(told, signals),
        "routing.yaml": _routing(told),
        "destinations.yaml": _destinations(told),
    }


def _head(told: Told) -> str:
    domains = f"\nlists:\n  own_domains: [{', '.join(map(quoted, told.own_domains))}]\n" if told.own_domains else ""
    office = _pool(told)
    calendar = f'\ncalendars:\n  office: {{timezone: {told.timezone}, hours: "Mon-Fri 09:00-17:00"}}\n' if office else ""
    return (
        f"{HEADER}# Who we are, and when things run.\nversion: 1\nworkspace: {quoted(told.workspace)}\n"
        f"timezone: {told.timezone}    # for people: due times; windows of signals count UTC days\n{calendar}{domains}\n"
        "schedule: {pull: every 15 minutes, score: after pull, push: when something changed, watch: every 5 minutes}\n\n"
        "# A run that would change more than this stops and asks; `off` turns a guard off.\n"
        "guards: {changed_leads: 20%, tasks_per_run: 200, source_older_than: 6 hours, source_rows_below: 50% of usual}\n"
    )


# ------------------------------------------------------------------------------------------------- sources


def _sources(told: Told, signals: Signals) -> str:
    lines = [HEADER + "# Where usage comes from. Only what is named here is stored.", "sources:", "  product:"]
    lines += [f"    {key}: {value}" for key, value in told.source.items()]
    if told.naive_tz:
        lines.append(
            f"    naive_tz: {told.naive_tz}                       # the stamps carry no zone: this is a guess, look twice"
        )
    if told.epoch:
        lines.append(f"    epoch: {told.epoch}                  # stamps are bare numbers: this is a guess, look twice")
    for stream, feed in told.feeds.items():
        lines.append(f"    {stream}:")
        lines += [f"      {line}" for line in _feed(told, stream, feed, signals)]
    return "\n".join(lines) + "\n"


def _feed(told: Told, stream: Stream, feed: Feed, signals: Signals) -> list[str]:
    lines = [f"{told.place}: {quoted(feed.table.name)}"] if told.place else []
    for role, column in feed.roles.items():
        if role == "plan":
            lines.append(_plan(str(column), told.plans))
        elif isinstance(column, tuple):
            lines.append(f"{role}: [{', '.join(map(quoted, column))}]    # no id of its own: these together")
        else:
            lines.append(f"{role}: {quoted(column)}")
    keep = signals.kept if stream == "events" else feed.keep
    if keep:
        lines.append(f"{'keep' if stream == 'events' else 'columns'}: [{', '.join(map(_kept, keep))}]")
    rest = [column for column in feed.rest if column not in keep]
    if rest:
        lines.append(f"# not stored: {' '.join(rest)[:90]}")
    return lines


def _plan(column: str, plans: Mapping[str, tuple[str, ...]]) -> str:
    states = "".join(f", {state}: [{', '.join(map(quoted, names))}]" for state, names in plans.items())
    return f"plan: {{column: {quoted(column)}{states}}}    # which plan names mean what: guessed from their words"


def _kept(column: str) -> str:
    name = snake(column.rpartition(".")[2])
    return name if name == column else f"{{{name}: {quoted(column)}}}"


# ------------------------------------------------------------------------------------------------- signals


class Signals:
    """The signals of a first version: two about activity, one per picked event."""

    def __init__(self, told: Told) -> None:
        events = told.feeds["events"]
        self.lines: list[str] = [
            'active_days: {days_with: any_event, within: 14 days, family: use, says: "active on {n} of the last 14 days"}'
        ]
        self.team = "account" in events.roles or "account" in (told.feeds["users"].roles if "users" in told.feeds else {})
        if self.team:
            self.lines.append(
                "team: {active_users: any_event, within: 28 days, per: account, family: use, "
                'says: "{n} colleagues active in 28 days"}'
            )
        self.names: dict[str, Picked] = {}
        self.kept: list[str] = []
        for one in told.picked:
            self._add(one, events, taken_back_by(one.event, told.events))

    def _add(self, one: Picked, events: Feed, undone: str | None) -> None:
        name = _free_name(snake(one.event), {*ALWAYS, *self.names})
        self.names[name] = one
        words = snake(one.event).replace("_", " ")
        days = 30 if raises_hand(one.event) else DAYS[one.family]
        column = distinct_of(one.event, events.rest) if one.family == "value" else None
        if column is not None and "." not in one.event:
            self.kept += [] if column in self.kept else [column]
            of = snake(column.rpartition(".")[2])
            less = f", minus: {quoted(f'{undone}.{of}')}" if undone and "." not in undone else ""
            what, says = f"distinct: {quoted(f'{one.event}.{of}')}{less}", f"{words}: {{n}} different"
        else:
            what, says = f"count: {quoted(one.event)}", f"{words}: {{n}} times in {days} days"
        window = "" if what.startswith("distinct") else f"within: {days} days, "
        self.lines.append(f"{name}: {{{what}, {window}family: {one.family}, says: {json.dumps(says)}}}")

    def of(self, family: Family) -> list[str]:
        return [name for name, one in self.names.items() if one.family == family]

    @property
    def hands(self) -> list[str]:
        return [name for name, one in self.names.items() if one.family == "intent" and raises_hand(one.event)]

    def text(self) -> str:
        about = (
            "# What is measured. `says` holds the words a rep reads, {n} is the value. The family says what a signal is\n"
            "# evidence of: use, value, intent, fit or content. Words of event names were the guide: correct them.\n"
        )
        return HEADER + about + "signals:\n" + "".join(f"  {line}\n" for line in self.lines)


def _free_name(name: str, taken: set[str]) -> str:
    """A name like this one that is free and that conditions can read."""
    name = name if name[:1].isalpha() else f"event_{name}".strip("_")
    name = name if may_stand_in_conditions(name) and quoted(name) == name else f"{name}_events"
    return next(one for n in range(1, len(taken) + 2) if (one := name if n == 1 else f"{name}_{n}") not in taken)


# ------------------------------------------------------------------------------------------ score, qualify


def _score(told: Told, signals: Signals) -> str:
    value, use = signals.of("value"), signals.of("use")
    usage = [("active_days", 30, 8)] + ([("team", 20, 5)] if signals.team else [])
    usage += [(name, max(1, round(50 / len(value))), 3) for name in value]
    usage += [(name, max(1, round(20 / len(use))), 5) for name in use]
    intent = [(name, 100, 1) if name in signals.hands else (name, 50, 3) for name in signals.of("intent")]
    intent += [(name, 15, 2) for name in signals.of("content")]
    lines = ["usage:", *map(_line, usage)]
    if "employees" in map(snake, _columns(told)):
        lines += [
            "fit:",
            '  - {when: account.employees between 50 and 5000, points: 100, says: "{account.employees} employees"}',
        ]
    if intent:
        lines += ["intent:", *map(_line, intent)]
    hot = f"{' or '.join(f'{name} >= 1' for name in signals.hands)} or usage >= 70" if signals.hands else "usage >= 70"
    tiers = (
        f"\ntiers:\n  - {{name: hot, when: {json.dumps(hot)}}}\n  - {{name: warm, when: usage >= 40}}\n  - {{name: cold}}\n"
    )
    about = "# Scores from 0 to 100 that are never added together. Points grow with the value up to full_at.\n"
    return HEADER + about + "score:\n" + "".join(f"  {line}\n" for line in lines) + tiers


def _line(line: tuple[str, int, int]) -> str:
    return f"  - {{signal: {line[0]}, points: {line[1]}, full_at: {line[2]}}}"


def _columns(told: Told) -> tuple[str, ...]:
    return told.feeds["accounts"].keep if "accounts" in told.feeds else ()


def _qualify(told: Told, signals: Signals) -> str:
    free = [state for state in FREE if state in told.plans]
    states = f"account.plan in ({', '.join(repr(state) for state in free)}) and " if free else ""
    lines = [
        f"    applies_to: {json.dumps(states + 'not crm.is_customer')}",
        "    must_have:",
        "      use: active_days >= 3",
    ]
    value = " or ".join(f"{name} >= 1" for name in signals.of("value"))
    if value:
        lines.append(f"      value: {json.dumps(value)}")
    intent = " or ".join(f"{name} >= 1" for name in signals.of("intent"))
    if not value and intent:
        lines.append(f"      intent: {json.dumps(intent)}")
    hands = " or ".join(f"{name} >= 1" for name in signals.hands)
    now = [f"    immediately_when: {json.dumps(hands)}   # past must_have and enter_at, never past exclude"] if hands else []
    own = "  - {name: own people, when: user.email_domain in own_domains}\n" if _knows_domains(told) else ""
    return (
        f"{HEADER}# Who never qualifies, whatever the score. The name is the reason that is stored.\nexclude:\n{own}"
        "  - {name: do not contact, when: crm.do_not_contact}\n\n"
        "# When a lead counts as product qualified, and when no longer. `pql plan` shows what a change does.\n"
        "qualify:\n  pql:\n    grain: lead\n" + "\n".join(lines) + "\n    score: usage\n    enter_at: 50\n"
        "    exit_below: 35                      # lower than enter_at, so that a lead does not flicker\n    runs: 1\n"
        "    stay_at_least: 3 days\n    grace: 2 days\n    expires_after: 60 days\n    requalify_after: 90 days\n"
        "    requalify_after_rejection: {wrong_timing: 30 days, not_a_fit: 180 days, competitor: never}\n"
        + "".join(f"{line}\n" for line in now)
    )


def _knows_domains(told: Told) -> bool:
    return bool(told.own_domains) and "users" in told.feeds and "email" in told.feeds["users"].roles


# ---------------------------------------------------------------------------------- handoff, routing, CRMs


def _handoff(told: Told, signals: Signals) -> str:
    hands = " or ".join(f"{name} >= 1" for name in signals.hands)
    call = (
        f'    - {{when: {json.dumps(hands)}, action: call, say: "Call back: they asked to talk to sales."}}\n'
        if hands
        else ""
    )
    account = signals.team or "accounts" in told.feeds
    subject = (
        "{tier} PQL: {lead.name}, {account.name} - {top_reason}"
        if "accounts" in told.feeds
        else "{tier} PQL: {lead.name} - {top_reason}"
    )
    return (
        f"{HEADER}# How people get leads: one task, with the reasons and the next step.\nhandoff:\n"
        f"  work_in: {told.crms[0]}                      # tasks and owners here; other destinations get fields only\n"
        f"  one_task_per: {'account' if account else 'lead'}\n"
        "  on_first_run: flag_only               # already qualified on day one: flag, no task\n"
        "  set_owner: when_unowned\n  per_rep_per_day: 8                    # the rest waits in rank order\n"
        f"  subject: {json.dumps(subject)}\n  next_steps:\n{call}"
        '    - {action: email, say: "Ask how it goes and offer a 20-minute call."}\n'
        f"  due: {'4 business hours' if _pool(told) else '1 business day'}\n"
        "  when_cooled: close_task_if_untouched\n  when_customer: close_task_if_untouched\n"
    )


def _pool(told: Told) -> bool:
    return len(told.people) > 1


def _routing(told: Told) -> str:
    people = list(told.people) or ["sales@example.com"]
    target = "{pool: sales}" if _pool(told) else "{queue: sales}"
    existing = (
        f"  - {{name: existing owner, when: crm.account_owner_active, to: {{owner_of: account, if_inactive: {target}}}}}\n"
        if "accounts" in told.feeds
        else ""
    )
    pool = (
        "\npools:\n  sales:\n    distribute: round_robin\n    calendar: office\n"
        f"    members: [{', '.join(map(quoted, people))}]\n"
        "    when_nobody: {queue: desk}\n\nqueues:\n"
        f"  desk: {{owner: {quoted(people[0])}, due: 2 business hours}}\n"
    )
    wanted = "" if told.people else "    # change this to somebody who is a user of your CRM"
    queue = f"\nqueues:\n  sales: {{owner: {quoted(people[0])}, due: 1 business day}}{wanted}\n"
    about = "# Who gets a lead: the first rule that matches. The last has no condition and catches all.\n"
    return f"{HEADER}{about}routing:\n{existing}  - {{name: everyone, to: {target}}}\n" + (pool if _pool(told) else queue)


CRM_OPTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "hubspot": (("token", "HUBSPOT_TOKEN"), ("base_url", "HUBSPOT_BASE_URL")),
    "salesforce": (
        *(("base_url", "SALESFORCE_BASE_URL"), ("token", "SALESFORCE_TOKEN"), ("client_id", "SALESFORCE_CLIENT_ID")),
        *(
            ("client_secret", "SALESFORCE_CLIENT_SECRET"),
            ("jwt_key", "SALESFORCE_JWT_KEY"),
            ("username", "SALESFORCE_USERNAME"),
        ),
    ),
}
WANTED = {"token", "base_url"}


def _destinations(told: Told) -> str:
    """An option for each variable that is set; without any, the two that the sandbox prints."""
    lines = [HEADER + "# The CRMs. Secrets come from the environment.", "destinations:"]
    for name in told.crms:
        options = [(key, variable) for key, variable in CRM_OPTIONS[name] if variable in told.variables]
        if not options:
            lines.append(
                "  # No CRM at hand: `pql sandbox` serves a make-believe one and prints both values on its first line."
            )
            options = [(key, variable) for key, variable in CRM_OPTIONS[name] if key in WANTED]
        lines += [f"  {name}:", f"    kind: {name}", *(f"    {key}: ${{{variable}}}" for key, variable in options)]
        email = ", email" if "users" in told.feeds and "email" in told.feeds["users"].roles else ""
        lines += [f"    match: [stored_id, pql_key{email}]  # more than one hit goes to review"]
        first = name == told.crms[0]
        lines += [
            f"    create: {'when_qualified' if first else 'never'}",
            "    fields: standard                    # `pql provision` makes them",
        ]
    return "\n".join(lines) + "\n"
