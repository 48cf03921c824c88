"""The mirror of the sandbox HubSpot, and what people did there."""

from typing import Any

import pytest
from fixtures_push import Rig

from worker.steps.intake.watch import Watching, WatchReport, mirrored_enough, objects_of, watch
from worker.store import intents, links, mirror, outcomes
from worker.store.links import Link


def look(rig: Rig, **how: Any) -> WatchReport:
    return watch(rig.store, rig.portal.crm, "hubspot", Watching(**how))


def act(rig: Rig, kind: str, object: str = "contact", number: int = 0, **doc: Any) -> dict[str, Any]:
    named = {"key": f"TASK{0:022}"} if object == "task" else {"id": rig.portal.ids[number]}
    return rig.portal.endpoint.act(kind, object=object, **named, **doc)


def handed(rig: Rig) -> str:
    with rig.store.read() as tx:
        return intents.handoffs(tx, "hubspot")["handoff_state"][0]


def linked(rig: Rig, *numbers: int) -> None:
    with rig.store.write() as tx:
        links.put(tx, "hubspot", [Link(f"L{number}", "contact", rig.portal.ids[number], "email") for number in numbers])


def test_a_filled_mirror_holds_every_record_with_its_addresses_and_owners(both_rigs: Rig):
    rig = both_rigs
    assert not mirrored_enough(rig.store, "hubspot", objects_of(rig.portal.crm))
    report = look(rig)

    assert report.complete
    assert (report.rows["contact"], report.owners) == (30, 2)
    with rig.store.read() as tx:
        assert mirror.count(tx, "hubspot") == {"contact": 30}
        assert "c7@nordwerk.example" in [email for batch in mirror.emails(tx, "hubspot") for email in batch["email"]]
        assert [owner.email for owner in mirror.owners(tx, "hubspot")] == ["ana@acme.com", "tom@acme.com"]
    assert mirrored_enough(rig.store, "hubspot", objects_of(rig.portal.crm))


def test_a_second_watch_reads_what_changed(rig: Rig):
    look(rig)
    act(rig, "edit", properties={"firstname": "Maria", "pql_feedback": "wants a demo"})
    look(rig)

    with rig.store.read() as tx:
        row = mirror.records(tx, "hubspot", "contact", [rig.portal.ids[0]])[rig.portal.ids[0]]
    assert row.name.startswith("Maria")
    assert row.fields["pql_feedback"] == "wants a demo"


def test_fields_asked_for_later_fill_the_mirror_again(rig: Rig):
    look(rig)
    act(rig, "edit", properties={"jobtitle": "VP Sales"})
    look(rig, fields={"contact": ["jobtitle"]})

    with rig.store.read() as tx:
        rows = mirror.records(tx, "hubspot", "contact", rig.portal.ids)
    assert rows[rig.portal.ids[0]].fields["jobtitle"] == "VP Sales"
    assert len(rows) == 30


def test_a_fill_that_was_cut_short_goes_on_where_it_was(rig: Rig):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.crms.hubspot.mirror.PAGE", 10)
        first = look(rig, objects=["contact"], seconds=0)
        assert (first.rows["contact"], first.complete) == (10, False)
        rest = look(rig, objects=["contact"])

    assert (rest.rows["contact"], rest.complete) == (20, True)


def test_what_a_person_answers_is_news_once(rig: Rig):
    look(rig)
    linked(rig, 0)
    act(rig, "edit", properties={"pql_outcome": "rejected", "pql_reject_reason": "wrong_timing"})
    first, second = look(rig), look(rig)

    assert {(one.record_key, one.name, one.value) for one in first.answers} == {
        ("L0", "pql_outcome", "rejected"),
        ("L0", "pql_reject_reason", "wrong_timing"),
    }
    assert second.answers == []
    with rig.store.read() as tx:
        assert outcomes.newest(tx, "hubspot")["L0", "pql_outcome"] == "rejected"


@pytest.mark.fault("F18")
def test_a_link_follows_a_merge_in_the_crm(rig: Rig):
    look(rig)
    linked(rig, 0, 1)
    survivor = act(rig, "merge", number=0, into_it=rig.portal.ids[1])["id"]
    look(rig)

    assert [rig.link(0), rig.link(1)] == [survivor, survivor]


@pytest.mark.fault("F19")
def test_the_link_to_a_deleted_record_ends_and_is_told(rig: Rig):
    look(rig)
    linked(rig, 0)
    act(rig, "delete")
    report = look(rig)

    assert report.unlinked == ["L0"]
    assert rig.link() is None


@pytest.mark.parametrize(
    ("kind", "doc", "state"),
    [
        ("edit", {"properties": {"hs_task_subject": "call on Friday"}}, "touched"),
        ("edit", {"properties": {"hubspot_owner_id": "tom@acme.com"}}, "touched"),
        ("edit", {"properties": {"hs_task_status": "IN_PROGRESS"}}, "touched"),
        ("close", {}, "done"),
        ("delete", {}, "deleted"),
    ],
)
def test_what_people_do_with_a_task_is_noted(rig: Rig, kind: str, doc: dict[str, Any], state: str):
    rig.wish(rig.portal.task())
    rig.push()
    look(rig)
    assert handed(rig) == "open"
    act(rig, kind, "task", **doc)
    report = look(rig)

    assert handed(rig) == state
    assert report.handoffs == {state: 1}


def test_a_task_we_closed_ourselves_is_not_taken_for_a_persons_work(rig: Rig):
    rig.wish(rig.portal.task())
    rig.push()
    with rig.store.read() as tx:
        task = intents.handoffs(tx, "hubspot")["crm_id"][0]
    rig.wish(intents.Planned("task_close", f"TASK{0:022}", "L0", "pql", 1, {"task": task}))
    rig.push()
    look(rig)

    assert handed(rig) == "closed"


def test_a_task_we_moved_ourselves_is_not_taken_for_touched(rig: Rig):
    rig.wish(rig.portal.task())
    rig.push()
    look(rig)
    with rig.store.read() as tx:
        task = intents.handoffs(tx, "hubspot")["crm_id"][0]
    rig.wish(intents.Planned("task_move", f"TASK{0:022}", "L0", "pql", 1, {"task": task, "owner": rig.portal.tom}))
    rig.push()
    look(rig)

    assert handed(rig) == "open"


def test_a_watch_that_meets_a_limit_keeps_what_it_has_and_says_how_long(rig: Rig):
    match = {"method": "GET", "path": ".*objects.*companies"}
    rig.portal.endpoint.weather({"match": match, "nth": 1, "fault": "status", "args": {"status": 429, "retry_after": 7}})
    report = look(rig)

    assert report.limited == 7
    assert report.rows == {"contact": 30}
    assert look(rig).complete


def test_an_object_that_we_may_not_read_is_named_and_the_others_are_read(rig: Rig):
    look(rig)
    rig.wish(rig.portal.task())
    rig.push()
    act(rig, "close", object="task")
    rig.portal.endpoint.weather({"match": {"path": ".*objects/[^/]+/companies"}, "rate": 1.0, "fault": "forbidden"})
    report = look(rig)

    assert report.refused.startswith("company: HTTP 403")
    assert set(report.rows) == {"contact", "deal", "task"}
    assert handed(rig) == "done"


def test_a_watch_that_is_refused_says_so(rig: Rig):
    rig.portal.endpoint.act("revoke_token")

    assert look(rig).refused
