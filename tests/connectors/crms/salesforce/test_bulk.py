"""Updates as files: what a job writes, what it tells, and that it says the same as a call would."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.bulk import Job, JobState, Told
from connectors.contract import Change, Outcome
from connectors.crms.salesforce.bulk import fault_of_row
from connectors.crms.salesforce.options import Options
from connectors.errors import Refused, Rejected, TryLater, Unknown
from settings.terms import Secret

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def people(org) -> list[str]:
    org.person = "lead"
    return [org.add("lead", LastName=f"p{n}", Company="Nordwerk", Email=f"p{n}@nordwerk.example") for n in range(6)]


def change(id, fields=None, **more):
    return Change(f"L{id}", "lead", id, {"pql_score": 71} if fields is None else fields, **more)


def started(org, changes, object="lead"):
    """A closed job with these changes in it."""
    sheet = org.crm.bulk.sheet(object, changes)
    assert (sheet.receipts, sheet.unfit) == ((), frozenset())
    job = org.crm.bulk.open(object, "t")
    org.crm.bulk.upload(job, sheet.columns, sheet.lines)
    org.crm.bulk.close(job)
    return job


def ended(org, job):
    while (told := org.crm.bulk.look(job)).state is JobState.WORKING:
        pass
    return told


def outcome(org, changes, object="lead"):
    """Receipts by key, after a whole job."""
    job = ended(org, started(org, changes, object))
    return {one.key: one for one in org.crm.bulk.receipts(object, changes, org.crm.bulk.told(job))}


# ------------------------------------------------------------------ a job


def test_a_job_passes_from_open_to_done_and_every_row_gets_its_receipt(org, people):
    changes = [change(id) for id in people]
    sheet = org.crm.bulk.sheet("lead", changes)
    job = org.crm.bulk.open("lead", "t")
    seen = [org.crm.bulk.look(job).state]
    org.crm.bulk.upload(job, sheet.columns, sheet.lines)
    seen.append(org.crm.bulk.look(job).state)
    org.crm.bulk.close(job)
    seen.append(org.crm.bulk.look(job).state)
    done = ended(org, job)

    assert seen == [JobState.OPEN, JobState.OPEN, JobState.WORKING]
    assert done == Job(job, JobState.DONE, "", 6, 0)
    told = org.crm.bulk.receipts("lead", changes, org.crm.bulk.told(done))
    assert [(one.key, one.outcome, one.crm_id) for one in told] == [(f"L{id}", Outcome.APPLIED, id) for id in people]
    assert [org.held("lead", id, "pql_score") for id in people] == [71] * 6


def test_twenty_thousand_rows_are_ten_questions_and_five_calls(org):
    assert org.crm.bulk.calls("lead", 20_000) == 15
    assert org.crm.bulk.calls("contact", 20_000) == 5
    assert org.crm.bulk.calls("company", 120_000) == 15


def test_a_job_makes_no_more_calls_than_it_says(org, people):
    org.crm.bulk.sheet("lead", [change(people[0])])
    org.sandbox.switch(bulk_polls=0)
    before = org.crm.calls
    outcome(org, [change(id) for id in people])

    assert org.crm.calls - before == org.crm.bulk.calls("lead", 6)


def test_closing_twice_and_aborting_what_is_over_do_no_harm(org, people):
    before = org.writes()
    job = started(org, [change(id) for id in people])
    assert not org.crm.bulk.close(job)
    assert ended(org, job).state is JobState.DONE
    org.crm.bulk.abort(job)

    assert org.crm.bulk.look(job).state is JobState.DONE
    assert org.writes() == before + 6


def test_a_job_without_its_file_cannot_be_closed_and_stays_open(org):
    job = org.crm.bulk.open("lead", "t")

    assert not org.crm.bulk.close(job)
    assert org.crm.bulk.look(job).state is JobState.OPEN


def test_an_aborted_job_that_was_open_wrote_nothing(org, people):
    before = org.writes()
    job = org.crm.bulk.open("lead", "t")
    sheet = org.crm.bulk.sheet("lead", [change(people[0])])
    org.crm.bulk.upload(job, sheet.columns, sheet.lines)
    org.crm.bulk.abort(job)
    org.crm.bulk.close(job)

    assert org.crm.bulk.look(job).state is JobState.ABORTED
    assert org.writes() == before


def test_a_job_that_salesforce_does_not_know_any_more_is_gone(org, people):
    job = started(org, [change(id) for id in people])
    org.sandbox.advance(8 * 86_400)

    assert org.crm.bulk.look(job).state is JobState.GONE
    org.crm.bulk.close(job)
    org.crm.bulk.abort(job)


def test_a_second_file_is_refused(org, people):
    job = org.crm.bulk.open("lead", "t")
    sheet = org.crm.bulk.sheet("lead", [change(people[0])])
    org.crm.bulk.upload(job, sheet.columns, sheet.lines)

    with pytest.raises(Rejected) as caught:
        org.crm.bulk.upload(job, sheet.columns, sheet.lines)
    assert caught.value.code == "INVALIDJOBSTATE"


# ------------------------------------------------------------------ what goes into a file


values = st.fixed_dictionaries(
    {
        "pql_reasons": st.text(max_size=200) | st.sampled_from(["=1+1", '"', "a\nb", "a\r\nb", "\r", "#N/A", "1,5", " x "]),
        "pql_score": st.integers(-100, 100) | st.floats(-99, 99, allow_nan=False),
        "pql_flag": st.booleans(),
        "pql_since": st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  bounds are naive
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(values, min_size=1, max_size=3))
def test_a_file_writes_and_tells_what_a_call_would(org, some):
    """The same values by both ways onto twins: the org holds the same, and the receipts say the same."""
    twins = [[org.add("contact", LastName="p") for _ in some] for _ in "ab"]
    by_call, by_file = (
        [Change(f"L{n}", "contact", id, fields) for n, (id, fields) in enumerate(zip(ids, some, strict=True))]
        for ids in twins
    )
    called = {one.key: one for one in org.crm.records.write("contact", by_call, "t")}
    unfit = org.crm.bulk.sheet("contact", by_file).unfit
    filed = outcome(org, [one for one in by_file if one.key not in unfit], "contact") if len(unfit) < len(some) else {}

    assert {n for n, one in enumerate(some) if one["pql_reasons"].strip() == "#N/A"} <= {int(key[1:]) for key in unfit}
    for key, receipt in filed.items():
        a, b = (ids[int(key[1:])] for ids in twins)
        assert (receipt.outcome, receipt.echoed, receipt.field) == (
            called[key].outcome,
            called[key].echoed,
            called[key].field,
        )
        assert [org.row("contact", a).get(name) for name in NAMES] == [org.row("contact", b).get(name) for name in NAMES]


NAMES = ("PQL_Reasons__c", "PQL_Score__c", "PQL_Flag__c", "PQL_Since__c")


def test_an_intended_clear_empties_a_field_and_nothing_else_is_touched(org, people):
    org.edit("lead", people[0], "pql_reasons", "old")
    org.edit("lead", people[0], "pql_tier", "hot")
    told = outcome(org, [change(people[0], {"pql_score": 5}, clear=("pql_reasons", "pql_flag"))])

    assert [one.outcome for one in told.values()] == [Outcome.APPLIED]
    held = [org.held("lead", people[0], name) for name in ("pql_score", "pql_reasons", "pql_flag", "pql_tier")]
    assert (held[0], held[1], held[2] or False, held[3]) == (5, None, False, "hot")


def test_a_text_that_a_cell_cannot_say_is_left_to_a_call(org, people):
    changes = [change(people[0], {"pql_reasons": "#N/A"}), change(people[1], {"pql_reasons": "fine"})]
    changes.append(change(people[2], {"pql_reasons": "a\x00b"}))
    sheet = org.crm.bulk.sheet("lead", changes)

    assert sheet.unfit == {changes[0].key, changes[2].key}
    assert sheet.lines == f'"{people[1]}","fine"\n'.encode()


def test_a_value_that_the_field_cannot_keep_is_refused_by_name_without_being_sent(org, people):
    sheet = org.crm.bulk.sheet("lead", [change(people[0], {"pql_score": "many"}), change(people[1], {"pql_score": 5})])

    (receipt,) = sheet.receipts
    assert (receipt.key, receipt.outcome, receipt.field) == (f"L{people[0]}", Outcome.REJECTED, "pql_score")
    assert sheet.lines.count(b"\n") == 1


def test_rows_with_different_fields_never_share_a_file(org, people):
    with pytest.raises(ValueError, match="same fields"):
        org.crm.bulk.sheet("lead", [change(people[0], {"pql_score": 5}), change(people[1], {"pql_tier": "hot"})])


def test_leads_that_were_converted_stay_out_of_the_file(org, people):
    contact = org.sandbox.act("convert", id=people[0])["contact"]
    calls = org.crm.calls
    sheet = org.crm.bulk.sheet("lead", [change(id) for id in people])

    (receipt,) = sheet.receipts
    assert (receipt.outcome, receipt.moved_to) == (Outcome.MOVED, contact)
    assert sheet.lines.count(b"\n") == 5
    assert org.crm.calls - calls <= 2


# ------------------------------------------------------------------ what it tells


def test_each_refused_row_is_what_it_would_be_in_a_call(org, people):
    org.delete("lead", people[0])
    org.sandbox.act("convert", id=people[1])
    org.sandbox.switch(row_locks={people[2]: 9})
    org.sandbox.switch(
        validation_rules=[
            {"object": "Lead", "refuse_when": "LastName = 'p3'", "message": "Not: p3", "field": "PQL_Score__c"},
        ]
    )
    changes = [change(id) for id in people]
    job = org.crm.bulk.open("lead", "t")
    lines = "".join(f"{id},71\n" for id in people).encode()  # past the question that would have kept the converted one out
    org.crm.bulk.upload(job, ("Id", "PQL_Score__c"), lines)
    org.crm.bulk.close(job)
    told = org.crm.bulk.receipts("lead", changes, org.crm.bulk.told(ended(org, job)))

    assert [one.outcome for one in told] == [
        *(Outcome.MOVED, Outcome.MOVED, Outcome.TRY_LATER, Outcome.REJECTED, Outcome.APPLIED, Outcome.APPLIED),
    ]
    assert (told[3].field, told[3].code) == ("pql_score", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert told[3].message.startswith("Not: p3")


def test_rows_of_a_job_that_failed_half_way_are_taken_or_unknown(org, people):
    org.sandbox.switch(bulk_failure={"after": 2, "message": "InternalServerError : Retried too often"})
    changes = [change(id) for id in people]
    job = ended(org, started(org, changes))
    told = org.crm.bulk.receipts("lead", changes, org.crm.bulk.told(job))

    assert (job.state, job.says) == (JobState.FAILED, "InternalServerError : Retried too often")
    assert sorted(one.outcome for one in told) == [Outcome.APPLIED] * 2 + [Outcome.UNKNOWN] * 4
    applied = {one.crm_id for one in told if one.outcome is Outcome.APPLIED}
    assert applied == {id for id in people if org.held("lead", id, "pql_score") == 71}


def test_a_field_that_is_gone_fails_the_job_and_says_which(org, people):
    org.sandbox.act("drop_field", object="Lead", name="PQL_Score__c")
    job = ended(org, started(org, [change(id) for id in people]))

    assert (job.state, job.says) == (JobState.FAILED, "InvalidBatch : Field name not found : PQL_Score__c")


@pytest.mark.parametrize("fault", ["empty_2xx", "truncate"])
def test_results_that_broke_off_are_never_taken_for_few_rows(org, people, fault):
    job = ended(org, started(org, [change(id) for id in people]))
    match = {"method": "GET", "path": ".*successfulResults"}
    org.sandbox.weather({"match": match, "nth": 1, "fault": fault, "args": {"body": "none"}})
    with suppress(TryLater):
        assert not org.crm.bulk.told(job).complete

    assert org.crm.bulk.told(job).complete


def test_a_row_that_no_file_mentions_is_unknown(org, people):
    (receipt,) = org.crm.bulk.receipts("lead", [change(people[0])], Told())

    assert (receipt.outcome, receipt.code) == (Outcome.UNKNOWN, "NOT_IN_ANSWER")


@pytest.mark.parametrize(
    ("text", "code", "says", "fields"),
    [
        ("ENTITY_IS_DELETED:entity is deleted:--", "ENTITY_IS_DELETED", "entity is deleted.", ()),
        ("X_Y:one: two:A__c,B__c --", "X_Y", "one: two.", ("A__c", "B__c")),
        ("X_Y:no end", "X_Y", "no end.", ()),
        ("X_Y:what: is -- this:--", "X_Y", "what: is -- this.", ()),
        ("something else", "ROW_REFUSED", "something else.", ()),
        ("", "ROW_REFUSED", "", ()),
    ],
)
def test_an_error_of_a_row_is_read_whatever_stands_in_it(text, code, says, fields):
    fault = fault_of_row(text)

    assert (fault.code, fault.says, fault.fields) == (code, says, fields)


# ------------------------------------------------------------------ bad weather


@pytest.mark.parametrize(("fault", "raised"), [("reset_after", Unknown), ("reset_before", Unknown), ("empty_2xx", Unknown)])
def test_a_job_whose_making_nobody_can_prove_is_unknown(org, fault, raised):
    org.crm.bulk.look("750000000000001AAA")
    org.sandbox.weather({"match": {"method": "POST", "path": ".*jobs/ingest$"}, "nth": 1, "fault": fault})

    with pytest.raises(raised):
        org.crm.bulk.open("lead", "t")


@pytest.mark.parametrize(
    ("fault", "args", "raised"),
    [
        ("daily_limit", {}, TryLater),
        ("status", {"status": 503}, Unknown),
        ("forbidden", {}, Refused),
        ("reset_after", {}, Unknown),
        ("html", {"status": 200}, Unknown),
    ],
)
def test_a_refused_upload_is_what_it_would_be_in_a_call(org, people, fault, args, raised):
    job = org.crm.bulk.open("lead", "t")
    org.sandbox.weather({"match": {"method": "PUT"}, "nth": 1, "fault": fault, "args": args})

    with pytest.raises(raised):
        org.crm.bulk.upload(job, ("Id", "Title"), f"{people[0]},x\n".encode())


def test_a_session_that_is_over_is_renewed_for_files_too(org, people):
    crm = org.logged_in()
    job = crm.bulk.open("lead", "t")
    org.revoke()

    with pytest.raises(TryLater):
        crm.bulk.upload(job, ("Id", "Title"), f"{people[0]},x\n".encode())
    crm.bulk.upload(job, ("Id", "Title"), f"{people[0]},x\n".encode())
    crm.close()


@pytest.mark.parametrize("above", [-1, 1.5])
def test_a_bound_that_is_no_number_of_rows_is_refused(above):
    with pytest.raises(Refused, match="bulk_above"):
        Options("https://acme.my.salesforce.com", token=Secret("T", "t"), bulk_above=above)
