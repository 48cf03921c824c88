"""A task that is moved, closed, or closed and followed by the next hop: killed anywhere it happens once, in both CRMs."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from fixtures_push import SHORT
from fixtures_undo import Ground
from pusher import Pushers

from worker.core.keys import effect_key
from worker.steps.sending.desk import Writing
from worker.steps.sending.push import Pushing
from worker.steps.sending.push import push as send
from worker.store import intents, links, mirror
from worker.store.intents import Planned

ENVIRONMENT = {"PQL_TESTING": "1", **{f"PQL_{name.upper()}": str(value) for name, value in SHORT.items()}}
KEY = effect_key("acme", "crm", "L0", "pql", 1)
TASK = {"hubspot": ("task", "hs_task_subject", "hubspot_owner_id"), "salesforce": ("Task", "Subject", "OwnerId")}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def create(ground: Ground, number: int = 0, *, hop: int = 0) -> Planned:
    key = effect_key("acme", "crm", f"L{number}", "pql", 1, hop)
    near = {"person": ground.ids[number], "person_object": ground.object}
    words = {"subject": "Hot PQL", "body": "Why now", "due": datetime(2026, 11, 23, 10, tzinfo=UTC)}
    owner = ground.tom if hop == 0 else ground.ana
    return Planned("task_create", key, f"L{number}", "pql", 1, {**words, "owner": owner, **near}, hop)


def made(ground: Ground) -> str:
    """The id of Tom's task, which stands in the CRM and was seen there."""
    ground.run(create(ground))
    ground.watch()
    with ground.store.read() as tx:
        return str(intents.handoffs(tx, ground.name)["crm_id"][0])


def wish(ground: Ground, kind: intents.Kind, payload: Mapping[str, Any], *more: Planned) -> None:
    with ground.store.write() as tx:
        intents.plan(tx, ground.name, [Planned(kind, KEY, "L0", "pql", 1, payload), *more])


def killed_at(ground: Ground, pushers: Pushers, point: str) -> None:
    url = ground.store.engine.url.render_as_string(hide_password=False)
    order = (url, ground.name, ground.endpoint.url, ground.endpoint.token)
    pid = pushers.start("push_to", {**ENVIRONMENT, "PQL_CRASHPOINT": point}, *order)
    assert pushers.wait(pid) == -signal.SIGKILL


def handed(ground: Ground) -> list[tuple[str, str]]:
    """Every intent: what became of it, and of the task."""
    with ground.store.read() as tx:
        return [(row["status"], row["handoff_state"]) for row in intents.of_lead(tx, "L0")]


def changes(ground: Ground) -> list[str]:
    """What we did to tasks, in order."""
    rows = ground.endpoint.ledger(0)
    return [row["op"] for row in rows if row["object"].lower() == "task" and row["actor"] == "integration"]


def push(ground: Ground) -> None:
    ground.push()
    ground.push()


@pytest.mark.parametrize("point", ["K4", "K7"])
def test_a_task_whose_person_left_is_moved_once(ground: Ground, pushers: Pushers, point: str):
    id = made(ground)
    wish(ground, "task_move", {"task": id, "owner": ground.ana})
    killed_at(ground, pushers, point)
    ground.watch()  # it sees another owner than we noted, before the move is known to have arrived
    push(ground)

    assert ground.crm.tasks.read([id])[id].owner == ground.ana
    assert (changes(ground), handed(ground)) == (["create", "update"], [("confirmed", "open"), ("confirmed", None)])


@pytest.mark.parametrize("point", ["K4", "K7"])
def test_a_task_without_reason_is_closed_once_and_not_taken_for_a_persons_work(ground: Ground, pushers: Pushers, point: str):
    id = made(ground)
    wish(ground, "task_close", {"task": id})
    killed_at(ground, pushers, point)
    ground.watch()
    push(ground)
    ground.watch()

    assert not ground.crm.tasks.read([id])[id].open
    assert (changes(ground), handed(ground)) == (["create", "update"], [("confirmed", "closed"), ("confirmed", None)])


@pytest.mark.parametrize("point", ["K4", "K7:2"])
def test_a_touched_task_of_somebody_who_left_is_closed_and_followed_by_one_new_task(
    ground: Ground, pushers: Pushers, point: str
):
    id = made(ground)
    object, subject, _ = TASK[ground.name]
    ground.endpoint.act("edit", object=object, id=id, properties={subject: "Rang up"})
    wish(ground, "task_close", {"task": id, "if_owner": ground.tom}, create(ground, hop=1))
    killed_at(ground, pushers, point)
    push(ground)

    assert (ground.crm.tasks.read([id])[id].open, changes(ground).count("create")) == (False, 2)
    assert [status for status, _ in handed(ground)] == ["confirmed"] * 3


def test_a_task_that_a_colleague_took_over_is_neither_moved_nor_closed(ground: Ground):
    id = made(ground)
    object, _, owner = TASK[ground.name]
    ground.endpoint.act("edit", object=object, id=id, properties={owner: ground.ana})
    wish(ground, "task_close", {"task": id, "if_owner": ground.tom})
    push(ground)

    assert ground.crm.tasks.read([id])[id].open
    assert handed(ground) == [("confirmed", "touched"), ("cancelled", None)]


def test_a_task_on_its_way_is_not_made_for_who_opted_out_or_was_deleted_meanwhile(ground: Ground):
    with ground.store.write() as tx:
        intents.plan(tx, ground.name, [create(ground, number) for number in range(3)])
    ground.act("opt_out", 0)
    ground.act("delete", 1)
    send(ground.store, ground.crm, Writing(ground.name, looks=True, opt_out=True), Pushing(seconds=20, threads=1))
    with ground.store.read() as tx:
        states = [intents.of_lead(tx, f"L{number}")[0] for number in range(3)]

    assert [(row["status"], row["last_error_class"]) for row in states] == [
        ("cancelled", "opted_out"),
        ("rejected", "moved"),
        ("confirmed", None),
    ]
    assert changes(ground) == ["create"]


@pytest.mark.parametrize("ground", ["hubspot"], indirect=True)
def test_a_privacy_deletion_that_no_watch_can_see_ends_the_link_at_the_next_write_and_nothing_is_written_after_it(
    ground: Ground,
):
    ground.run(ground.want(0))
    with urllib3.PoolManager() as pool:
        path = f"{ground.endpoint.url}/crm/v3/objects/contacts/gdpr-delete"
        headers = {"Authorization": f"Bearer {ground.endpoint.token}"}
        assert pool.request("POST", path, json={"objectId": ground.ids[0]}, headers=headers).status == 204
    ground.watch()
    with ground.store.read() as tx:
        assert links.by_key(tx, ground.name, ["L0"]), "HubSpot's archive does not name it"
    ground.run(ground.want(0, pql_score=85))
    ground.mark()
    ground.push()
    with ground.store.read() as tx:
        seen = mirror.records(tx, ground.name, "contact", [ground.ids[0]])
        assert (links.by_key(tx, ground.name, ["L0"]), seen[ground.ids[0]].deleted) == ({}, True)
        assert links.deleted_keys(tx, ground.name) == {"L0"}

    assert (ground.row()["status"], ground.written()) == ("unmatched", 0)
