"""Custom fields: made by the Tooling API, hidden until permitted, shown by the describe, taken away again."""

import pytest

SCORE = {"type": "Number", "label": "PQL Score", "precision": 6, "scale": 2, "required": False}
KEY = {"type": "Text", "label": "PQL Key", "length": 64, "externalId": True, "unique": True, "caseSensitive": True}


def make(rest, full_name, metadata):
    return rest.call("POST", "tooling/sobjects/CustomField", json={"FullName": full_name, "Metadata": metadata})


def permit(rest, *full_names, edit=True):
    """Do as provisioning does: a permission set, its fields, and its assignment to the caller."""
    parent = rest.create("PermissionSet", Name="PQL", Label="PQL")
    for each in full_names:
        kind = each.partition(".")[0]
        rest.create(
            "FieldPermissions", ParentId=parent, SobjectType=kind, Field=each, PermissionsRead=True, PermissionsEdit=edit
        )
    user = rest.records("SELECT Id FROM User WHERE Email = 'integration@example.com'")[0]["Id"]
    rest.create("PermissionSetAssignment", PermissionSetId=parent, AssigneeId=user)


def described(rest, kind, name):
    fields = rest.get(f"sobjects/{kind}/describe").body["fields"]
    return next((each for each in fields if each["name"] == name), None)


def write(rest, **values):
    return rest.call("POST", "sobjects/Lead", json={"LastName": "A", "Company": "B", **values})


def test_a_new_field_is_invisible_until_a_permission_set_shows_it(rest):
    made = make(rest, "Lead.PQL_Score__c", SCORE)
    before = write(rest, PQL_Score__c=61.5)
    hidden = described(rest, "Lead", "PQL_Score__c")
    permit(rest, "Lead.PQL_Score__c")
    after = write(rest, PQL_Score__c=61.5)

    assert (made.status, made.body["success"]) == (201, True)
    assert (before.status, before.body[0]["errorCode"]) == (400, "INVALID_FIELD")
    assert hidden is None
    assert after.status == 201
    assert (
        described(rest, "Lead", "PQL_Score__c").items()
        >= {"type": "double", "precision": 6, "scale": 2, "custom": True}.items()
    )
    assert rest.records("SELECT PQL_Score__c FROM Lead") == [{"PQL_Score__c": 61.5}]


