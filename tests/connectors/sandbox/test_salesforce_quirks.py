"""What bites in real orgs: sessions, limits, converted and merged leads, rules of admins, locks, person accounts."""

import base64
import json
import time

import pytest
import requests
from salesforce_rest import Rest, key_field, lead

from connectors.sandbox.serve import Endpoint, Sandbox

ANA = {"email": "ana@acme.com", "name": "Ana Ruiz"}


def codes(items):
    return [item["errors"][0]["statusCode"] if item["errors"] else "" for item in items]


def owner_of(rest, record):
    return rest.records(f"SELECT Owner.Email FROM Lead WHERE Id = '{record}'")[0]["Owner"]["Email"]


# sessions


def login(org: Endpoint, **form):
    return requests.post(f"{org.url}/services/oauth2/token", data=form, timeout=5)


def assertion(**claims):
    told = {
        "iss": "client",
        "sub": "user@acme.com",
        "aud": "https://x.my.salesforce.com",
        "exp": time.time() + 120,
        **claims,
    }
    middle = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


def test_a_login_answers_a_token_and_an_instance_but_no_lifetime(salesforce):
    answer = login(salesforce, grant_type="client_credentials", client_id="a", client_secret="b").json()
    org = Rest(salesforce)
    org.session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    with org.session:
        assert org.get("limits").status == 200
    assert answer["instance_url"] == salesforce.url
    assert "expires_in" not in answer


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials"}, "invalid_client_id"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "invalid_grant"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion(exp=1)}, "invalid_grant"),
    ],
)
def test_a_refused_login_is_an_object_not_an_array(salesforce, form, error):
    answer = login(salesforce, **form)

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


def test_a_jwt_that_has_not_expired_is_let_in(salesforce):
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    assert login(salesforce, grant_type=grant, assertion=assertion()).status_code == 200


def test_a_session_ends_by_time_by_revocation_and_where_an_org_wants_by_the_next_login(rest):
    rest.org.switch(session_minutes=30)
    before = rest.get("limits").status
    rest.org.advance(1801)
    late = rest.get("limits")
    rest.org.switch(session_minutes=None)
    login(rest.org, grant_type="client_credentials", client_id="a", client_secret="b")
    still = rest.get("limits").status
    rest.org.switch(login_kills_older=True)
    login(rest.org, grant_type="client_credentials", client_id="a", client_secret="b")

    assert (before, late.status, still) == (200, 401, 200)
    assert late.body == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert rest.get("limits").status == 401
    assert rest.org.act("revoke_token") == {"revoked": 1}


def test_a_caller_learns_its_own_user_id(rest):
    told = rest.call("GET", "/services/oauth2/userinfo").body

    assert rest.records(f"SELECT Email FROM User WHERE Id = '{told['user_id']}'") == [{"Email": told["email"]}]


def test_what_the_sandbox_does_not_do_is_refused_and_never_ignored(rest):
    conditional = rest.call("GET", "limits", headers={"If-Modified-Since": "Sun, 22 Nov 2026 00:00:00 GMT"})
    tree = rest.call("POST", "composite/tree/Lead", json={})

    assert [each.body[0]["errorCode"] for each in (conditional, tree)] == ["NOT_IN_THIS_SANDBOX"] * 2
    assert rest.call("GET", "chatter/feeds").status == 404


# limits


