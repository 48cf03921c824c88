"""What a lead lacks to enter."""

from hypothesis import given
from hypothesis import strategies as st
from scoring_samples import sample_definition, sample_score, sample_settings

from worker.core.nearing import missing
from worker.core.scoring import score_of

RULES = sample_settings()
counts = st.fixed_dictionaries(
    {name: st.integers(0, 12) for name in ("projects", "active_days", "integrations", "team")} | {"habit": st.floats(0, 20)}
)


def test_the_shortest_way_is_told_first():
    row = {"projects": 3, "active_days": 10, "integrations": 1, "team": 2, "habit": 0.0}  # 18 + 20 + 10 + 8 = 56 points

    ways = missing(RULES, sample_definition(enter_at=60), row)

    assert [(way.signal, way.more) for way in ways] == [("integrations", 1), ("projects", 1), ("team", 1), ("habit", 3)]


def test_nothing_is_missing_where_the_score_is_reached_and_no_way_is_told_where_none_leads_there():
    assert missing(RULES, sample_definition(enter_at=0, exit_below=0), {}) == ()
    assert missing(RULES, sample_definition(enter_at=60), {}) == ()


@given(counts, st.sampled_from([20.0, 45.0, 60.0, 90.0]))
def test_one_less_would_not_do(row, wanted):
    definition = sample_definition(enter_at=wanted)

    for way in missing(RULES, definition, row):
        reached = score_of("usage", sample_score(), row | {way.signal: row[way.signal] + way.more}, {})
        short = score_of("usage", sample_score(), row | {way.signal: row[way.signal] + way.more - 1}, {})
        assert reached == way.score >= wanted > short
