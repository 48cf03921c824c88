"""
Bulk API 2.0, ingest: a job is made, filled with CSV, closed, watched, and tells per row what became of it.

Decided here: the states of a job and its result files. Rows are written when the job is closed; `bulk_polls` looks
say InProgress first. Jobs are kept with the org, so a caller that was restarted finds them again. Query jobs are
refused.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from connectors.sandbox.salesforce import errors, writes
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.collections import strike
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import mint
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.field import SObject
from connectors.sandbox.salesforce.soql.dates import stamp
from connectors.sandbox.salesforce.writes import Given
from connectors.sandbox.state import Doc
from connectors.sandbox.wire import Headers, Reply

JOB_PREFIX = "750"
OPERATIONS = ("insert", "update", "upsert", "delete")
DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
MOST_BYTES = 150_000_000
CLEAR = "#N/A"
OVER = ("JobComplete", "Failed", "Aborted")

Job = dict[str, Any]
Cells = Mapping[str, str]


def answer(org: Org, call: Call) -> Reply:
    """Answer a call below `jobs/`."""
    rest = [part for part in call.parts[1:] if part]
    if rest[:1] != ["ingest"]:
        raise errors.not_built("bulk jobs other than ingest")
    if len(rest) == 1:
        return _create(org, call) if call.method == "POST" else _listing(org, call)
    job = org.state.doc("job", rest[1])
    if job is None:
        raise errors.not_found()
    if len(rest) == 2:
        rooms: Mapping[str, Callable[[Org, Call, Job], Reply]] = {"GET": _look, "PATCH": _close, "DELETE": _delete}
        if call.method not in rooms:
            raise errors.bad_method(call.method)
        return rooms[call.method](org, call, job)
    return _part(org, call, job, rest[2])


def _part(org: Org, call: Call, job: Job, name: str) -> Reply:
    if name == "batches" and call.method == "PUT":
        return _upload(org, call, job)
    # jsforce and simple-salesforce spell the last one differently, and the API takes both.
    files = {"successfulresults": "successful", "failedresults": "failed", "unprocessedrecords": "unprocessed"}
    which = files.get(name.lower())
    if which is None or call.method != "GET":
        raise errors.not_found()
    if job["told"]["state"] not in OVER:
        raise Fault("INVALIDJOBSTATE", f"Results are not ready: the job is {job['told']['state']}")
    return Reply(200, job.get(which, "").encode(), {"Content-Type": "text/csv"})


def _create(org: Org, call: Call) -> Reply:
    body = call.object_body()
    operation = body.get("operation")
    if operation not in OPERATIONS:
        raise Fault("INVALIDJOB", f"The operation must be one of {', '.join(OPERATIONS)}, not {operation}")
    sobject = org.sobject(str(body.get("object", "")))
    if body.get("contentType", "CSV") != "CSV" or body.get("columnDelimiter", "COMMA") not in DELIMITERS:
        raise Fault("INVALIDJOB", "Unsupported content type or delimiter")
    if operation == "upsert":
        field = sobject.find(str(body.get("externalIdFieldName", "")))
        if field is None or not (field.external_id or field.id_lookup):
            raise Fault(
                "INVALIDJOB",
                f"InvalidJob : Field name provided, {body.get('externalIdFieldName')} does not match an External ID",
            )
    with org.state.lock:
        record = mint(JOB_PREFIX, org.state.next(f"id {JOB_PREFIX}"))
        now = stamp(org.state.now())
        told = {
            "id": record,
            "operation": operation,
            "object": sobject.name,
            "createdById": org.integration_user,
            "createdDate": now,
            "systemModstamp": now,
            "state": "Open",
            **({"externalIdFieldName": body["externalIdFieldName"]} if operation == "upsert" else {}),
            **({"assignmentRuleId": body["assignmentRuleId"]} if body.get("assignmentRuleId") else {}),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version[1:]),
            "contentUrl": f"services/data/{call.version}/jobs/ingest/{record}/batches",
            "lineEnding": body.get("lineEnding", "LF"),
            "columnDelimiter": body.get("columnDelimiter", "COMMA"),
        }
        org.state.keep(Doc("job", record, {"told": told, "looks": 0}))
    return Reply(200, told)


def _listing(org: Org, call: Call) -> Reply:
    if call.method != "GET":
        raise errors.bad_method(call.method)
    return Reply(
        200, {"done": True, "records": [job["told"] for job in org.state.docs("job").values()], "nextRecordsUrl": None}
    )


def _upload(org: Org, call: Call, job: Job) -> Reply:
    if job["told"]["state"] != "Open" or "data" in job:
        raise Fault("INVALIDJOBSTATE", "Data can be uploaded once, to a job that is Open")
    if len(call.request.body) * 4 // 3 > MOST_BYTES:
        raise Fault("REQUEST_ENTITY_TOO_LARGE", "The upload is larger than 150 MB in base64", status=413)
    _keep(org, {**job, "data": call.request.body.decode("utf-8-sig", "replace")})
    return Reply(201)


def _close(org: Org, call: Call, job: Job) -> Reply:
    wanted = call.object_body().get("state")
    state = job["told"]["state"]
    if wanted == "Aborted" and state not in OVER:
        header, rows = _read(job)
        aborted = {**job, "unprocessed": _file(header, [[row.get(name, "") for name in header] for row in rows])}
        return _tell(org, aborted, "Aborted")
    if wanted != "UploadComplete" or state != "Open" or "data" not in job:
        raise Fault("INVALIDJOBSTATE", f"The job is {state} and cannot become {wanted}")
    done = _process(org, call, job)
    return _tell(org, done, "UploadComplete")


def _tell(org: Org, job: Job, state: str) -> Reply:
    told = {**job["told"], "state": state, "systemModstamp": stamp(org.state.now())}
    _keep(org, {**job, "told": told})
    return Reply(200, told)


def _keep(org: Org, job: Job) -> None:
    org.state.keep(Doc("job", job["told"]["id"], job))


def _delete(org: Org, _: Call, job: Job) -> Reply:
    if job["told"]["state"] not in OVER:
        raise Fault("INVALIDJOBSTATE", "Only a job that is over can be deleted")
    org.state.keep(Doc("job", job["told"]["id"], None))
    return Reply(204)


def _look(org: Org, _: Call, job: Job) -> Reply:
    """Return the job; each look at a closed one moves it on."""
    counts = {"retries": 0, "totalProcessingTime": 100, "apiActiveProcessingTime": 50, "apexProcessingTime": 0}
    with org.state.lock:
        if job["told"]["state"] in ("UploadComplete", "InProgress"):
            waiting = job["looks"] < org.switch("bulk_polls")
            state = "InProgress" if waiting else job["outcome"]
            job = {**job, "looks": job["looks"] + 1, "told": {**job["told"], "state": state}}
            _keep(org, job)
    over = job["told"]["state"] in OVER
    processed = {
        "numberRecordsProcessed": job.get("processed", 0) if over else 0,
        "numberRecordsFailed": job.get("refused", 0) if over else 0,
    }
    failed = {"errorMessage": job["error"]} if over and "error" in job else {}
    return Reply(200, {**job["told"], "jobType": "V2Ingest", **processed, **counts, **failed})


# rows


def _read(job: Job) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(
        io.StringIO(job.get("data", ""), newline=""), delimiter=DELIMITERS[job["told"]["columnDelimiter"]]
    )
    rows = [{name: value or "" for name, value in row.items() if name is not None} for row in reader]
    return list(reader.fieldnames or ()), rows


def _file(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _process(org: Org, call: Call, job: Job) -> Job:
    """Write all rows; a column that does not exist fails the job before any row."""
    header, rows = _read(job)
    sobject = org.sobject(job["told"]["object"])
    call.actor.inputs += len(rows)
    unknown = [name for name in header if not _known(sobject, name)]
    if unknown or not header:
        error = (
            f"InvalidBatch : Field name not found : {unknown[0]}"
            if unknown
            else "InvalidBatch : Failed to parse the CSV header"
        )
        return {
            **job,
            "outcome": "Failed",
            "error": error,
            "unprocessed": _file(header, [[row[name] for name in header] for row in rows]),
        }
    rule = "TRUE" if job["told"].get("assignmentRuleId") else "FALSE"
    quiet = replace(call, request=replace(call.request, headers=Headers({"Sforce-Auto-Assign": rule})))
    good: list[list[str]] = []
    bad: list[list[str]] = []
    for place, row in enumerate(rows):
        cells = [row.get(name, "") for name in header]
        try:
            strike(call, place)
            record, created = _write(org, quiet, sobject, job["told"], row)
            good.append([record, str(created).lower(), *cells])
        except Fault as fault:
            bad.append(["", f"{fault.code}:{fault.message}:{','.join(fault.fields or ())} --", *cells])
    return {
        **{name: one for name, one in job.items() if name != "data"},
        "outcome": "JobComplete",
        "processed": len(rows),
        "refused": len(bad),
        "successful": _file(["sf__Id", "sf__Created", *header], good),
        "failed": _file(["sf__Id", "sf__Error", *header], bad),
        "unprocessed": _file(header, []),
    }


def _known(sobject: SObject, name: str) -> bool:
    through, dot, _ = name.partition(".")
    if dot:
        return any(field.relationship == through for field in sobject.fields.values())
    return sobject.find(name) is not None


def _write(org: Org, call: Call, sobject: SObject, told: Mapping[str, Any], row: Cells) -> tuple[str, bool]:
    values = _values(row)
    operation = told["operation"]
    if operation == "insert":
        return writes.create(org, call, Given(sobject, values)), True
    if operation == "upsert":
        name = told["externalIdFieldName"]
        key = writes.key_of(org, sobject, name, values.pop(name, None))
        return writes.upsert(org, call, Given(sobject, values), key)
    record = str(values.pop("Id", "") or "")
    if not record:
        raise Fault("MISSING_ARGUMENT", "Id not specified", [])
    if operation == "delete":
        writes.delete(org, call, record)
    else:
        writes.update(org, call, Given(sobject, values), record)
    return record, False


def _values(row: Cells) -> dict[str, Any]:
    """Return what a line says: an empty cell says nothing, #N/A clears, Parent.Key names a parent."""
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
