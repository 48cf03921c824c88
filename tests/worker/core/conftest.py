"""The engine and the road from events to the frame, for tests of the core."""

import pytest
from scoring_samples import NOON, World, sample_settings

from worker.core import frame, rollup
from worker.engine import Engine


@pytest.fixture(scope="session")
def engine():
    with Engine(threads=2, memory="1GB") as opened:
        yield opened


@pytest.fixture(scope="session")
def leads(engine):
    """The lead frame of a small world, as rows by user id."""

    def of(world: World, settings=None, as_of=NOON, **more):
        chosen = settings or sample_settings()
        inputs = inputs_of(engine, world, chosen, as_of, **more)
        return {row["user_id"]: row for row in engine.run(frame.leads(chosen, inputs, as_of)).to_pylist()}

    return of


def inputs_of(engine, world, settings, as_of=NOON, **more):
    events, users, accounts = (engine.table(rows) for rows in world.arrow())
    return frame.Inputs(
        rollup=rollup.fold(events, rollup.columns(settings), as_of),
        side=rollup.side_fold(events, rollup.side_columns(settings), as_of),
        users=users,
        accounts=accounts,
        **more,
    )
