"""The official-looking clients against the sandbox: simple-salesforce, and bulk jobs as jsforce would drive them."""

import csv
import io

import pytest
import requests
from requests.adapters import HTTPAdapter
from salesforce_rest import key_field
from simple_salesforce import Salesforce, SalesforceExpiredSession, SalesforceMoreThanOneRecord, format_soql

from connectors.sandbox.serve import Endpoint


class Loopback(HTTPAdapter):
    """simple-salesforce says https everywhere; on loopback that means http."""

    def send(self, request, *args, **options):
        request.url = request.url.replace("https://127.0.0.1:", "http://127.0.0.1:", 1)
        return super().send(request, *args, **options)


@pytest.fixture
def client(salesforce: Endpoint):
    salesforce.seed(fields=[key_field("Lead"), key_field("Contact")])
    with requests.Session() as session:
        session.mount("https://127.0.0.1:", Loopback())
        yield Salesforce(session_id=salesforce.token, instance_url=salesforce.url, version="59.0", session=session)


def people(count):
    return [{"LastName": f"L{n}", "Company": "Nordwerk", "PQL_Key__c": f"k{n}"} for n in range(count)]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


# simple-salesforce


def test_queries_page_and_describes_and_changes_are_read(client, salesforce):
    salesforce.seed(records=[{"object": "Lead", "properties": each} for each in people(2100)])
    found = client.query_all(format_soql("SELECT Id, Name FROM Lead WHERE Company = {}", "Nordwerk"))
    record = client.Lead.create({"LastName": "A", "Company": "O'B", "PQL_Key__c": "new"})["id"]

    assert (len(found["records"]), found["totalSize"]) == (2100, 2100)
    assert client.Lead.get_by_custom_id("PQL_Key__c", "new")["Id"] == record
    assert client.query(format_soql("SELECT Id FROM Lead WHERE Company = {}", "O'B"))["totalSize"] == 1
    assert {each["name"] for each in client.Lead.describe()["fields"]} >= {"Email", "PQL_Key__c"}
    assert client.describe()["maxBatchSize"] == 200
    assert client.limits()["DailyApiRequests"]["Max"] == 15000
    assert client.api_usage["api-usage"].total == 15000


def test_single_writes_and_their_refusals_are_understood(client):
    assert client.Lead.upsert("PQL_Key__c/k1", {"LastName": "A", "Company": "B"}) == 201
    assert client.Lead.upsert("PQL_Key__c/k1", {"Company": "C"}) == 200
    record = client.Lead.get_by_custom_id("PQL_Key__c", "k1")["Id"]
    assert client.Lead.update(record, {"Company": "D"}) == 204
    assert client.Lead.delete(record) == 204


def test_collections_go_through_restful(client):
    records = [{"attributes": {"type": "Lead"}, **each} for each in people(3)]
    items = client.restful(
        "composite/sobjects/Lead/PQL_Key__c", method="PATCH", json={"allOrNone": False, "records": records}, timeout=30
    )

    assert [item["created"] for item in items] == [True] * 3


def test_an_ended_session_and_two_holders_of_a_key_are_its_own_errors(client, salesforce):
    salesforce.seed(
        fields=[{**key_field("Contact"), "unique": False}],
        records=[{"object": "Contact", "properties": {"LastName": "A", "PQL_Key__c": "twin"}} for _ in range(2)],
    )
    with pytest.raises(SalesforceMoreThanOneRecord):
        client.Contact.get_by_custom_id("PQL_Key__c", "twin")
    salesforce.act("revoke_token")
    with pytest.raises(SalesforceExpiredSession):
        client.query("SELECT Id FROM Lead")


def test_bulk2_upserts_and_tells_per_row_what_became_of_it(client):
    bad = {"LastName": "", "Company": "Nordwerk", "PQL_Key__c": "bad"}
    told = client.bulk2.Lead.upsert(records=[*people(5), bad], external_id_field="PQL_Key__c", wait=0.01)[0]

    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (6, 1)
    good = rows(client.bulk2.Lead.get_successful_records(told["job_id"]))
    failed = rows(client.bulk2.Lead.get_failed_records(told["job_id"]))
    assert {each["PQL_Key__c"]: each["sf__Created"] for each in good} == {f"k{n}": "true" for n in range(5)}
    assert [(each["PQL_Key__c"], each["sf__Error"].partition(":")[0]) for each in failed] == [
        ("bad", "REQUIRED_FIELD_MISSING")
    ]
    assert rows(client.bulk2.Lead.get_unprocessed_records(told["job_id"])) == []


# bulk jobs, call by call