def test_every_answer_tells_the_usage_and_the_daily_limit_refuses_with_403(rest):
    first = rest.get("limits")
    rest.org.switch(daily_limit=2)
    second, third = rest.get("limits"), rest.get("limits")
    rest.org.advance(86_400)

    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/15000"
    assert second.body["DailyApiRequests"] == {"Max": 2, "Remaining": 0}
    assert (third.status, third.body[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert third.headers["Sforce-Limit-Info"] == "api-usage=2/2"
    assert rest.get("limits").status == 200


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"fault": "daily_limit"}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ({"fault": "unauthorized"}, 401, "INVALID_SESSION_ID"),
        ({"fault": "locked"}, 400, "UNABLE_TO_LOCK_ROW"),
        ({"fault": "status", "args": {"status": 503}}, 503, "SERVER_UNAVAILABLE"),
        ({"fault": "status", "args": {"status": 400, "code": "QUERY_TIMEOUT"}}, 400, "QUERY_TIMEOUT"),
    ],
)
def test_faults_are_worded_as_salesforce_words_them(rest, rule, status, code):
    rest.org.weather({"nth": 1, **rule})
    answer = rest.get("limits")

    assert (answer.status, answer.body[0]["errorCode"]) == (status, code)


def test_a_401_may_come_as_a_page_and_one_row_may_fail_among_many(rest):
    rest.org.weather(
        {"fault": "html", "nth": 1, "args": {"status": 401}}, {"fault": "row_error", "nth": 2, "args": {"index": 1}}
    )
    page = rest.get("limits")
    items = rest.collect("POST", [lead(), lead(), lead()])

    assert (page.status, page.body[:6]) == (401, b"<html>")
    assert codes(items) == ["", "UNABLE_TO_LOCK_ROW", ""]


# leads that have moved on


def test_a_converted_lead_refuses_writes_or_takes_them_silently(rest):
    rest.org.seed(owners=[ANA])
    record = rest.create("Lead", LastName="Huber", Company="Nordwerk", Email="m@nordwerk.de")
    told = rest.org.act("convert", id=record, opportunity="Nordwerk deal")
    refused = rest.collect("PATCH", [{"attributes": {"type": "Lead"}, "id": record, "Title": "x"}])
    rest.org.switch(converted_leads="accept")
    taken = rest.collect("PATCH", [{"attributes": {"type": "Lead"}, "id": record, "Title": "x"}])

    assert refused[0]["errors"] == [
        {"statusCode": "CANNOT_UPDATE_CONVERTED_LEAD", "message": "cannot reference converted lead", "fields": []}
    ]
    assert taken[0]["success"] is True
    fields = "IsConverted, ConvertedContactId, ConvertedAccountId, ConvertedOpportunityId"
    shown = rest.records(f"SELECT {fields} FROM Lead")[0]
    assert list(shown.values()) == [True, told["contact"], told["account"], told["opportunity"]]
    assert rest.get(f"sobjects/Contact/{told['contact']}").body["Email"] == "m@nordwerk.de"


def test_the_loser_of_a_merge_is_deleted_names_its_master_and_gives_its_tasks_away(rest):
    rest.org.seed(owners=[ANA])
    winner, loser = (rest.create("Lead", LastName=each, Company="B") for each in ("A", "B"))
    task = rest.create("Task", Subject="Call", WhoId=loser)
    rest.org.act("merge", id=winner, into_it=loser)

    assert rest.get(f"sobjects/Lead/{loser}").status == 404
    shown = rest.get("queryAll", q="SELECT MasterRecordId FROM Lead WHERE IsDeleted = true").body["records"]
    assert [each["MasterRecordId"] for each in shown] == [winner]
    assert rest.get(f"sobjects/Task/{task}").body["WhoId"] == winner
    late = rest.collect("PATCH", [{"attributes": {"type": "Lead"}, "id": loser, "Title": "x"}])
    assert codes(late) == ["ENTITY_IS_DELETED"]


# what admins have made


