"""The starter settings, changed at a place, and what check says about the change."""

from dataclasses import dataclass

from settings import starter
from settings.bundle import MARK
from settings.check import Checked, check_text
from settings.problem import Problem


@dataclass(frozen=True)
class Said:
    """What check said about changed settings, with the text it was said about."""

    files: dict[str, str]
    checked: Checked

    @property
    def all(self) -> tuple[Problem, ...]:
        return self.checked.problems + self.checked.warnings

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.all]

    def at(self, problem: Problem) -> str:
        """The text from the position of a problem to the end of its line."""
        return self.files[problem.file].splitlines()[problem.line - 1][problem.col - 1 :]

    def only(self, code: str, file: str, begins: str) -> Problem:
        """The one thing said, which must have this code and stand exactly where this text begins."""
        assert self.codes == [code], "\n".join(map(str, self.all))
        problem = self.all[0]
        assert problem.file == file
        assert self.at(problem).startswith(begins), f"{self.at(problem)!r} at {problem}"
        return problem

    def some(self, code: str, begins: str) -> Problem:
        """Something said with this code where this text begins, whatever else was said."""
        found = [p for p in self.all if p.code == code and self.at(p).startswith(begins)]
        assert found, "\n".join(map(str, self.all))
        return found[0]


def bundled(files: dict[str, str]) -> str:
    return "".join(f"{MARK}{name}\n{text}" for name, text in files.items())


def said(files: dict[str, str], options=()) -> Said:
    return Said(files, check_text(bundled(files), options))


def starter_with(file: str, *edits: tuple[str, str], options=()) -> Said:
    """The starter with text of one file replaced; each old text must be there."""
    files = starter.files()
    for old, new in edits:
        assert old in files[file], old
        files[file] = files[file].replace(old, new, 1)
    return said(files, options)
