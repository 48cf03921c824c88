"""`pql audit`: read back what was acknowledged, and say what somebody else made of it."""

from __future__ import annotations

import getpass
from collections import Counter
from typing import TYPE_CHECKING

from worker.cli import output
from worker.cli.asked import Asked
from worker.cli.operating import known
from worker.cli.running import opened

if TYPE_CHECKING:
    from worker.steps.mending.audit_report import Audited

MOST = 40


def audit(asked: Asked, *, destination: str | None, limit: int | None, dry_run: bool) -> int:
    """Look at one destination or all."""
    from worker.steps.mending.audit import SAMPLE, Auditing
    from worker.steps.mending.audit_report import Audited

    report = Audited(dry_run=dry_run)
    how = Auditing(sample=limit or SAMPLE, dry_run=dry_run, who=getpass.getuser())
    with opened(asked) as worker:
        if destination is not None:
            known(destination, worker.tools.settings)
        for name in worker.tools.crms if destination is None else (destination,):
            report.add(name, *worker.audit(name, how))
        report.interrupted = worker.tools.stopping()
    if asked.json:
        output.print_json(report)
    else:
        _tell(report)
    return report.exit_code()


def _tell(report: Audited) -> None:
    for name, one in report.destinations.items():
        output.say(f"{name}: {one.looked} records read back, {one.same} as acknowledged, {one.calls} calls.")
        if one.back:
            output.say(f"{name} has these fields again, and they are written from now on: {', '.join(one.back)}.")
        if one.skipped:
            output.say(f"{name} was not looked at to the end: {one.skipped}. Run it again later.")
    counted = Counter((one.destination, one.outcome, one.field or "whole record", one.says) for one in report.findings)
    rows = [(*key[:3], n, key[3]) for key, n in counted.most_common()]
    output.table("Differences", ["destination", "what", "field", "# records", "which means"], rows)
    shown = [(one.destination, one.object, one.crm_id, one.field or "whole record", one.outcome) for one in report.findings]
    output.table("Records", ["destination", "object", "id", "field", "what"], shown[:MOST])
    if len(shown) > MOST:
        output.say(f"... and {len(shown) - MOST} more; --output json has all of them.")
    if report.dry_run and report.findings:
        output.say("Nothing was changed: this was a dry run.")
