"""A day on which other tools use up the CRM's calls: handoffs go out, fields wait, the next day brings them."""

from __future__ import annotations

from datetime import timedelta

import pytest
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


def a_day_passes(stage) -> None:
    """The limiter keeps the store's time, which is the machine's."""
    from dataclasses import replace

    name = f"hubspot:{stage.worker.tools.crms['hubspot'].account()}:calls"
    with stage.worker.tools.store.write() as tx:
        limits.put(tx, name, replace(limits.hold(tx, name), lean=0))
