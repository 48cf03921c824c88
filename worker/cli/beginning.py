"""
`pql init`: look at usage data, guess what it means, ask where somebody is there to answer, write commented settings.

Decided here: the order of questions and what is taken without asking. Changes nothing in a CRM, keeps every file that is
there. Not decided here: the guesses (`guessing`), the words written (`composing`), the counts at the end (`previewing`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from worker.cli import output
from worker.cli.asked import DONE, REFUSED, Asked

if TYPE_CHECKING:
    from connectors.contract import EventCount
    from worker.cli.composing import Picked, Told
    from worker.cli.looking import Usage
    from worker.cli.previewing import Preview

SHOWN = 50
CRM_VARIABLES = {
    "hubspot": ("HUBSPOT_TOKEN",),
    "salesforce": ("SALESFORCE_TOKEN", "SALESFORCE_CLIENT_SECRET", "SALESFORCE_JWT_KEY"),
}


class NothingToLookAt(Exception):
    """No usage data was named, or what was named cannot be used."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said on the command line; the rest is asked or guessed."""

    url: str | None = None
    to: str = "settings.d"
    events: str | None = None
    users: str | None = None
    accounts: str | None = None
    pick: str | None = None
    yes: bool = False

    @property
    def alone(self) -> bool:
        """Nobody is there to ask."""
        return self.yes or not sys.stdin.isatty()


def init(asked: Asked, answers: Answers) -> int:
    """Look, guess, ask, write, check, count."""
    from worker.cli import composing, looking, previewing

    folder = Path(answers.to)
    usage = looking.look(
        _url(answers), folder, {"events": answers.events, "users": answers.users, "accounts": answers.accounts}
    )
    counted = looking.frequent(usage, SHOWN)
    if not asked.json:
        _found(usage)
    picked = _families(answers, _picked(asked, answers, counted))
    told = _told(answers, usage, picked, [one.name for one in counted])
    written, kept = _write(folder, composing.files(told))
    problems = _problems(folder)
    preview = None if problems else previewing.preview(asked, folder, usage)
    if asked.json:
        output.print_json(_document(usage, counted, picked, (written, kept), problems, preview))
    else:
        _say(folder, usage, told, (written, kept), problems, preview)
    return REFUSED if problems else DONE


def _url(answers: Answers) -> str:
    if answers.url:
        return answers.url
    if os.environ.get("WAREHOUSE_URL"):
        return os.environ["WAREHOUSE_URL"]
    if answers.alone:
        raise NothingToLookAt(
            "Where the usage data is was not said. Name a folder (`pql init ./usage`), a warehouse "
            "(`pql init duckdb:///usage.duckdb`) or a PostHog project (`pql init https://eu.posthog.com/project/123`)."
        )
    return str(
        typer.prompt("Where is the usage data (a folder, a warehouse URL, the address of a PostHog project)", err=True)
    )


# --------------------------------------------------------------------------------------------- questions


def _picked(asked: Asked, answers: Answers, counted: Sequence[EventCount]) -> list[str]:
    from worker.cli import guessing

    names = [one.name for one in counted]
    guess = guessing.picked(counted)
    if not asked.json:
        rows = [
            (
                ("* " if one.name in guess else "  ") + one.name,
                one.events,
                one.users,
                one.last_seen,
                guessing.family(one.name),
            )
            for one in counted
        ]
        output.table(
            f"The {len(counted)} most frequent events (* = picked)",
            ["event", "# events", "# users", "last seen", "guess"],
            rows,
        )
    said = answers.pick
    if said is None and not answers.alone:
        said = typer.prompt("Events to use, comma-separated", default=",".join(guess), err=True)
    chosen = [word.strip() for word in said.split(",") if word.strip()] if said is not None else list(guess)
    unknown = [word for word in chosen if word not in names]
    if unknown:
        from settings.problem import did_you_mean

        better = did_you_mean(unknown[0], names, "Pick from the list.")
        raise NothingToLookAt(f"There is no event `{unknown[0]}` among the {len(names)} most frequent. {better}")
    return list(dict.fromkeys(chosen))


def _families(answers: Answers, chosen: Sequence[str]) -> list[Picked]:
    from typing import get_args

    from worker.cli import guessing
    from worker.cli.composing import Picked

    guess = {name: guessing.family(name) for name in chosen}
    if not answers.alone and chosen:
        shown = ", ".join(f"{name}={family}" for name, family in guess.items())
        said = typer.prompt(
            f"What they are evidence of: {shown}\nCorrect some (event=family), or Enter",
            default="",
            err=True,
            show_default=False,
        )
        for word in filter(None, (part.strip() for part in said.split(","))):
            name, _, family = word.partition("=")
            if name not in guess or family not in get_args(guessing.Family):
                raise NothingToLookAt(
                    f"`{word}` is no correction. Write event=family; families are use, value, intent and content."
                )
            guess[name] = family
    return [Picked(name, family) for name, family in guess.items()]


