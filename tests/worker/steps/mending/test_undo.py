"""Undo: what a run overwrote comes back, and nothing that anybody wrote since is touched."""

from datetime import UTC, datetime, timedelta

import pytest
from fixtures_undo import Ground

from worker.steps.mending.undo import CannotUndo
from worker.steps.mending.undo_report import Undone
from worker.steps.planning.effects import Wishes, commit
from worker.store import audit, intents, pauses, runs
from worker.store.intents import Planned

DUE = datetime(2026, 11, 23, 10, tzinfo=UTC)


def reasons(report: Undone) -> set[tuple[str | None, str]]:
    return {(one.field, str(one.reason)) for one in report.left}


def task(ground: Ground, number: int = 0) -> Planned:
    near = {"person": ground.ids[number], "person_object": ground.object}
    words = {"subject": f"Hot PQL: c{number}", "body": "Why now: pricing", "owner": ground.ana, "due": DUE, **near}
    return Planned("task_create", f"TASK{number:022}", f"L{number}", "pql", 1, words)


def stage_of_task(ground: Ground, number: int = 0) -> bool:
    with ground.store.read() as tx:
        (made,) = intents.made_under(tx, ground.name, [f"TASK{number:022}"])
        id = next(one["crm_id"] for one in intents.under(tx, [f"TASK{number:022}"]) if one["kind"] == "task_create")
    assert made["status"] == "confirmed"
    return ground.crm.tasks.read([id])[id].open


def test_a_first_run_is_undone_to_the_last_field_owner_and_empty_value(ground: Ground):
    before = [ground.holds(number) for number in range(2)]
    ground.run(*(ground.want(number, owner=ground.ana, **{ground.title: "CEO"}) for number in range(2)))
    assert ground.holds()["owner"] == ground.ana

    report = ground.undo()

    assert [ground.holds(number) for number in range(2)] == before
    assert (report.count("restored"), report.left, report.exit_code()) == (10, [], 0)
    assert {one.field for one in report.restored} == {"pql_flag", "pql_tier", "pql_score", ground.title, "owner"}
    assert {one.name for one in report.restored} == {"c0@nordwerk.example", "c1@nordwerk.example"}


def test_it_is_the_same_on_sqlite_and_on_postgres(both_grounds: Ground):
    ground = both_grounds
    before = ground.holds()
    run = ground.run(ground.want(0, owner=ground.ana), task(ground), by_worker=True)

    assert ground.undo(run[:8], dry_run=True).count("to_restore") == 4
    report = ground.undo()

    assert (report.count("restored"), report.count("closed"), ground.holds()) == (4, 1, before)
    assert (ground.undo().already, ground.written()) == (5, 0)


@pytest.mark.parametrize("ground", ["hubspot"], indirect=True)
def test_a_record_that_had_no_owner_has_none_again(ground: Ground):
    ground.edit(0, hubspot_owner_id="")
    ground.watch()
    ground.run(ground.want(0, owner=ground.ana))

    assert ground.undo().count("restored") == 4
    assert ground.holds()["owner"] is None


@pytest.mark.parametrize("ground", ["hubspot"], indirect=True)
def test_an_owner_that_a_person_took_away_is_not_set_again(ground: Ground):
    ground.run(ground.want(0, owner=ground.ana))
    ground.edit(0, hubspot_owner_id="")

    assert reasons(ground.undo()) == {("owner", "changed_by_people")}
    assert ground.holds()["owner"] is None


def test_nothing_is_undone_where_a_push_went_on_during_the_look(ground: Ground):
    run = ground.run(ground.want(0))

    def meanwhile(stage: str, *_: int) -> None:
        if stage.startswith("read") and ground.row()["seq"] == 1:
            ground.run(ground.want(0, pql_score=85))

    ground.told = meanwhile
    with pytest.raises(CannotUndo, match="went on meanwhile, and nothing was undone"):
        ground.undo(run)
    assert ground.holds()["pql_score"] == 85
    assert {one.field for one in ground.undo(run).restored} == {"pql_flag", "pql_tier"}


