"""A bulk job is undone like any other write, and never while it is under way."""

from typing import Any

import pytest

from worker.steps.mending.undo import CannotUndo
from worker.store import bulk_jobs
from worker.store.database import Store


@pytest.mark.parametrize("ground", ["salesforce"], indirect=True)
def test_what_a_job_replaced_is_restored_like_any_other_write(ground):
    ground.crm.bulk.above = 2
    ground.endpoint.switch(bulk_polls=0)
    before = [ground.holds(number) for number in range(3)]
    ground.run(*(ground.want(number, owner=ground.ana, Title="CEO") for number in range(3)))
    ground.edit(1, pql_tier="warm")
    assert [one["stage"] for one in listed(ground.store)] == ["done"]
    report = ground.undo()

    assert [ground.holds(number) for number in (0, 2)] == [before[0], before[2]]
    assert (ground.holds(1)["pql_tier"], ground.holds(1)["Title"]) == ("warm", "CTO")
    assert [one.field for one in report.left] == ["pql_tier"]


@pytest.mark.parametrize("ground", ["salesforce"], indirect=True)
def test_a_run_is_not_undone_while_its_job_is_under_way(ground):
    ground.crm.bulk.above = 2
    ground.endpoint.switch(bulk_polls=99)
    ground.run(*(ground.want(number) for number in range(3)))

    with pytest.raises(CannotUndo, match="bulk job is under way"):
        ground.undo()


def listed(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return bulk_jobs.listed(tx)