def test_a_field_that_may_only_be_read_is_not_written(rest):
    make(rest, "Lead.PQL_Score__c", SCORE)
    permit(rest, "Lead.PQL_Score__c", edit=False)

    assert write(rest, PQL_Score__c=1).body[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert described(rest, "Lead", "PQL_Score__c")["updateable"] is False


def test_an_external_id_made_by_tooling_takes_upserts(rest):
    make(rest, "Lead.PQL_Key__c", KEY)
    permit(rest, "Lead.PQL_Key__c")
    records = [{"attributes": {"type": "Lead"}, "LastName": "A", "Company": "B", "PQL_Key__c": each} for each in ("k", "K")]
    items = rest.collect("PATCH", records, "/Lead/PQL_Key__c")

    assert [item["created"] for item in items] == [True, True]
    told = described(rest, "Lead", "PQL_Key__c")
    assert [told[name] for name in ("externalId", "unique", "caseSensitive", "idLookup", "length")] == [
        True,
        True,
        True,
        True,
        64,
    ]


def test_a_permission_names_a_field_that_exists_and_is_given_once(rest):
    make(rest, "Lead.PQL_Score__c", SCORE)
    parent = rest.create("PermissionSet", Name="PQL", Label="PQL")
    named = {"ParentId": parent, "SobjectType": "Lead", "PermissionsRead": True}
    lost = rest.call("POST", "sobjects/FieldPermissions", json={**named, "Field": "Lead.PQL_Nope__c"})
    first, twice = (
        rest.call("POST", "sobjects/FieldPermissions", json={**named, "Field": "Lead.PQL_Score__c"}) for _ in range(2)
    )

    assert lost.body[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert first.status == 201
    assert twice.body[0]["errorCode"] == "DUPLICATE_VALUE"
    again = rest.call("POST", "sobjects/PermissionSet", json={"Name": "PQL", "Label": "PQL"})
    assert again.body[0]["errorCode"] == "DUPLICATE_VALUE"


@pytest.mark.parametrize("permitted", ["Activity.PQL_Task_Key__c", "Task.PQL_Task_Key__c"])
def test_a_field_of_activity_shows_on_tasks(rest, permitted):
    make(rest, "Activity.PQL_Task_Key__c", KEY)
    permit(rest, permitted)
    task = rest.create("Task", Subject="Call", PQL_Task_Key__c="t1")

    assert rest.get("sobjects/Task/PQL_Task_Key__c/t1").body["Id"] == task


@pytest.mark.parametrize(
    ("full_name", "metadata", "code"),
    [
        ("Task.PQL_Key__c", KEY, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.PQL_Key", KEY, "REQUIRED_FIELD_MISSING"),
        ("Lead.PQL_Key__c", {**KEY, "length": None}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.PQL_Flag__c", {"type": "Checkbox", "label": "PQL"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.PQL_Map__c", {"type": "Location", "label": "PQL"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.PQL_Key__c", {**KEY, "label": ""}, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_metadata_that_an_org_would_refuse_makes_no_field(rest, full_name, metadata, code):
    refused = make(rest, full_name, metadata)

    assert (refused.status, refused.body[0]["errorCode"]) == (400, code)
    assert rest.org.ledger() == []


def test_a_field_is_made_once_listed_changed_and_dropped_by_an_admin(rest):
    made = make(rest, "Lead.PQL_Tier__c", {"type": "Picklist", "label": "Tier", "valueSet": values("hot", "warm")}).body[
        "id"
    ]
    permit(rest, "Lead.PQL_Tier__c")
    again = make(rest, "Lead.PQL_Tier__c", SCORE)
    wider = {"type": "Picklist", "label": "Tier", "valueSet": values("hot", "warm", "cold")}
    changed = rest.call("PATCH", f"tooling/sobjects/CustomField/{made}", json={"Metadata": wider})
    listed = rest.get("tooling/query", q="SELECT Id, DeveloperName FROM CustomField WHERE TableEnumOrId = 'Lead'").body

    assert again.body[0]["errorCode"] == "DUPLICATE_DEVELOPER_NAME"
    assert changed.status == 204
    assert [each["DeveloperName"] for each in listed["records"]] == ["PQL_Tier"]
    assert rest.get(f"tooling/sobjects/CustomField/{made}").body["Metadata"] == wider
    assert write(rest, PQL_Tier__c="cold").status == 201
    assert write(rest, PQL_Tier__c="icy").body[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    rest.org.act("drop_field", object="Lead", field="PQL_Tier__c")
    assert write(rest, PQL_Tier__c="hot").body[0]["errorCode"] == "INVALID_FIELD"
    assert rest.get("tooling/query", q="SELECT Id FROM CustomField").body["totalSize"] == 0


def values(*names):
    return {
        "restricted": True,
        "valueSetDefinition": {"sorted": False, "value": [{"fullName": n, "label": n} for n in names]},
    }


def test_list_views_are_not_made_by_rest(rest):
    refused = rest.call("POST", "sobjects/ListView", json={"Name": "My PQLs", "DeveloperName": "My_PQLs"})

    assert refused.body[0]["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"


def test_the_global_describe_lists_the_objects_with_their_prefixes(rest):
    told = {each["name"]: each["keyPrefix"] for each in rest.get("sobjects").body["sobjects"]}

    assert (
        told.items()
        >= {"Lead": "00Q", "Contact": "003", "Account": "001", "Task": "00T", "User": "005", "Group": "00G"}.items()
    )
    assert "CustomField" not in told
