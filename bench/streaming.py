"""
The streaming example from end to end: seconds per stage, memory, calls, and scoring against a raw scan of the lake.

Two processes do the work (`bench.stages`), so that the memory of one is not the memory of the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most, skipped
from bench.servers import ROOT, sandbox

EVENTS = Path(os.environ.get("EVENTS") or ROOT / "../shared/data/eventsim_az/events.parquet")
MEGABYTE = 1024 * 1024
Document = dict[str, Any]


def measured() -> list[Figure]:
    """Skipped, and said so, where the event log is not there."""
    if not EVENTS.exists():
        return skipped("streaming", f"no event log at {EVENTS}; set EVENTS")
    with tempfile.TemporaryDirectory(prefix="pql-bench-") as folder, sandbox() as addresses:
        environment = _environment(Path(folder), addresses)
        _said([sys.executable, str(ROOT / "examples/streaming/seed.py")], environment)
        whole = json.loads(_said([sys.executable, "-m", "bench.stages", "whole"], environment))
        ratios = json.loads(_said([sys.executable, "-m", "bench.stages", "ratios"], environment))
        anew = [json.loads(_said([sys.executable, "-m", "bench.stages", "anew"], environment)) for _ in range(3)]
    return [*_whole(whole), *_ratios(ratios, sorted(anew, key=lambda one: float(one["wall"]))[1])]


def _environment(folder: Path, addresses: dict[str, dict[str, str]]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PQL_")}
    places = {
        "EVENTS": str(EVENTS.resolve()),
        "PQL_SETTINGS": str(ROOT / "examples/streaming/settings.d"),
        "PQL_STORE": f"sqlite:///{folder}/pql.db",
        "PQL_LAKE": f"{folder}/lake",
    }
    for name, one in addresses.items():
        places |= {f"{name.upper()}_BASE_URL": one["url"], f"{name.upper()}_TOKEN": one["token"]}
    return kept | places


def _said(words: list[str], environment: dict[str, str]) -> str:
    ended = subprocess.run(words, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return ended.stdout


def _whole(found: Document) -> list[Figure]:
    figures = [Figure("streaming", "pull, 5.5 million events", f"{found['pull']['wall']:.1f} s", note=_cpu(found["pull"]))]
    for run in ("first", "again"):
        stages = " ".join(f"{name} {seconds:.1f}" for name, seconds in found[run]["stages"].items())
        took = f"{found[run]['took']['wall']:.1f} s"
        figures.append(Figure("streaming", f"{run} run", took, note=f"{stages}; {_cpu(found[run]['took'])}"))
    for name, calls in found["first"]["calls"].items():
        ratio, note = calls["made"] / calls["minimum"], f"{calls['made']} of {calls['minimum']}"
        figures.append(at_most("streaming", f"{name} calls against the least", ratio, 1.02, "x", note))
        again = found["again"]["calls"][name]["writing"]
        figures.append(at_most("streaming", f"{name} writing calls of the second run", again, 0, "calls"))
    memory = found["rss"] / MEGABYTE
    note = f"after the pull {found['rss_pull'] / MEGABYTE:.0f} MB"
    return [*figures, at_most("streaming", "peak memory of pull and runs", memory, 600, "MB", note)]


def _ratios(found: Document, anew: Document) -> list[Figure]:
    """An hourly run has two figures: a process that lives compiles its query once a day, a new one has it to do."""
    words = f"{found['words']['cpu']:.2f} s CPU to build and compile the query, whatever the size"
    build, hourly = found["build"], found["hourly"]
    again = "hourly run in a process that lives: fold and score all, against a raw scan"
    first = "first build and score against a raw scan"
    return [
        at_most("streaming", first, build["ratio"], 7, "x", _against(build)),
        at_most("streaming", again, hourly["ratio"], 1, "x", _against(hourly)),
        Figure("streaming", "the same in a new process", f"{anew['wall']:.2f} s", note=words),
    ]


def _cpu(took: Document) -> str:
    return f"{took['cpu']:.1f} s CPU"


def _against(one: Document) -> str:
    return f"{one['wall']:.2f} s, scan {one['scan']:.2f} s; by CPU {one['cpu_ratio']:.2f}x; medians of turns"
