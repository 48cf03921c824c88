"""Handoff tasks in HubSpot: associations, text, and the mode without a unique key."""

from datetime import UTC, datetime

import pytest

from connectors.contract import Outcome, Task
from connectors.errors import Moved, TryLater, Unknown
from connectors.sandbox.serve import Sandbox

DUE = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def task(owner, person, key="pql-1", **more):
    return Task(
        key, "Hot PQL: Maria Huber", "Why now: 5 projects\nNext step: call", owner, DUE, "call", person=person, **more
    )


@pytest.fixture
def owner(portal):
    return portal.add_owner("ana@acme.example")


@pytest.fixture
def person(portal):
    return portal.add_person("maria@nordwerk.example")


def test_an_empty_list_of_properties_does_not_say_that_tasks_have_no_key(portal):
    """Believed, it let one worker make tasks without the key by which the others look for them."""
    rule = {"match": {"method": "GET", "path": "properties"}, "nth": 1, "fault": "empty_2xx", "args": {"body": "lists"}}
    portal.sandbox.weather(rule)

    with pytest.raises(TryLater, match="without a list of properties"):
        _ = portal.crm.tasks.guarded
    assert not portal.crm.tasks.guarded


def test_one_call_makes_the_task_with_its_contact_and_company(portal, owner, person):
    company = portal.add_company("Nordwerk", "nordwerk.example")
    assert not portal.crm.tasks.guarded
    before = portal.crm.calls

    portal.crm.tasks.create([task(owner, person, company=company, high=True)], "t")

    assert portal.crm.calls == before + 1
    made = portal.sandbox.ledger()[-1]["after"]
    assert {(one["object"], one["id"], one["type"]) for one in made["associations"]} == {
        ("contact", person, 204),
        ("company", company, 192),
    }
    assert (made["hs_task_type"], made["hs_task_priority"], made["hs_task_status"]) == ("CALL", "HIGH", "NOT_STARTED")
    assert made["hs_task_body"] == "Why now: 5 projects<br>Next step: call"
    assert made["pql_task_key"] == "pql-1"


@pytest.mark.fault("F65")
def test_a_second_send_leaves_what_the_rep_changed(portal, owner, person):
    tasks = portal.crm.tasks
    (first,) = tasks.create([task(owner, person)], "t1")
    portal.sandbox.advance(1)
    portal.edit("task", first.crm_id, "hs_task_subject", "Call Maria back on Friday")

    (again,) = tasks.create([task(owner, person)], "t2")

    assert (again.outcome, again.crm_id) == (Outcome.EXISTS, first.crm_id)
    seen = tasks.read([first.crm_id])[first.crm_id]
    assert seen.subject == "Call Maria back on Friday"
    assert seen.modified > seen.created


@pytest.mark.fault("F49")
@pytest.mark.parametrize("status", [400, 409])
def test_a_refused_key_is_an_earlier_send_in_every_wording(portal, owner, person, status):
    portal.sandbox.switch(unique_conflict_status=status, whole_batch_refusal=True)
    portal.crm.tasks.create([task(owner, person)], "t1")

    (again,) = portal.crm.tasks.create([task(owner, person)], "t2")

    assert again.outcome is Outcome.EXISTS


@pytest.mark.fault("F23")
def test_an_owner_who_left_is_a_reason_for_this_task_alone(portal, owner, person):
    gone = portal.add_owner("old@acme.example", active=False)

    bad, good = portal.crm.tasks.create([task(gone, person, "a"), task(owner, person, "b")], "t")

    assert (bad.outcome, bad.field, good.outcome) == (Outcome.REJECTED, "owner", Outcome.APPLIED)


def test_a_task_for_a_lead_is_refused_without_a_call(portal, owner):
    before = portal.crm.calls
    (receipt,) = portal.crm.tasks.create([task(owner, "1", person_object="lead")], "t")

    assert (receipt.outcome, receipt.code) == (Outcome.REJECTED, "NOT_A_CONTACT")
    assert portal.crm.calls <= before + 1  # whether the key is unique may be asked once


def test_a_task_that_is_gone_cannot_be_moved(portal, owner):
    with pytest.raises(Moved):
        portal.crm.tasks.move("404404", owner)


def test_a_move_without_an_answer_may_have_happened(portal, owner, person):
    (made,) = portal.crm.tasks.create([task(owner, person)], "t")
    portal.strike("empty_2xx", body="object")

    with pytest.raises(Unknown):
        portal.crm.tasks.close(made.crm_id)
    assert not portal.crm.tasks.read([made.crm_id])[made.crm_id].open


def test_a_lost_row_of_a_reading_never_counts_as_absent(portal, owner, person):
    portal.crm.tasks.create([task(owner, person)], "t")
    portal.strike("drop_item", reads=True)

    assert set(portal.crm.tasks.find([task(owner, person)])) == {"pql-1"}


def test_no_batch_is_larger_than_hubspot_takes_nor_names_a_key_twice(portal, owner, person):
    with pytest.raises(ValueError, match="each key once"):
        portal.crm.tasks.create([task(owner, person)] * 2, "t")


class TestWithoutUniqueKey:
    """A portal that refuses unique properties on tasks: guarded, not guaranteed."""

    @pytest.fixture
    def guarded(self, bare, sandbox: Sandbox):
        bare.sandbox.switch(unique_on_tasks=False)
        bare.crm.provisioning.apply()
        return bare

    def test_the_mode_is_told(self, guarded):
        assert guarded.crm.tasks.guarded
        assert ("task.pql_task_key is unique", False) in [line[:2] for line in guarded.crm.check()]

    def test_a_task_carries_its_key_in_a_line_of_its_body_and_is_found_by_it(self, guarded):
        owner, person = guarded.add_owner("ana@acme.example"), guarded.add_person("maria@nordwerk.example")
        (made,) = guarded.crm.tasks.create([task(owner, person)], "t")

        assert guarded.held("task", made.crm_id, "hs_task_body").endswith("<br>ref: pql-1")
        found = guarded.crm.tasks.find([task(owner, person), task(owner, person, "pql-2")])
        assert {key: one.id for key, one in found.items()} == {"pql-1": made.crm_id}

    def test_a_task_of_a_company_is_found_too_and_the_older_of_two_stands(self, guarded):
        owner, company = guarded.add_owner("ana@acme.example"), guarded.add_company("Nordwerk", "nordwerk.example")
        asked = task(owner, None, company=company)
        (first,) = guarded.crm.tasks.create([asked], "t1")
        guarded.sandbox.advance(1)
        guarded.crm.tasks.create([asked], "t2")

        assert guarded.crm.tasks.find([asked])["pql-1"].id == first.crm_id

    def test_a_reading_that_fails_is_asked_again_before_anything_is_concluded(self, guarded):
        owner, person = guarded.add_owner("ana@acme.example"), guarded.add_person("maria@nordwerk.example")
        guarded.crm.tasks.create([task(owner, person)], "t")
        guarded.strike("html", reads=True)

        with pytest.raises(TryLater):
            guarded.crm.tasks.find([task(owner, person)])

    def test_the_mirror_knows_our_tasks_by_that_line(self, guarded):
        owner, person = guarded.add_owner("ana@acme.example"), guarded.add_person("maria@nordwerk.example")
        guarded.crm.tasks.create([task(owner, person)], "t")
        guarded.add("task", {"hs_timestamp": "2026-11-23T10:00:00Z", "hs_task_subject": "Somebody else's"})

        rows = [row for page in guarded.crm.mirror.pages("task", None, []) for row in page.rows]

        assert [row.key for row in rows] == ["pql-1"]
