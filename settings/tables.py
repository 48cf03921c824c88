"""
CSV files of the settings: named lists and the partner directory.

Decided here: the columns, that keys compare as lower-case text, and that every bad row is named with its line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from settings.document import Entry, Mapping, Node, Scalar, Sequence, describe
from settings.partners import Partner
from settings.problem import Place, did_you_mean
from settings.reader import BROKEN, Formed, Path, Reader

Row = dict[str, str]
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
MOST_SAID = 20
"""Problems of one file that are listed; more are counted."""


def read_list(reader: Reader, node: Node, path: Path) -> Formed | None:
    """`[a, b]`, or `{file: x.csv, key: domain, columns: [owner]}`."""
    if isinstance(node, Sequence):
        texts = [reader.value(str, item, (*path, n)) for n, item in enumerate(node.items)]
        written = _unique(
            reader, [(text.lower(), item.place) for text, item in zip(texts, node.items, strict=True) if text is not BROKEN]
        )
        return Formed(Mapping((), node.place), {"rows": {key: {} for key in written}})
    if not isinstance(node, Mapping):
        message = f"A list is wanted, this is {describe(node)}."
        reader.say(node.place, "ST003", message, "Write `[a, b]` or `{file: names.csv, key: domain, columns: [owner]}`.")
        return None
    said = _described(reader, node, path)
    if said is None:
        return None
    file, key, columns = said
    table = _rows(reader, file)
    if table is None:
        return None
    header, found = table
    wanted = columns or [name for name in header if name != key]
    if not _has_columns(reader, file, header, [key, *wanted]):
        return None
    rows = _by_key(reader, file, key, found)
    reader.tables[str(path[-1])] = file.text
    ready = {
        "key": key,
        "columns": tuple(wanted),
        "rows": {k: {name: row[name] for name in wanted} for k, row in rows.items()},
    }
    return Formed(Mapping((), node.place), ready)


def _unique(reader: Reader, keys: list[tuple[str, Place]]) -> list[str]:
    seen: dict[str, Place] = {}
    for key, place in keys:
        if key in seen:
            reader.say(place, "LI003", f"`{key}` is already in the list.", f"First in {seen[key].short}.")
        seen.setdefault(key, place)
    return list(seen)


def _described(reader: Reader, node: Mapping, path: Path) -> tuple[Scalar, str, list[str]] | None:
    for entry in node.entries:
        if entry.key not in ("file", "key", "columns"):
            known = ("file", "key", "columns")
            reader.say(
                entry.place,
                "ST001",
                f"`{entry.key}` is not a key here.",
                did_you_mean(entry.key, known, f"There are {', '.join(known)}."),
            )
    file, key = node.get("file"), node.get("key")
    missing = [name for name, value in (("file", file), ("key", key)) if value is None]
    for name in missing:
        reader.say(reader.key(*path), "ST002", f"`{name}` is missing here.", "A list in a file says `file` and `key`.")
    if missing or file is None or key is None:
        return None
    read = [reader.value(str, file, (*path, "file")), reader.value(str, key, (*path, "key"))]
    columns = reader.value(tuple[str, ...], node.get("columns") or Sequence((), node.place), (*path, "columns"))
    if BROKEN in (*read, columns) or not isinstance(file, Scalar):
        return None
    return file, read[1], list(columns)


def read_directory(reader: Reader, node: Node, path: Path) -> Formed | None:
    """`directory: {file: partners.csv}`; the rest of `partners` is read as it stands."""
    if not isinstance(node, Mapping) or node.get("directory") is None:
        return Formed(node)
    rest = Mapping(tuple(entry for entry in node.entries if entry.key != "directory"), node.place)
    entry = next(entry for entry in node.entries if entry.key == "directory")
    reader.keys[(*path, "directory")] = entry.place
    reader.places[(*path, "directory")] = entry.value.place
    return Formed(rest, {"directory": _partners(reader, entry, (*path, "directory"))})


def _partners(reader: Reader, entry: Entry, path: Path) -> tuple[Partner, ...]:
    node = entry.value
    file = node.get("file") if isinstance(node, Mapping) else None
    for other in node.entries if isinstance(node, Mapping) else ():
        if other.key != "file":
            reader.unknown(other, ["file"], path)
    if not isinstance(node, Mapping) or not isinstance(file, Scalar):
        reader.say(
            node.place,
            "ST003",
            f"Wanted for `directory`: a file. This is {describe(node)}.",
            "Write `{file: partners.csv}`.",
        )
        return ()
    table = _rows(reader, file)
    known = list(Partner.model_fields)
    if table is None or not _has_columns(reader, file, table[0], ["name", "contact", "manager"]):
        return ()
    for name in table[0]:
        if name not in known:
            reader.say(
                Place(file.text),
                "LI002",
                f"`{name}` is not a column of the directory.",
                did_you_mean(name, known, f"There are {', '.join(known)}."),
            )
    rows = _by_key(reader, file, "name", table[1])
    read = [_partner(reader, row, reader.rows[(file.text, key)]) for key, row in rows.items()]
    return tuple(partner for partner in read if partner)


def _partner(reader: Reader, row: Row, place: Place) -> Partner | None:
    good = True
    for name in ("contact", "manager"):
        if "@" not in row[name]:
            reader.say(place, "RT012", f"{row['name']} has no e-mail address as `{name}`.", "Offers would go nowhere.")
            good = False
    month, paused = row.get("per_month", ""), row.get("paused", "").lower()
    if month and not (month.isdigit() and int(month) > 0):
        reader.say(place, "RT016", f"`{month}` is no number of offers per month.", "Write 1 or more, or leave it blank.")
        good = False
    if paused not in FLAGS:
        reader.say(
            place,
            "LI004",
            f"`{paused}` says neither that {row['name']} is paused nor that it is not.",
            "Write true or false.",
        )
        good = False
    if not good:
        return None
    values: dict[str, Any] = {key: row.get(key) or None for key in ("language", "territory")}
    return Partner(
        name=row["name"],
        contact=row["contact"],
        manager=row["manager"],
        per_month=int(month) if month else None,
        paused=FLAGS[paused],
        **values,
    )


def _rows(reader: Reader, file: Scalar) -> tuple[list[str], list[tuple[int, Row]]] | None:
    """Header and rows, each with its line; None where the file cannot be read."""
    text = reader.bundle.table(file.text, file.place)
    if text is None:
        return None
    try:
        lines = csv.reader(text.splitlines(keepends=True), strict=True)
        header = [name.strip() for name in next(lines, [])]
        rows = [(lines.line_num, cells) for cells in lines if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        reader.say(
            Place(file.text), "LI001", f"This is not CSV: {error}.", "Use commas, and quotes around cells that hold one."
        )
        return None
    if not header or len(set(header)) != len(header):
        reader.say(
            Place(file.text), "LI002", "The first line must name each column once.", "Write the names, with commas between."
        )
        return None
    return header, list(_fitting(reader, file.text, header, rows))


def _fitting(reader: Reader, file: str, header: list[str], rows: list[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
    for line, cells in rows:
        if len(cells) != len(header):
            message = f"{len(cells)} cells, and the first line names {len(header)} columns."
            reader.say(Place(file, line), "LI004", message, "Put quotes around cells that hold a comma.")
            continue
        yield line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _has_columns(reader: Reader, file: Scalar, header: list[str], wanted: list[str]) -> bool:
    missing = [name for name in wanted if name not in header]
    for name in missing:
        otherwise = f"It has {', '.join(header)}."
        reader.say(file.place, "LI002", f"`{file.text}` has no column `{name}`.", did_you_mean(name, header, otherwise))
    return not missing


def _by_key(reader: Reader, file: Scalar, key: str, rows: list[tuple[int, Row]]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    said = 0
    for line, row in rows:
        word = row[key].lower()
        place = Place(file.text, line)
        first = reader.rows.get((file.text, word)) if word in found else None
        if (not word or first) and said < MOST_SAID:
            said += 1
            message = f"`{row[key]}` is already in line {first.line}." if first else f"`{key}` is blank."
            reader.say(place, "LI003", message, "Each row needs a key of its own.")
        elif word and not first:
            found[word] = row
            reader.rows[(file.text, word)] = place
    return found
