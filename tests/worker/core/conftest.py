"""The engine and the road from events to the frame, for tests of the core."""

import pytest
from scoring_samples import NOON, World, inputs_of, sample_settings

from worker.core import frame
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
