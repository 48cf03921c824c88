"""The same expressions on Postgres: one definition, two engines."""

import ibis
import pyarrow as pa
import pytest
from scoring_samples import NOON, keen_user, random_world, sample_settings

from worker.core import frame, identity, rollup
from worker.engine import Engine

RULES = sample_settings()


@pytest.fixture
def postgres(empty_postgres_url):
    connection = ibis.connect(empty_postgres_url)
    connection.raw_sql("SET TimeZone = 'UTC'").close()
    yield connection
    connection.disconnect()


def scored(make, answer, world):
    events, users, accounts = (make(rows) for rows in world.arrow())
    inputs = frame.Inputs(
        rollup=rollup.fold(events, rollup.columns(RULES), NOON),
        side=rollup.side_fold(events, rollup.side_columns(RULES), NOON),
        users=users,
        accounts=accounts,
        identity=identity.links(events, NOON),
    )
    return {row["user_id"]: row for row in answer(frame.leads(RULES, inputs, NOON)).to_pylist()}


def test_duckdb_and_postgres_agree_to_a_billionth(postgres):
    world = keen_user(random_world(11, events=400), "u1")
    names = iter("abc")

    def copied(rows: pa.Table):
        return postgres.create_table(next(names), rows)

    with Engine(threads=2) as engine:
        here = scored(engine.table, engine.run, world)
    there = scored(copied, postgres.to_pyarrow, world)

    assert here.keys() == there.keys()
    for user, lead in here.items():
        for name, value in lead.items():
            other = there[user][name]
            if isinstance(value, float):
                assert other == pytest.approx(value, abs=1e-9), name
            else:
                assert other == value, name