def test_an_assignment_rule_takes_the_owner_unless_the_call_says_false(rest):
    rest.org.seed(owners=[ANA, {"email": "default@acme.com", "name": "Default Owner"}])
    users = {one["Email"]: one["Id"] for one in rest.records("SELECT Id, Email FROM User")}
    rest.org.switch(auto_assign={"Lead": users["default@acme.com"]})
    quiet = {"headers": {"Sforce-Auto-Assign": "FALSE"}}
    kept = rest.collect("POST", [lead(OwnerId=users["ana@acme.com"])], **quiet)[0]["id"]
    taken = rest.collect("POST", [lead(OwnerId=users["ana@acme.com"])])[0]["id"]

    assert owner_of(rest, kept) == "ana@acme.com"
    assert owner_of(rest, taken) == "default@acme.com"
    rest.collect("PATCH", [{"attributes": {"type": "Lead"}, "id": kept, "Title": "CTO"}], **quiet)
    assert owner_of(rest, kept) == "ana@acme.com"
    rest.collect("PATCH", [{"attributes": {"type": "Lead"}, "id": kept, "Title": "CFO"}])
    assert owner_of(rest, kept) == "default@acme.com"


def test_duplicate_rules_name_the_matches_and_only_alerts_can_be_passed(rest):
    first = rest.create("Lead", LastName="A", Company="B", Email="a@x.co")
    twin = {"LastName": "A", "Company": "B", "Email": "A@x.co"}
    passing = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true"}
    rest.org.switch(duplicate_rules=[{"object": "Lead", "match": ["Email"], "action": "alert"}])
    alert = rest.call("POST", "sobjects/Lead", json=twin)
    item = rest.collect("POST", [lead(Email="a@x.co")])
    saved = rest.call("POST", "sobjects/Lead", json=twin, headers=passing)
    rest.org.switch(duplicate_rules=[{"object": "Lead", "match": ["Email"], "action": "block"}])
    blocked = rest.call("POST", "sobjects/Lead", json=twin, headers=passing)

    assert alert.body[0]["errorCode"] == "DUPLICATES_DETECTED"
    matched = alert.body[0]["duplicateResut"]["matchResults"][0]["matchRecords"]
    assert [each["record"]["Id"] for each in matched] == [first]
    assert codes(item) == ["DUPLICATES_DETECTED"]
    assert (saved.status, blocked.status) == (201, 400)


def test_a_validation_rule_is_a_condition_in_soql_and_speaks_its_own_words(rest):
    rule = {
        "object": "Lead",
        "refuse_when": "Title = null AND Company != 'Acme'",
        "message": "A title, please",
        "field": "Title",
    }
    rest.org.switch(validation_rules=[rule])
    items = rest.collect("POST", [lead(), lead(Title="CTO"), lead(Company="ACME")])

    assert codes(items) == ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "", ""]
    assert items[0]["errors"][0] | {"statusCode": ""} == {
        "statusCode": "",
        "message": "A title, please",
        "fields": ["Title"],
    }


def test_a_locked_account_fails_writes_below_it_as_often_as_ordered(rest):
    account = rest.create("Account", Name="Nordwerk")
    rest.org.switch(row_locks={account: 2})
    contacts = [{"attributes": {"type": "Contact"}, "LastName": str(n), "AccountId": account} for n in range(3)]

    assert codes(rest.collect("POST", [*contacts, lead()])) == ["UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW", "", ""]


def test_a_person_account_is_written_as_an_account_and_read_as_a_contact_too(rest):
    rest.org.seed(fields=[key_field("Contact")])
    rest.org.switch(person_accounts=True)
    account = rest.create("Account", LastName="Huber", FirstName="Maria", PersonEmail="m@x.co", PQL_Key__pc="k1")
    shown = rest.records("SELECT Id, Name, PQL_Key__c, IsPersonAccount, AccountId FROM Contact")[0]
    refused = rest.collect("PATCH", [{"attributes": {"type": "Contact"}, "id": shown["Id"], "Title": "x"}])
    rest.call("PATCH", f"sobjects/Account/{account}", json={"PQL_Key__pc": "k2"})

    assert list(shown.values())[1:] == ["Maria Huber", "k1", True, account]
    assert codes(refused) == ["INVALID_PERSON_ACCOUNT_OPERATION"]
    assert rest.records("SELECT PQL_Key__c FROM Contact") == [{"PQL_Key__c": "k2"}]
    assert rest.get(f"sobjects/Account/{account}").body["Name"] == "Maria Huber"


