"""`pql undo`: restore what a run overwrote, and say what was left and why."""

from __future__ import annotations

import getpass
from collections import Counter
from typing import TYPE_CHECKING

from worker.cli import output
from worker.cli.asked import Asked
from worker.cli.running import opened

if TYPE_CHECKING:
    from worker.steps.mending.undo_report import Undone

MOST = 40
REASONS = {
    "changed_by_people": "somebody changed it since",
    "changed_by_later_run": "a later run wrote it",
    "not_known_before": "nobody knows what it held before",
    "record_gone": "deleted, merged or converted",
    "created_by_run": "made by this run; delete it in the CRM if it must go",
    "field_gone": "the CRM has no such field any more",
}


def undo(asked: Asked, run: str, *, destination: str | None, limit: int | None, dry_run: bool) -> int:
    """Restore what a run replaced."""
    from worker.steps.mending.undo import Asked as Wanted

    wanted = Wanted(run, getpass.getuser(), destination, limit, dry_run)
    with opened(asked) as worker:
        report = worker.undo(wanted)
    if asked.json:
        output.print_json(report)
    else:
        _tell(report)
    return report.exit_code()


def _tell(report: Undone) -> None:
    head = "Nothing was written." if report.dry_run else f"{report.count('restored')} fields restored."
    output.say(f"Undo of run {report.run[:12]} as of {report.as_of:%Y-%m-%d %H:%M} UTC. {head}")
    shown = report.restored[:MOST]
    rows = [(one.destination, one.name, one.field, one.old, one.new, one.outcome, one.says or None) for one in shown]
    columns = ["destination", "record", "field", "the run wrote", "before it", "outcome", "because"]
    output.table(f"{len(report.restored)} fields", columns, rows)
    _more(len(report.restored))
    tasks = [
        (one.destination, one.subject, one.outcome, REASONS[one.reason] if one.reason else None)
        for one in report.tasks[:MOST]
    ]
    output.table(f"{len(report.tasks)} tasks", ["destination", "task", "outcome", "because"], tasks)
    _more(len(report.tasks))
    left = Counter((one.destination, one.field or "whole record", one.reason) for one in report.left)
    reasons = [(*key, REASONS[key[2]], n) for key, n in left.most_common()]
    output.table("Left alone", ["destination", "field", "reason", "which means", "# records"], reasons)
    if report.already:
        output.say(f"{report.already} fields and tasks are already as they were before the run.")
    for says in report.warnings:
        output.say(f"warning: {says}")
    _then(report)


def _more(number: int) -> None:
    if number > MOST:
        output.say(f"... and {number - MOST} more; --output json has all of them.")


def _then(report: Undone) -> None:
    """What a person should know or do now."""
    if report.count("waiting") or report.interrupted:
        output.say("Not all of it is done. Run the same command again to go on; nothing is written twice.")
    for name in report.paused:
        output.say(
            f"PAUSED {name}: the next run would write the same again. Mend the rules, look at `pql plan`, "
            f"then `pql resume {name}`."
        )
