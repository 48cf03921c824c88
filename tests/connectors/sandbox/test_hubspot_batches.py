"""Batch verbs of the sandbox HubSpot: partial results, refusals, order, and what a reply leaves out."""

import pytest

CONTACTS = "/crm/v3/objects/contacts"
NEWEST = "/crm/objects/2026-09/contacts"


def create(call, inputs, path=CONTACTS):
    return call("POST", f"{path}/batch/create", {"inputs": inputs})


def row(i, trace=None, **properties):
    one = {"properties": {"email": f"u{i}@b.co", **properties}, "associations": []}
    return {**one, "objectWriteTraceId": trace} if trace else one


def ids_by_email(answer):
    return {one["properties"]["email"]: one["id"] for one in answer.body["results"]}


def test_without_trace_ids_one_conflict_refuses_the_whole_batch_and_creates_none(call, hubspot):
    create(call, [row(1)])
    answer = create(call, [row(0), row(1), row(2)])

    assert (answer.status, answer.body["category"]) == (409, "CONFLICT")
    assert len(hubspot.ledger()) == 1


def test_with_unique_trace_ids_the_good_rows_are_created_and_the_bad_one_is_named(call):
    create(call, [row(1)])
    answer = create(call, [row(i, f"t{i}") for i in range(3)])

    assert answer.status == 207
    assert sorted(ids_by_email(answer)) == ["u0@b.co", "u2@b.co"]
    assert answer.body["numErrors"] == 1
    assert answer.body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]


def test_trace_ids_that_repeat_do_not_count(call):
    create(call, [row(1)])

    assert create(call, [row(0, "t"), row(1, "t")]).status == 409


def test_the_newest_version_tells_a_partial_failure_in_a_plain_success(call):
    create(call, [row(1)])
    answer = create(call, [row(i, f"t{i}") for i in range(3)], NEWEST)

    assert answer.status == 201
    assert answer.body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]
    assert len(answer.body["results"]) == 2


def test_switches_choose_the_status_of_a_partial_failure_or_refuse_every_batch(call, hubspot):
    create(call, [row(1)])
    hubspot.switch(partial_status="plain")
    assert create(call, [row(i, f"a{i}") for i in range(2)]).status == 201
    hubspot.switch(partial_status="207", whole_batch_refusal=True)
    assert create(call, [row(i, f"b{i}") for i in range(1, 4)]).status == 409


def test_missing_ids_of_an_update_are_listed_beside_what_was_written(call):
    ids = list(ids_by_email(create(call, [row(i) for i in range(2)])).values())
    inputs = [{"id": one, "properties": {"phone": "1"}} for one in [*ids, "404"]]
    answer = call("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})

    assert (answer.status, len(answer.body["results"])) == (207, 2)
    assert (answer.body["errors"][0]["category"], answer.body["errors"][0]["context"]["ids"]) == (
        "OBJECT_NOT_FOUND",
        ["404"],
    )


def test_missing_ids_of_a_read_are_one_error_for_all_of_them(call):
    found = ids_by_email(create(call, [row(0)]))["u0@b.co"]
    answer = call("POST", f"{CONTACTS}/batch/read", {"inputs": [{"id": one} for one in (found, "7", "8")], "properties": []})

    assert (answer.status, answer.body["numErrors"]) == (207, 1)
    assert answer.body["errors"][0]["context"]["ids"] == ["7", "8"]


def test_an_upsert_creates_and_updates_by_a_unique_property(call):
    create(call, [row(0)])
    inputs = [{"id": f"u{i}@b.co", "idProperty": "email", "properties": {"phone": "1"}} for i in range(2)]
    answer = call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})

    assert answer.status == 200
    assert sorted(one["new"] for one in answer.body["results"]) == [False, True]


def test_a_bad_row_refuses_a_whole_upsert_by_email_even_with_trace_ids(call, hubspot):
    inputs = [
        {"id": f"u{i}@b.co", "idProperty": "email", "properties": {"lifecyclestage": stage}, "objectWriteTraceId": str(i)}
        for i, stage in enumerate(("lead", "moon"))
    ]

    assert call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs}).status == 400
    hubspot.switch(partial_email_upserts=True)
    assert call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs}).status == 207


@pytest.mark.parametrize("named", ["phone", "hs_object_id"])
def test_an_upsert_by_a_property_that_is_not_unique_is_refused_in_the_vendors_words(call, named):
    inputs = [{"id": "1", "idProperty": named, "properties": {}}]
    answer = call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})

    assert answer.status == 400
    assert answer.body["message"].startswith(
        f"Unable to perform update/upsert by non-unique 0-1 property {named} in portal ID"
    )


