"""Bulk jobs of the sandbox Salesforce where an org is less kind than one would like."""

import csv
import io

import pytest
from salesforce_rest import Rest, key_field

ROWS = 6


@pytest.fixture
def keyed(rest) -> Rest:
    rest.org.seed(fields=[key_field("Lead")])
    return rest


@pytest.fixture
def leads(keyed) -> list[str]:
    people = [{"object": "Lead", "properties": {"LastName": f"L{n}", "Company": "Nordwerk"}} for n in range(ROWS)]
    return [one["id"] for one in keyed.org.seed(records=people)["records"]]


def opened(rest, **more):
    body = {"object": "Lead", "operation": "update", "contentType": "CSV", **more}
    return rest.call("POST", "jobs/ingest", json=body).body["id"]


def put(rest, job, text):
    return rest.call("PUT", f"jobs/ingest/{job}/batches", data=text.encode(), headers={"Content-Type": "text/csv"})


def patch(rest, job, state="UploadComplete"):
    return rest.call("PATCH", f"jobs/ingest/{job}", json={"state": state})


def look(rest, job):
    return rest.get(f"jobs/ingest/{job}").body


def started(rest, text, **more):
    """A job that was closed and that nobody has looked at."""
    job = opened(rest, **more)
    assert put(rest, job, text).status == 201
    assert patch(rest, job).status == 200
    return job


def ended(rest, job):
    while (told := look(rest, job))["state"] in ("UploadComplete", "InProgress"):
        pass
    return told


def results(rest, job, which="successfulResults"):
    body = rest.get(f"jobs/ingest/{job}/{which}").body or b""
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def titles(ids, title="CTO"):
    return "Id,Title\n" + "".join(f"{id},{title}\n" for id in ids)


def held(rest):
    return [one["Title"] for one in rest.records("SELECT Title FROM Lead ORDER BY LastName")]


def changed(rest):
    return [row["id"] for row in rest.org.ledger() if row["op"] == "update"]


def test_nothing_is_written_at_the_closing_call_and_a_share_at_each_look(keyed, leads):
    keyed.org.switch(bulk_polls=2)
    job = started(keyed, titles(leads))
    assert held(keyed) == [None] * ROWS

    seen = [
        (told["state"], told["numberRecordsProcessed"], len(changed(keyed))) for told in (look(keyed, job) for _ in "abc")
    ]
    assert seen == [("InProgress", 2, 2), ("InProgress", 4, 4), ("JobComplete", 6, 6)]
    assert held(keyed) == ["CTO"] * ROWS


def test_by_the_clock_a_job_goes_on_whether_anybody_looks_or_not(keyed, leads):
    keyed.org.switch(bulk_seconds=60)
    job = started(keyed, titles(leads))
    assert look(keyed, job)["state"] == "InProgress"
    keyed.org.advance(30)
    assert held(keyed).count("CTO") == 3
    keyed.org.advance(31)

    assert held(keyed) == ["CTO"] * ROWS
    assert look(keyed, job)["state"] == "JobComplete"


def test_what_a_job_wrote_is_in_the_ledger_under_the_call_that_closed_it(keyed, leads):
    job = started(keyed, titles(leads))
    ended(keyed, job)

    closing = next(one for one in keyed.org.requests() if one["method"] == "PATCH")
    assert closing["path"].endswith(f"/jobs/ingest/{job}")
    assert (closing["inputs"], closing["writes"]) == (ROWS, ROWS)
    assert {(row["actor"], row["request"]) for row in keyed.org.ledger() if row["op"] == "update"} == {
        ("integration", closing["seq"])
    }


def test_results_come_in_another_order_and_name_their_row_by_what_was_sent(keyed, leads):
    job = started(keyed, titles(leads))
    ended(keyed, job)
    told = results(keyed, job)

    assert [one["Id"] for one in told] != leads
    assert {one["Id"]: one["sf__Id"] for one in told} == {id: id for id in leads}
    assert {one["sf__Created"] for one in told} == {"false"}


def test_refused_rows_say_why_and_the_others_are_written(keyed, leads):
    keyed.org.act("delete", object="Lead", id=leads[1])
    bad = f"{leads[2]},{'x' * 200}\n001000000000001AAA,A\n"
    job = started(keyed, f"Id,Title\n{leads[0]},CTO\n{leads[1]},CTO\n{bad}")
    told = ended(keyed, job)

    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (4, 3)
    errors = {one["Id"]: one["sf__Error"] for one in results(keyed, job, "failedResults")}
    assert errors[leads[1]] == "ENTITY_IS_DELETED:entity is deleted:--"
    assert errors[leads[2]].startswith("STRING_TOO_LONG:")
    assert errors[leads[2]].endswith(":Title --")
    assert errors["001000000000001AAA"].startswith("MALFORMED_ID:")
    assert {one["Id"]: one["sf__Id"] for one in results(keyed, job, "failedResults")}[leads[1]] == leads[1]


