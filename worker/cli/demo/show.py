"""What the demo prints: one lead first, then the funnel, what was left alone, a kill, and a run that writes nothing."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.cli.demo.stage import FRIDAY, KILLED, MONDAY, Stage, stage
from worker.cli.output import say, table

if TYPE_CHECKING:
    from worker.steps.report import Report

_SAID = {
    "manual_owner_kept": "owners that people had set",
    "human_edit_kept": "fields that people edited after us",
    "conflict": "fields that people had filled",
}
CRASH = "K7@task_create"
"""The process dies after a CRM has taken and answered a batch of tasks, and before that is written down."""


def perform(*, users: int, keep: bool) -> int:
    """The whole demo; exit code 0 when everything came out as promised."""
    started = time.monotonic()
    _note("A made-up company, two make-believe CRMs ...")
    with stage(users) as play:
        play.provision()
        _note("Friday: the first run sets flags and scores, and makes no tasks ...")
        friday = play.run(FRIDAY)
        kept = play.kept(MONDAY)
        _note("Monday: new PQLs. The process is killed in the middle of the push ...")
        died = play.killed_run(MONDAY, CRASH)
        between = len(_ledger_tasks(play))
        _note("Started again ...")
        monday = play.run(MONDAY)
        _note("And once more ...")
        idle = play.run(MONDAY)
        tasks = _ledger_tasks(play)
        _one_lead(play, tasks)
        _funnel(play, friday, monday, tasks)
        _left_alone(kept, monday)
        good = _promises(idle, tasks, died == KILLED, between)
        say(f"\n{time.monotonic() - started:.0f} seconds. Settings, store and lake are in {play.folder}.")
        _stay(play, keep)
    return 0 if good else 1


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _stay(play: Stage, keep: bool) -> None:
    if keep:
        say(f"HubSpot: {play.sandbox.hubspot.url}   Salesforce: {play.sandbox.salesforce.url}   Ctrl-C ends them.")
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            return
    say("Look at the CRMs with `pql demo --keep`.")


def _ledger_tasks(play: Stage) -> list[Mapping[str, Any]]:
    return [row for row in play.sandbox.hubspot.ledger() if row["object"] == "task" and row["op"] == "create"]


def _one_lead(play: Stage, tasks: list[Mapping[str, Any]]) -> None:
    """One handoff as its rep finds it."""
    if not tasks:
        say("No task was made.")
        return
    best = max(
        tasks, key=lambda task: (task["after"].get("hs_task_priority") == "HIGH", len(str(task["after"]["hs_task_body"])))
    )
    facts = best["after"]
    say("\n" + str(facts["hs_task_subject"]))
    for line in _lines(str(facts["hs_task_body"])):
        say("  " + line)
    say(f"  Owner: {play.owners.get(str(facts.get('hubspot_owner_id')))}")
    say(f"  {play.sandbox.hubspot.url}/records/task/{best['id']}")


def _lines(body: str) -> list[str]:
    import html

    return [html.unescape(line) for line in body.replace("<br/>", "<br>").split("<br>") if line]


def _funnel(play: Stage, friday: Report, monday: Report, tasks: list[Mapping[str, Any]]) -> None:
    say("\nFrom users to tasks")
    say(f"  {monday.leads.seen:>5} users")
    for reason, number in monday.excluded.items():
        say(f"  {-number:>5} excluded: {reason}")
    for gate, number in monday.gates.items():
        say(f"  {number:>5} {gate}")
    in_episode = sum(monday.states.now.get(name, 0) for name in ("QUALIFIED", "COOLING"))
    say(f"  {in_episode:>5} PQLs, {friday.states.entered} of them already on Friday (flagged, no task)")
    say(f"  {len(tasks):>5} tasks")
    given = Counter(_whom(row) for row in play.assignments())
    table("Who got them", ["to", "for", "# leads"], [(*whom, number) for whom, number in given.most_common()])
    waiting = Counter(one.reason for one in monday.held)
    table("Waiting", ["reason", "# leads"], waiting.most_common())


def _whom(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["target"] == "partner":
        return row["assignee"], f"partner {row['partner']}"
    return row["assignee"], {"rep": "rep", "queue": "queue", "joins": "joins the account's task"}[row["target"]]


def _left_alone(kept: Mapping[str, int], monday: Report) -> None:
    found = {said: kept[reason] for reason, said in _SAID.items() if reason in kept}
    for name, one in monday.destinations.items():
        found[f"{name}: no record matches"] = one.records.unmatched
        found[f"{name}: several records match, a person decides"] = one.records.needs_review
    table("Left alone", ["what", "# leads"], [(what, number) for what, number in found.items() if number])


def _promises(idle: Report, tasks: list[Mapping[str, Any]], was_killed: bool, between: int) -> bool:
    keys = Counter(str(task["after"]["pql_task_key"]) for task in tasks)
    twice = sum(1 for number in keys.values() if number > 1)
    writing = sum(one.calls.writing for one in idle.destinations.values())
    say("\nPromises")
    once = "kept" if was_killed and not twice else "BROKEN"
    say(f"  {once}: killed in mid-push with {between} tasks made, started again, {len(tasks)} tasks, {twice} twice")
    say(f"  {'kept' if writing == 0 else 'BROKEN'}: one more run made {writing} writing calls")
    return was_killed and not twice and writing == 0