def test_only_what_this_run_replaced_comes_back(ground: Ground):
    ground.run(ground.want(0), ground.want(1))
    before = [ground.holds(number) for number in range(2)]
    ground.run(ground.want(0, pql_score=85, pql_tier="warm"))

    report = ground.undo()

    assert [ground.holds(number) for number in range(2)] == before
    assert {(one.lead, one.field, one.old, one.new) for one in report.restored} == {
        ("L0", "pql_score", 85, 71),
        ("L0", "pql_tier", "warm", "hot"),
    }


def test_a_dry_run_says_the_same_and_writes_nothing(ground: Ground):
    ground.run(ground.want(0), task(ground))
    before = ground.holds()

    shown = ground.undo(dry_run=True)

    assert (ground.holds(), ground.written(), ground.row()["status"]) == (before, 0, "in_sync")
    assert (shown.count("to_restore"), shown.count("to_close"), shown.paused, shown.calls) == (3, 1, [], 2)
    with ground.store.read() as tx:
        assert (pauses.active(tx), audit.recent(tx, what="undo")) == ({}, [])
    assert {one.field for one in ground.undo().restored} == {one.field for one in shown.restored}


@pytest.mark.parametrize("value", ["by hand", ""])
def test_what_a_person_changed_or_emptied_since_stays(ground: Ground, value: str):
    ground.run(ground.want(0))
    ground.edit(0, pql_tier=value)

    report = ground.undo()

    assert reasons(report) == {("pql_tier", "changed_by_people")} if value else not report.left
    assert ground.holds()["pql_tier"] == (value or None)
    assert not ground.holds()["pql_score"]


def test_what_a_person_changes_between_the_look_and_the_write_stays_too(ground: Ground):
    ground.run(ground.want(0))
    ground.stop = True
    stopped = ground.undo()
    assert (stopped.interrupted, stopped.exit_code(), ground.written()) == (True, 3, 0)
    ground.edit(0, pql_tier="by hand")
    ground.stop = False

    ground.push()

    assert ground.holds()["pql_tier"] == "by hand"
    assert not ground.holds()["pql_score"]


def test_what_a_later_run_wrote_stays_until_that_run_is_undone(ground: Ground):
    before = ground.holds()
    first = ground.run(ground.want(0))
    later = ground.run(ground.want(0, pql_score=85))

    report = ground.undo(first)

    assert reasons(report) == {("pql_score", "changed_by_later_run")}
    assert (ground.holds()["pql_score"], ground.holds()["pql_tier"]) == (85, None)
    ground.undo(later)
    assert ground.holds()["pql_score"] == 71
    ground.undo(first)
    assert ground.holds() == before


def test_a_second_undo_writes_nothing(ground: Ground):
    ground.run(ground.want(0, owner=ground.ana), task(ground))
    first = ground.undo()

    second = ground.undo()

    assert (first.count("restored"), first.count("closed")) == (4, 1)
    assert (second.restored, second.tasks, second.left, second.already) == ([], [], [], 5)
    assert (ground.written(), second.paused, second.exit_code()) == (0, [], 0)


def test_a_value_that_came_back_after_the_undo_is_not_the_runs_any_more(ground: Ground):
    ground.run(ground.want(0))
    ground.undo()
    ground.edit(0, pql_tier="hot")

    report = ground.undo()

    assert reasons(report) == {("pql_tier", "changed_by_people")}
    assert (ground.holds()["pql_tier"], ground.written()) == ("hot", 0)


def test_a_record_that_the_run_made_is_reported_and_stays(ground: Ground):
    ground.run(ground.new(), ground.want(0))

    report = ground.undo()

    assert reasons(report) == {(None, "created_by_run")}
    (left,) = report.left
    assert ground.crm.mirror.read(ground.object, [left.crm_id], [])[left.crm_id].fields["pql_flag"] is True


def test_a_record_that_was_deleted_is_reported(ground: Ground):
    ground.run(ground.want(0), ground.want(1))
    ground.act("delete", 0)

    report = ground.undo()

    assert reasons(report) == {(None, "record_gone")}
    assert {one.lead for one in report.restored} == {"L1"}


