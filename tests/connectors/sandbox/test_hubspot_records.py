"""Single records of the sandbox HubSpot: values, identity, merges, archive, required properties."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CONTACTS = "/crm/v3/objects/contacts"
NEWEST = "/crm/objects/2026-09/contacts"
KEY = {"name": "pql_key", "label": "key", "groupName": "contactinformation", "type": "string", "fieldType": "text"}


def new(call, path=CONTACTS, **properties):
    answer = call("POST", path, {"properties": properties, "associations": []})
    assert answer.status == 201, answer.body
    return answer.body["id"]


def value(call, record, name, path=CONTACTS):
    return call("GET", f"{path}/{record}?properties={name}").body["properties"][name]


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/contacts",
        "/crm/v3/objects/contact",
        "/crm/v3/objects/CONTACT",
        "/crm/v3/objects/0-1",
        "/crm/objects/2026-03/contacts",
        "/crm/objects/2026-09/0-1",
    ],
)
def test_an_object_answers_under_its_names_its_type_id_and_every_version(call, path):
    record = new(call, path, email="a@b.co")

    assert call("GET", f"{path}/{record}").body["properties"]["email"] == "a@b.co"


@pytest.mark.parametrize("path", ["/crm/v9/objects/contacts", "/crm/v4/objects/contacts", "/nothing", "/crm/v3/unheard"])
def test_what_the_vendor_does_not_serve_is_not_found(call, path):
    assert call("GET", path).status == 404


def test_an_unknown_object_type_is_refused(call):
    answer = call("GET", "/crm/v3/objects/unicorns")

    assert (answer.status, answer.body["message"]) == (400, "Unable to infer object type from: unicorns")


def test_every_value_comes_back_as_a_string_beside_what_the_server_computes(call):
    answer = call("POST", CONTACTS, {"properties": {"email": "Ada@B.co", "hs_email_optout": True, "numemployees": 3}})

    assert all(isinstance(one, str) for one in answer.body["properties"].values())
    assert answer.body["properties"]["hs_email_domain"] == "b.co"
    assert {"createdate", "lastmodifieddate", "hs_object_id", "hs_is_contact"} <= set(answer.body["properties"])


def test_companies_keep_their_change_under_another_name_than_contacts(call):
    company = call("POST", "/crm/v3/objects/companies", {"properties": {"domain": "b.co"}, "associations": []}).body

    assert "hs_lastmodifieddate" in company["properties"]
    assert company["properties"]["website"] == "b.co"


@pytest.mark.parametrize(
    ("name", "sent", "code"),
    [
        ("email", "not an address", "INVALID_EMAIL"),
        ("lifecyclestage", "moon", "INVALID_OPTION"),
        ("hs_email_optout", "yes", "INVALID_OPTION"),
        ("closedate", "asd000", "INVALID_LONG"),
        ("associatedcompanyid", "1,000", "INVALID_LONG"),
        ("nonsense", "1", "PROPERTY_DOESNT_EXIST"),
        ("hs_additional_emails", "x@y.co", "READ_ONLY_VALUE"),
        ("hubspot_owner_id", "999", "INVALID_OWNER_ID"),
    ],
)
def test_a_bad_value_is_named_in_both_dialects(call, name, sent, code):
    body = {"properties": {"firstname": "A", name: sent}, "associations": []}
    old, newest = call("POST", CONTACTS, body), call("POST", NEWEST, body)

    assert (old.status, newest.status) == (400, 400)
    assert f'"error":"{code}"' in old.body["message"]
    assert f'"name":"{name}"' in old.body["message"]
    assert newest.body["errors"][0]["code"] == code
    assert newest.body["errors"][0]["context"] == {"propertyName": [name]}


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
def test_a_number_without_separators_is_kept_as_it_was_written(call, number):
    record = new(call, "/crm/v3/objects/deals", dealname="d", amount=f"{number:f}")

    assert value(call, record, "amount", "/crm/v3/objects/deals") == f"{number:f}"


def test_moments_are_taken_as_milliseconds_or_iso_and_kept_as_iso(call):
    deals = "/crm/v3/objects/deals"
    by_milliseconds = new(call, deals, dealname="a", closedate="1795000000000")
    by_iso = new(call, deals, dealname="b", closedate="2026-11-18T13:06:40Z")

    assert value(call, by_milliseconds, "closedate", deals) == "2026-11-18T11:06:40.000Z"
    assert value(call, by_iso, "closedate", deals) == "2026-11-18T13:06:40.000Z"


def test_an_empty_string_clears(call):
    record = new(call, email="a@b.co", phone="1")
    call("PATCH", f"{CONTACTS}/{record}", {"properties": {"phone": ""}})

    assert value(call, record, "phone") == ""


def test_equal_values_change_nothing_and_leave_no_row_in_the_ledger(call, hubspot):
    record = new(call, email="a@b.co", phone="1")
    before = call("GET", f"{CONTACTS}/{record}").body["updatedAt"]
    hubspot.advance(60)
    call("PATCH", f"{CONTACTS}/{record}", {"properties": {"phone": "1"}})

    assert call("GET", f"{CONTACTS}/{record}").body["updatedAt"] == before
    assert [one["op"] for one in hubspot.ledger()] == ["create"]
    assert hubspot.requests()[-2]["writes"] == 1


def test_an_existing_email_is_a_conflict_that_names_the_record(call):
    record = new(call, email="a@b.co")
    answer = call("POST", CONTACTS, {"properties": {"email": "A@B.co"}, "associations": []})

    assert (answer.status, answer.body["category"]) == (409, "CONFLICT")
    assert answer.body["message"] == f"Contact already exists. Existing ID: {record}"


def test_a_unique_property_holds_when_many_create_at_once(call, hubspot):
    call("POST", "/crm/v3/properties/contacts", {**KEY, "hasUniqueValue": True})

    def create(i):
        return call("POST", CONTACTS, {"properties": {"firstname": str(i), "pql_key": "k"}, "associations": []}).status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(create, range(16)))
    assert statuses == [201] + [400] * 15
    assert [one["key"] for one in hubspot.ledger() if one["object"] == "contact"] == ["k"]


def test_the_refusal_of_a_taken_unique_value_can_be_a_conflict_instead(call, hubspot):
    call("POST", "/crm/v3/properties/contacts", {**KEY, "hasUniqueValue": True})
    new(call, email="a@b.co", pql_key="k")
    hubspot.switch(unique_conflict_status=409)

    assert call("POST", CONTACTS, {"properties": {"email": "c@b.co", "pql_key": "k"}, "associations": []}).status == 409


def test_a_record_is_read_and_changed_by_a_unique_property(call):
    call("POST", "/crm/v3/properties/contacts", {**KEY, "hasUniqueValue": True})
    record = new(call, email="a@b.co", pql_key="k")
    changed = call("PATCH", f"{CONTACTS}/k?idProperty=pql_key", {"properties": {"phone": "2"}})

    assert changed.body["id"] == record
    assert call("GET", f"{CONTACTS}/a@b.co?idProperty=email").body["id"] == record
    assert call("GET", f"{CONTACTS}/x?idProperty=phone").status == 400


def test_two_merged_records_answer_under_a_new_id_and_both_old_ones(call, hubspot):
    first, second = new(call, email="a@b.co", phone="1"), new(call, email="c@b.co", jobtitle="CTO")
    merged = call("POST", f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).body

    assert merged["id"] not in (first, second)
    assert {call("GET", f"{CONTACTS}/{one}").body["id"] for one in (first, second)} == {merged["id"]}
    assert value(call, merged["id"], "hs_merged_object_ids") == f"{first};{second}"
    assert value(call, merged["id"], "hs_additional_emails") == "c@b.co"
    assert (value(call, first, "phone"), value(call, second, "jobtitle")) == ("1", "CTO")
    assert call("GET", f"{CONTACTS}/c@b.co?idProperty=email").body["properties"]["email"] == "a@b.co"
    assert len(call("GET", CONTACTS).body["results"]) == 1


def test_tasks_cannot_be_merged(call):
    assert call("POST", "/crm/v3/objects/tasks/merge", {"primaryObjectId": "1", "objectIdToMerge": "2"}).status == 404


def test_merging_moves_the_associations(call):
    first, second = new(call, email="a@b.co"), new(call, email="c@b.co")
    company = call("POST", "/crm/v3/objects/companies", {"properties": {"domain": "b.co"}, "associations": []}).body["id"]
    call("PUT", f"/crm/v4/objects/contacts/{second}/associations/default/companies/{company}")
    merged = call("POST", f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).body["id"]

    linked = call("GET", f"/crm/v4/objects/companies/{company}/associations/contacts").body["results"]
    assert [one["toObjectId"] for one in linked] == [int(merged)]


def test_an_archived_record_is_seen_only_where_archived_ones_are_asked_for(call):
    record = new(call, email="a@b.co")
    gone = call("DELETE", f"{CONTACTS}/{record}")

    assert (gone.status, gone.body) == (204, None)
    assert call("GET", f"{CONTACTS}/{record}").status == 404
    assert call("GET", f"{CONTACTS}/{record}?archived=true").body["archived"]
    assert call("GET", CONTACTS).body["results"] == []
    assert [one["id"] for one in call("GET", f"{CONTACTS}?archived=true").body["results"]] == [record]


def test_the_address_of_an_archived_contact_makes_a_new_record(call):
    first = new(call, email="a@b.co")
    call("DELETE", f"{CONTACTS}/{first}")

    assert new(call, email="a@b.co") != first


def test_a_portal_may_keep_unique_values_of_archived_records(call, hubspot):
    hubspot.switch(archived_holds_unique=True)
    call("DELETE", f"{CONTACTS}/{new(call, email='a@b.co')}")

    assert call("POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []}).status == 409


def test_a_lifecycle_stage_goes_forward_only_unless_it_is_cleared_first(call):
    record = new(call, email="a@b.co", lifecyclestage="opportunity")
    back = call("PATCH", f"{CONTACTS}/{record}", {"properties": {"lifecyclestage": "lead"}})

    assert (back.status, value(call, record, "lifecyclestage")) == (200, "opportunity")
    for stage in ("", "lead"):
        call("PATCH", f"{CONTACTS}/{record}", {"properties": {"lifecyclestage": stage}})
    assert value(call, record, "lifecyclestage") == "lead"


@pytest.mark.parametrize(
    ("kind", "lacking"), [("tasks", "hs_timestamp"), ("leads", "hs_lead_name"), ("notes", "hs_timestamp")]
)
def test_an_object_is_refused_without_what_it_cannot_be_without(call, kind, lacking):
    answer = call("POST", f"/crm/v3/objects/{kind}", {"properties": {}, "associations": []})

    assert (answer.status, answer.body["context"]["properties"]) == (400, [lacking])


def test_a_contact_needs_an_address_or_a_name(call):
    assert call("POST", CONTACTS, {"properties": {"phone": "1"}, "associations": []}).status == 400


def test_a_lead_needs_an_existing_contact_and_a_seated_owner(call, hubspot):
    owners = hubspot.seed(owners=[{"email": "ana@acme.com"}, {"email": "tom@acme.com", "seat": False}])["owners"]
    contact = new(call, email="a@b.co")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}]

    def lead(owner, to):
        properties = {"hs_lead_name": "L", "hubspot_owner_id": owner}
        body = {"properties": properties, "associations": [{"to": {"id": to}, "types": types}] if to else []}
        return call("POST", "/crm/v3/objects/leads", body).status

    ana, tom = owners["ana@acme.com"], owners["tom@acme.com"]
    assert [lead(ana, contact), lead(ana, "77"), lead(ana, None), lead(tom, contact)] == [201, 404, 400, 400]


def test_an_admins_rules_are_asked_by_the_newest_version_only(call, hubspot):
    hubspot.switch(
        required_properties={"contact": ["lastname"]},
        conditional_required=[{"object": "contact", "property": "lifecyclestage", "value": "customer", "then": ["company"]}],
    )
    body = {"properties": {"email": "a@b.co"}, "associations": []}

    assert [call("POST", path, body).status for path in (NEWEST, CONTACTS)] == [400, 201]
    update = {"properties": {"lifecyclestage": "customer"}}
    paths = [f"{path}/a@b.co?idProperty=email" for path in (NEWEST, CONTACTS)]
    assert [call("PATCH", path, update).status for path in paths] == [400, 200]


def test_closing_a_deal_or_a_task_is_computed(call):
    deal = new(call, "/crm/v3/objects/deals", dealname="d", dealstage="closedwon")
    task = new(call, "/crm/v3/objects/tasks", hs_timestamp="1795000000000", hs_task_status="COMPLETED")

    assert value(call, deal, "hs_is_closed_won", "/crm/v3/objects/deals") == "true"
    assert value(call, task, "hs_task_is_completed", "/crm/v3/objects/tasks") == "true"


def test_a_gdpr_delete_is_for_good(call):
    record = new(call, email="a@b.co")

    assert call("POST", f"{CONTACTS}/gdpr-delete", {"objectId": "a@b.co", "idProperty": "email"}).status == 204
    assert call("GET", f"{CONTACTS}/{record}?archived=true").status == 404


def test_a_list_is_paged_without_gaps_or_repeats(call):
    for i in range(23):
        new(call, email=f"u{i}@b.co")
    seen, path = [], f"{CONTACTS}?limit=10"
    while path:
        page = call("GET", path).body
        seen += [one["id"] for one in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
        path = f"{CONTACTS}?limit=10&after={after}" if after else None

    assert len(seen) == len(set(seen)) == 23


def test_custom_objects_come_by_seed(call, hubspot):
    hubspot.seed(
        object_types=[{"id": "2-77", "name": "workspace"}], records=[{"object": "2-77", "properties": {"title": "W"}}]
    )

    assert call("GET", "/crm/v3/objects/2-77?properties=title").body["results"][0]["properties"]["title"] == "W"
    assert [one["objectTypeId"] for one in call("GET", "/crm/v3/schemas").body["results"]] == ["2-77"]
    assert "title" in {one["name"] for one in call("GET", "/crm/v3/schemas/workspace").body["properties"]}


def test_lenient_mode_takes_any_id_and_property(call, hubspot):
    hubspot.switch(lenient=True)

    assert call("GET", f"{CONTACTS}/contactId", token="any").status == 200
    assert call("POST", CONTACTS, {"properties": {"foo": "string"}, "associations": []}).status == 201


@pytest.mark.parametrize(
    "body", [b"\x00", b"[]", b"nonsense", b'{"properties": []}', b'{"properties": {"email": {"a": 1}}}']
)
def test_a_body_of_the_wrong_shape_is_refused_not_stumbled_over(call, body):
    assert call("POST", CONTACTS, body).status == 400
    assert call("POST", f"{CONTACTS}/batch/update", body).status in (200, 400)
