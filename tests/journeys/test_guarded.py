"""A portal that refuses the unique task key, seen from the command line."""

from __future__ import annotations

from commands import Commands


def test_doctor_says_it_and_calls_it_no_failure(stage, pql: Commands) -> None:
    stage.portal.act("drop_field", object="task", name="pql_task_key")
    stage.portal.endpoint.switch(unique_on_tasks=False)
    stage.user("nina", "n1")
    stage.skip_baseline()
    stage.keen("nina")
    assert stage.run().destinations["hubspot"].tasks.created == 1
    stage.close()

    doctor = pql("doctor", "--output", "json").document
    status = pql("status")

    (finding,) = [one for one in doctor["findings"] if one["name"] == "task.pql_task_key is unique"]
    assert finding["level"] == "warn"
    assert "guarded, not guaranteed" in finding["says"]
    assert "GUARDED hubspot" in status.out
    assert pql("status", "--output", "json").document["guarded"] == ["hubspot"]
