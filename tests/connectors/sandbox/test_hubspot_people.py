"""What people, workflows and faults do to the sandbox HubSpot."""

import pytest
import urllib3
from urllib3.exceptions import ProtocolError

from connectors.sandbox.serve import Sandbox

CONTACTS = "/crm/v3/objects/contacts"
KEY = {"name": "pql_task_key", "label": "key", "groupName": "taskinformation", "type": "string", "fieldType": "text"}


def contact(call, **properties):
    return call("POST", CONTACTS, {"properties": {"email": "a@b.co", **properties}, "associations": []}).body["id"]


def value(call, record, name, kind="contacts"):
    return call("GET", f"/crm/v3/objects/{kind}/{record}?properties={name}").body["properties"][name]


def test_a_persons_edit_stands_in_the_ledger_under_their_name(call, hubspot):
    record = contact(call)
    hubspot.act("edit", object="contact", id=record, properties={"phone": "9"}, actor="ana@acme.com")
    last = hubspot.ledger()[-1]

    assert (last["actor"], last["before"], last["after"], last["request"]) == (
        "ana@acme.com",
        {"phone": ""},
        {"phone": "9"},
        None,
    )


def test_a_rep_closes_a_task_found_by_its_key(call, hubspot):
    call("POST", "/crm/v3/properties/tasks", {**KEY, "hasUniqueValue": True})
    body = {"properties": {"hs_timestamp": "1795000000000", "pql_task_key": "k"}, "associations": []}
    task = call("POST", "/crm/v3/objects/tasks", body).body["id"]
    hubspot.act("close", object="task", key="k")

    assert value(call, task, "hs_task_status", "tasks") == "COMPLETED"


def test_a_person_deletes_restores_and_merges(call, hubspot):
    first, second = contact(call), contact(call, email="b@b.co")
    hubspot.act("delete", object="contact", id=first)
    assert call("GET", f"{CONTACTS}/{first}").status == 404
    hubspot.act("restore", object="contact", id=first)
    merged = hubspot.act("merge", object="contact", id=first, into_it=second)["id"]
    assert call("GET", f"{CONTACTS}/{second}").body["id"] == merged


def test_a_deactivated_owner_leaves_the_list_and_takes_no_more_records(call, hubspot):
    owner = hubspot.seed(owners=[{"email": "ana@acme.com"}])["owners"]["ana@acme.com"]
    record = contact(call, hubspot_owner_id=owner)
    hubspot.act("deactivate_owner", email="ana@acme.com")

    assert call("GET", "/crm/v3/owners").body["results"] == []
    assert call("GET", "/crm/v3/owners?archived=true").body["results"][0]["userId"] is None
    assert call("PATCH", f"{CONTACTS}/{record}", {"properties": {"hubspot_owner_id": owner}}).status == 400
    assert value(call, record, "hubspot_owner_id") == owner


def test_a_dropped_field_and_a_revoked_token_break_writing(call, hubspot):
    hubspot.seed(properties=[{"object": "contact", "name": "pql_tier"}])
    record = contact(call, pql_tier="hot")
    hubspot.act("drop_field", object="contact", name="pql_tier")
    assert (
        "PROPERTY_DOESNT_EXIST" in call("PATCH", f"{CONTACTS}/{record}", {"properties": {"pql_tier": "x"}}).body["message"]
    )
    hubspot.act("revoke_token")
    assert call("GET", CONTACTS).status == 401
    hubspot.act("grant_token")
    assert call("GET", CONTACTS).status == 200


def test_a_logged_activity_moves_the_time_of_the_last_contact(call, hubspot):
    record = contact(call)
    hubspot.act("log_activity", id=record, actor="ana@acme.com")

    assert value(call, record, "notes_last_contacted") == hubspot.ledger()[-1]["after"]["hs_last_sales_activity_timestamp"]


def test_an_opt_out_is_seen(call, hubspot):
    record = contact(call)
    hubspot.act("opt_out", id=record)

    assert value(call, record, "hs_email_optout") == "true"


@pytest.mark.parametrize(
    "act", [{"kind": "dance"}, {"kind": "convert"}, {"kind": "edit", "id": "7"}, {"kind": "merge", "id": "7"}]
)
def test_an_act_that_cannot_be_done_says_why(hubspot, act):
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"{hubspot.url}/_sandbox/act", json={"object": "contact", "properties": {}, **act})

    assert answer.status == 400
    assert answer.json()["message"]


def test_a_workflow_overwrites_a_field_after_our_write(call, hubspot):
    hubspot.switch(workflows=[{"object": "contact", "on": "phone", "set": {"jobtitle": "robot"}}])
    record = contact(call, phone="1", jobtitle="CTO")

    assert value(call, record, "jobtitle") == "robot"
    assert [one["actor"] for one in hubspot.ledger()] == ["integration", "workflow"]


