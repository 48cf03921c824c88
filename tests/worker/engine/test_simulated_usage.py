"""Five and a half million simulated events of the shared data set: enough rows for threads to share out the work."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scoring_samples import count, days, sample_settings, sample_signals, signal

from worker.core import frame, rollup
from worker.core.instants import day_number
from worker.core.rollup import Days
from worker.engine import Engine

EVENTS = Path(__file__).parents[4] / "shared" / "data" / "eventsim_az" / "events.parquet"
pytestmark = [
    pytest.mark.needs_shared_data,
    pytest.mark.skipif(not EVENTS.exists(), reason=f"the shared data set is not there: {EVENTS}"),
]
AS_OF = datetime(2018, 11, 30, 21, tzinfo=UTC)
RULES = sample_settings(
    signals=sample_signals()
    | {
        "projects": count("projects", "NextSong"),
        "habit": signal("habit", "decayed", "Home", half_life=days(7)),
        "integrations": signal("integrations", "distinct", "Thumbs Up", property="artist", within=days(14)),
        "volume": signal("volume", "sum", "NextSong", property="length", within=days(28)),
    }
)
LAKE = """
    select 'product' as source, userId as user_id, case when userId is null then 'session' || sessionId end as anonymous_id,
           tag as account_id, page as name, artist, length,
           to_timestamp(ts / 1000) as "at", to_timestamp(ts / 1000) as arrived
    from read_parquet('{path}') order by {order}
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """The events as the lake keeps them, once as they came and once in another order."""
    folder = tmp_path_factory.mktemp("lake")
    with Engine(threads=2) as engine:
        for name, order in (("came", "ts"), ("mixed", "hash(ts, userId, page)")):
            query = LAKE.format(path=EVENTS, order=order)
            engine.backend.con.execute(f"copy ({query}) to '{folder / name}.parquet' (format parquet)")
    return folder


def scored(path, threads, cut=None):
    """A digest of every bit of the frame, and the number of leads."""
    with Engine(threads=threads, memory="1GB") as engine:
        events = engine.events([path])
        wanted, sides = rollup.columns(RULES), rollup.side_columns(RULES)
        spans = [Days(None, cut), Days(cut + 1, None)] if cut else [Days()]
        rows = [engine.keep(rollup.fold(events, wanted, AS_OF, span)) for span in spans]
        users = {"source": "string", "user_id": "string", "arrived": "timestamp('UTC', 6)"}
        accounts = {"source": "string", "account_id": "string", "arrived": "timestamp('UTC', 6)"}
        inputs = frame.Inputs(
            rollup=rollup.together(rows, wanted),
            users=engine.rows([], users),
            accounts=engine.rows([], accounts),
            side=rollup.side_fold(events, sides, AS_OF),
        )
        found = engine.run(frame.leads(RULES, inputs, AS_OF)).sort_by("user_id").combine_chunks()
    digest = hashlib.sha256()
    for row in found.to_pylist():
        digest.update(repr(row).encode())
    return digest.hexdigest(), found.num_rows


@pytest.mark.fault("F38")
def test_threads_order_and_pieces_change_no_bit_of_eight_thousand_leads(lake):
    came = scored(lake / "came.parquet", threads=1)

    assert came[1] == 8_873
    assert scored(lake / "mixed.parquet", threads=4) == came
    assert scored(lake / "mixed.parquet", threads=2, cut=day_number(AS_OF) - 3) == came
