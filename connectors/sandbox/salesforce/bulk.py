"""
Bulk API 2.0, ingest: a job is made, filled with CSV, closed, watched, and tells per row what became of it.

Decided here: the states of a job, and when its rows are written: never at the closing call, but batch after batch (10,000
rows) while it is in progress, by looks (`bulk_polls`) or by the sandbox's clock (`bulk_seconds`). Fields, locks and records
are judged as they are then. Jobs are kept with the org for seven days, so a caller that was restarted finds them again.
Query jobs are refused. Not decided here: how a row is read and written (`bulk_rows`).
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.salesforce import bulk_rows, errors
from connectors.sandbox.salesforce.bulk_rows import DELIMITERS, ENDINGS, Batch, Table, Unreadable
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import mint
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.soql.dates import stamp
from connectors.sandbox.state import Doc
from connectors.sandbox.wire import Actor, Headers, Reply, Request

JOB_PREFIX = "750"
OPERATIONS = ("insert", "update", "upsert", "delete")
MOST_BYTES = 150_000_000
INNER_BATCH = 10_000
PAGE = 1000
KEPT_MS = 7 * 86_400_000
OVER = ("JobComplete", "Failed", "Aborted")
CLOSED = ("UploadComplete", "InProgress")

Job = dict[str, Any]


def answer(org: Org, call: Call) -> Reply:
    """Answer a call below `jobs/`."""
    rest = [part for part in call.parts[1:] if part]
    if rest[:1] != ["ingest"]:
        raise errors.not_built("bulk jobs other than ingest")
    with org.state.lock:
        _forget_old(org)
        if len(rest) == 1:
            return _create(org, call) if call.method == "POST" else _listing(org, call)
        job = org.state.doc("job", rest[1])
        if job is None:
            raise errors.not_found()
        if len(rest) == 2:
            rooms: Mapping[str, Callable[[Org, Call, Job], Reply]] = {"GET": _look, "PATCH": _change, "DELETE": _delete}
            if call.method not in rooms:
                raise errors.bad_method(call.method)
            return rooms[call.method](org, call, job)
        return _part(org, call, job, rest[2])


def go_on(org: Org) -> None:
    """Write what is due by the clock, whoever calls; does nothing while jobs go by looks."""
    seconds = org.switch("bulk_seconds")
    jobs = org.state.docs("job")
    if seconds is None or not jobs:
        return
    with org.state.lock:
        for job in [one for one in jobs.values() if one["told"]["state"] in CLOSED]:
            passed = (org.state.now() - job["closed_at"]) / 1000
            _work_until(org, job, 1.0 if passed >= float(seconds) else passed / float(seconds))


def _part(org: Org, call: Call, job: Job, name: str) -> Reply:
    if name == "batches" and call.method == "PUT":
        return _upload(org, call, job)
    # jsforce and simple-salesforce spell the last one differently, and the API takes both.
    files = {"successfulresults": "good", "failedresults": "bad", "unprocessedrecords": "rest"}
    which = files.get(name.lower())
    if which is None or call.method != "GET":
        raise errors.not_found()
    if job["told"]["state"] not in OVER:
        raise Fault("INVALIDJOBSTATE", f"Results are not ready: the job is {job['told']['state']}")
    text = _unprocessed(org, job) if which == "rest" else org.state.doc(f"job_{which}", job["told"]["id"]) or ""
    return Reply(200, text.encode(), {"Content-Type": "text/csv"})


def _create(org: Org, call: Call) -> Reply:
    body = call.object_body()
    operation = body.get("operation")
    if operation not in OPERATIONS:
        raise Fault("INVALIDJOB", f"The operation must be one of {', '.join(OPERATIONS)}, not {operation}")
    sobject = org.sobject(str(body.get("object", "")))
    if body.get("contentType", "CSV") != "CSV" or body.get("columnDelimiter", "COMMA") not in DELIMITERS:
        raise Fault("INVALIDJOB", "Unsupported content type or delimiter")
    if body.get("lineEnding", "LF") not in ENDINGS:
        raise Fault("INVALIDJOB", "Unsupported line ending")
    if operation == "upsert":
        field = sobject.find(str(body.get("externalIdFieldName", "")))
        if field is None or not (field.external_id or field.id_lookup):
            said = f"Field name provided, {body.get('externalIdFieldName')} does not match an External ID"
            raise Fault("INVALIDJOB", f"InvalidJob : {said}")
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
    org.state.keep(Doc("job", record, {"told": told, "looks": 0, "done": 0, "refused": 0, "made_at": org.state.now()}))
    return Reply(200, told)


def _listing(org: Org, call: Call) -> Reply:
    """All jobs, a thousand at a time and in no order; `jobType` other than V2Ingest finds none."""
    if call.method != "GET":
        raise errors.bad_method(call.method)
    kind = call.request.one("jobType", "V2Ingest")
    found = [{**job["told"], "jobType": "V2Ingest"} for job in org.state.docs("job").values()] if kind == "V2Ingest" else []
    random.Random(len(found)).shuffle(found)  # noqa: S311  repeatable, not secret
    start = int(call.request.one("queryLocator", "0") or 0)
    more = start + PAGE < len(found)
    following = f"{call.root}/jobs/ingest?jobType={kind}&queryLocator={start + PAGE}" if more else None
    return Reply(200, {"done": not more, "records": found[start : start + PAGE], "nextRecordsUrl": following})


def _upload(org: Org, call: Call, job: Job) -> Reply:
    record = job["told"]["id"]
    if job["told"]["state"] != "Open":
        raise Fault("INVALIDJOBSTATE", f"Data can be uploaded to a job that is Open; this one is {job['told']['state']}")
    if org.state.doc("job_data", record) is not None:
        said = f"Found multiple contents for job: <{record}>, please 'Close' / 'Abort' / 'Delete' the current Job"
        raise Fault("INVALIDJOBSTATE", f"{said} then create a new Job and make sure you only do 'PUT' once on a given Job.")
    if len(call.request.body) * 4 // 3 > MOST_BYTES:
        raise Fault("REQUEST_ENTITY_TOO_LARGE", "The upload is larger than 150 MB in base64", status=413)
    org.state.keep(Doc("job_data", record, call.request.body.decode("utf-8-sig", "replace")))
    return Reply(201)


def _change(org: Org, call: Call, job: Job) -> Reply:
    wanted = call.object_body().get("state")
    state = job["told"]["state"]
    if wanted == "Aborted" and state not in OVER:
        return _tell(org, job, "Aborted")
    if wanted != "UploadComplete" or state != "Open" or org.state.doc("job_data", job["told"]["id"]) is None:
        raise Fault("INVALIDJOBSTATE", f"The job is {state} and cannot become {wanted}")
    actor = call.actor
    struck = {"fault": actor.fault, "args": dict(actor.args)} if actor.fault else {}
    closed = {**job, "closed_at": org.state.now(), "closed_by": actor.request, "actor": actor.name, **struck}
    return _tell(org, closed, "UploadComplete")


def _tell(org: Org, job: Job, state: str) -> Reply:
    told = {**job["told"], "state": state, "systemModstamp": stamp(org.state.now())}
    _keep(org, {**job, "told": told})
    return Reply(200, told)


def _keep(org: Org, job: Job) -> None:
    org.state.keep(Doc("job", job["told"]["id"], job))


def _delete(org: Org, _: Call, job: Job) -> Reply:
    if job["told"]["state"] not in (*OVER, "UploadComplete"):
        raise Fault("INVALIDJOBSTATE", "Only a job that is over, or waits for its turn, can be deleted")
    _remove(org, job["told"]["id"])
    return Reply(204)


def _remove(org: Org, record: str) -> None:
    org.state.keep(*(Doc(kind, record, None) for kind in ("job", "job_data", "job_good", "job_bad")))


def _forget_old(org: Org) -> None:
    since = org.state.now() - KEPT_MS
    for record in [record for record, job in org.state.docs("job").items() if job["made_at"] < since]:
        _remove(org, record)


def _look(org: Org, _: Call, job: Job) -> Reply:
    """Return the job; unless it goes by the clock, each look at a closed one moves it on."""
    if job["told"]["state"] in CLOSED and org.switch("bulk_seconds") is None:
        job = {**job, "looks": job["looks"] + 1}
        job = _work_until(org, job, job["looks"] / (int(org.switch("bulk_polls")) + 1))
    counts = {"retries": 0, "totalProcessingTime": 100, "apiActiveProcessingTime": 50, "apexProcessingTime": 0}
    numbers = {"numberRecordsProcessed": job["done"], "numberRecordsFailed": job["refused"]}
    failed = {"errorMessage": job["error"]} if job["told"]["state"] == "Failed" else {}
    return Reply(200, {**job["told"], "jobType": "V2Ingest", **numbers, **counts, **failed})


# the work


def _work_until(org: Org, job: Job, share: float) -> Job:
    """Write the rows up to this share of the file, at most one inner batch of them; the job as it stands then."""
    record = job["told"]["id"]
    try:
        table = bulk_rows.read(org.state.doc("job_data", record) or "", job["told"])
        bulk_rows.known(org.sobject(job["told"]["object"]), table.header)
    except Unreadable as problem:
        return _ended(org, {**job, "error": str(problem)}, "Failed")
    end = _end(org, job, table, share)
    if end > job["done"]:
        job = _written(org, job, table, end)
    if job.get("error"):
        return _ended(org, job, "Failed")
    if share >= 1 and job["done"] == len(table.rows):
        return _ended(org, job, "JobComplete")
    return _ended(org, job, "InProgress")


def _end(org: Org, job: Job, table: Table, share: float) -> int:
    """Up to which row it is written now, with the day's batches and an ordered failure in mind."""
    end = len(table.rows) if share >= 1 else int(share * len(table.rows))
    end = max(job["done"], min(end, job["done"] + INNER_BATCH))
    failure = org.switch("bulk_failure")
    if failure is not None and end >= int(failure.get("after", 0)):
        end = max(job["done"], int(failure.get("after", 0)))
        job["error"] = str(failure.get("message", "InternalServerError : An unexpected error occurred"))
    left = int(org.switch("daily_bulk_batches")) - int(org.state.doc("bulk", "batches") or 0)
    if left <= 0 and end > job["done"]:
        job["error"] = "ExceededQuota : ApiBatchItems Limit exceeded."
        return int(job["done"])
    return end


