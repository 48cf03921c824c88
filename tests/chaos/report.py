"""
What the proof found, as a table: for each fault how many runs met it, and what became of their effects.

Runs are noted as lines of JSON, one file for each process, in the folder that PQL_CHAOS_OUT names (nothing is noted without
it); `write` adds them up. A run with several faults counts for each of them; the last line counts every run once.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaos.checker import Judgement

COLUMNS = ("runs", "effects", "once", "aside", "lost", "twice", "late", "broken")
ALL = "all runs"


def note(faults: str | Sequence[str], crm: str, judgement: Judgement, late: Sequence[str], **more: Any) -> None:
    """Write one run down."""
    folder = os.environ.get("PQL_CHAOS_OUT")
    if folder is None:
        return
    named = [faults] if isinstance(faults, str) else list(faults)
    counts = judgement.counts()
    row = {"faults": named, "crm": crm, "runs": 1, "effects": counts.total(), **counts}
    row |= {"late": len(late), "broken": len(judgement.broken), **more}
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with (path / f"runs-{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def runs(folder: Path) -> Iterable[dict[str, Any]]:
    """Every run that was noted there."""
    for file in sorted(folder.glob("runs-*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)


def totals(noted: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """The sums by fault, and of all runs."""
    found: dict[str, Counter[str]] = {}
    for row in noted:
        numbers = Counter({name: int(row.get(name, 0)) for name in COLUMNS})
        for fault in (*dict.fromkeys(row["faults"] or ["no fault"]), ALL):
            found.setdefault(fault, Counter()).update(numbers)
    return {**{name: found[name] for name in sorted(found) if name != ALL}, ALL: found.get(ALL, Counter())}


def table(sums: Mapping[str, Counter[str]]) -> str:
    """The same as Markdown."""
    lines = [f"| fault | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    lines += [f"| {fault} | {' | '.join(f'{one[name]:,}' for name in COLUMNS)} |" for fault, one in sums.items()]
    return "\n".join(lines) + "\n"


def write(folder: Path, **facts: Any) -> dict[str, Counter[str]]:
    """Add up what was noted in this folder: chaos.md and chaos.json beside it."""
    sums = totals(runs(folder))
    (folder.parent / "chaos.md").write_text(f"# Chaos\n\n{json.dumps(facts)}\n\n{table(sums)}")
    doc = {"schema": "pqlsync/chaos/1", **facts, "faults": {fault: dict(one) for fault, one in sums.items()}}
    (folder.parent / "chaos.json").write_text(json.dumps(doc, indent=1) + "\n")
    return sums