# people


def test_what_people_do_is_in_the_ledger_under_their_name_and_shows_as_theirs(rest):
    rest.org.seed(owners=[ANA])
    record = rest.create("Lead", LastName="A", Company="B")
    task = rest.create("Task", Subject="Call", WhoId=record)
    rest.org.act("edit", id=record, properties={"Title": "Boss"}, by="ana@acme.com")
    rest.org.act("opt_out", id=record)
    rest.org.act("close", id=task)
    rest.org.act("deactivate_owner", email="ana@acme.com")
    rest.org.act("delete", id=record)

    ledger = [entry for entry in rest.org.ledger() if entry["actor"] != "seed"]
    actors = [(entry["actor"], entry["op"], entry["object"]) for entry in ledger]
    assert actors[:2] == [("integration", "create", "Lead"), ("integration", "create", "Task")]
    assert actors[2] == ("ana@acme.com", "update", "Lead")
    assert [entry[1:] for entry in actors[3:6]] == [("update", "Lead"), ("update", "Task"), ("update", "User")]
    assert {entry[1:] for entry in actors[6:]} == {("delete", "Lead"), ("delete", "Task")}
    assert ledger[2]["before"] == {"Title": None, "LastModifiedById": ledger[0]["after"]["OwnerId"]}


def test_an_act_that_cannot_be_is_refused_with_the_reason(rest):
    with pytest.raises(ValueError, match="There is no act 'dance'"):
        rest.org.act("dance")
    with pytest.raises(ValueError, match="There is no record '00Q"):
        rest.org.act("edit", id="00Q5g0000000009EAA", properties={})


def test_changes_are_listed_by_the_span_in_which_they_fell(rest):
    record = rest.create("Lead", LastName="A", Company="B")
    gone = rest.create("Lead", LastName="B", Company="B")
    rest.call("DELETE", f"sobjects/Lead/{gone}")
    now = time.time()

    def span(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now + seconds))

    updated = rest.get("sobjects/Lead/updated/", start=span(-300), end=span(60)).body
    deleted = rest.get("sobjects/Lead/deleted", start=span(-300), end=span(60)).body
    assert updated["ids"] == [record]
    assert [each["id"] for each in deleted["deletedRecords"]] == [gone]
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    short = rest.get("sobjects/Lead/updated/", start=span(0), end=span(30))
    old = rest.get("sobjects/Lead/deleted/", start=span(-16 * 86_400), end=span(0))
    assert short.body[0]["errorCode"] == old.body[0]["errorCode"] == "INVALID_REPLICATION_DATE"


# memory and pages


def test_the_org_is_there_again_after_a_restart(tmp_path):
    with Sandbox.start(tmp_path, only=("salesforce",)) as first:
        client = Rest(first.salesforce)
        with client.session:
            first.salesforce.seed(fields=[key_field("Lead")])
            record = client.create("Lead", LastName="A", Company="B", PQL_Key__c="k")
    with Sandbox.start(tmp_path, only=("salesforce",)) as again:
        client = Rest(again.salesforce)
        with client.session:
            assert client.get("sobjects/Lead/PQL_Key__c/k").body["Id"] == record
            assert client.create("Lead", LastName="A", Company="B") != record


def test_pages_show_records_and_escape_what_people_typed(rest):
    record = rest.create("Lead", LastName="<b>A</b>", Company="B")
    rest.create("Task", Subject="Call", WhoId=record)
    pages = [requests.get(f"{rest.org.url}{path}", timeout=5) for path in ("/", "/o/Lead", f"/{record}")]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert "&lt;b&gt;A" in pages[2].text
    assert "<b>A" not in "".join(page.text for page in pages)
    assert "Call" in pages[2].text
