"""Writing fields to contacts and companies, in HubSpot's own ways."""

from datetime import UTC, datetime

import pytest

from connectors.contract import Change, Outcome
from connectors.errors import Refused, Rejected, TryLater


def one(portal, id, fields, **more):
    (receipt,) = portal.crm.records.write("contact", [Change("L1", "contact", id, fields, **more)], "t")
    return receipt


@pytest.fixture
def people(portal):
    return [portal.add_person(f"person{n}@nordwerk.example") for n in range(4)]


@pytest.mark.parametrize(
    "change", [{"fields": {"lifecyclestage": "customer"}}, {"fields": {}, "clear": ("lifecyclestage",)}]
)
def test_the_lifecycle_stage_is_never_written(portal, people, change):
    before = portal.crm.calls

    (receipt,) = portal.crm.records.write("contact", [Change("L1", "contact", people[0], **change)], "t")

    assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, "lifecyclestage")
    assert portal.crm.calls == before


def test_the_owner_and_a_persons_name_go_by_hubspots_names_and_come_back_under_ours(portal, people):
    owner = portal.add_owner("ana@acme.example")

    receipt = one(portal, people[0], {"owner": owner, "first_name": "Maria", "title": "CTO"})

    assert receipt.echoed == {"owner": owner, "first_name": "Maria", "title": "CTO"}
    assert portal.held("contact", people[0], "hubspot_owner_id") == owner
    read = portal.crm.mirror.read("contact", [people[0]], ["title"])[people[0]]
    assert (read.owner, read.name, read.fields["title"]) == (owner, "Maria", "CTO")


@pytest.mark.fault("F23")
def test_an_owner_who_left_is_refused_under_our_name(portal, people):
    gone = portal.add_owner("old@acme.example", active=False)

    receipt = one(portal, people[0], {"owner": gone})

    assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, "owner")


def test_a_moment_goes_to_a_date_property_as_a_date(portal, people):
    portal.sandbox.seed(properties=[{"object": "contact", "name": "renewal", "type": "date"}])

    receipt = one(portal, people[0], {"renewal": datetime(2026, 12, 24, 18, 30, tzinfo=UTC)})

    assert (receipt.outcome, portal.held("contact", people[0], "renewal")) == (Outcome.APPLIED, "2026-12-24")


@pytest.mark.fault("F10")
@pytest.mark.parametrize("status", ["207", "plain"])
@pytest.mark.parametrize("dialect", ["embedded", "listed"])
def test_a_partial_failure_is_read_alike_as_207_and_as_a_success_with_errors(portal, people, status, dialect):
    portal.sandbox.switch(partial_status=status, error_dialect=dialect)
    portal.sandbox.seed(properties=[{"object": "contact", "name": "seats", "type": "number"}])
    changes = [Change(f"L{n}", "contact", id, {"seats": "many" if n == 1 else n}) for n, id in enumerate(people)]

    receipts = portal.crm.records.write("contact", changes, "t")

    assert [receipt.outcome for receipt in receipts] == ["applied", "rejected", "applied", "applied"]
    assert (receipts[1].field, receipts[1].code) == ("seats", "INVALID_LONG")


