"""
The files of the settings as one text.

Decided here: which files belong (YAML files of one folder, and the CSV files they name inside it), how they stand in
one document for the store, and the hash that names a version. Environment variables are not read here, so no secret can
enter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from settings.document import MOST_TEXT
from settings.problem import Place, Problem

MARK = "#%% file "
MOST_TABLE = 50_000_000


@dataclass(slots=True)
class Bundle:
    """Files by name. `root` is None for settings that come from the store, where every file is already here."""

    files: dict[str, str] = field(default_factory=dict)
    root: Path | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def yaml(self) -> dict[str, str]:
        return {name: text for name, text in self.files.items() if name.endswith((".yaml", ".yml"))}

    @property
    def text(self) -> str:
        """All files as one document."""
        return "".join(f"{MARK}{name}\n{_ended(text)}" for name, text in sorted(self.files.items()))

    @property
    def sha(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def table(self, name: str, place: Place) -> str | None:
        """The text of a CSV file named in the settings."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not name.endswith(".csv"):
            self._add(
                place, f"`{name}` is not a CSV file beside the settings.", "Name a .csv file inside the settings folder."
            )
            return None
        if str(path) not in self.files and self.root is not None:
            text = self._read(self.root / path, str(path), place)
            if text is not None:
                self.files[str(path)] = text
        elif str(path) not in self.files:
            self._add(place, f"`{name}` is not among the stored files.", "Activate the settings again.")
        return self.files.get(str(path))

    def _read(self, path: Path, name: str, place: Place) -> str | None:
        most, code = (MOST_TABLE, "LI001") if name.endswith(".csv") else (MOST_TEXT, "YA006")
        try:
            inside = self.root is not None and path.resolve().is_relative_to(self.root.resolve())
            if not inside or path.stat().st_size > most:
                self._add(place, f"`{name}` lies outside the folder or is too large.", f"At most {most:,} bytes.", code)
                return None
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = "is not UTF-8 text" if isinstance(error, ValueError) else (error.strerror or "cannot be read").lower()
            self._add(place, f"`{name}`: {reason}.", "Look at the path, the file's rights and its encoding.", code)
            return None
        if any(line.startswith(MARK) for line in text.splitlines()):
            self._add(place, f"`{name}` has a line that begins with `{MARK.strip()}`.", "Remove that line.", code)
            return None
        return text

    def _add(self, place: Place, message: str, try_: str, code: str = "LI001") -> None:
        self.problems.append(Problem.at(place, code, message, try_))


def from_path(path: Path) -> Bundle:
    """The YAML files of a folder (not of folders inside it), or one file."""
    single = path.is_file()
    bundle = Bundle(root=path.parent if single else path)
    place = Place(path.name or str(path))
    names = [path] if single else sorted(_yaml_files(path))
    if not names:
        message = f"`{path}` holds no settings."
        bundle.problems.append(
            Problem.at(place, "YA006", message, "Name a folder with .yaml files or one .yaml file; `pql init` makes one.")
        )
    for name in names:
        text = bundle._read(name, name.name, Place(name.name))  # noqa: SLF001 - the builder of this very class
        if text is not None:
            bundle.files[name.name if name.suffix in {".yaml", ".yml"} else f"{name.name}.yaml"] = text
    return bundle


def _yaml_files(folder: Path) -> list[Path]:
    try:
        return [name for name in folder.iterdir() if name.suffix in {".yaml", ".yml"} and not name.name.startswith(".")]
    except OSError:
        return []


def from_text(text: str, name: str = "pql.yaml") -> Bundle:
    """One YAML document, or all files of a stored version."""
    if not text.startswith(MARK):
        return Bundle({name: text})
    files: dict[str, list[str]] = {}
    here: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(MARK):
            here = files.setdefault(line.removeprefix(MARK).strip(), [])
        else:
            here.append(line)
    return Bundle({name: "".join(lines) for name, lines in files.items()})


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
