"""
From files or stored text to `Settings`.

Decided here: the order of work (files, nodes, models, the picture as a whole) and that every problem of every step is
said at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settings import bundle as bundles
from settings.bundle import Bundle
from settings.checks import every
from settings.checks.picture import Picture
from settings.document import Entry, Mapping, Node, read_yaml, walk
from settings.forms import FORMS
from settings.options import OptionTable
from settings.problem import Place, Problem, Problems, ordered
from settings.reader import BROKEN, Reader
from settings.root import Settings
from settings.secret import Environment, looks_like_a_secret
from settings.sources import SourceSpec

Options = Table[str, OptionTable] | Iterable[OptionTable]
"""The tables of all connectors, by kind or one after another."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `settings` is there when there is no problem; warnings do not prevent it."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    settings: Settings | None
    files: dict[str, str] = field(default_factory=dict, repr=False)
    """The files that were read, for showing the line of a problem."""


def load(path: str | Path, *, options: Options | None = None, secrets: bool = True) -> Settings:
    """
    The settings of a folder or file; raises `Problems` with all of them.

    `options` are the connectors' tables. With `secrets=False` a missing environment variable is no problem.
    """
    return _settings(read(bundles.from_path(Path(path)), options, secrets=secrets))


def load_text(text: str, *, options: Options | None = None, secrets: bool = True) -> Settings:
    """The same from text: one YAML document, or what `Settings.text` holds."""
    return _settings(read(bundles.from_text(text), options, secrets=secrets))


def from_stored(text: str, *, options: Options | None = None, secrets: bool = True) -> Settings:
    """The settings of an activated version, from the text that was stored with it."""
    return load_text(text, options=options, secrets=secrets)


def _settings(checked: Checked) -> Settings:
    if checked.settings is None:
        raise Problems(checked.problems, checked.files)
    return checked.settings


def read(bundle: Bundle, options: Options | None = None, *, secrets: bool = True) -> Checked:
    """Read and check a bundle of files."""
    root, problems = _merged(bundle)
    if root is None:
        return Checked(ordered([*bundle.problems, *problems]), (), None, bundle.files)
    reader = Reader(bundle, Environment(wanted=secrets), _by_kind(options), FORMS)
    reader.problems.extend(problems)
    _written_out(reader, root)
    given: dict[str, Any] = {}
    reader.places[()] = root.place
    complete = reader.fields(Settings, root, (), given)
    picture = Picture(reader, given)
    every(picture)
    good = complete and not any(not problem.warning for problem in [*bundle.problems, *reader.problems])
    settings = _built(picture, bundle) if good else None
    found = ordered([*bundle.problems, *reader.problems])
    wrong = tuple(problem for problem in found if not problem.warning)
    return Checked(wrong, tuple(problem for problem in found if problem.warning), settings, bundle.files)


def _by_kind(options: Options | None) -> dict[str, OptionTable]:
    if options is None or isinstance(options, Table):
        return dict(options or {})
    return {table.kind: table for table in options}


def _merged(bundle: Bundle) -> tuple[Mapping | None, list[Problem]]:
    """All files as one mapping, by top-level key."""
    problems: list[Problem] = []
    entries: dict[str, Entry] = {}
    for name, text in sorted(bundle.yaml.items()):
        root, found = read_yaml(name, text)
        problems += found
        for entry in root.entries if root else ():
            first = entries.setdefault(entry.key, entry)
            if first is not entry:
                message = f"`{entry.key}` is already in {first.place.short}."
                problems.append(Problem.at(entry.place, "YA007", message, "Keep each top-level key in one file."))
    if not entries and not problems and not bundle.problems:
        problems.append(
            Problem(
                next(iter(bundle.files), "settings"), 1, 1, "YA006", "There are no settings here.", "`pql init` writes some."
            )
        )
    place = next((entry.place for entry in entries.values()), Place("settings"))
    return (Mapping(tuple(entries.values()), Place(place.file)), problems) if entries else (None, problems)


def _written_out(reader: Reader, root: Node) -> None:
    """Refuse every text that looks like a token or a password, wherever it stands."""
    for scalar in walk(root):
        if looks_like_a_secret(scalar.text):
            message = "This looks like a token or a password."
            reader.say(
                scalar.place,
                "SE002",
                message,
                "Write `${NAME}`, set the variable, and replace the token: it has been in a file.",
            )


def _built(picture: Picture, bundle: Bundle) -> Settings | None:
    types = picture.types.all()
    given = picture.given | {"sources": {name: _typed(spec, types) for name, spec in picture.section("sources").items()}}
    built = picture.reader.build(Settings, given | {"sha": bundle.sha, "text": bundle.text, "types": types}, ())
    return None if built is BROKEN else built


def _typed(spec: SourceSpec, types: dict[str, str]) -> SourceSpec:
    """A source whose kept columns all say their type."""
    changed: dict[str, Any] = {}
    for stream, columns, kind in (
        ("events", "keep", "event"),
        ("users", "columns", "user"),
        ("accounts", "columns", "account"),
    ):
        feed = getattr(spec, stream)
        if feed is not None:
            kept = tuple(one.model_copy(update={"type": types[f"{kind}.{one.name}"]}) for one in getattr(feed, columns))
            changed[stream] = feed.model_copy(update={columns: kept})
    return spec.model_copy(update=changed)
