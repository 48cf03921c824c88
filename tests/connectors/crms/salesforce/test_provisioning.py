"""Fields and permissions are made, shown first, made once; what differs stays; doctor says what is missing."""

from xml.etree import ElementTree as ET

import pytest
import requests

from connectors.crms.salesforce.definitions import metadata
from connectors.fields import FIELDS, TASK_KEY, fields_on, salesforce_name

PLACES = {"contact": "Contact", "lead": "Lead", "company": "Account", "task": "Activity"}


def by_api(changes):
    return [change for change in changes if change.by_api]


def test_everything_that_is_missing_is_shown_before_it_is_made(bare):
    found = bare.crm.provisioning.differences()

    fields = {(change.object, change.name) for change in found if change.kind == "field"}
    assert fields == {(object, salesforce_name(field.name)) for object in PLACES for field in fields_on(object)}
    assert {(change.object, change.name) for change in by_api(found) if change.kind == "permission"} == {
        *((object, "PQL_Sync") for object in PLACES),
        *((object, "PQL_Sales") for object in PLACES if object != "task"),
    }
    assert bare.writes() == 0


def test_all_is_made_and_said_to_be_done_and_we_see_and_may_write_what_is_ours(bare):
    outcomes = bare.crm.provisioning.apply()

    assert {said for change, said in outcomes if change.by_api} == {"done"}
    assert by_api(bare.crm.provisioning.differences()) == []
    assert [line for line in bare.crm.check() if not line[1]] == []


def test_what_people_write_we_may_read_and_not_write_and_the_sales_team_the_other_way_round(org):
    grants = {
        (row.properties["ParentId"], row.properties["Field"]): row.properties.get("PermissionsEdit", False)
        for row in org.sandbox.state.scan("FieldPermissions")
    }
    sets = {row.properties["Name"]: row.id for row in org.sandbox.state.scan("PermissionSet")}

    assert grants[(sets["PQL_Sync"], "Lead.PQL_Score__c")] is True
    assert grants[(sets["PQL_Sync"], "Lead.PQL_Outcome__c")] is False
    assert grants[(sets["PQL_Sales"], "Lead.PQL_Score__c")] is False
    assert grants[(sets["PQL_Sales"], "Lead.PQL_Outcome__c")] is True
    assert (sets["PQL_Sales"], "Lead.PQL_Key__c") not in grants
    assert (sets["PQL_Sync"], "Task.PQL_Task_Key__c") in grants


@pytest.mark.parametrize(
    ("object", "places"), [("lead", {"lead", "company", "task"}), ("contact", {"contact", "company", "task"})]
)
def test_an_org_where_leads_are_one_object_gets_fields_on_that_alone(bare, object, places):
    crm = bare.connect(object=object)

    assert {change.object for change in crm.provisioning.differences()} == places
    assert crm.objects == (object, "company")
    assert crm.creates == object
    crm.close()


def test_what_is_there_is_kept_and_only_the_rest_is_made(org):
    org.sandbox.act("drop_field", object="Lead", name="PQL_Plan__c")

    changes = by_api(org.crm.provisioning.differences())
    outcomes = org.crm.provisioning.apply()

    assert [(change.object, change.name) for change in changes if change.kind == "field"] == [("lead", "PQL_Plan__c")]
    assert {said for change, said in outcomes if change.by_api} == {"done"}


def test_a_field_that_exists_and_is_hidden_from_us_is_granted_and_not_made_again(org):
    for row in org.sandbox.state.scan("PermissionSetAssignment"):
        requests.delete(
            f"{org.sandbox.url}/services/data/v67.0/sobjects/PermissionSetAssignment/{row.id}",
            headers={"Authorization": f"Bearer {org.secret}"},
            timeout=5,
        ).raise_for_status()

    changes = by_api(org.crm.provisioning.differences())
    assert {change.kind for change in changes} == {"permission"}

    assert {said for change, said in org.crm.provisioning.apply() if change.by_api} == {"done"}
    assert by_api(org.crm.provisioning.differences()) == []


@pytest.mark.fault("F17")
def test_a_field_that_differs_is_reported_and_left_as_it_is(bare):
    bare.sandbox.seed(
        fields=[
            {"object": "Lead", "name": "PQL_Score__c", "type": "string", "length": 20},
            {"object": "Lead", "name": "PQL_Key__c", "type": "string", "length": 64},
            {"object": "Lead", "name": "PQL_Reasons__c", "type": "string", "length": 80},
            {"object": "Lead", "name": "PQL_Outcome__c", "type": "picklist", "values": ["accepted", "rejected"]},
        ]
    )

    drift = {change.name: change for change in bare.crm.provisioning.differences() if change.kind == "drift"}
    said = {change.name: text for change, text in bare.crm.provisioning.apply() if change.kind == "drift"}

    assert "string, not double" in drift["PQL_Score__c"].says
    assert "unique" in drift["PQL_Key__c"].says
    assert "255" in drift["PQL_Reasons__c"].says
    assert "working, deal_created, no_response" in drift["PQL_Outcome__c"].says
    assert not any(change.by_api for change in drift.values())
    assert said == {name: change.says for name, change in drift.items()}
    assert bare.crm.mirror._schema.form("lead", "PQL_Score__c").type == "string"


