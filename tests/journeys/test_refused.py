"""A CRM that does not let us read or write: a run does all else, ends with a word about it, and does not knock on and on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from journeys_calendar import MONDAY

from connectors.errors import Refused
from worker.cli.refusals import refusal


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


DEALS = {"match": {"path": ".*deal.*"}, "rate": 1.0, "fault": "forbidden", "args": {"scope": "crm.objects.deals.read"}}


@pytest.mark.fault("F15")
def test_an_object_that_we_may_not_read_is_named_at_the_end_and_keeps_nobody_from_their_handoffs(stage):
    stage.user("nina", "n1")
    stage.baseline()
    stage.keen("nina")
    stage.portal.endpoint.weather(DEALS)

    with pytest.raises(Refused, match="hubspot: deal: ") as caught:
        stage.run(MONDAY)
    made = len(stage.portal.tasks())
    stage.portal.endpoint.weather()
    report = stage.run(MONDAY + timedelta(minutes=5))

    assert made == 1
    assert "All else was carried out" in str(refusal(caught.value))
    assert (report.status, len(stage.portal.tasks())) == ("done", 1)


@pytest.mark.fault("F14")
def test_a_crm_that_refuses_us_keeps_us_from_no_other(opened, monkeypatch):
    stage = opened(salesforce=True)
    stage.user("nina", "n1")
    stage.baseline()
    stage.keen("nina")
    with monkeypatch.context() as revoked:
        revoked.setenv("SALESFORCE_TOKEN", "revoked")
        stage.close()
        with pytest.raises(Refused, match="salesforce"):
            stage.run(MONDAY)

    assert len(stage.portal.tasks()) == 1
