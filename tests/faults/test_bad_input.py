"""
What a CRM does not take: each case is named on its row with field, value and what to do, set aside, and written once it is
mended; nothing else stops for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from fixtures_push import Rig

from worker.steps.sending.desk import PushReport, Writing
from worker.steps.telling import standing
from worker.steps.upkeep.activating import activate
from worker.store.records import Want

BAD, GOOD = 0, range(1, 5)
Do = Callable[[Rig], object]
NEW = {"email": "new@nordwerk.example", "last_name": "Neu", "company_name": "Nordwerk"}


def act(kind: str, **doc: Any) -> Do:
    return lambda rig: rig.portal.endpoint.act(kind, **doc)


def switch(**values: Any) -> Do:
    return lambda rig: rig.portal.endpoint.switch(**values)


@dataclass(frozen=True)
class Case:
    """Before the push `first` happens, and row 0 wants `fields`. Its message holds `says`; `mend` takes the cause away."""

    sentence: str
    first: Do
    fields: Mapping[str, Any]
    field: str | None
    says: tuple[str, ...]
    mend: Do
    new: bool = False
    """Whether row 0 is a record that is yet to be made."""
    marks: tuple[str, ...] = ()
    status: str = "rejected"

    def __str__(self) -> str:
        return self.sentence


def nothing(_: Rig) -> None:
    """The cause is there already."""


def owner(who: str) -> Do:
    """An owner whose address the mirror knows."""

    def known(rig: Rig) -> None:
        from worker.steps.intake.watch import Watching, watch

        watch(rig.store, rig.portal.crm, rig.name, Watching())
        rig.portal.endpoint.act("deactivate_owner", email=who)

    return known


def records_of(first: Callable[[Rig], str], **rule: Any) -> Do:
    return lambda rig: rig.portal.endpoint.act("restrict_record_type", records=[first(rig)], **rule)


LEAD_RULE = {
    "object": "Lead",
    "refuse_when": "Title = 'Intern'",
    "message": "Interns are not leads",
    "field": "Title",
}
HUBSPOT = (
    Case(
        "an owner whom nobody knows",
        nothing,
        {"owner": "999999"},
        "owner",
        ('owner = "999999"', "is not the id of an active owner", "activate them and run pql retry"),
        lambda rig: rig.wish(rig.portal.want(BAD, owner=rig.portal.ana)),
    ),
    Case(
        "an owner who was deactivated in the middle of the run",
        owner("tom@acme.com"),
        {"owner": "tom"},
        "owner",
        ('owner = "tom@acme.com"', "is not the id of an active owner"),
        act("activate_owner", email="tom@acme.com"),
        marks=("F23",),
    ),
    Case(
        "a value that the picklist does not have",
        nothing,
        {"hs_lead_status": "BLAZING"},
        "hs_lead_status",
        ('hs_lead_status = "BLAZING"', "allowed options", "Add the option to the property and run pql retry"),
        act("edit_field", object="contact", name="hs_lead_status", options=["NEW", "BLAZING"]),
        marks=("F22",),
    ),
    Case(
        "a text that is longer than any property",
        nothing,
        {"jobtitle": "x" * 70_000},
        "jobtitle",
        ('jobtitle = "xxx', "(70,000 characters)", "Map something shorter to it"),
        lambda rig: rig.wish(rig.portal.want(BAD, jobtitle="Head of Growth")),
        marks=("F55",),
    ),
    Case(
        "a text where the property is a number by now",
        act("edit_field", object="contact", name="jobtitle", type="number", fieldType="number"),
        {"jobtitle": "Head of Growth"},
        "jobtitle",
        ('jobtitle = "Head of Growth"', "not a valid number", "make the property a text"),
        act("edit_field", object="contact", name="jobtitle", type="string", fieldType="text"),
        marks=("F17",),
    ),
    Case(
        "a property that the portal's admin requires of new records",
        act("require_field", object="contact", name="jobtitle"),
        {"email": NEW["email"]},
        "jobtitle",
        ("jobtitle: ", "required properties were not set", "ask the portal's admin"),
        switch(required_properties={}),
        new=True,
        marks=("F21",),
    ),
    Case(
        "a property that a rule of the portal requires together with another",
        act("require_field", object="contact", name="jobtitle", if_property="pql_tier", **{"is": "scorching"}),
        {"pql_tier": "scorching"},
        "jobtitle",
        ("jobtitle: ", "required properties were not set", "then run pql retry"),
        switch(conditional_required=[]),
        marks=("F21",),
    ),
)
SALESFORCE = (
    Case(
        "an owner whom nobody knows",
        nothing,
        {"owner": "0055g0000000099AAA"},
        "owner",
        ('owner = "0055g0000000099AAA"', "invalid cross reference id", "Correct it, then run pql retry"),
        lambda rig: rig.wish(rig.portal.want(BAD, owner=rig.portal.ana)),
    ),
    Case(
        "an owner who was deactivated in the middle of the run",
        owner("tom@acme.com"),
        {"owner": "tom"},
        "owner",
        ('owner = "tom@acme.com"', "inactive user", "activate the user and run pql retry"),
        act("activate_owner", email="tom@acme.com"),
        marks=("F23",),
    ),
    Case(
        "a value that the restricted picklist does not have",
        act("edit_field", object="Lead", field="Rating", values=["Hot", "Warm", "Cold"], restricted=True),
        {"Rating": "Blazing"},
        "Rating",
        ('Rating = "Blazing"', "bad value for restricted picklist field", "Add the value to the picklist"),
        act("edit_field", object="Lead", field="Rating", values=["Hot", "Warm", "Cold", "Blazing"]),
        marks=("F22",),
    ),
    Case(
        "a value that the record type of this one record does not admit",
        records_of(lambda rig: rig.portal.ids[BAD], object="Lead", field="Rating", values=["Cold"]),
        {"Rating": "Hot"},
        "Rating",
        ('Rating = "Hot"', "bad value for restricted picklist field", "for this record type too"),
        switch(record_types=[]),
        marks=("F22",),
    ),
    Case(
        "a text that is longer than its field",
        nothing,
        {"Title": "x" * 300},
        "Title",
        ('Title = "xxx', "data value too large", "max length=128", "make the field longer and run pql retry"),
        act("edit_field", object="Lead", field="Title", length=500),
        marks=("F55",),
    ),
    Case(
        "a value that a validation rule of the org refuses",
        act("validation_rule", **LEAD_RULE),
        {"Title": "Intern"},
        "Title",
        ("Interns are not leads", "validation rule of the org", "run pql retry"),
        switch(validation_rules=[]),
        marks=("F21",),
    ),
    Case(
        "a field that the org's admin requires of new records",
        act("require_field", object="Lead", field="Title"),
        NEW,
        "Title",
        ("Title: ", "Required fields are missing: [Title]", "ask the org's admin"),
        lambda rig: rig.wish(made(rig, **NEW, title="Head of Growth")),
        new=True,
        marks=("F21",),
    ),
    Case(
        "a new record that a duplicate rule takes for one that is there",
        act("duplicate_rule", object="Lead", match=["LastName"]),
        {**NEW, "last_name": "c1"},
        None,
        ("Use one of these records?", "Decide which record is meant"),
        switch(duplicate_rules=[]),
        new=True,
        marks=("F25",),
        status="needs_review",
    ),
)


def made(rig: Rig, **fields: Any) -> Want:
    """Row 0 as a record that is yet to be made."""
    return Want(f"L{BAD}", rig.portal.want(BAD).object, {"pql_flag": True, "pql_key": f"L{BAD}", **fields}, because="new")


def wanted(rig: Rig, case: Case) -> Want:
    fields = {name: rig.portal.tom if value == "tom" else value for name, value in case.fields.items()}
    return made(rig, **fields) if case.new else rig.portal.want(BAD, **fields)


def rules(rig: Rig) -> Writing:
    return Writing(rig.name, set_owner="always")


def try_again(rig: Rig) -> None:
    """As `pql retry` does."""
    standing.try_again(rig.store, SimpleNamespace(destinations={rig.name: None}), "ana")  # type: ignore[arg-type]  # all it reads


def cases(listed: tuple[Case, ...]) -> list[Any]:
    return [pytest.param(case, id=case.sentence, marks=[pytest.mark.fault(one) for one in case.marks]) for case in listed]


def proves(rig: Rig, case: Case) -> None:
    """What every case has to show."""
    case.first(rig)
    rig.wish(wanted(rig, case), *(rig.portal.want(number) for number in GOOD))
    report = rig.push(rules(rig))

    row = rig.row(BAD)
    assert rig.statuses() == {"in_sync": len(GOOD), case.status: 1}
    assert [words for words in case.says if words not in row["last_error"]] == [], row["last_error"]
    if case.status == "rejected":
        assert [(one.lead, one.field, one.message) for one in report.rejected] == [("L0", case.field, row["last_error"])]
    assert rig.push(rules(rig)).counts.calls.made == 0, "what is set aside is not sent again by itself"

    case.mend(rig)
    try_again(rig)
    rig.push(rules(rig))
    assert rig.statuses() == {"in_sync": len(GOOD) + 1}


@pytest.mark.fault("F17", "F21", "F22", "F23", "F55")
@pytest.mark.parametrize("case", cases(HUBSPOT))
def test_hubspot_does_not_take(rig: Rig, case: Case) -> None:
    proves(rig, case)


@pytest.mark.fault("F21", "F22", "F23", "F25", "F55")
@pytest.mark.parametrize("case", cases(SALESFORCE))
def test_salesforce_does_not_take(org_rig: Rig, case: Case) -> None:
    proves(org_rig, case)


READ_ONLY = {
    "hubspot": (act("edit_field", object="contact", name="jobtitle", read_only=True), "jobtitle"),
    "salesforce": (act("edit_field", object="Lead", field="Title", read_only=True), "Title"),
}


@pytest.fixture(params=["hubspot", "salesforce"])
def each_rig(request: pytest.FixtureRequest) -> Rig:
    """A portal, then an org."""
    rig: Rig = request.getfixturevalue("rig" if request.param == "hubspot" else "org_rig")
    return rig


@pytest.mark.fault("F16")
def test_a_field_that_became_read_only_is_left_out_and_said_and_written_once_it_may_be(each_rig: Rig) -> None:
    rig = each_rig
    first, name = READ_ONLY[rig.name]
    first(rig)
    rig.wish(rig.portal.want(BAD, **{name: "Head of Growth"}), *(rig.portal.want(number) for number in GOOD))
    report = rig.push(rules(rig), seconds=10)

    assert rig.statuses() == {"in_sync": len(GOOD) + 1}
    assert [f"no field {name} on" in says and "then `pql retry`" in says for says in report.warnings] == [True]
    rig.portal.endpoint.act("edit_field", object=rig.portal.want().object.title(), name=name, read_only=False)
    rig.portal.crm.provisioning.differences()  # a connector that lives on hears of it; a new one reads all anew
    try_again(rig)
    assert rig.push(rules(rig)).counts.records.updated == 1
    assert rig.row(BAD)["acknowledged"][name] == "Head of Growth"


LOCKED = {
    "hubspot": lambda rig: rig.portal.endpoint.weather(
        {"match": {"method": "POST", "path": ".*batch/update"}, "nth": 1, "fault": "locked"}
    ),
    "salesforce": lambda rig: rig.portal.endpoint.switch(row_locks={rig.portal.ids[BAD]: 1}),
}


@pytest.mark.fault("F24")
def test_a_locked_record_waits_a_moment_and_costs_its_neighbours_nothing(each_rig: Rig) -> None:
    rig = each_rig
    LOCKED[rig.name](rig)
    rig.wish(*(rig.portal.want(number) for number in range(5)))
    first = rig.push(threads=1)

    left = rig.statuses()
    assert first.rejected == []
    assert left == ({"in_sync": 4, "due": 1} if rig.name == "salesforce" else {"due": 5})
    assert first.next_in is not None
    assert 0 < first.next_in <= 5
    with rig.store.write() as tx:  # the moment is over
        tx.connection.exec_driver_sql("update record_sync set next_attempt_at = null")
    rig.push()
    assert rig.statuses() == {"in_sync": 5}


def refusing(rig: Rig, kind: str) -> str:
    """The CRM refuses us as a whole; what the refusal has to name."""
    endpoint = rig.portal.endpoint
    if kind == "token":
        endpoint.act("revoke_token")
        return "token"
    if rig.name == "hubspot":
        endpoint.act("revoke_scope", scope="crm.objects.contacts.write")
        return "crm.objects.contacts.write"
    args = {"status": 403, "code": "API_DISABLED_FOR_ORG", "message": "API is not enabled for this Organization"}
    endpoint.weather({"match": {"path": "/services/data"}, "fault": "status", "args": args})
    return "Give the org or the user's profile the API"


def admitting(rig: Rig) -> None:
    endpoint = rig.portal.endpoint
    endpoint.weather()
    endpoint.act("grant_token", token=endpoint.token)
    if rig.name == "hubspot":
        endpoint.act("grant_scope", scope="crm.objects.contacts.write")


@pytest.mark.fault("F14", "F15")
@pytest.mark.parametrize("kind", ["token", "scope"])
def test_a_crm_that_refuses_us_is_named_once_and_all_work_waits_for_it(each_rig: Rig, kind: str) -> None:
    rig = each_rig
    names = refusing(rig, kind)
    rig.wish(*(rig.portal.want(number) for number in range(5)), rig.portal.task())
    before = len(rig.portal.calls())
    report: PushReport = rig.push(threads=1)

    assert names in report.refused
    assert len(rig.portal.calls()) == before + 1, "nothing more is asked of a CRM that refuses"
    assert (rig.statuses(), rig.tasks()) == ({"due": 5}, {"task_create:planned": 1})
    assert (rig.row()["attempts"], report.rejected) == (0, [])
    admitting(rig)
    rig.push()
    assert (rig.statuses(), rig.tasks()) == ({"in_sync": 5}, {"task_create:confirmed": 1})


@pytest.mark.fault("F15")
def test_doctor_names_the_scope_that_was_taken_away(rig: Rig) -> None:
    rig.portal.endpoint.switch(tells_scopes=True)
    rig.portal.endpoint.act("revoke_scope", scope="crm.objects.companies.write")

    checks = {what: (good, says) for what, good, says in rig.portal.crm.check()}

    assert checks["scopes"] == (False, "Add these scopes: crm.objects.companies.write.")


@pytest.mark.fault("F21")
def test_other_settings_are_a_reason_to_try_again(rig: Rig) -> None:
    rig.portal.endpoint.act("require_field", object="contact", name="jobtitle", if_property="pql_tier", **{"is": "hot"})
    first, other = (SimpleNamespace(text=text, destinations={"hubspot": None}) for text in ("one", "other"))
    activate(rig.store, first, "ana")  # type: ignore[arg-type]  # all that it reads of settings
    rig.wish(*(rig.portal.want(number) for number in range(3)))
    rig.push()
    again = activate(rig.store, first, "ana")[1], rig.statuses()  # type: ignore[arg-type]  # likewise
    rig.portal.endpoint.switch(conditional_required=[])
    activate(rig.store, other, "ana")  # type: ignore[arg-type]  # likewise

    assert again == (False, {"rejected": 3})
    assert rig.push().counts.records.updated == 3