def test_a_contacts_domain_makes_one_company_and_joins_it_next_time(call, hubspot):
    hubspot.switch(create_companies=True)
    records = [contact(call, email=f"{name}@nordwerk.de") for name in ("a", "b")]
    contact(call, email="x@gmail.com")
    companies = call("GET", "/crm/v3/objects/companies").body["results"]

    assert [one["properties"]["domain"] for one in companies] == ["nordwerk.de"]
    linked = call("GET", f"/crm/v4/objects/companies/{companies[0]['id']}/associations/contacts").body["results"]
    assert sorted(str(one["toObjectId"]) for one in linked) == sorted(records)


@pytest.mark.parametrize(
    ("rule", "status", "said"),
    [
        ({"fault": "unauthorized"}, 401, "INVALID_AUTHENTICATION"),
        ({"fault": "forbidden", "args": {"scope": "crm.objects.companies.write"}}, 403, "crm.objects.companies.write"),
        ({"fault": "locked"}, 423, "LOCKED"),
        ({"fault": "status", "args": {"status": 429}}, 429, "TEN_SECONDLY_ROLLING"),
        ({"fault": "status", "args": {"status": 429, "policy": "SECONDLY"}}, 429, "RATE_LIMITS"),
        ({"fault": "daily_limit"}, 429, "DAILY"),
        ({"fault": "status", "args": {"status": 477, "retry_after": 60}}, 477, "MIGRATION_IN_PROGRESS"),
        ({"fault": "status", "args": {"status": 503}}, 503, "internal error"),
    ],
)
def test_a_fault_speaks_in_the_vendors_words_and_applies_nothing(call, hubspot, rule, status, said):
    hubspot.weather(rule)
    answer = call("POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []})

    assert (answer.status, said in str(answer.body)) == (status, True)
    assert hubspot.ledger() == []
    assert answer.headers.get("Retry-After") == (str(rule["args"]["retry_after"]) if status == 477 else None)


def test_a_reset_after_the_write_leaves_a_record_that_the_caller_does_not_know(call, hubspot):
    hubspot.weather({"match": {"method": "POST", "path": CONTACTS}, "nth": 1, "fault": "reset_after"})
    with pytest.raises(ProtocolError):
        contact(call)

    assert call("GET", f"{CONTACTS}/a@b.co?idProperty=email").status == 200


def test_a_reset_starts_a_new_account(call, hubspot):
    hubspot.switch(enforce_limits=True)
    contact(call)
    hubspot.control.reset()

    assert call("GET", CONTACTS).body["results"] == []
    assert hubspot.ledger() == []
    assert hubspot.control.switches({})["enforce_limits"] is False


def test_a_seed_links_records_by_their_refs_and_refuses_what_it_does_not_know(hubspot):
    owners = [{"email": "ana@acme.com"}]
    records = [
        {"object": "company", "ref": "n", "properties": {"domain": "n.de"}},
        {
            "object": "contact",
            "properties": {"email": "A@n.de", "hubspot_owner_id": "ana@acme.com"},
            "associations": [{"ref": "n"}],
        },
    ]
    made = hubspot.seed(owners=owners, records=records)

    company, person = (one["id"] for one in made["records"])
    assert {link.to_id for link in hubspot.state.links("contact", [person])} == {company}
    assert hubspot.state.row("contact", person).properties["hubspot_owner_id"] == made["owners"]["ana@acme.com"]
    with pytest.raises(ValueError, match="ref"):
        hubspot.seed(records=[{"object": "contact", "properties": {}, "associations": [{"ref": "zzz"}]}])
    with pytest.raises(ValueError, match="contacts"):
        hubspot.seed(contacts=[])


def test_a_portal_survives_a_restart_with_its_keys_and_merges(tmp_path):
    with Sandbox.start(tmp_path, only=("hubspot",)) as first:
        ids = [
            one["id"]
            for one in first.hubspot.seed(
                records=[{"object": "contact", "properties": {"email": f"{n}@b.co"}} for n in "ab"]
            )["records"]
        ]
        merged = first.hubspot.act("merge", id=ids[0], into_it=ids[1])["id"]
    with Sandbox.start(tmp_path, only=("hubspot",)) as again:
        with urllib3.PoolManager() as pool:
            headers = {"Authorization": f"Bearer {again.hubspot.token}"}
            answer = pool.request("GET", f"{again.hubspot.url}{CONTACTS}/{ids[0]}", headers=headers)
        assert answer.json()["id"] == merged
        assert len(again.hubspot.ledger()) == 5


def test_a_row_fault_fails_a_call_of_one_row_as_a_whole(call, hubspot):
    hubspot.weather({"fault": "row_error"})

    assert call("POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []}).status == 400
    assert hubspot.ledger() == []


def test_the_sandbox_lists_its_own_calls_switches_and_faults(call):
    said = call("GET", "/_sandbox/").body

    assert "POST act" in said["calls"]
    assert said["switches"]["ten_second_limit"] == 190
    assert "reset_after" in said["faults"]
