"""Records one at a time and in collections: outcomes per item, keys, owners, and what an org refuses."""

import threading

import pytest
from salesforce_rest import Rest, key_field, lead

from connectors.sandbox.salesforce.ids import mint, whole


@pytest.fixture
def keyed(rest):
    rest.org.seed(fields=[key_field("Lead"), key_field("Contact"), key_field("Account")])
    return rest


def codes(items):
    return [item["errors"][0]["statusCode"] if item["errors"] else "" for item in items]


def test_an_id_survives_losing_its_case_and_an_impossible_checksum_is_no_id():
    record = mint("003", 123_456_789)

    assert record.startswith("003")
    assert len(record) == 18
    assert whole(record[:15]) == record
    assert whole(record.lower()) == record
    assert whole(record[:15] + "555") is None
    assert whole("0034S000005YJTJQA4") == "0034S000005YJTJQA4"


def test_collections_answer_in_request_order_and_failed_items_carry_no_id(rest):
    items = rest.collect("POST", [lead(), lead(LastName=None), lead(Email="no at sign"), lead(FirstName="x" * 41)])

    assert [item["success"] for item in items] == [True, False, False, False]
    assert codes(items) == ["", "REQUIRED_FIELD_MISSING", "INVALID_EMAIL_ADDRESS", "STRING_TOO_LONG"]
    assert [sorted(item) for item in items] == [["errors", "id", "success"], *[["errors", "success"]] * 3]
    assert items[2]["errors"][0] == {
        "statusCode": "INVALID_EMAIL_ADDRESS",
        "message": "Email: invalid email address: no at sign",
        "fields": ["Email"],
    }


def test_all_or_none_undoes_the_rows_that_went_well(rest):
    items = rest.collect("POST", [lead(), lead(Company=None)], allOrNone=True)

    assert codes(items) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert "id" in items[0]
    assert rest.records("SELECT Id FROM Lead") == []
    assert rest.org.ledger() == []


def test_more_than_200_records_or_10_runs_of_types_are_refused_whole(rest):
    many = rest.collect("POST", [lead()] * 201)
    runs = [lead() if place % 2 else {"attributes": {"type": "Account"}, "Name": "A"} for place in range(11)]
    mixed = rest.collect("POST", runs)

    assert many[0]["errorCode"] == mixed[0]["errorCode"] == "INVALID_BATCH_SIZE"
    assert rest.org.ledger() == []


def test_an_upsert_says_what_it_created_and_leaves_other_fields_alone(keyed):
    first = keyed.collect("PATCH", [lead(PQL_Key__c="k1", Title="CTO")], "/Lead/PQL_Key__c")
    second = keyed.collect(
        "PATCH", [{"attributes": {"type": "Lead"}, "PQL_Key__c": "k1", "City": "Kiel"}], "/Lead/PQL_Key__c"
    )

    assert (first[0]["created"], second[0]["created"]) == (True, False)
    assert first[0]["id"] == second[0]["id"]
    assert keyed.records("SELECT Title, City FROM Lead") == [{"Title": "CTO", "City": "Kiel"}]


def test_one_key_twice_in_a_call_fails_both_rows_and_case_tells_keys_apart(keyed):
    items = keyed.collect("PATCH", [lead(PQL_Key__c="k"), lead(PQL_Key__c="k"), lead(PQL_Key__c="K")], "/Lead/PQL_Key__c")

    assert codes(items) == ["DUPLICATE_EXTERNAL_ID", "DUPLICATE_EXTERNAL_ID", ""]


def test_a_create_with_a_used_key_is_refused_and_names_the_holder(keyed):
    holder = keyed.create("Lead", LastName="A", Company="B", PQL_Key__c="k1")
    refused = keyed.call("POST", "sobjects/Lead", json={"LastName": "A", "Company": "B", "PQL_Key__c": "k1"})

    assert refused.status == 400
    assert refused.body[0]["errorCode"] == "DUPLICATE_VALUE"
    assert refused.body[0]["message"].endswith(f"record with id: {holder[:15]}")


def test_two_upserts_of_a_new_key_at_once_make_one_record_and_one_duplicate(keyed):
    keyed.org.switch(upsert_race_s=0.3)
    items = []

    def upsert():
        client = Rest(keyed.org)
        with client.session:
            items.extend(client.collect("PATCH", [lead(PQL_Key__c="new")], "/Lead/PQL_Key__c"))

    threads = [threading.Thread(target=upsert) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes(items)) == ["", "DUPLICATE_VALUE"]
    assert len(keyed.records("SELECT Id FROM Lead WHERE PQL_Key__c = 'new'")) == 1


