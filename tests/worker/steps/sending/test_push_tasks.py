"""Tasks on their way into the sandbox HubSpot: one each, whatever happens, and nobody's edit is changed."""

import threading
from contextlib import closing
from typing import Any

import pytest
from fixtures_push import Rig, open_hubspot
from pusher import DUE

from worker.store import intents
from worker.store.intents import Planned

CREATE = {"method": "POST", "path": ".*tasks/batch/create"}


def change(rig: Rig, kind: str, **payload: Any) -> Planned:
    with rig.store.read() as tx:
        (made,) = [row for row in intents.by_key(tx, f"TASK{0:022}") if row["kind"] == "task_create"]
    return Planned(kind, made["effect_key"], "L0", "pql", 1, {"task": made["crm_id"], **payload})


def handoff(rig: Rig) -> str:
    with rig.store.read() as tx:
        return intents.handoffs(tx, "hubspot")["handoff_state"][0]


def seen(rig: Rig):
    with rig.store.read() as tx:
        (id,) = intents.handoffs(tx, "hubspot")["crm_id"][:1]
    return rig.portal.crm.tasks.read([id])[id]


@pytest.mark.decides("R-058")
def test_a_task_is_made_once_however_often_it_is_planned_and_pushed(both_rigs: Rig):
    rig = both_rigs
    for _ in range(3):
        rig.wish(*(rig.portal.task(number) for number in range(5)))
        rig.push()

    assert len(rig.portal.ledger("create", "task")) == 5
    assert rig.tasks() == {"task_create:confirmed": 5}


def test_a_task_has_owner_due_time_and_words(rig: Rig):
    rig.wish(rig.portal.task())
    rig.push()

    task = seen(rig)
    assert (task.owner, task.due, task.subject, task.body) == (rig.portal.ana, DUE, "Hot PQL: c0", "Why now: pricing")
    assert handoff(rig) == "open"


@pytest.mark.fault("F3", "F4")
@pytest.mark.parametrize("fault", ["reset_after", "truncate", "empty_2xx"])
def test_a_task_nobody_can_prove_is_found_by_its_key(rig: Rig, fault: str):
    rig.portal.endpoint.weather({"match": CREATE, "nth": 1, "fault": fault})
    rig.wish(*(rig.portal.task(number) for number in range(5)))
    report = rig.push(threads=1)

    assert report.counts.tasks.created == 5
    assert len(rig.portal.ledger("create", "task")) == 5
    assert len(rig.portal.calls("batch/create")) == 1


def test_a_task_the_answer_forgot_is_found_by_its_key(rig: Rig):
    rig.portal.endpoint.weather({"match": CREATE, "nth": 1, "fault": "drop_item", "args": {"index": 2}})
    rig.wish(*(rig.portal.task(number) for number in range(5)))
    report = rig.push(threads=1)

    assert report.counts.tasks.created == 5
    assert len(rig.portal.ledger("create", "task")) == 5


def test_a_create_that_arrives_late_leaves_one_task(rig: Rig):
    rig.portal.endpoint.weather({"match": CREATE, "nth": 1, "fault": "commit_after", "args": {"seconds": 0.5}})
    rig.wish(rig.portal.task())
    first = rig.push()
    assert first.counts.tasks.created == 0

    threading.Event().wait(first.next_in + 0.1)
    second = rig.push()

    assert second.counts.tasks.created == 1
    assert len(rig.portal.calls("batch/create")) == 1
    assert rig.tasks() == {"task_create:confirmed": 1}


@pytest.mark.fault("F49")
def test_after_data_loss_the_crm_refuses_the_second_task_and_it_counts_as_there(rig: Rig):
    rig.wish(rig.portal.task())
    rig.push()
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("delete from intent")
    rig.wish(rig.portal.task())
    report = rig.push()

    assert (report.counts.tasks.created, report.counts.tasks.existing) == (0, 1)
    assert len(rig.portal.ledger("create", "task")) == 1


@pytest.mark.fault("F10", "F23")
def test_one_bad_task_does_not_hurt_the_others(rig: Rig):
    rig.portal.endpoint.act("deactivate_owner", email="tom@acme.com")
    rig.wish(rig.portal.task(0, owner=rig.portal.tom), *(rig.portal.task(number) for number in range(1, 5)))
    report = rig.push()

    assert report.counts.tasks.created == 4
    assert [one.lead for one in report.rejected] == ["L0"]
    rig.wish(rig.portal.task(0))
    assert rig.push().counts.tasks.created == 1


