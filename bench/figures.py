"""
What a measurement is and how it is shown.

Decided here: the form of a figure, how often is measured (the median counts), and that a part which cannot run says why.
Nothing here fails a build: goals are for people to read.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

TIMES = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `met` is None where there is no goal, or nothing was measured."""

    area: str
    what: str
    value: str
    goal: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Took:
    """Median seconds by the clock, and of processor time over all threads."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s CPU)"


def took(work: Callable[[], object], times: int = TIMES) -> Took:
    """The median of several runs; the first, which warms what can be warm, counts as one of them."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Took(statistics.median(walls), statistics.median(cpus))


def at_most(area: str, what: str, value: float, goal: float, unit: str, note: str = "") -> Figure:
    """A figure with an upper goal."""
    digits = 3 if goal < 2 else 2
    gap = "" if unit == "x" else " "
    return Figure(area, what, f"{value:.{digits}f}{gap}{unit}", f"<= {goal:g}{gap}{unit}", value <= goal, note)


def at_least(area: str, what: str, value: float, goal: float, unit: str, note: str = "") -> Figure:
    """A figure with a lower goal."""
    return Figure(area, what, f"{value:.1f} {unit}", f">= {goal:g} {unit}", value >= goal, note)


def skipped(area: str, why: str) -> list[Figure]:
    """A part that cannot run here."""
    return [Figure(area, "not measured", "-", note=why)]


def machine() -> str:
    """Where this was measured; a busy machine explains a bad clock."""
    load = os.getloadavg()
    return f"{os.cpu_count()} CPUs, load {load[0]:.1f} before the start"


def as_text(figures: list[Figure]) -> str:
    """A table for the terminal and for Markdown alike."""
    rows = [("area", "what", "value", "goal", "met", "note")]
    words = {None: "", True: "yes", False: "NO"}
    rows += [(f.area, f.what, f.value, f.goal, words[f.met], f.note) for f in figures]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
