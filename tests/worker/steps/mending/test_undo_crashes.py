"""An undo that is killed anywhere, or meets bad weather, is ended by the next one, and nothing is written twice."""

import signal
from collections import Counter
from datetime import UTC, datetime

import pytest
from fixtures_push import SHORT
from fixtures_undo import Ground
from pusher import Pushers

from connectors.errors import TryLater
from worker.steps.holding import beside, held
from worker.steps.mending.undo import EVALUATE, LEASE, CannotUndo
from worker.store import leases, record_claims
from worker.store.claiming import Claim
from worker.store.intents import Planned

ENVIRONMENT = {"PQL_TESTING": "1", **{f"PQL_{name.upper()}": str(value) for name, value in SHORT.items()}}
WRITES = {"hubspot": ("POST", ".*contacts/batch/update"), "salesforce": ("PATCH", ".*composite/sobjects")}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def task(ground: Ground) -> Planned:
    near = {"person": ground.ids[0], "person_object": ground.object}
    words = {"subject": "Hot PQL", "body": "Why now", "owner": ground.ana, "due": datetime(2026, 11, 23, 10, tzinfo=UTC)}
    return Planned("task_create", f"TASK{0:022}", "L0", "pql", 1, {**words, **near})


def changes(ground: Ground, since: int) -> Counter[tuple[str, str]]:
    rows = ground.endpoint.ledger(since)
    return Counter((row["object"].lower(), row["id"]) for row in rows if row["actor"] == "integration")


@pytest.mark.parametrize("point", ["K1", "K2", "K3", "K3:2", "K4", "K4:2", "K7", "K7:2", "K8", "K8:2"])
def test_an_undo_killed_anywhere_is_ended_by_the_next_and_writes_once(ground: Ground, pushers: Pushers, point: str):
    before = [ground.holds(number) for number in range(3)]
    ground.run(*(ground.want(number, owner=ground.ana) for number in range(3)), task(ground))
    since = max(row["seq"] for row in ground.endpoint.ledger(0))
    url = ground.store.engine.url.render_as_string(hide_password=False)
    order = (url, ground.name, ground.endpoint.url, ground.endpoint.token)

    assert pushers.wait(pushers.start("undo", {**ENVIRONMENT, "PQL_CRASHPOINT": point}, *order)) == -signal.SIGKILL
    report = ground.undo()

    assert [ground.holds(number) for number in range(3)] == before
    assert (report.left, report.exit_code(), ground.row()["status"]) == ([], 0, "in_sync")
    assert report.count("restored") + report.count("closed") + report.already == 13
    made = changes(ground, since)
    assert (len(made), set(made.values())) == (4, {1})
    again = ground.undo()
    assert (again.already, ground.written()) == (13, 0)


@pytest.mark.parametrize("fault", ["reset_after", "truncate", "status"])
def test_an_answer_that_nobody_can_prove_is_read_back_and_written_once(ground: Ground, fault: str):
    before = ground.holds()
    ground.run(ground.want(0))
    since = max(row["seq"] for row in ground.endpoint.ledger(0))
    method, path = WRITES[ground.name]
    args = {"status": 502} if fault == "status" else {"applied": True}
    ground.endpoint.weather({"match": {"method": method, "path": path}, "nth": 1, "fault": fault, "args": args})

    report = ground.undo()

    assert (report.count("restored"), ground.holds()) == (3, before)
    assert set(changes(ground, since).values()) == {1}


def test_a_write_of_the_run_itself_that_nobody_could_prove_is_undone_where_it_arrived(ground: Ground):
    before = ground.holds()
    method, path = WRITES[ground.name]
    ground.endpoint.weather(
        {"match": {"method": method, "path": path}, "nth": 1, "fault": "reset_after", "args": {"applied": True}}
    )
    ground.run(ground.want(0), by_worker=False)

    assert ground.undo().count("restored") == 3
    assert ground.holds() == before


@pytest.mark.parametrize(("name", "says"), [("run:1a2b", "A run is in progress"), ("push:hubspot:1", "A push is under way")])
def test_an_undo_waits_for_nobody_who_writes(ground: Ground, name: str, says: str):
    ground.run(ground.want(0))
    with ground.store.write() as tx:
        leases.take(tx, name, "elsewhere:1:x", 60)

    with pytest.raises(CannotUndo, match=says):
        ground.undo()
    assert ground.written() == 0


def test_a_batch_in_somebodys_hands_is_a_push_under_way(ground: Ground):
    ground.run(ground.want(0))
    ground.run(ground.want(1), by_worker=True)
    with ground.store.write() as tx:
        tx.connection.exec_driver_sql("update record_sync set status = 'due' where record_key = 'L1'")
        rows = record_claims.pick(tx, ground.name, Claim(10, "elsewhere:1", 60))
        record_claims.hold(tx, ground.name, rows, ("elsewhere:1", 60))

    with pytest.raises(CannotUndo, match=r"push is under way \(elsewhere:1\)"):
        ground.undo()


@pytest.mark.parametrize("name", [LEASE, EVALUATE])
def test_two_undos_or_an_undo_and_an_evaluation_do_not_go_on_at_once(ground: Ground, name: str):
    ground.run(ground.want(0))
    with held(ground.store, name), pytest.raises(TryLater, match="under way in another process"):
        ground.undo()
    assert ground.undo().count("restored") == 3


def test_no_run_begins_while_an_undo_is_under_way_and_none_is_stopped_by_one_that_died(ground: Ground):
    with (
        held(ground.store, LEASE),
        pytest.raises(TryLater, match="`undo` is under way"),
        beside(ground.store, "run", unless=LEASE, seconds=60),
    ):
        raise AssertionError
    with beside(ground.store, "run", unless=LEASE, seconds=60), ground.store.read() as tx:
        assert [name.partition(":")[0] for name in leases.holders(tx)] == ["run"]
    with ground.store.read() as tx:
        assert leases.holders(tx) == {}