def test_a_single_upsert_answers_201_then_200_and_may_be_told_never_to_create(keyed):
    path = "sobjects/Lead/PQL_Key__c/a%2Fb%3Fc"
    nobody = keyed.call("PATCH", path + "?updateOnly=true", json={"LastName": "A", "Company": "B"})
    created = keyed.call("PATCH", path, json={"LastName": "A", "Company": "B"})
    updated = keyed.call("PATCH", path, json={"Company": "C"})
    named = keyed.call("PATCH", path, json={"PQL_Key__c": "a/b?c"})

    assert (nobody.status, nobody.body[0]["errorCode"]) == (404, "NOT_FOUND")
    assert (created.status, created.body["created"]) == (201, True)
    assert (updated.status, updated.body["created"]) == (200, False)
    assert named.body[0]["errorCode"] == "INVALID_FIELD"
    assert keyed.get(path, fields="PQL_Key__c").body["PQL_Key__c"] == "a/b?c"


def test_several_holders_of_a_key_answer_300_with_their_addresses(rest):
    rest.org.seed(fields=[{**key_field("Lead"), "unique": False}])
    for _ in range(2):
        rest.create("Lead", LastName="A", Company="B", PQL_Key__c="twin")
    answer = rest.call("PATCH", "sobjects/Lead/PQL_Key__c/twin", json={"Company": "C"})

    assert answer.status == 300
    assert [url.startswith("/services/data/v59.0/sobjects/Lead/00Q") for url in answer.body] == [True, True]


def test_an_unknown_key_field_is_not_found_by_name(rest):
    answer = rest.call("PATCH", "composite/sobjects/Lead/PQL_Key__c", json={"records": [lead(PQL_Key__c="k")]})

    assert answer.status == 404
    assert answer.body[0]["message"] == "Provided external ID field does not exist or is not accessible: PQL_Key__c"


def test_a_deleted_record_is_not_found_and_refuses_to_be_changed(rest):
    record = rest.create("Lead", LastName="A", Company="B")
    gone = rest.call("DELETE", f"sobjects/Lead/{record}")
    items = rest.collect("PATCH", [{"attributes": {"type": "Lead"}, "id": record, "Company": "C"}])

    assert (gone.status, gone.body) == (204, None)
    assert rest.get(f"sobjects/Lead/{record}").body[0]["errorCode"] == "NOT_FOUND"
    assert rest.call("PATCH", f"sobjects/Lead/{record}", json={"Company": "C"}).body[0]["errorCode"] == "ENTITY_IS_DELETED"
    assert codes(items) == ["ENTITY_IS_DELETED"]


def test_owners_are_checked_queues_only_where_the_object_has_them(rest):
    rest.org.seed(
        owners=[
            {"email": "ana@acme.com", "name": "Ana Ruiz"},
            {"email": "old@acme.com", "name": "Old Hand", "active": False},
            {"type": "queue", "name": "Desk", "objects": ["Lead"]},
        ]
    )
    users = {one["Email"]: one["Id"] for one in rest.records("SELECT Id, Email FROM User")}
    queue = rest.records("SELECT Id FROM Group WHERE Type = 'Queue'")[0]["Id"]
    contact = {"attributes": {"type": "Contact"}, "LastName": "A", "OwnerId": queue}
    task = {"attributes": {"type": "Task"}, "Subject": "Call", "OwnerId": queue}
    items = rest.collect("POST", [lead(OwnerId=queue), lead(OwnerId=users["old@acme.com"]), contact, task])

    assert codes(items) == ["", "INACTIVE_OWNER_OR_USER", "FIELD_INTEGRITY_EXCEPTION", "FIELD_INTEGRITY_EXCEPTION"]
    assert rest.records("SELECT Owner.Name, Owner.Type FROM Lead")[0]["Owner"]["Type"] == "Queue"


def test_references_to_nothing_the_deleted_and_the_wrong_kind_are_told_apart(rest):
    lead_id = rest.create("Lead", LastName="A", Company="B")
    account = rest.create("Account", Name="A")
    rest.call("DELETE", f"sobjects/Account/{account}")
    wanted = {"x": "MALFORMED_ID", lead_id: "FIELD_INTEGRITY_EXCEPTION", mint("001", 99): "INVALID_CROSS_REFERENCE_KEY"}
    wanted[account] = "ENTITY_IS_DELETED"
    items = rest.collect(
        "POST", [{"attributes": {"type": "Contact"}, "LastName": "A", "AccountId": each} for each in wanted]
    )

    assert codes(items) == list(wanted.values())


