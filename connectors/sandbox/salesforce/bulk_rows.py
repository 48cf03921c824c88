"""
The rows of a bulk job: read from its CSV, written a batch at a time, and told of in the result files.

Decided here: what makes a whole file unreadable (the job fails), what one line says (an empty cell says nothing, #N/A
clears, Parent.Key names a parent), that results come in another order than the rows, and how an error is worded. Rows are
written under the call that closed the job. Not decided here: when a batch is due (`bulk`).
"""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.salesforce import writes
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.collections import strike
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.field import SObject
from connectors.sandbox.salesforce.writes import Given

DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
CLEAR = "#N/A"
AT_ONCE = 200  # rows that one trigger sees, and among which one record may stand once
LONGEST_CELL, LONGEST_HEADER = 32_000, 32_000

Cells = Mapping[str, str]
Row = list[str]


class Unreadable(Exception):
    """The whole file cannot be taken; the text is the job's errorMessage."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file as it was read: its columns, and its rows as long as these."""

    header: Row
    rows: list[Row]


def read(text: str, told: Mapping[str, Any]) -> Table:
    """Read an upload; `Unreadable` where line endings or columns are not what the job was told."""
    ending = ENDINGS[told["lineEnding"]]
    first = text.split("\n", 1)[0]
    if first.endswith("\r") != (ending == "\r\n") and "\n" in text:
        said = f"LineEnding is invalid on user data. Current LineEnding setting is {told['lineEnding']}"
        raise Unreadable(f"ClientInputError : {said}")
    csv.field_size_limit(10_000_000)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[told["columnDelimiter"]], strict=True)
    try:
        header = next(reader, [])
        rows = [row for row in reader if row]
    except csv.Error as problem:
        raise Unreadable(f"ClientInputError : Error encountered when trying to parse user data: {problem}") from None
    if not header or sum(map(len, header)) > LONGEST_HEADER:
        raise Unreadable("InvalidBatch : Failed to parse the CSV header")
    wrong = next((place for place, row in enumerate(rows, 1) if len(row) != len(header)), None)
    if wrong is not None:
        said = f"Number of fields in record {wrong} does not match number of fields in header"
        raise Unreadable(f"InvalidBatch : {said}")
    return Table(header, rows)


def known(sobject: SObject, header: Sequence[str]) -> None:
    """`Unreadable` for a column that the object does not have, or that the caller does not see."""
    for name in header:
        through, dot, _ = name.partition(".")
        found = any(field.relationship == through for field in sobject.fields.values()) if dot else sobject.find(name)
        if not found:
            raise Unreadable(f"InvalidBatch : Field name not found : {name}")


def file(header: Iterable[str], rows: Iterable[Iterable[str]], *, head: bool = True) -> str:
    """Rows as a result file has them; without a head for a piece that is put behind others."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    if head:
        writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a job to be written now: those from `start` up to `end` of the file."""

    told: Mapping[str, Any]
    table: Table
    start: int
    end: int

    def cells(self, place: int) -> Cells:
        return dict(zip(self.table.header, self.table.rows[place], strict=True))


def write(org: Org, call: Call, batch: Batch) -> tuple[list[Row], list[Row]]:
    """Write the rows; those that were taken and those that were not, as the result files show them, in no useful order."""
    good: list[Row] = []
    bad: list[Row] = []
    sobject = org.sobject(batch.told["object"])
    for place in range(batch.start, batch.end):
        if place == batch.start or place % AT_ONCE == 0:
            first = place - place % AT_ONCE
            fellows = range(first, min(first + AT_ONCE, len(batch.table.rows)))
            again = _again(sobject, batch.told, [batch.cells(one) for one in fellows])
        cells = batch.cells(place)
        try:
            strike(call, place)
            _short_enough(cells)
            _once(sobject, batch.told, cells, again)
            record, created = _write(org, call, sobject, batch.told, cells)
            good.append([record, str(created).lower(), *cells.values()])
        except Fault as fault:
            fields = ",".join(fault.fields or ())
            error = f"{fault.code}:{fault.message}:{fields}{' ' if fields else ''}--"
            bad.append([_named(sobject, batch.told, cells), error, *cells.values()])
    mixed = random.Random(f"{batch.told['id']} {batch.start}")  # noqa: S311  repeatable, not secret
    mixed.shuffle(good)
    mixed.shuffle(bad)
    return good, bad


def _key(sobject: SObject, told: Mapping[str, Any], cells: Cells) -> str:
    """What names the record of a line, comparable; empty where nothing does."""
    if told["operation"] == "insert":
        return ""
    name = told.get("externalIdFieldName", "Id")
    text = next((cell for column, cell in cells.items() if column.lower() == name.lower()), "")
    field = sobject.find(name)
    if name.lower() == "id":
        return whole(text) or text
    return text if field is not None and field.case_sensitive else text.lower()


def _again(sobject: SObject, told: Mapping[str, Any], some: Sequence[Cells]) -> set[str]:
    counted = Counter(_key(sobject, told, cells) for cells in some)
    return {key for key, times in counted.items() if key and times > 1}


def _once(sobject: SObject, told: Mapping[str, Any], cells: Cells, again: set[str]) -> None:
    key = _key(sobject, told, cells)
    if key not in again:
        return
    if told["operation"] == "upsert" and told["externalIdFieldName"].lower() != "id":
        raise Fault("DUPLICATE_EXTERNAL_ID", f"Duplicate external id specified: {key}", [told["externalIdFieldName"]])
    raise Fault("INVALID_FIELD", f"duplicate id in list: {key}", ["Id"])


def _short_enough(cells: Cells) -> None:
    long = next((name for name, cell in cells.items() if len(cell) > LONGEST_CELL), None)
    if long is not None:
        raise Fault("STRING_TOO_LONG", f"{long}: data value too large (max length={LONGEST_CELL})", [long])


def _named(sobject: SObject, told: Mapping[str, Any], cells: Cells) -> str:
    """The id of a record that was refused, where the line said it."""
    return (_key(sobject, told, cells) or "") if told["operation"] in ("update", "delete") else ""


def _write(org: Org, call: Call, sobject: SObject, told: Mapping[str, Any], row: Cells) -> tuple[str, bool]:
    values = _values(row)
    operation = told["operation"]
    if operation == "insert":
        return writes.create(org, call, Given(sobject, values)), True
    if operation == "upsert":
        name = told["externalIdFieldName"]
        key = writes.key_of(org, sobject, name, values.pop(name, None))
        return writes.upsert(org, call, Given(sobject, values), key)
    given = next((values.pop(name) for name in list(values) if name.lower() == "id"), None)
    if not given:
        raise Fault("MISSING_ARGUMENT", "Id not specified", [])
    record = whole(given)
    if record is None or org.object_of(record) != sobject.name:
        raise Fault("MALFORMED_ID", f"{sobject.fields['Id'].label}: id value of incorrect type: {given}", ["Id"])
    if operation == "delete":
        writes.delete(org, call, record)
    else:
        writes.update(org, call, Given(sobject, values), record)
    return record, False


def _values(row: Cells) -> dict[str, Any]:
    """Return what a line says."""
    found: dict[str, Any] = {}
    for name, cell in row.items():
        through, dot, key = name.partition(".")
        if cell == "":
            continue
        value = None if cell == CLEAR else cell
        if dot:
            found[through] = {key: value}
        else:
            found[name] = value
    return found
