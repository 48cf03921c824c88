"""
Bulk API 2.0: updates of many records as one CSV, worked off by Salesforce in its own time.

Decided here: jobs update by Id, never upsert, because a key that is gone would make a second record; so a result is
matched by the Id column that it repeats. A text that a cell cannot say (it would clear, or break the file) is left to a
JSON call. No job names an assignment rule, so none runs. Results are bytes in UTF-8, whatever their header says. Counts of
the job decide whether its files are complete.

Not decided here: when a job is used and what its outcome means for a row. Salesforce gives a job no mark of ours, so one
whose id was lost is not looked for: open it has no effect, and after seven days it is gone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.bulk import Job, JobState, Sheet, Told
from connectors.contract import Change, Outcome, Receipt
from connectors.crms.salesforce.answers import Fault, fault_in, unreadable
from connectors.crms.salesforce.batches import Row, refusal
from connectors.crms.salesforce.client import PAGE, Client
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.records import Records
from connectors.crms.salesforce.values import Json, full_id
from connectors.errors import Moved, Rejected, TryLater

ROWS = 50_000
BYTES = 20_000_000
"""The vendor takes 100 MB; what is sent must arrive within the time of a call, also over a slow line."""
CLEAR = "#N/A"
LONGEST_CELL = 32_000
NOT_OPEN = "INVALIDJOBSTATE"
STATES: Mapping[str, JobState] = {
    "Open": JobState.OPEN,
    "UploadComplete": JobState.WORKING,
    "InProgress": JobState.WORKING,
    "JobComplete": JobState.DONE,
    "Failed": JobState.FAILED,
    "Aborted": JobState.ABORTED,
}
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_FIELDS = re.compile(r"[A-Za-z0-9_.,]*")


class Bulk:
    """Jobs over one client. `records` says what a row holds, so that a file and a call hold the same."""

    most_rows = ROWS
    most_bytes = BYTES

    def __init__(self, client: Client, records: Records, above: int) -> None:
        self._client = client
        self._records = records
        self.above = above

    def calls(self, object: str, rows: int) -> int:
        looks = -(-rows // PAGE) if object in self._records.looks_first else 0
        return looks + 5 * -(-rows // self.most_rows)  # made, filled, closed, looked at, and what was taken

    # ------------------------------------------------------------------ what goes into a file

    def sheet(self, object: str, changes: Sequence[Change]) -> Sheet:
        rows, receipts = self._records.rows(object, changes, self._records.converted(object, changes))
        names = {tuple(sorted(row.values)) for row in rows}
        if len(names) > 1 or any(row.crm_id is None for row in rows):
            raise ValueError("A file holds updates of the same fields, nothing else.")
        columns = names.pop() if names else ()
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        unfit = set()
        for row in rows:
            cells = [_cell(row.values[name]) for name in columns]
            fit = [cell for cell in cells if cell is not None]
            if len(fit) < len(cells):
                unfit.add(row.key)
            else:
                writer.writerow([full_id(row.crm_id) or row.crm_id, *fit])
        return Sheet(("Id", *columns), out.getvalue().encode(), tuple(receipts.values()), frozenset(unfit))

    # ------------------------------------------------------------------ a job, step by step

    def open(self, object: str, trace: str) -> str:
        body = {"object": OBJECTS[object], "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
        made = self._client.send("POST", "jobs/ingest", body=body, trace=trace).record(writes=True)
        id = made.get("id")
        if not isinstance(id, str) or not id.isalnum():
            raise unreadable(writes=True)
        return id

    def upload(self, job: str, columns: Sequence[str], lines: bytes) -> None:
        file = ",".join(columns).encode() + b"\n" + lines
        if self._client.raw("PUT", f"jobs/ingest/{job}/batches", data=file):
            raise unreadable(writes=True)  # Salesforce says nothing to a file that it took; a page is somebody else's

    def close(self, job: str) -> bool:
        return self._become(job, "UploadComplete")

    def abort(self, job: str) -> None:
        self._become(job, "Aborted")

    def _become(self, job: str, state: str) -> bool:
        try:
            self._client.send("PATCH", f"jobs/ingest/{job}", body={"state": state}).good()
        except Rejected as problem:
            if problem.code != NOT_OPEN:
                raise
            return False
        except Moved:
            return False  # it is not there any more, and a look will say so
        return True

    def look(self, job: str) -> Job:
        try:
            told = self._client.send("GET", f"jobs/ingest/{job}").record()
        except Moved:
            return Job(job, JobState.GONE, "Salesforce does not know the job any more.")
        state = STATES.get(str(told.get("state")))
        if state is None or told.get("id") != job:
            raise unreadable(writes=False)
        numbers = (_number(told.get("numberRecordsProcessed")), _number(told.get("numberRecordsFailed")))
        return Job(job, state, str(told.get("errorMessage") or ""), *numbers)

    # ------------------------------------------------------------------ what became of the rows

    def told(self, job: Job) -> Told:
        taken = {id for cells in self._file(job, "successfulResults") if (id := _named(cells))}
        refused: dict[str, str] = {}
        left: set[str] = set()
        over = job.state is not JobState.DONE
        if job.refused or over:
            found = ((_named(cells), cells.get("sf__Error", "")) for cells in self._file(job, "failedResults"))
            refused = {id: error for id, error in found if id}
        if over:
            left = {id for cells in self._file(job, "unprocessedrecords") if (id := _named(cells))}
        complete = len(refused) >= job.refused and len(taken) >= job.processed - job.refused
        return Told(frozenset(taken), refused, frozenset(left - taken - set(refused)), complete)

    def _file(self, job: Job, name: str) -> Iterator[Mapping[str, str]]:
        text = self._client.raw("GET", f"jobs/ingest/{job.id}/{name}").decode("utf-8-sig", "replace")
        csv.field_size_limit(10_000_000)
        try:
            yield from ({key: cell or "" for key, cell in row.items() if key} for row in _dicts(text))
        except csv.Error:
            raise TryLater("The results of a job broke off. Ask for them again.", code="EMPTY_ANSWER") from None

    def receipts(self, object: str, changes: Sequence[Change], told: Told) -> list[Receipt]:
        rows, receipts = self._records.rows(object, changes)
        receipts |= {row.key: _receipt(row, told) for row in rows}
        return [receipts[change.key] for change in changes]


def _receipt(row: Row, told: Told) -> Receipt:
    id = full_id(row.crm_id) or ""
    if id in told.taken:
        return Receipt(row.key, Outcome.APPLIED, id, echoed=row.echoed)
    if id in told.refused:
        return refusal(row, fault_of_row(told.refused[id]))
    if id in told.left:
        said = "The job ended before this row. Read back, then send it again."
        return Receipt(row.key, Outcome.UNKNOWN, row.crm_id, code="NOT_PROCESSED", message=said)
    said = "The job's results do not mention this row. It may have been written; read back first."
    return Receipt(row.key, Outcome.UNKNOWN, row.crm_id, code="NOT_IN_ANSWER", message=said)


def fault_of_row(text: str) -> Fault:
    """
    What `sf__Error` says: code, sentence and fields in one text, `CODE:sentence:Field__c --`.

    >>> fault_of_row("STRING_TOO_LONG:Title: data value too large (max length=128):Title --").fields
    ('Title',)
    """
    code, _, rest = text.strip().partition(":")
    message, _, fields = rest.removesuffix("--").rstrip().rpartition(":")
    if not rest.endswith("--") or not message or not _FIELDS.fullmatch(fields.strip()):
        message, fields = rest.removesuffix("--").rstrip(": "), ""
    names = [name for name in fields.strip().split(",") if name]
    known = re.fullmatch(r"[A-Z][A-Z0-9_]+", code.strip())
    doc = {"statusCode": code.strip() if known else "ROW_REFUSED", "message": message if known else text, "fields": names}
    return fault_in(doc)


def _cell(value: Json) -> str | None:
    """What stands in the file; None for a text that would mean something else there."""
    if value is None or value == "":
        return CLEAR
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else repr(value)
    return None if text == CLEAR or len(text) > LONGEST_CELL or _NO_TEXT.search(text) else text


def _dicts(text: str) -> Iterator[Mapping[str, str]]:
    return csv.DictReader(io.StringIO(text, newline=""), strict=True)


def _named(cells: Mapping[str, str]) -> str | None:
    """The record of a result line: the Id that was sent comes back with it, and `sf__Id` says the same."""
    return full_id(cells.get("Id")) or full_id(cells.get("sf__Id"))


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) or (isinstance(value, str) and value.isdigit()) else 0