def test_a_parent_may_be_named_by_its_key(keyed):
    account = keyed.create("Account", Name="Nordwerk", PQL_Key__c="w1")
    contact = keyed.create("Contact", LastName="Huber", Account={"PQL_Key__c": "w1"})
    lost = keyed.call("POST", "sobjects/Contact", json={"LastName": "A", "Account": {"PQL_Key__c": "w2"}})

    assert keyed.get(f"sobjects/Contact/{contact}").body["AccountId"] == account
    assert lost.body[0]["errorCode"] == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Nope__c": 1}, "INVALID_FIELD"),
        ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"CleanStatus": "Spotless"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"AnnualRevenue": "much"}, "JSON_PARSER_ERROR"),
        ({"NumberOfEmployees": 10**9}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Company": 5}, "JSON_PARSER_ERROR"),
    ],
)
def test_values_an_org_would_refuse_are_refused_by_its_codes(rest, values, code):
    answer = rest.call("POST", "sobjects/Lead", json={"LastName": "A", "Company": "B", **values})

    assert (answer.status, answer.body[0]["errorCode"]) == (400, code)


def test_a_null_clears_an_absent_field_stays_and_text_is_trimmed(rest):
    record = rest.create("Lead", LastName="  Huber ", Company="B", Title="CTO", City="Kiel")
    rest.call("PATCH", f"sobjects/Lead/{record}", json={"Title": None})

    assert rest.records("SELECT LastName, Title, City FROM Lead") == [{"LastName": "Huber", "Title": None, "City": "Kiel"}]


def test_a_task_knows_its_account_and_its_key_is_a_field_of_activity(rest):
    rest.org.seed(fields=[key_field("Activity", "PQL_Task_Key__c")])
    account = rest.create("Account", Name="Nordwerk")
    contact = rest.create("Contact", LastName="Huber", AccountId=account)
    task = rest.create("Task", Subject="Call", WhoId=contact, PQL_Task_Key__c="t1")
    again = rest.collect("POST", [{"attributes": {"type": "Task"}, "Subject": "Late", "PQL_Task_Key__c": "t1"}])

    assert codes(again) == ["DUPLICATE_VALUE"]
    assert rest.get("sobjects/Task/PQL_Task_Key__c/t1", fields="Id,Status,AccountId").body | {"attributes": {}} == {
        "attributes": {},
        "Id": task,
        "Status": "Not Started",
        "AccountId": account,
    }


def test_collections_read_many_and_leave_null_where_there_is_none(rest):
    record = rest.create("Lead", LastName="A", Company="B")
    absent = mint("00Q", 999)
    got = rest.get("composite/sobjects/Lead", ids=f"{record},{absent}", fields="Company").body
    posted = rest.call("POST", "composite/sobjects/Lead", json={"ids": [absent, record], "fields": ["Company"]}).body

    assert [one and one["Company"] for one in got] == ["B", None]
    assert [one and one["Id"] for one in posted] == [None, record]


def test_composite_calls_name_each_other_and_undo_together(rest):
    calls = [
        {"method": "POST", "url": "/services/data/v59.0/sobjects/Account", "referenceId": "a", "body": {"Name": "N"}},
        {
            "method": "POST",
            "url": "/services/data/v59.0/sobjects/Contact",
            "referenceId": "c",
            "body": {"LastName": "H", "AccountId": "@{a.id}"},
        },
        {"method": "GET", "url": "/services/data/v59.0/sobjects/Contact/@{c.id}?fields=AccountId", "referenceId": "r"},
    ]
    answers = rest.call("POST", "composite", json={"compositeRequest": calls}).body["compositeResponse"]
    calls.append({"method": "POST", "url": "/services/data/v59.0/sobjects/Lead", "referenceId": "l", "body": {}})
    undone = rest.call("POST", "composite", json={"allOrNone": True, "compositeRequest": calls}).body["compositeResponse"]

    assert [one["httpStatusCode"] for one in answers] == [201, 201, 200]
    assert answers[2]["body"]["AccountId"] == answers[0]["body"]["id"]
    assert [one["body"][0]["errorCode"] for one in undone] == [*["PROCESSING_HALTED"] * 3, "REQUIRED_FIELD_MISSING"]
    assert rest.query("SELECT COUNT() FROM Account")["totalSize"] == 1