def test_somebody_who_made_the_field_meanwhile_is_no_failure(bare, monkeypatch):
    provisioning = bare.crm.provisioning
    before = provisioning.differences()
    provisioning.apply()
    monkeypatch.setattr(provisioning, "differences", lambda: before)

    assert {said for change, said in provisioning.apply() if change.kind == "field"} == {"exists"}


def test_a_refused_field_gives_its_reason_and_the_rest_is_made(bare):
    where = {"method": "POST", "path": "/tooling/sobjects/CustomField"}
    refusal = {"status": 403, "code": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "insufficient access"}
    bare.sandbox.weather({"match": where, "nth": 1, "fault": "status", "args": refusal})

    said = [said for change, said in bare.crm.provisioning.apply() if change.kind == "field"]

    assert "insufficient access" in said[0]
    assert set(said[1:]) == {"done"}


def test_what_no_call_can_make_is_described_for_people(org):
    hand = {change.kind: change.says for change in org.crm.provisioning.differences() if not change.by_api}

    assert "My PQLs" in hand["view"]
    assert "Map Lead Fields" in hand["mapping"]
    assert "PQL_Sales" in hand["permission"]


@pytest.mark.parametrize("field", [*FIELDS, TASK_KEY], ids=lambda field: field.name)
def test_a_field_says_all_that_its_type_needs(field):
    said = metadata(field)

    needed = {
        "Checkbox": "defaultValue",
        "Number": "precision",
        "Text": "length",
        "LongTextArea": "visibleLines",
        "Picklist": "valueSet",
    }
    assert said["label"] == field.label
    assert needed.get(said["type"], "type") in said
    assert bool(said.get("unique") and said["externalId"] and said["caseSensitive"]) is field.unique


def test_files_for_an_admin_say_the_same(bare):
    files = bare.crm.provisioning.files()
    space = "{http://soap.sforce.com/2006/04/metadata}"
    fields = {path: ET.fromstring(text) for path, text in files.items() if path.endswith(".field-meta.xml")}
    key = next(one for path, one in fields.items() if path.endswith("objects/Lead/fields/PQL_Key__c.field-meta.xml"))
    outcome = next(one for path, one in fields.items() if path.endswith("objects/Lead/fields/PQL_Outcome__c.field-meta.xml"))
    sync = ET.fromstring(next(text for path, text in files.items() if path.endswith("PQL_Sync.permissionset-meta.xml")))

    assert len(fields) == sum(len(fields_on(object)) for object in PLACES)
    assert {
        name: key.find(f"{space}{name}").text for name in ("type", "length", "unique", "externalId", "caseSensitive")
    } == {
        "type": "Text",
        "length": "64",
        **dict.fromkeys(("unique", "externalId", "caseSensitive"), "true"),
    }
    assert [one.text for one in outcome.iter(f"{space}fullName")][1:] == list(
        next(field for field in FIELDS if field.name == "pql_outcome").choices
    )
    assert len(sync.findall(f"{space}fieldPermissions")) == len(fields)
    assert any(path.endswith("Lead/listViews/My_PQLs.listView-meta.xml") for path in files)
    assert all(ET.fromstring(text) is not None for path, text in files.items() if path.endswith(".xml"))


# ------------------------------------------------------------------ doctor


def bad(org):
    return {what: said for what, good, said in org.crm.check() if not good}


@pytest.mark.fault("F15")
def test_doctor_names_fields_that_are_missing_or_hidden(bare):
    found = bad(bare)

    assert set(found) == {"Contact fields", "Lead fields", "Account fields", "Task fields"}
    assert "PQL_Task_Key__c" in found["Task fields"]


def test_doctor_says_that_an_opt_out_we_cannot_see_protects_nobody(org):
    org.sandbox.seed(fields=[{"object": "Lead", "name": "HasOptedOutOfEmail", "hidden": True}])

    assert "opted out" in bad(org)["Lead.HasOptedOutOfEmail visible"]


def test_doctor_tells_a_day_that_is_nearly_used_up(org):
    org.sandbox.switch(daily_limit=100)
    for _ in range(82):
        org.crm.mirror.owners()
        if (org.crm.budget().day_remaining or 0) < 18:
            break

    assert set(bad(org)) == {"daily calls left"}
    assert (org.crm.budget().day_calls or 0) == 100


def test_doctor_lists_the_queues(org):
    org.add_queue("Sales Desk", "Lead")

    assert next(said for what, _, said in org.crm.check() if what == "queues").startswith("1 known: Sales Desk.")


def test_doctor_names_an_org_that_does_not_answer(org):
    org.sandbox.weather({"match": {}, "rate": 1.0, "fault": "html"})

    assert [what for what, _, _ in org.crm.check()] == ["org"]


def test_a_link_opens_the_record_in_lightning(org):
    id = org.add_person("a@x.example")

    assert org.crm.link("contact", id) == f"{org.sandbox.url}/lightning/r/Contact/{id}/view"