def _written(org: Org, job: Job, table: Table, end: int) -> Job:
    told, start = job["told"], job["done"]
    actor = Actor(job["actor"], job["closed_by"], job.get("fault"), job.get("args", {}))
    rule = "TRUE" if told.get("assignmentRuleId") else "FALSE"
    request = Request("PATCH", f"/services/data/v{told['apiVersion']}/jobs/ingest/{told['id']}")
    headers = Headers({"Sforce-Auto-Assign": rule})
    call = Call(Request(request.method, request.path, headers=headers), actor, f"v{told['apiVersion']}", ())
    with org.state.whole():
        good, bad = bulk_rows.write(org, call, Batch(told, table, start, end))
        job = {**job, "done": end, "refused": job["refused"] + len(bad)}
        for kind, rows, own in (("good", good, "sf__Created"), ("bad", bad, "sf__Error")):
            before = org.state.doc(f"job_{kind}", told["id"])
            text = bulk_rows.file(["sf__Id", own, *table.header], rows, head=before is None)
            org.state.keep(Doc(f"job_{kind}", told["id"], (before or "") + text))
        org.state.keep(Doc("bulk", "batches", int(org.state.doc("bulk", "batches") or 0) + 1))
        org.state.credit(actor.request, end - start, actor.writes)
    return job


def _ended(org: Org, job: Job, state: str) -> Job:
    job = {**job, "told": {**job["told"], "state": state, "systemModstamp": stamp(org.state.now())}}
    _keep(org, job)
    return job


def _unprocessed(org: Org, job: Job) -> str:
    try:
        table = bulk_rows.read(org.state.doc("job_data", job["told"]["id"]) or "", job["told"])
    except Unreadable:
        return str(org.state.doc("job_data", job["told"]["id"]) or "")
    return bulk_rows.file(table.header, table.rows[job["done"] :])
