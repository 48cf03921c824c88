"""How things are printed: one JSON document, or text that is rich on a terminal and plain in a pipe."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from worker.steps.tools import Progress


def print_json(document: BaseModel | dict[str, Any]) -> None:
    """One document on stdout."""
    data = document if isinstance(document, dict) else document.model_dump(mode="json", by_alias=True)
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def screen() -> Console:
    """The console for stdout: colours on a terminal, wide plain lines in a pipe."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 160, soft_wrap=not sys.stdout.isatty())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; the same without a frame in a pipe. Without rows only a title that counts them is shown."""
    rows = list(rows)
    if not rows:
        if title[:1].isdigit():
            say(title)
        return
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE_HEAD if sys.stdout.isatty() else None,
        pad_edge=False,
        expand=False,
    )
    for column in columns:
        shown.add_column(column, overflow="fold", justify="right" if column.startswith("#") else "left")
    for row in rows:
        shown.add_row(*(escape(_cell(value)) for value in row))
    screen().print(shown)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def say(text: str = "") -> None:
    """A line on stdout, never read as markup."""
    sys.stdout.write(text + "\n")


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Somebody to tell: bars with rate and remaining time on a terminal, a line now and then in a pipe, nothing for JSON."""
    if quiet:
        yield lambda _stage, _done, _all: None
    elif sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield _lines()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    bars = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def tell(stage: str, done: int, whole: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=whole, rate="")
        task = next(task for task in bars.tasks if task.id == tasks[stage])
        bars.update(tasks[stage], completed=done, total=whole, rate=f"{task.speed:,.0f}/s" if task.speed else "")

    with bars:
        yield tell


def _lines(every: float = 5.0) -> Progress:
    last: dict[str, float] = {}
    begun: dict[str, float] = {}

    def tell(stage: str, done: int, whole: int | None) -> None:
        now = time.monotonic()
        start = begun.setdefault(stage, now)
        if now - last.get(stage, start) < every and done != whole:
            return
        last[stage] = now
        rate = done / (now - start) if now > start else 0.0
        left = f", {(whole - done) / rate:.0f} s left" if whole and rate and whole > done else ""
        sys.stderr.write(f"{stage}: {done:,}{f' of {whole:,}' if whole else ''}, {rate:,.0f}/s{left}\n")

    return tell