def job(rest, **more):
    body = {"object": "Lead", "operation": "upsert", "externalIdFieldName": "PQL_Key__c", "contentType": "CSV", **more}
    return rest.call("POST", "jobs/ingest", json=body)


def upload(rest, record, text):
    """Send in chunks, without a length, as jsforce does."""
    pieces = (text[start : start + 7].encode() for start in range(0, len(text), 7))
    return rest.call("PUT", f"jobs/ingest/{record}/batches", data=pieces, headers={"Content-Type": "text/csv"})


def close(rest, record, state="UploadComplete"):
    return rest.call("PATCH", f"jobs/ingest/{record}", json={"state": state})


def watch(rest, record):
    """Look at a closed job until it is over, as a client must: nothing is written before."""
    while rest.get(f"jobs/ingest/{record}").body["state"] in ("UploadComplete", "InProgress"):
        pass


@pytest.fixture
def keyed(rest):
    rest.org.seed(fields=[key_field("Lead")])
    return rest


def test_a_job_passes_through_its_states_and_is_found_again_by_its_id(keyed):
    made = job(keyed)
    record = made.body["id"]
    early = close(keyed, record)
    sent = upload(keyed, record, "LastName,Company,PQL_Key__c\nHuber,Nordwerk,k1\n")
    waiting = keyed.get(f"jobs/ingest/{record}/successfulResults")
    states = [made.body["state"], close(keyed, record).body["state"]]
    states += [keyed.get(f"jobs/ingest/{record}").body["state"] for _ in range(2)]

    assert record.startswith("750")
    assert (early.status, sent.status, waiting.status) == (400, 201, 400)
    assert states == ["Open", "UploadComplete", "InProgress", "JobComplete"]
    for spelling in ("unprocessedrecords", "unprocessedRecords"):
        assert keyed.get(f"jobs/ingest/{record}/{spelling}").body == b'"LastName","Company","PQL_Key__c"\n'
    assert keyed.get("jobs/ingest").body["records"][0]["id"] == record
    assert keyed.call("DELETE", f"jobs/ingest/{record}").status == 204
    assert keyed.get(f"jobs/ingest/{record}").status == 404


def test_an_empty_cell_says_nothing_and_only_the_sign_clears(keyed):
    keyed.create("Lead", LastName="A", Company="B", Title="CTO", City="Kiel", PQL_Key__c="k1")
    record = job(keyed).body["id"]
    upload(keyed, record, "PQL_Key__c,Title,City\nk1,,#N/A\n")
    close(keyed, record)
    watch(keyed, record)

    assert keyed.records("SELECT Title, City FROM Lead") == [{"Title": "CTO", "City": None}]


def test_a_column_that_does_not_exist_fails_the_job_before_any_row(keyed):
    record = job(keyed, operation="insert").body["id"]
    upload(keyed, record, "LastName,Company,Nope__c\nA,B,1\n")
    close(keyed, record)
    keyed.get(f"jobs/ingest/{record}")
    told = keyed.get(f"jobs/ingest/{record}").body

    assert (told["state"], told["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Nope__c")
    assert keyed.org.ledger() == []
    assert b"A" in keyed.get(f"jobs/ingest/{record}/unprocessedrecords").body


def test_an_aborted_job_writes_nothing_and_a_job_runs_no_assignment_rule_unasked(keyed):
    keyed.org.seed(owners=[{"email": "default@acme.com", "name": "Default Owner"}])
    default = keyed.records("SELECT Id FROM User WHERE Email = 'default@acme.com'")[0]["Id"]
    keyed.org.switch(auto_assign={"Lead": default})
    text = "LastName,Company,PQL_Key__c\nHuber,Nordwerk,{}\n"
    ids = [job(keyed, **more).body["id"] for more in ({}, {}, {"assignmentRuleId": "01Q5g0000000001AAA"})]
    for place, record in enumerate(ids):
        upload(keyed, record, text.format(place))
        close(keyed, record, "Aborted" if place == 0 else "UploadComplete")
        watch(keyed, record)

    owners = keyed.records("SELECT PQL_Key__c, Owner.Email FROM Lead ORDER BY PQL_Key__c")
    assert [(each["PQL_Key__c"], each["Owner"]["Email"]) for each in owners] == [
        ("1", "integration@example.com"),
        ("2", "default@acme.com"),
    ]


def test_query_jobs_are_refused_by_name(rest):
    refused = rest.call("POST", "jobs/query", json={"operation": "query", "query": "SELECT Id FROM Lead"})

    assert (refused.status, refused.body[0]["errorCode"]) == (501, "NOT_IN_THIS_SANDBOX")
