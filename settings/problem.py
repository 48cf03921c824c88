"""
A problem in the settings: where, what, and what to try.

Decided here: the one form of a problem, its JSON and its plain text with excerpt and caret. The codes are in
`settings.codes`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from settings import codes
from settings.codes import is_warning
from settings.secret import HIDDEN, masked

TAB = 4
WRITTEN_OUT = "SE002"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a settings file; lines and columns count from 1."""

    file: str
    line: int = 1
    col: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}"

    @property
    def short(self) -> str:
        """File and line, for pointing at another place from within a sentence."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong at a place. `message` says what happened, `try_` what to try."""

    file: str
    line: int
    col: int
    code: str
    message: str
    try_: str = ""

    @classmethod
    def at(cls, place: Place, code: str, message: str, try_: str = "") -> Problem:
        return cls(place.file, place.line, place.col, code, message, try_)

    @property
    def warning(self) -> bool:
        return is_warning(self.code)

    def json(self) -> dict[str, str | int]:
        """The stable form in `--output json`."""
        return {
            "file": self.file,
            "line": self.line,
            "col": self.col,
            "code": self.code,
            "message": self.message,
            "try": self.try_,
        }

    def __str__(self) -> str:
        rest = f"  {self.try_}" if self.try_ else ""
        return f"{self.file}:{self.line}:{self.col}  {self.message}{rest}  [{self.code}]"


class Problems(Exception):
    """The settings cannot be used. Carries every problem found, in the order of the files; warnings are not among them."""

    def __init__(self, problems: Iterable[Problem], files: Mapping[str, str] | None = None) -> None:
        self.problems = tuple(problems)
        self.files = dict(files or {})
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the settings\n" + render(self.problems, self.files))


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, by file and position."""
    return tuple(sorted(set(problems)))


def render(problems: Iterable[Problem], files: Mapping[str, str]) -> str:
    """Plain text for people: each problem with the line it stands on and a caret below it."""
    return "\n\n".join(_one(problem, files) for problem in problems)


def _one(problem: Problem, files: Mapping[str, str]) -> str:
    lines = files.get(problem.file, "").splitlines()
    if not 0 < problem.line <= len(lines):
        return str(problem)
    written = lines[problem.line - 1]
    # What was written out by mistake must not reach a log through the excerpt.
    written = written[: problem.col - 1] + HIDDEN if problem.code == WRITTEN_OUT else masked(written)
    text, column = _window(written.expandtabs(TAB), len(written[: problem.col - 1].expandtabs(TAB)))
    number = str(problem.line)
    return f"{problem}\n  {number} | {text}\n  {' ' * len(number)} | {' ' * column}^"


def _window(text: str, column: int, width: int = 150) -> tuple[str, int]:
    """A part of a long line that holds the caret."""
    if len(text) <= width:
        return text, column
    start = max(0, min(column - width // 2, len(text) - width))
    cut = text[start : start + width]
    return ("..." + cut if start else cut), column - start + (3 if start else 0)


def did_you_mean(word: str, known: Mapping[str, Place | None] | Iterable[str], otherwise: str = "") -> str:
    """A suggestion with the place of its definition, else `otherwise`."""
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    name = next((name for name in known if close and name.lower() == close[0]), None)
    if name is None:
        return otherwise
    place = known[name] if isinstance(known, Mapping) else None
    return f"Did you mean `{name}`?" + (f"  ({place.short})" if place else "")


def problems_page() -> str:
    """docs/settings-problems.md."""
    return codes.problems_page()
