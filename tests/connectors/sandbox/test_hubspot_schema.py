"""Properties, groups, owners, associations and account of the sandbox HubSpot."""

import pytest

PROPERTIES = "/crm/v3/properties/contacts"
NEWEST = "/crm/properties/2026-09/contacts"
GROUP = "contactinformation"


def prop(name, type_="string", field="text", **more):
    return {"name": name, "label": name, "groupName": GROUP, "type": type_, "fieldType": field, **more}


def made(call, kind, **properties):
    return call("POST", f"/crm/v3/objects/{kind}", {"properties": properties, "associations": []}).body["id"]


def test_a_new_portal_has_the_properties_that_reps_know(call):
    names = {one["name"] for one in call("GET", PROPERTIES).body["results"]}

    assert {"email", "firstname", "lifecyclestage", "hs_lead_status", "hubspot_owner_id", "hs_email_optout"} <= names
    assert call("GET", f"{PROPERTIES}/hubspot_owner_id").body["referencedObjectType"] == "OWNER"
    assert call("GET", f"{PROPERTIES}/createdate").body["modificationMetadata"]["readOnlyValue"]


def test_a_property_that_exists_is_a_conflict(call):
    assert call("POST", PROPERTIES, prop("pql_tier")).status == 201
    answer = call("POST", PROPERTIES, prop("pql_tier"))

    assert (answer.status, answer.body["category"]) == (409, "OBJECT_ALREADY_EXISTS")


@pytest.mark.parametrize(
    "body",
    [
        prop("x", "number", "select"),
        prop("x", groupName="nowhere"),
        prop("X Y"),
        prop("x", "bool", "booleancheckbox", options=[{"label": "a", "value": "yes"}, {"label": "b", "value": "no"}]),
        prop("x", "datetime", "date", hasUniqueValue=True),
        {"name": "x"},
    ],
)
def test_a_property_that_does_not_fit_is_refused(call, body):
    assert call("POST", PROPERTIES, body).status == 400


def test_options_need_all_four_keys_on_the_newest_version_only(call):
    body = prop("x", "enumeration", "select", options=[{"label": "a", "value": "a"}])

    assert [call("POST", path, body).status for path in (NEWEST, PROPERTIES)] == [400, 201]


def test_uniqueness_is_decided_at_creation_and_ten_are_the_most(call):
    for i in range(10):
        assert call("POST", PROPERTIES, prop(f"key_{i}", hasUniqueValue=True)).status == 201

    assert call("POST", PROPERTIES, prop("key_10", hasUniqueValue=True)).status == 400
    assert call("POST", PROPERTIES, prop("plain")).status == 201
    assert call("PATCH", f"{PROPERTIES}/plain", {"hasUniqueValue": True}).status == 400
    assert call("PATCH", f"{PROPERTIES}/plain", {"label": "Plain"}).body["label"] == "Plain"


def test_tasks_may_be_refused_a_unique_property(call, hubspot):
    hubspot.switch(unique_on_tasks=False)
    body = prop("pql_task_key", hasUniqueValue=True) | {"groupName": "taskinformation"}

    assert call("POST", "/crm/v3/properties/tasks", body).status == 400


def test_batches_of_properties_answer_per_version_and_name_the_one_that_exists(call):
    call("POST", f"{PROPERTIES}/groups", {"name": "pql", "label": "PQL"})
    old = call("POST", f"{PROPERTIES}/batch/create", {"inputs": [prop("a", groupName="pql"), prop("b", groupName="pql")]})
    again = call("POST", f"{PROPERTIES}/batch/create", {"inputs": [prop("b", groupName="pql"), prop("c", groupName="pql")]})
    newest = call("POST", f"{NEWEST}/batch/create", {"inputs": [prop("d", groupName="pql")]})

    assert (old.status, again.status, newest.status) == (201, 207, 200)
    assert again.body["errors"][0]["context"]["name"] == ["b"]
    assert {one["name"] for one in again.body["results"]} == {"c"}
    read = call("POST", f"{PROPERTIES}/batch/read", {"inputs": [{"name": "a"}, {"name": "zzz"}]})
    assert (read.status, len(read.body["results"])) == (207, 1)


def test_groups_are_listed_made_once_and_removed(call):
    assert call("POST", f"{PROPERTIES}/groups", {"name": "pql", "label": "PQL"}).status == 201
    assert call("POST", f"{PROPERTIES}/groups", {"name": "pql", "label": "PQL"}).status == 409
    assert {one["name"] for one in call("GET", f"{PROPERTIES}/groups").body["results"]} == {GROUP, "pql"}
    assert call("DELETE", f"{PROPERTIES}/groups/pql").status == 204
    assert call("GET", f"{PROPERTIES}/groups/pql").status == 404


def test_an_archived_property_no_longer_takes_values(call):
    call("POST", PROPERTIES, prop("pql_tier"))
    record = made(call, "contacts", email="a@b.co", pql_tier="hot")
    assert call("DELETE", f"{PROPERTIES}/pql_tier").status == 204

    answer = call("PATCH", f"/crm/v3/objects/contacts/{record}", {"properties": {"pql_tier": "cold"}})
    assert "PROPERTY_DOESNT_EXIST" in answer.body["message"]
    assert "pql_tier" not in call("GET", f"/crm/v3/objects/contacts/{record}?properties=pql_tier").body["properties"]