@pytest.mark.fault("F11")
def test_a_batch_that_is_refused_as_a_whole_is_raised_so_that_it_can_be_halved(portal, people):
    portal.sandbox.switch(whole_batch_refusal=True)
    changes = [Change(f"L{n}", "contact", id, {"pql_score": "many" if n == 1 else n}) for n, id in enumerate(people)]

    with pytest.raises(Rejected):
        portal.crm.records.write("contact", changes, "t")

    outcomes = {}
    groups = [changes]
    while groups:
        group = groups.pop()
        try:
            outcomes |= {receipt.key: receipt.outcome for receipt in portal.crm.records.write("contact", group, "t")}
        except Rejected:
            groups += [group[: len(group) // 2], group[len(group) // 2 :]]
    assert outcomes == {"L0": "applied", "L1": "rejected", "L2": "applied", "L3": "applied"}


@pytest.mark.fault("F16")
@pytest.mark.parametrize("whole", [False, True])
def test_a_field_dropped_in_mid_run_is_named_whether_the_batch_failed_or_the_row(portal, people, whole):
    portal.sandbox.switch(whole_batch_refusal=whole)
    portal.sandbox.act("drop_field", object="contact", name="pql_plan")
    changes = [
        Change("L0", "contact", people[0], {"pql_plan": "team", "pql_score": 1}),
        Change("L1", "contact", people[1], {"pql_score": 2}),
    ]

    bad, good = portal.crm.records.write("contact", changes, "t")

    assert (bad.outcome, bad.field, bad.code) == (Outcome.REFUSED, "pql_plan", "PROPERTY_DOESNT_EXIST")
    assert good.outcome is (Outcome.TRY_LATER if whole else Outcome.APPLIED)


@pytest.mark.fault("F21")
def test_a_rule_of_the_portals_admin_is_a_reason_for_this_row(portal, people):
    rule = {"object": "contact", "property": "pql_tier", "value": "hot", "then": ["phone"]}
    portal.sandbox.switch(conditional_required=[rule])

    receipt = one(portal, people[0], {"pql_tier": "hot"})

    assert receipt.outcome is Outcome.REJECTED
    assert "required" in receipt.message


def test_an_address_that_somebody_else_has_names_its_holder(portal, people):
    receipt = one(portal, None, {"email": "PERSON1@nordwerk.example"})

    assert (receipt.outcome, receipt.moved_to) == (Outcome.MOVED, people[1])


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("dialect", ["embedded", "listed"])
def test_our_own_key_that_is_there_already_is_an_earlier_send(portal, status, dialect):
    portal.sandbox.switch(unique_conflict_status=status, error_dialect=dialect)
    first = one(portal, None, {"email": "new@nordwerk.example", "pql_key": "k1"})

    again = one(portal, None, {"email": "newer@nordwerk.example", "pql_key": "k1"})

    assert (again.outcome, again.crm_id, again.created) == (Outcome.EXISTS, first.crm_id, False)


def test_two_creates_with_one_address_or_key_are_not_sent(portal):
    changes = [
        Change("L1", "contact", None, {"email": "a@x.example", "pql_key": "k1"}),
        Change("L2", "contact", None, {"email": "A@x.example", "pql_key": "k2"}),
        Change("L3", "contact", None, {"email": "c@x.example", "pql_key": "k3"}),
    ]

    assert [one.outcome for one in portal.crm.records.write("contact", changes, "t")] == [
        "needs_review",
        "needs_review",
        "applied",
    ]


def test_updates_and_creates_do_not_share_a_call_nor_more_than_a_hundred_rows(portal, people):
    mixed = [Change("a", "contact", people[0], {"pql_score": 1}), Change("b", "contact", None, {"email": "b@x.example"})]
    many = [Change(str(n), "contact", str(n), {"pql_score": 1}) for n in range(101)]

    for changes in (mixed, many):
        with pytest.raises(ValueError, match="not more and not both"):
            portal.crm.records.write("contact", changes, "t")


@pytest.mark.fault("F18")
@pytest.mark.parametrize("echo", [False, True])
def test_a_merged_record_is_written_once_and_named_whether_traces_are_echoed_or_not(portal, people, echo):
    portal.sandbox.switch(echo_trace_ids=echo)
    survivor = portal.merge(people[0], people[1])
    changes = [
        Change(f"L{n}", "contact", id, {"pql_score": n + 1}) for n, id in enumerate((people[0], people[2], people[3]))
    ]

    first, *others = portal.crm.records.write("contact", changes, "t")

    assert (first.outcome, first.crm_id, first.moved_to) == (Outcome.APPLIED, survivor, survivor)
    assert [(receipt.crm_id, receipt.moved_to) for receipt in others] == [(people[2], None), (people[3], None)]


def test_a_workflow_that_overwrites_us_shows_in_the_next_reading(portal, people):
    portal.sandbox.switch(workflows=[{"object": "contact", "on": "pql_score", "set": {"pql_tier": "cold"}}])

    one(portal, people[0], {"pql_score": 9, "pql_tier": "hot"})

    assert portal.crm.mirror.read("contact", people[:1], [])[people[0]].fields["pql_tier"] == "cold"


@pytest.mark.fault("F6")
def test_limits_that_are_enforced_say_which_one(portal, people):
    portal.sandbox.weather({"fault": "daily_limit"})
    with pytest.raises(TryLater) as daily:
        one(portal, people[0], {"pql_score": 1})
    portal.sandbox.weather({"fault": "status", "args": {"status": 429}})
    with pytest.raises(TryLater) as window:
        one(portal, people[0], {"pql_score": 1})

    assert (daily.value.code, daily.value.limited) == ("DAILY", True)
    assert (window.value.code, window.value.after) == ("TEN_SECONDLY_ROLLING", 10.0)


@pytest.mark.fault("F24")
def test_a_locked_record_and_a_portal_that_moves_are_tried_later(portal, people):
    for status in (423, 477):
        portal.sandbox.weather({"nth": 1, "fault": "status", "args": {"status": status, "retry_after": 60}})
        with pytest.raises(TryLater) as caught:
            one(portal, people[0], {"pql_score": 1})
        assert (caught.value.after, caught.value.limited) == (60.0, False)


@pytest.mark.fault("F15")
def test_a_missing_scope_is_named(portal, people):
    portal.strike("forbidden", scope="crm.objects.contacts.write")

    with pytest.raises(Refused) as caught:
        one(portal, people[0], {"pql_score": 1})

    assert caught.value.scope == "crm.objects.contacts.write"


def test_companies_are_written_too(portal):
    id = portal.add_company("Nordwerk", "nordwerk.example")

    (receipt,) = portal.crm.records.write("company", [Change("A1", "company", id, {"pql_active_users": 8})], "t")

    assert (receipt.outcome, portal.held("company", id, "pql_active_users")) == (Outcome.APPLIED, "8")
