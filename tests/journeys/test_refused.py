"""A CRM that lets us read and not write: a run ends with a word about it, and does not knock on and on."""

from __future__ import annotations

from journeys_calendar import MONDAY


def test_a_run_whose_writes_are_all_refused_ends_and_says_why(stage):
    stage.user("nina", "n1")
    stage.baseline()
    stage.keen("nina")
    stage.portal.endpoint.weather(
        {"match": {"method": "POST", "path": ".*/batch/(create|update)"}, "fault": "forbidden", "args": {"scope": "tasks"}}
    )
    stage.portal.mark()

    report = stage.run(MONDAY)

    knocked = [one for one in stage.portal.endpoint.requests(stage.portal.seen[1]) if one["status"] == 403]
    assert 1 <= len(knocked) <= 4
    assert any("scope" in says for says in report.warnings)