@pytest.mark.parametrize("path", ["/crm/v3/owners", "/crm/v3/owners/", "/crm/owners/2026-09"])
def test_owners_are_paged_and_found_by_address(call, hubspot, path):
    hubspot.seed(owners=[{"email": f"rep{i}@acme.com"} for i in range(5)])
    first = call("GET", f"{path}?limit=3").body
    rest = call("GET", f"{path}?limit=3&after={first['paging']['next']['after']}").body

    assert [one["email"] for one in first["results"] + rest["results"]] == [f"rep{i}@acme.com" for i in range(5)]
    assert len(call("GET", f"{path}?email=REP2@acme.com").body["results"]) == 1


def test_an_owner_is_read_by_id_or_user_id(call, hubspot):
    hubspot.seed(owners=[{"email": "ana@acme.com", "id": "88"}])
    owner = call("GET", "/crm/v3/owners/88").body

    assert call("GET", f"/crm/v3/owners/{owner['userId']}?idProperty=userId").body["id"] == "88"
    assert call("GET", "/crm/v3/owners/99").status == 404


def test_a_default_association_makes_the_first_company_the_primary_one(call):
    contact, first, second = (
        made(call, "contacts", email="a@b.co"),
        made(call, "companies", name="1"),
        made(call, "companies", name="2"),
    )
    for company in (first, second):
        inputs = [{"from": {"id": contact}, "to": {"id": company}}]
        call("POST", "/crm/v4/associations/contacts/companies/batch/associate/default", {"inputs": inputs})
    read = call("POST", "/crm/v4/associations/contacts/companies/batch/read", {"inputs": [{"id": contact}]}).body["results"][
        0
    ]

    shown = call("GET", f"/crm/v3/objects/contacts/{contact}?associations=companies").body["associations"]["companies"][
        "results"
    ]
    assert sorted(one["type"] for one in shown) == ["contact_to_company", *["contact_to_company_unlabeled"] * 2]
    types = {one["toObjectId"]: {each["typeId"] for each in one["associationTypes"]} for one in read["to"]}
    assert types == {int(first): {279, 1}, int(second): {279}}


@pytest.mark.parametrize(
    ("path", "created", "archived"),
    [("/crm/v4/associations/tasks/contacts", 201, 204), ("/crm/associations/2026-09/0-27/0-1", 200, 200)],
)
def test_association_batches_answer_per_version(call, path, created, archived):
    task, contact = made(call, "tasks", hs_timestamp="1795000000000"), made(call, "contacts", email="a@b.co")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]
    one = {"from": {"id": task}, "to": {"id": contact}, "types": types}

    assert call("POST", f"{path}/batch/create", {"inputs": [one]}).status == created
    assert len(call("GET", f"/crm/v4/objects/contacts/{contact}/associations/tasks").body["results"]) == 1
    assert (
        call("POST", f"{path}/batch/archive", {"inputs": [{"from": {"id": task}, "to": [{"id": contact}]}]}).status
        == archived
    )
    assert call("GET", f"/crm/v4/objects/contacts/{contact}/associations/tasks").body["results"] == []


def test_an_association_type_of_other_objects_or_an_unknown_record_is_an_error_of_its_row(call):
    task, contact = made(call, "tasks", hs_timestamp="1795000000000"), made(call, "contacts", email="a@b.co")

    def one(to, type_id):
        return {
            "from": {"id": task},
            "to": {"id": to},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
        }

    answer = call(
        "POST",
        "/crm/v4/associations/tasks/contacts/batch/create",
        {"inputs": [one(contact, 204), one(contact, 192), one("7", 204)]},
    )
    assert (answer.status, len(answer.body["results"]), len(answer.body["errors"])) == (207, 1, 2)


def test_records_without_associations_are_errors_of_a_batch_read(call):
    contact = made(call, "contacts", email="a@b.co")
    answer = call("POST", "/crm/v4/associations/contacts/tasks/batch/read", {"inputs": [{"id": contact}]})

    assert (answer.status, answer.body["errors"][0]["subCategory"]) == (207, "crm.associations.NO_ASSOCIATIONS_FOUND")


def test_a_label_of_the_customer_links_partner_and_customer(call):
    labels = "/crm/v4/associations/companies/companies/labels"
    type_id = call("POST", labels, {"name": "reseller_of", "label": "Reseller of"}).body["results"][0]["typeId"]
    partner, customer = made(call, "companies", name="P"), made(call, "companies", name="C")
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}]
    answer = call("PUT", f"/crm/v4/objects/companies/{partner}/associations/companies/{customer}", types)

    assert (answer.status, answer.body["labels"]) == (201, ["Reseller of"])
    assert "Reseller of" in {one["label"] for one in call("GET", labels).body["results"]}


@pytest.mark.parametrize("path", ["/account-info/v3", "/account-info/2026-09"])
def test_the_account_tells_its_portal_zone_and_usage(call, path):
    details = call("GET", f"{path}/details").body
    usage = call("GET", f"{path}/api-usage/daily/private-apps").body["results"][0]

    assert (details["timeZone"], details["portalId"]) == ("Europe/Berlin", 24000042)
    assert usage["currentUsage"] == 2


@pytest.mark.parametrize("header", ["wrong", "pat-sandbox-hubspot "])
def test_a_wrong_token_is_refused_before_anything_else(call, header):
    answer = call("POST", "/crm/v3/objects/contacts", {"properties": {"email": "a@b.co"}}, token=header.replace(" ", "x"))

    assert (answer.status, answer.body["category"]) == (401, "INVALID_AUTHENTICATION")
