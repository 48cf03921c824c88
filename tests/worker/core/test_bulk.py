"""The set-based road plans exactly for those for whom the road lead by lead would plan."""

from datetime import UTC, datetime

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_rules import sample

from settings.qualify import Definition
from worker.core import bulk
from worker.core.planning import Record, difference
from worker.core.wanted import of_person, standing

SETTINGS = sample(
    qualify={
        "pql": Definition(name="pql", enter_at=60, exit_below=45),
        "expansion": Definition(name="expansion", score="intent", enter_at=60, exit_below=45),
    }
)
FRAME = pa.schema(
    {
        "user_id": pa.string(),
        "subject": pa.string(),
        "tier": pa.string(),
        "usage": pa.float64(),
        "fit": pa.float64(),
        "intent": pa.float64(),
        "account.plan": pa.string(),
        "account.trial_ends": pa.timestamp("us", "UTC"),
    }
)
ACKNOWLEDGED = pa.schema(
    {"user_id": pa.string(), "pql_flag": pa.bool_(), "pql_trial_ends": pa.timestamp("us", "UTC")}
    | {name: pa.string() for name in bulk.TEXTS}
    | {name: pa.float64() for name in bulk.SCORES}
)
score = st.one_of(st.none(), st.floats(0, 100), st.sampled_from([59.9999999999, 60.0, 55.0]))
moment = st.one_of(
    st.none(),
    st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(UTC)),
)
word = st.sampled_from([None, "hot", "warm", "trial"])
rows = st.fixed_dictionaries(
    {"tier": word, "usage": score, "fit": score, "intent": score, "account.plan": word, "account.trial_ends": moment}
)
play = st.sampled_from([None, "pql", "expansion"])


@pytest.fixture(scope="module")
def duck():
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


def wants(user, row, play):
    everyone = of_person(standing(user, play, row, SETTINGS), SETTINGS, "contact")
    return tuple(want for want in everyone if want.field in bulk.COLUMNS)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(rows, play, rows, play, st.booleans()), min_size=1, max_size=12))
def test_both_roads_want_the_same_values_and_find_the_same_leads(duck, leads):
    users = [f"u{n}" for n in range(len(leads))]
    frame = [{"user_id": user, "subject": user, **now} for user, (now, *_) in zip(users, leads, strict=True)]
    plays = [{"subject": user, "play": lead[1]} for user, lead in zip(users, leads, strict=True) if lead[1]]
    before = {
        user: {want.field: want.value for want in wants(user, was, its_play)}
        for user, (_, _, was, its_play, written) in zip(users, leads, strict=True)
        if written
    }
    table = bulk.wanted(
        ibis.memtable(pa.Table.from_pylist(frame, FRAME)),
        ibis.memtable(pa.Table.from_pylist(plays, pa.schema({"subject": pa.string(), "play": pa.string()}))),
        SETTINGS,
    )
    acknowledged = pa.Table.from_pylist([{"user_id": user, **held} for user, held in before.items()], ACKNOWLEDGED)
    answer = duck.to_pyarrow(table).to_pylist()
    found = set(duck.to_pyarrow(bulk.differing(table, ibis.memtable(acknowledged)))["user_id"].to_pylist())

    one_by_one = set()
    for user, (now, its_play, *_) in zip(users, leads, strict=True):
        expected = wants(user, now, its_play)
        assert {want.field: want.value for want in expected} == {
            name: value for name, value in next(row for row in answer if row["user_id"] == user).items() if name != "user_id"
        }
        record = Record(user, "contact", "c1", before.get(user, {}), current=before.get(user))
        if user not in before or difference(expected, record).change:
            one_by_one.add(user)
    assert found == one_by_one
