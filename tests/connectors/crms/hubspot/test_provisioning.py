"""Making our fields in a portal, and what doctor says about them."""

import orjson
import pytest
from answering import Answering

from connectors.crms.hubspot import HubSpot, Options
from connectors.fields import FIELDS, fields_on
from connectors.sandbox.wire import Reply
from settings.terms import Secret

EXPECTED = sum(len(fields_on(object)) for object in ("contact", "company", "task"))


def names(changes, kind):
    return [f"{one.object}.{one.name}" for one in changes if one.kind == kind]


def test_everything_that_is_missing_is_shown_before_it_is_made(bare):
    changes = bare.crm.provisioning.differences()

    assert len(names(changes, "field")) == EXPECTED
    assert names(changes, "group") == ["contact.pql", "company.pql", "task.pql"]
    assert bare.writes() == 0


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_all_is_made_in_six_writing_calls_and_said_to_be_done(bare, version):
    crm = bare.connect(version)
    before = len([line for line in bare.sandbox.requests() if line["writes"]])

    outcomes = crm.provisioning.apply()

    assert {said for change, said in outcomes if change.by_api} == {"done"}
    assert len([line for line in bare.sandbox.requests() if line["writes"]]) - before == 6
    assert [change.kind for change in crm.provisioning.differences()] == ["view"]
    crm.close()


def test_what_is_there_is_kept_and_only_the_rest_is_made(bare):
    bare.sandbox.seed(properties=[{"object": "contact", "name": "pql_score", "type": "number"}])

    outcomes = {f"{change.object}.{change.name}": said for change, said in bare.crm.provisioning.apply()}

    assert "contact.pql_score" not in outcomes
    assert outcomes["company.pql_score"] == "done"


@pytest.mark.fault("F17")
def test_a_field_that_differs_is_reported_and_left_as_it_is(bare):
    bare.sandbox.seed(
        properties=[
            {"object": "contact", "name": "pql_score", "type": "string"},
            {"object": "contact", "name": "pql_key", "type": "string", "hasUniqueValue": False},
            {"object": "contact", "name": "pql_outcome", "type": "enumeration", "options": ["accepted"]},
        ]
    )

    outcomes = {change: said for change, said in bare.crm.provisioning.apply() if change.kind == "drift"}

    assert sorted(change.name for change in outcomes) == ["pql_key", "pql_outcome", "pql_score"]
    assert all(not change.by_api for change in outcomes)
    assert "string, not number" in " ".join(outcomes.values())
    assert ("contact.pql_key is unique", False) in [line[:2] for line in bare.crm.check()]


def test_a_portal_that_refuses_a_unique_task_key_gives_its_reason_and_the_rest_is_made(bare):
    bare.sandbox.switch(unique_on_tasks=False)

    outcomes = {f"{change.object}.{change.name}": said for change, said in bare.crm.provisioning.apply()}

    assert "not supported" in outcomes["task.pql_task_key"]
    assert outcomes["contact.pql_key"] == "done"


def test_somebody_who_made_the_field_meanwhile_is_no_failure(bare, monkeypatch):
    provisioning = bare.crm.provisioning
    shown = provisioning.differences()
    monkeypatch.setattr(provisioning, "differences", lambda: shown)
    bare.connect().provisioning.apply()

    assert {said for change, said in provisioning.apply() if change.by_api} == {"exists"}


def test_files_for_an_admin_say_the_same(bare):
    files = {path: orjson.loads(text) for path, text in bare.crm.provisioning.files().items()}

    assert set(files) == {"hubspot/contacts.json", "hubspot/companies.json", "hubspot/tasks.json"}
    inputs = {one["name"]: one for one in files["hubspot/contacts.json"]["inputs"]}
    assert set(inputs) == {field.name for field in FIELDS if "contact" in field.on}
    assert (inputs["pql_flag"]["type"], inputs["pql_flag"]["fieldType"]) == ("bool", "booleancheckbox")
    assert [one["value"] for one in inputs["pql_outcome"]["options"]][:2] == ["accepted", "working"]
    assert all(
        set(option) == {"label", "value", "hidden", "displayOrder"} for one in inputs.values() for option in one["options"]
    )


def test_the_view_that_no_api_makes_is_described_for_people(portal):
    (view,) = portal.crm.provisioning.differences()

    assert (view.kind, view.by_api, "My PQLs" in view.says) == ("view", False, True)


# ---------------------------------------------------------------------------------------------------- doctor


@pytest.fixture
def telling():
    """A portal that tells the scopes of its tokens."""

    def connect(scopes):
        def answer(request):
            if request.path.endswith("access-token-info"):
                return Reply(200, {"userId": 1, "hubId": 42, "scopes": scopes})
            if request.path.endswith("details"):
                return Reply(200, {"portalId": 42, "timeZone": "Europe/Berlin", "uiDomain": "app-eu1.hubspot.com"})
            return Reply(200, {"results": []})

        server = Answering(answer).start()
        servers.append(server)
        crm = HubSpot(Options(Secret("T", "pat-x"), server.url))
        crms.append(crm)
        return crm

    servers, crms = [], []
    yield connect
    for crm in crms:
        crm.close()
    for server in servers:
        server.stop()


NEEDED = [f"crm.objects.{object}.{verb}" for object in ("contacts", "companies") for verb in ("read", "write")]


@pytest.mark.fault("F15")
def test_doctor_lists_missing_scopes(telling):
    checks = {what: (good, says) for what, good, says in telling(NEEDED[:3]).check()}

    good, says = checks["scopes"]
    assert not good
    assert "crm.objects.companies.write" in says
    assert "crm.objects.owners.read" in says
    assert "contacts" not in says


def test_doctor_lists_scopes_beyond_need(telling):
    scopes = [*NEEDED, "crm.objects.owners.read", "crm.schemas.contacts.write", "files"]
    checks = {what: (good, says) for what, good, says in telling(scopes).check()}

    assert checks["scopes"][0]
    good, says = checks["no scopes beyond need"]
    assert not good
    assert "crm.schemas.contacts.write, files" in says


def test_where_scopes_are_not_told_reading_is_tried(portal):
    portal.sandbox.weather(
        {"match": {"method": "GET", "path": "objects/.*deals"}, "fault": "forbidden", "args": {"scope": "x.y"}}
    )

    checks = {what: good for what, good, _ in portal.crm.check()}

    assert checks["contact readable"]
    assert not checks["deal readable"]


def test_a_day_that_is_nearly_used_up_is_told(portal):
    portal.sandbox.switch(daily_limit=24)

    assert ("daily calls left", False) in [line[:2] for line in portal.crm.check()]