def test_a_value_that_nobody_had_seen_before_is_left_and_not_guessed(ground: Ground):
    with ground.store.write() as tx:
        tx.connection.exec_driver_sql("delete from crm_mirror")
    ground.run(ground.want(0))

    report = ground.undo()

    assert reasons(report) == {(name, "not_known_before") for name in ("pql_flag", "pql_tier", "pql_score")}
    assert (ground.holds()["pql_score"], ground.written(), report.paused) == (71, 0, [])


def test_a_run_whose_fields_a_worker_wrote_is_undone_all_the_same(ground: Ground):
    before = ground.holds()
    run = ground.run(ground.want(0), by_worker=True)

    assert ground.undo(run[:12]).count("restored") == 3
    assert ground.holds() == before


def test_an_untouched_task_of_the_run_is_closed_and_a_touched_one_is_left(ground: Ground):
    ground.run(ground.want(0), ground.want(1), task(ground, 0), task(ground, 1))
    with ground.store.read() as tx:
        (second,) = [one for one in intents.under(tx, [f"TASK{1:022}"]) if one["kind"] == "task_create"]
    ground.crm.tasks.move(second["crm_id"], ground.tom)

    report = ground.undo()

    assert {(one.lead, one.outcome, one.reason) for one in report.tasks} == {
        ("L0", "closed", None),
        ("L1", "left", "changed_by_people"),
    }
    assert (stage_of_task(ground, 0), stage_of_task(ground, 1)) == (False, True)


def test_the_destination_is_paused_with_the_reason_and_the_deed_is_written_down(ground: Ground):
    run = ground.run(ground.want(0))

    assert ground.undo().paused == [ground.name]
    with ground.store.read() as tx:
        why, (deed,) = pauses.reason(tx, ground.name), audit.recent(tx, what="undo")
    assert why == f"run {run[:12]} was undone; `pql resume {ground.name}` goes on, with today's rules"
    assert (deed["who"], deed["detail"]["run"], deed["detail"]["fields"]) == ("ana", run, 3)


def test_a_limit_leaves_the_rest_for_the_next_time(ground: Ground):
    ground.run(*(ground.want(number) for number in range(3)))

    first = ground.undo(limit=2)

    assert (first.count("restored"), first.count("waiting"), first.exit_code()) == (6, 3, 1)
    second = ground.undo(limit=2)
    assert (second.count("restored"), second.already, second.exit_code()) == (3, 6, 0)


def test_other_work_that_waits_is_not_sent_by_an_undo(ground: Ground):
    run = ground.run(ground.want(0))
    with ground.store.write() as tx:
        pauses.pause(tx, ground.name, "ana")
    commit(ground.store, Wishes({ground.name: [ground.want(1)]}), "later")

    assert ground.undo(run).count("restored") == 3
    assert (ground.row(1)["status"], ground.holds(1)["pql_score"]) == ("due", None)


@pytest.mark.parametrize(("asked", "says"), [("nope", "There is no run nope"), ("last", "No run has written anything")])
def test_an_unknown_run_is_refused_with_the_way_out(ground: Ground, asked: str, says: str):
    with pytest.raises(CannotUndo, match=says) as refused:
        ground.undo(asked)
    assert "`pql status` lists the last runs." in str(refused.value)


def test_a_beginning_that_two_runs_share_is_refused(ground: Ground):
    with ground.store.write() as tx:
        letters = [runs.begin(tx, tx.now(), "sha")[0] for _ in range(17)]  # of sixteen that there are

    with pytest.raises(CannotUndo, match="Give more of its id"):
        ground.undo(max(letters, key=letters.count))


def test_a_run_whose_attempts_were_forgotten_is_refused(ground: Ground):
    with ground.store.write() as tx:
        run = runs.begin(tx, tx.now(), "sha")
        old = (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%d %H:%M:%S.000000")
        tx.connection.exec_driver_sql(f"update run set started_at = '{old}'")

    with pytest.raises(CannotUndo, match="kept for 30 days"):
        ground.undo(run)