def test_one_record_twice_among_two_hundred_is_refused_both_times(keyed, leads):
    job = started(keyed, titles([leads[0], leads[1], leads[0]]))
    ended(keyed, job)

    assert changed(keyed) == [leads[1]]
    assert [one["sf__Error"][:13] for one in results(keyed, job, "failedResults")] == ["INVALID_FIELD"] * 2


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("Id,Title\r\n{0},CTO\r\n", {}, "ClientInputError : LineEnding is invalid on user data"),
        ("Id,Title\n{0},CTO\n", {"lineEnding": "CRLF"}, "ClientInputError : LineEnding is invalid on user data"),
        ("Id,Title\n{0}\n", {}, "InvalidBatch : Number of fields in record 1"),
        ('Id,Title\n{0},"CTO" x\n', {}, "ClientInputError : Error encountered"),
        ("Id,Nope__c\n{0},1\n", {}, "InvalidBatch : Field name not found : Nope__c"),
        ("", {}, "InvalidBatch : Failed to parse the CSV header"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_whole_job_when_its_turn_comes(keyed, leads, text, more, says):
    job = started(keyed, text.format(leads[0]), **more)
    told = ended(keyed, job)

    assert (told["state"], told["errorMessage"][: len(says)]) == ("Failed", says)
    assert changed(keyed) == []


def test_fields_are_judged_when_the_rows_are_written_not_when_they_are_sent(keyed, leads):
    keyed.org.seed(fields=[{"object": "Lead", "name": "Tier__c", "type": "string", "length": 9}])
    job = started(keyed, "Id,Tier__c\n" + "".join(f"{id},hot\n" for id in leads))
    keyed.org.act("drop_field", object="Lead", name="Tier__c")

    assert ended(keyed, job)["errorMessage"] == "InvalidBatch : Field name not found : Tier__c"


def test_data_is_taken_once_and_only_by_an_open_job(keyed, leads):
    job = opened(keyed)
    assert put(keyed, job, titles(leads)).status == 201
    second = put(keyed, job, titles(leads))
    patch(keyed, job)

    assert (second.status, second.body[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
    assert put(keyed, job, titles(leads)).status == 400
    assert patch(keyed, job).status == 400


def test_a_job_aborted_half_way_keeps_what_it_wrote_and_names_the_rest(keyed, leads):
    job = started(keyed, titles(leads))
    assert look(keyed, job)["state"] == "InProgress"
    assert patch(keyed, job, "Aborted").body["state"] == "Aborted"

    good, rest = (results(keyed, job, name) for name in ("successfulResults", "unprocessedrecords"))
    assert (len(good), len(rest)) == (3, 3)
    assert {one["Id"] for one in good} == set(changed(keyed))
    assert {one["Id"] for one in (*good, *rest)} == set(leads)


def test_a_job_that_fails_half_way_keeps_what_it_wrote(keyed, leads):
    keyed.org.switch(bulk_failure={"after": 2, "message": "InternalServerError : Retried more than twenty times"})
    job = started(keyed, titles(leads))
    told = ended(keyed, job)

    assert (told["state"], told["errorMessage"][:19]) == ("Failed", "InternalServerError")
    assert (len(results(keyed, job)), len(results(keyed, job, "unprocessedRecords"))) == (2, 4)


def test_without_batches_left_for_the_day_rows_stay_unprocessed(keyed, leads):
    keyed.org.switch(daily_bulk_batches=0)
    job = started(keyed, titles(leads))

    assert ended(keyed, job)["state"] == "Failed"
    assert len(results(keyed, job, "unprocessedrecords")) == ROWS
    assert keyed.get("limits").body["DailyBulkApiBatches"] == {"Max": 0, "Remaining": 0}


def test_a_locked_row_and_a_row_ordered_to_fail_are_refused_alone(keyed, leads):
    keyed.org.weather({"match": {"method": "PATCH"}, "nth": 1, "fault": "row_error", "args": {"index": 4}})
    job = started(keyed, titles(leads))
    ended(keyed, job)

    (bad,) = results(keyed, job, "failedResults")
    assert (bad["Id"], bad["sf__Error"].partition(":")[0]) == (leads[4], "UNABLE_TO_LOCK_ROW")
    assert len(changed(keyed)) == ROWS - 1


def test_jobs_are_listed_by_the_thousand_and_kept_for_seven_days(keyed):
    made = {opened(keyed) for _ in range(3)}
    listed = keyed.get("jobs/ingest", jobType="V2Ingest").body
    assert ({one["id"] for one in listed["records"]}, listed["done"]) == (made, True)
    assert keyed.get("jobs/ingest", jobType="Classic").body["records"] == []
    keyed.org.advance(8 * 86_400)

    assert keyed.get("jobs/ingest").body["records"] == []
    assert keyed.get(f"jobs/ingest/{made.pop()}").status == 404


def test_quotes_commas_newlines_and_formulas_arrive_as_they_were_written(keyed, leads):
    said = ['a "quoted" word', "one, two", "first\nsecond", "first\r\nsecond", "=1+1", "Müller — 北京", "'", "#N/A?"]
    rest = io.StringIO()
    csv.writer(rest, lineterminator="\n").writerows(zip(leads, said[:ROWS], strict=False))
    job = started(keyed, "Id,Description\n" + rest.getvalue())
    ended(keyed, job)

    read = [one["Description"] for one in keyed.records("SELECT Description FROM Lead ORDER BY LastName")]
    assert read == said[:ROWS]