def _told(answers: Answers, usage: Usage, picked: Sequence[Picked], events: Sequence[str]) -> Told:
    from worker.cli.composing import CRM_OPTIONS, Told
    from worker.cli.guessing import snake

    crms = [name for name, variables in CRM_VARIABLES.items() if any(_set(variable) for variable in variables)]
    people = _ask(answers, "E-mail addresses of those who get leads, comma-separated", "")
    domains = _ask(answers, "Your own e-mail domains, whose people are no leads, comma-separated", "")
    workspace = snake(_ask(answers, "Name of this workspace", Path.cwd().name or "acme"))
    return Told(
        workspace=workspace if workspace[:1].isalpha() else f"w_{workspace}",
        source=usage.lines,
        feeds=usage.written(),
        place=usage.place,
        picked=picked,
        events=events,
        timezone=_ask(answers, "Time zone of your people", os.environ.get("TZ") or "UTC"),
        naive_tz=usage.naive_tz,
        epoch=usage.epoch,
        plans=usage.plans,
        own_domains=_words(domains),
        people=_words(people),
        crms=crms or ["hubspot"],
        variables=frozenset(variable for options in CRM_OPTIONS.values() for _, variable in options if _set(variable)),
    )


def _ask(answers: Answers, question: str, guess: str) -> str:
    if answers.alone:
        return guess
    return str(typer.prompt(question, default=guess, show_default=bool(guess), err=True))


def _words(said: str) -> list[str]:
    return [word.strip().lower() for word in re.split(r"[,\s]+", said) if word.strip()]


def _set(variable: str) -> bool:
    return bool(os.environ.get(variable) or os.environ.get(f"{variable}_FILE"))


# ----------------------------------------------------------------------------------------------- writing


def _write(folder: Path, texts: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Write what is not there yet; names of what was written and what was kept."""
    from settings import starter

    folder.mkdir(parents=True, exist_ok=True)
    schema = {"schema.json": starter.HERE.with_name("schema.json").read_text(encoding="utf-8")}
    written, kept = [], []
    for name, text in {**texts, **schema}.items():
        try:
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
            written.append(name)
        except FileExistsError:
            kept.append(name)
    return written, kept


def _problems(folder: Path) -> list[dict[str, str | int]]:
    from settings.check import check
    from worker.wiring.opening import option_tables

    return [problem.json() for problem in check(folder, option_tables()).problems]


# ------------------------------------------------------------------------------------------------ saying


def _found(usage: Usage) -> None:
    for stream, feed in usage.feeds.items():
        roles = ", ".join(
            f"{role}: {'+'.join(column) if isinstance(column, tuple) else column}" for role, column in feed.roles.items()
        )
        output.say(f"{stream}: {feed.table.name} ({roles})")
    for says in usage.notes:
        output.say(f"note: {says}")


Files = tuple[list[str], list[str]]


def _say(
    folder: Path, usage: Usage, told: Told, files: Files, problems: list[dict[str, Any]], preview: Preview | None
) -> None:
    written, kept = files
    output.say(f"\nWrote {', '.join(written)} in {folder}." if written else f"\nWrote nothing in {folder}.")
    if kept:
        output.say(f"Kept as they were: {', '.join(kept)}.")
    for name in usage.variables:
        output.say(f"Set {name} to the address or token that you gave: settings hold no secrets.")
    if problems:
        output.say(f"These settings have {len(problems)} problems; `pql check --settings {folder}` shows them.")
        return
    if preview is not None:
        _counts(preview)
    if not any(_set(variable) for variables in CRM_VARIABLES.values() for variable in variables):
        output.say(
            "No CRM yet. `pql sandbox` serves a make-believe one; set HUBSPOT_TOKEN and HUBSPOT_BASE_URL to what it prints."
        )
    if not told.people:
        output.say(f"Say who gets leads in {folder}/routing.yaml: sales@example.com stands in for them.")
    output.say(
        f"Next: look through {folder}, then `pql doctor --settings {folder}` and `pql plan --fresh --settings {folder}`."
    )


def _counts(preview: Preview) -> None:
    output.table(
        f"Users as of {preview.as_of:%Y-%m-%d %H:%M} UTC",
        ["gate", "# users"],
        [("all", preview.users), *preview.gates.items()],
    )
    for name, statuses in preview.matches.items():
        said = ", ".join(f"{n} {status}" for status, n in statuses.items())
        output.say(f"{name}: {said or 'nobody to match'}.")
    for name, why in preview.unreachable.items():
        output.say(f"{name} was not asked: {why}")


def _document(
    usage: Usage,
    counted: Sequence[EventCount],
    picked: Sequence[Picked],
    files: Files,
    problems: list[dict[str, Any]],
    preview: Preview | None,
) -> dict[str, Any]:
    from worker.cli import guessing

    families = {one.event: one.family for one in picked}
    events = [
        {
            "name": one.name,
            "events": one.events,
            "users": one.users,
            "last_seen": one.last_seen.isoformat() if one.last_seen else None,
            "family": families.get(one.name) or guessing.family(one.name),
            "picked": one.name in families,
        }
        for one in counted
    ]
    return {
        "schema": "pqlsync/init/1",
        "written": files[0],
        "kept": files[1],
        "streams": {stream: feed.table.name for stream, feed in usage.feeds.items()},
        "notes": list(usage.notes),
        "events": events,
        "problems": problems,
        "as_of": preview.as_of.isoformat() if preview else None,
        "users": preview.users if preview else None,
        "gates": dict(preview.gates) if preview else {},
        "matches": {name: dict(one) for name, one in preview.matches.items()} if preview else {},
        "unreachable": dict(preview.unreachable) if preview else {},
    }