def test_two_inputs_for_one_record_are_refused(call):
    record = ids_by_email(create(call, [row(0)]))["u0@b.co"]
    twice = [{"id": record, "properties": {"phone": str(i)}} for i in range(2)]
    by_case = [{"id": one, "idProperty": "email", "properties": {}} for one in ("U9@b.co", "u9@b.co")]

    assert call("POST", f"{CONTACTS}/batch/update", {"inputs": twice}).status == 400
    assert call("POST", f"{CONTACTS}/batch/upsert", {"inputs": by_case}).status == 400
    assert create(call, [row(5), row(5)]).status == 400


def test_primary_and_secondary_address_of_one_contact_are_one_record(call):
    ids = ids_by_email(create(call, [row(0), row(1)]))
    call("POST", f"{CONTACTS}/merge", {"primaryObjectId": ids["u0@b.co"], "objectIdToMerge": ids["u1@b.co"]})
    both = [{"id": f"u{i}@b.co", "idProperty": "email", "properties": {"phone": "1"}} for i in range(2)]

    assert call("POST", f"{CONTACTS}/batch/upsert", {"inputs": both}).status == 400
    alone = call("POST", f"{CONTACTS}/batch/upsert", {"inputs": both[1:]})
    assert alone.body["results"][0]["new"] is False


def test_results_are_shuffled_by_seed_and_in_order_only_when_told(call, hubspot):
    emails = [f"u{i}@b.co" for i in range(20)]
    assert list(ids_by_email(create(call, [row(i) for i in range(20)]))) != emails
    hubspot.switch(shuffle_seed=False)
    inputs = [{"id": one, "idProperty": "email", "properties": {"phone": "1"}} for one in emails]
    answer = call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
    read = call("POST", f"{CONTACTS}/batch/read", {"inputs": [{"id": one["id"]} for one in answer.body["results"]]})
    assert list(ids_by_email(read)) == emails


def test_trace_ids_are_not_repeated_on_success_unless_told(call, hubspot):
    assert "objectWriteTraceId" not in create(call, [row(0, "t")]).body["results"][0]
    hubspot.switch(echo_trace_ids=True)
    assert create(call, [row(1, "t")]).body["results"][0]["objectWriteTraceId"] == "t"


def test_more_than_a_hundred_inputs_are_refused(call, hubspot):
    assert create(call, [row(i) for i in range(101)]).status == 400
    assert hubspot.ledger() == []


def test_a_body_without_inputs_is_a_success_that_did_nothing(call, hubspot):
    answer = call("POST", f"{CONTACTS}/batch/upsert", {"input": []})

    assert (answer.status, answer.body["status"], answer.body["results"]) == (200, "COMPLETE", [])
    assert hubspot.ledger() == []


def test_an_archive_answers_with_nothing(call):
    ids = ids_by_email(create(call, [row(0)])).values()
    answer = call("POST", f"{CONTACTS}/batch/archive", {"inputs": [{"id": one} for one in [*ids, "404"]]})

    assert (answer.status, answer.body) == (204, None)


def test_a_merged_id_is_updated_under_its_new_one(call):
    ids = ids_by_email(create(call, [row(0), row(1)]))
    merged = call("POST", f"{CONTACTS}/merge", {"primaryObjectId": ids["u0@b.co"], "objectIdToMerge": ids["u1@b.co"]})
    answer = call("POST", f"{CONTACTS}/batch/update", {"inputs": [{"id": ids["u1@b.co"], "properties": {"phone": "1"}}]})

    assert answer.body["results"][0]["id"] == merged.body["id"]


def test_a_row_fails_or_goes_missing_when_a_fault_asks_for_it(call, hubspot):
    inputs = [row(i) for i in range(3)]
    hubspot.weather(
        {"fault": "row_error", "nth": 1, "args": {"index": 1, "code": "PROPERTY_DOESNT_EXIST", "property": "pql_tier"}}
    )
    failed = create(call, inputs)
    hubspot.weather({"fault": "partial_as_200", "nth": 1})
    plain = create(call, [row(i) for i in range(10, 13)])
    hubspot.weather({"fault": "drop_item", "nth": 1})
    lossy = create(call, [row(i) for i in range(20, 23)])
    hubspot.weather({"fault": "row_error", "args": {"whole": True}})
    whole = create(call, [row(i) for i in range(30, 33)])

    assert (failed.status, sorted(ids_by_email(failed))) == (207, ["u0@b.co", "u2@b.co"])
    assert "PROPERTY_DOESNT_EXIST" in failed.body["errors"][0]["message"]
    assert (plain.status, len(plain.body["results"]), len(plain.body["errors"])) == (201, 2, 1)
    assert (lossy.status, len(lossy.body["results"])) == (201, 2)
    assert whole.status == 400
    assert len(hubspot.ledger()) == 2 + 2 + 3


def test_one_request_is_one_row_of_the_log_with_its_inputs_and_writes(call, hubspot):
    create(call, [row(i) for i in range(4)])
    call("GET", CONTACTS)

    assert [(one["inputs"], one["writes"], one["status"]) for one in hubspot.requests()] == [(4, 4, 201), (0, 0, 200)]
    assert {one["request"] for one in hubspot.ledger()} == {1}
