"""A broker is configured, and Redis is away for the whole run."""

from __future__ import annotations

import pytest
from commands import Commands


@pytest.mark.fault("F43")
def test_a_run_needs_no_redis_and_says_that_the_pace_is_kept_elsewhere(stage, pql: Commands) -> None:
    email = stage.user("nina", "n1")
    stage.skip_baseline()
    stage.keen("nina")
    stage.write()
    stage.close()
    run = pql("run", "--as-of", stage.now.isoformat(), PQL_BROKER="redis://127.0.0.1:1/0")

    assert run.code == 0, run.said
    assert "Redis" in run.said
    assert (len(stage.portal.tasks()), stage.portal.contact(email)["pql_flag"]) == (1, "true")
