"""The demo: what it promises on its screen, looked up in the CRMs it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.cli.demo.show import CRASH
from worker.cli.demo.stage import FRIDAY, KILLED, MONDAY, stage


@pytest.fixture(scope="module")
def after_a_kill(tmp_path_factory: pytest.TempPathFactory):
    """A small company after a Friday, a Monday that was killed in mid-push, and the run that followed."""
    home: Path = tmp_path_factory.mktemp("demo") / "stage"
    with stage(300, home) as play:
        play.provision()
        play.run(FRIDAY)
        assert play.killed_run(MONDAY, CRASH) == KILLED
        play.run(MONDAY)
        yield play


@pytest.mark.fault("F44")
@pytest.mark.decides("R-058")
def test_killed_in_mid_push_every_handoff_has_one_task(after_a_kill):
    tasks = [row for row in after_a_kill.sandbox.hubspot.ledger() if row["object"] == "task" and row["op"] == "create"]
    given = [row for row in after_a_kill.assignments() if row["target"] != "joins"]

    keys = [row["after"]["pql_task_key"] for row in tasks]
    assert len(keys) == len(set(keys)) == len(given) > 0


def test_an_owner_that_was_decided_before_the_kill_is_written_after_it(after_a_kill):
    contacts: dict[str, dict[str, object]] = {}
    for row in after_a_kill.sandbox.hubspot.ledger():
        if row["object"] == "contact":
            contacts.setdefault(row["id"], {}).update(row["after"])

    handed = [facts for facts in contacts.values() if facts.get("pql_respond_by")]

    assert handed
    assert [facts["email"] for facts in handed if not facts.get("hubspot_owner_id")] == []


def test_one_more_run_makes_no_writing_call(after_a_kill):
    report = after_a_kill.run(MONDAY)

    assert {name: one.calls.writing for name, one in report.destinations.items()} == {"hubspot": 0, "salesforce": 0}
