"""Plans and runs in words and tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.cli.output import say, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.steps.report import PlanReport, Report, SourceCounts

MOST_CHANGES = 40
MOST_TASKS = 3


def sources(counts: Mapping[str, SourceCounts]) -> None:
    """What each source brought."""
    rows = [(name, c.read, c.new, c.duplicate, c.quarantined, c.seconds) for name, c in counts.items()]
    table("", ["source", "# read", "# new", "# seen before", "# set aside", "# seconds"], rows)


def plan(report: PlanReport, *, pqas: bool = False) -> None:
    """A plan: changes field by field (of new PQLs first), tasks, owners, what is left alone, calls and minutes."""
    say(f"Plan as of {report.as_of:%Y-%m-%d %H:%M} UTC, settings {report.settings_sha[:12]}. Nothing was written.")
    for guard in report.guards:
        say(f"{'HELD' if guard.holds else 'note'} {guard.name}: {guard.says}")
    if pqas:
        _pqas(report)
    pqls = {(c.destination, c.lead) for c in report.changes if c.field == "pql_flag" and c.new is True}
    shown = sorted(report.changes, key=lambda c: (c.destination, c.lead) not in pqls)[:MOST_CHANGES]
    rows = [(c.destination, c.lead, c.field, c.old, c.new, c.because) for c in shown]
    table(f"{len(report.changes)} field changes", ["destination", "lead", "field", "old", "new", "because"], rows)
    if len(report.changes) > len(shown):
        say(f"... and {len(report.changes) - len(shown)} more; --output json has all of them.")
    _tasks(report)
    owners = [(one.destination, one.lead, one.old, one.new, one.because) for one in report.owners[:MOST_CHANGES]]
    table(f"{len(report.owners)} owner changes", ["destination", "lead", "old", "new", "because"], owners)
    skips = Counter((one.destination or "", one.reason) for one in report.skips)
    table("Left alone", ["destination", "reason", "# leads"], [(*key, n) for key, n in skips.most_common()])
    for name, calls in report.calls.items():
        say(f"{name}: {calls.minimum} calls at least")
    say(f"About {report.minutes} minutes of writing.")


def _pqas(report: PlanReport | Report) -> None:
    """Qualified accounts are counted apart from qualified leads."""
    seen, states = report.accounts, report.account_states
    say(f"{seen.seen} accounts, {seen.excluded} excluded, {states.entered} became PQAs, {states.left} left.")


def _tasks(report: PlanReport) -> None:
    rows = [(one.owner, one.lead, one.subject, one.due, one.rule) for one in report.tasks[:MOST_CHANGES]]
    table(f"{len(report.tasks)} tasks", ["owner", "lead", "subject", "due", "rule"], rows)
    for one in report.tasks[:MOST_TASKS]:
        say(f"\n{one.subject}\n{one.body}\n")


def run(report: Report, *, pqas: bool = False, planned: bool = False) -> None:
    """What a run did. `pqas`: a definition qualifies accounts; `planned`: it carried out a saved plan."""
    say(f"Run {report.run[:12]} as of {report.as_of:%Y-%m-%d %H:%M} UTC: {report.status}.")
    for guard in report.guards:
        say(f"{'HELD' if guard.holds else 'note'} {guard.name}: {guard.says}")
    if report.sources:
        sources(report.sources)
    leads = report.leads
    say(f"{leads.seen} leads, {leads.excluded} excluded, {report.states.entered} became PQLs, {report.states.left} left.")
    if pqas:
        _pqas(report)
    rows = [(state, n) for state, n in report.states.now.items()]
    table("States", ["state", "# leads"], rows)
    table("Accounts", ["state", "# accounts"], list(report.account_states.now.items()))
    table("Handoffs", ["rule", "# leads"], Counter(report.routes).most_common())
    _destinations(report)
    waiting = Counter(one.reason for one in report.held)
    table("Waiting", ["reason", "# leads"], waiting.most_common())
    rejected = [(one.destination, one.lead, one.field, one.code, one.message) for one in report.rejected[:MOST_CHANGES]]
    if rejected:
        table("Rejected", ["destination", "lead", "field", "code", "message"], rejected)
    for says in report.warnings:
        say(f"warning: {says}")
    say("  ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.stages.items()))
    if report.status == "interrupted":
        again = "Run `pql run`" if planned else "Run the same command again"  # of the saved plan a part is done
        say(f"Interrupted. {again} to go on; nothing is lost.")


def _destinations(report: Report) -> None:
    columns = ["destination", "# created", "# updated", "# unchanged", "# unmatched", "# review", "# kept", "# rejected"]
    rows = []
    for name, one in report.destinations.items():
        r, t, c = one.records, one.tasks, one.calls
        left = (name, r.created, r.updated, r.unchanged, r.unmatched, r.needs_review, r.kept_human_edit, r.rejected)
        rows.append((*left, t.created, t.held, f"{c.made} ({c.minimum})", c.writing))
    table("Destinations", [*columns, "# tasks", "# held", "# calls (least)", "# writing"], rows)
