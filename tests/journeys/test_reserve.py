"""A day on which other tools use up the CRM's calls: handoffs go out, fields wait, the next day brings them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from commands import Commands
from journeys_calendar import MONDAY

from worker.store import limits


@pytest.mark.fault("F7")
def test_a_run_that_would_eat_into_the_reserve_ends_partial_and_the_next_day_goes_on(stage):
    stage.rewrite("destinations", "create: never", "create: never\n    reserve: 90%")
    email = stage.user("nina", "n1")
    stage.baseline()
    stage.keen("nina")
    stage.write()
    hubspot, crm = stage.portal.endpoint, stage.worker.tools.crms["hubspot"]
    heard = crm.budget()
    hubspot.switch(daily_limit=heard.day_calls - heard.day_remaining + 100)
    lean = stage.run(MONDAY)
    then = (stage.portal.contact(email).get("pql_flag"), len(stage.portal.tasks()))
    hubspot.switch(daily_limit=625_000)
    a_day_passes(stage)
    later = stage.run(MONDAY + timedelta(hours=20))

    assert lean.status == "partial"
    assert any("`reserve`" in says for says in lean.warnings)
    assert then == ("false", 1)
    assert (later.status, stage.portal.contact(email)["pql_flag"]) == ("done", "true")


@pytest.mark.fault("F7")
def test_when_the_day_is_used_up_a_run_ends_partial_loses_nothing_and_the_next_day_goes_on(stage, pql: Commands):
    email = stage.user("nina", "n1")
    stage.skip_baseline()
    stage.keen("nina")
    stage.write()
    stage.close()
    hubspot = stage.portal.endpoint
    hubspot.weather({"match": {"method": "POST", "path": ".*batch/(update|create)"}, "fault": "daily_limit"})
    full = pql("run", "--as-of", stage.now.isoformat(), "--output", "json")
    refused = [call for call in hubspot.requests(0) if call["status"] == 429]
    at_once = pql("run", "--as-of", stage.now.isoformat(), "--output", "json")
    still = [call for call in hubspot.requests(0) if call["status"] == 429]
    hubspot.weather()
    a_day_passes(stage)
    later = pql("run", "--as-of", stage.now.isoformat(), "--output", "json")

    assert (full.code, full.document["status"]) == (0, "partial"), full.said
    assert (at_once.code, len(refused), still) == (0, 1, refused), "one answer is enough for all runs of the day"
    assert (later.code, later.document["status"]) == (0, "done"), later.said
    assert (len(stage.portal.tasks()), stage.portal.contact(email)["pql_flag"]) == (1, "true")


def a_day_passes(stage) -> None:
    """The limiter and the rows keep the store's time, which is the machine's."""
    from dataclasses import replace

    name = f"hubspot:{stage.worker.tools.crms['hubspot'].account()}:calls"
    with stage.worker.tools.store.write() as tx:
        limits.put(tx, name, replace(limits.hold(tx, name), lean=0, free=0))
        for table in ("record_sync", "intent"):
            tx.connection.exec_driver_sql(f"update {table} set next_attempt_at = null")
    stage.close()
