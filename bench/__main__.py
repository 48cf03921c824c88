"""
`python -m bench [part ...]`: measures what the product promises about speed, and writes bench/out/report.md and report.json.

The parts, their sizes and what makes them larger or smaller stand in docs/performance.md. Without a name all run but
`million` and `soak`, which take long. `streaming` needs the event log of its example (EVENTS).
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench.figures import Figure, as_text, machine

USUAL = ("start", "store", "diff", "hubspot", "push", "bulk", "streaming", "recovery", "messages", "space")
LONG = ("million", "soak")
PARTS = (*USUAL, *LONG)
OUT = Path(__file__).parent / "out"


def main() -> None:
    """Run the parts that were asked for, or the usual ones."""
    asked = sys.argv[1:] or USUAL
    unknown = [name for name in asked if name not in PARTS]
    if unknown:
        sys.exit(f"There is no part {', '.join(unknown)}. There are {', '.join(PARTS)}.")
    where, figures = machine(), list[Figure]()
    for name in asked:
        sys.stderr.write(f"{name} ...\n")
        figures += import_module(f"bench.{name}").measured()
    table = as_text(figures)
    sys.stdout.write(f"{where}\n\n{table}\n")
    OUT.mkdir(exist_ok=True)
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    (OUT / "report.md").write_text(
        f"# Measured {now}\n\n{where}. Medians of several; ratios are within one run.\n\n{table}\n"
    )
    document = {"schema": "pqlsync/bench/1", "at": now, "machine": where, "figures": [asdict(one) for one in figures]}
    (OUT / "report.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
