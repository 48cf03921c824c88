"""What is activated in the middle of a run is for the next one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fixtures_push import meanwhile
from journeys_calendar import MONDAY

from worker.store import runs, versions

WRITE = {"method": "POST", "path": ".*batch/update"}


@pytest.mark.fault("F52")
def test_a_run_ends_with_the_settings_it_began_with_and_the_next_one_has_those_activated_meanwhile(stage) -> None:
    for name in ("nina", "olga"):
        stage.user(name, f"of-{name}")
    stage.baseline()
    stage.keen("nina")
    stage.write()
    worker = stage.worker
    old = versions.fingerprint(worker.tools.settings.text)
    stage.portal.endpoint.weather({"match": WRITE, "nth": 1, "fault": "latency", "args": {"seconds": 1.0}})
    texts = []

    def activate_another() -> None:
        with worker.tools.store.write() as tx:
            texts.append(versions.activate(tx, worker.tools.settings.text + "\n# other", "ana")[0])

    with meanwhile(stage.portal.endpoint.struck, activate_another):
        report = stage.run(MONDAY)
    with worker.tools.store.read() as tx:
        (run,) = [one for one in runs.recent(tx, 5) if one.id == report.run]
        active = versions.active(tx).hash

    assert (report.status, report.settings_sha, run.settings_sha) == ("done", old, old)
    assert active == texts[0] != old
    stage.rewrite("handoff", "{tier} PQL: {lead.name}", "Look at {lead.name}")
    stage.keen("olga")
    later = stage.run(MONDAY + timedelta(hours=1))
    assert later.settings_sha not in (old, active)
    assert [one["hs_task_subject"][:7] for one in stage.portal.tasks()][-1] == "Look at"