def test_without_a_unique_key_every_create_is_looked_for_first(rig: Rig):
    rig.portal.endpoint.act("drop_field", object="task", name="pql_task_key")
    rig.portal.crm.provisioning.differences()
    assert rig.portal.crm.tasks.guarded
    rig.portal.endpoint.weather({"match": CREATE, "nth": 1, "fault": "reset_after"})
    rig.wish(rig.portal.task())
    report = rig.push(threads=1)
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("delete from intent")
    rig.wish(rig.portal.task())
    rig.push()

    assert report.counts.tasks.created == 1
    assert len(rig.portal.ledger("create", "task")) == 1


def test_an_untouched_task_moves_to_its_next_owner(rig: Rig):
    rig.wish(rig.portal.task())
    rig.push()
    rig.wish(change(rig, "task_move", owner=rig.portal.tom))
    moved = rig.push()
    rig.wish(change(rig, "task_move", owner=rig.portal.ana))
    back = rig.push()

    assert (moved.counts.tasks.moved, back.counts.tasks.moved) == (1, 1)
    assert seen(rig).owner == rig.portal.ana


@pytest.mark.fault("F65")
@pytest.mark.parametrize("kind", ["task_move", "task_close"])
@pytest.mark.parametrize(
    ("act", "state"),
    [
        ({"kind": "edit", "properties": {"hs_task_subject": "call on Friday"}}, "touched"),
        ({"kind": "edit", "properties": {"hs_task_body": "spoke to her"}}, "touched"),
        ({"kind": "edit", "properties": {"hubspot_owner_id": "tom@acme.com"}}, "touched"),
        ({"kind": "close"}, "touched"),
        ({"kind": "delete"}, "deleted"),
    ],
)
def test_a_task_that_a_person_touched_is_neither_moved_nor_closed(rig: Rig, kind: str, act: dict[str, Any], state: str):
    rig.wish(rig.portal.task())
    rig.push()
    rig.portal.endpoint.act(object="task", key=f"TASK{0:022}", **act)
    eva = rig.portal.endpoint.seed(owners=[{"email": "eva@acme.com"}])["owners"]["eva@acme.com"]
    rig.wish(change(rig, kind, owner=eva))
    report = rig.push()

    assert (report.counts.tasks.moved, report.counts.tasks.closed) == (0, 0)
    assert rig.tasks()[f"{kind}:cancelled"] == 1
    assert rig.portal.ledger("update", "task") == []
    assert handoff(rig) == state


def test_an_untouched_task_is_closed_and_stays_closed(rig: Rig):
    rig.wish(rig.portal.task())
    rig.push()
    rig.wish(change(rig, "task_close"))
    report = rig.push()

    assert report.counts.tasks.closed == 1
    assert (seen(rig).open, handoff(rig)) == (False, "closed")


@pytest.mark.parametrize("kind", ["task_move", "task_close"])
def test_a_change_nobody_can_prove_is_settled_by_reading(rig: Rig, kind: str):
    rig.wish(rig.portal.task())
    rig.push()
    rig.portal.endpoint.weather({"match": {"method": "PATCH", "path": ".*tasks"}, "nth": 1, "fault": "reset_after"})
    rig.wish(change(rig, kind, owner=rig.portal.tom))
    report = rig.push()

    assert report.counts.tasks.moved + report.counts.tasks.closed == 1
    assert len(rig.portal.ledger("update", "task")) == 1


def test_tasks_go_before_fields(rig: Rig):
    rig.wish(*(rig.portal.want(number) for number in range(30)), rig.portal.task())
    rig.push(threads=1)

    paths = [call["path"] for call in rig.portal.calls(writing=True)]
    assert "tasks" in paths[0]
    assert "contacts" in paths[1]


@pytest.mark.parametrize(("fault", "fields"), [({"status": 429, "retry_after": 20}, 0), ({"status": 500}, 1)])
def test_while_the_crm_does_not_say_whether_tasks_have_a_key_they_wait(rig: Rig, fault: dict[str, int], fields: int):
    """A new process has to ask, and asks while it holds nothing; fields go on where no limit forbids it."""
    definitions = {"method": "GET", "path": ".*properties"}
    with closing(open_hubspot(rig.portal.endpoint)) as fresh:
        rig.portal.crm = fresh
        rig.portal.endpoint.weather({"match": definitions, "nth": 1, "fault": "status", "args": fault})
        rig.wish(rig.portal.want(), rig.portal.task())
        first = rig.push(seconds=2)

        assert (first.counts.tasks.created, rig.tasks()) == (0, {"task_create:planned": 1})
        assert (first.limited >= 10, first.counts.records.updated) == (True, fields)
        assert "Tasks wait" in first.warnings[0]
        assert rig.push().counts.tasks.created == 1
