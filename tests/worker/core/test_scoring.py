"""Points, curves and the parts that add up."""

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import sample_score, when

from settings.score import DIMENSIONS, Line, Score, Tier
from worker.core.scoring import add_scores, add_tier, attainable, score_of, share_of
from worker.core.signals import weights


def share(curve, value, full_at, start=0.0):
    line = Line.model_validate({"signal": "s", "points": 1, "full_at": full_at, "curve": curve, "from": start})
    return share_of(line, {"s": value}, {})


@pytest.mark.parametrize(
    ("curve", "value", "full_at", "golden"),
    [
        ("exponential", 1, 5, 0.1813),
        ("exponential", 5, 5, 0.6321),
        ("exponential", 10, 5, 0.8647),
        ("hill", 1, 5, 0.0385),
        ("hill", 5, 5, 0.5),
        ("hill", 10, 5, 0.8),
        ("log", 0, 5, 0.0),
        ("log", 5, 5, 1.0),
        ("log", 50, 5, 1.0),
        ("linear", 0, 5, 0.0),
        ("linear", 2, 5, 0.4),
        ("linear", 7, 5, 1.0),
    ],
)
def test_curves_have_their_golden_values(curve, value, full_at, golden):
    assert share(curve, value, full_at) == pytest.approx(golden, abs=5e-5)


def test_a_gauge_earns_from_its_start_to_its_full_mark():
    assert [share("linear", value, 1.0, 0.7) for value in (0.5, 0.7, 0.85, 1.0, 1.2)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_the_integer_weights_are_the_golden_ones():
    table = weights(14)

    assert [table[age] / 1e9 for age in (0, 7, 14, 28, 90)] == pytest.approx(
        [1, 0.7071067812, 0.5, 0.25, 0.0116093304], abs=1e-9
    )
    assert (len(table), all(isinstance(weight, int) for weight in table)) == (140, True)
    assert table[-1] >= 1_000_000 > 1e9 * 2 ** (-140 / 14)


def test_steady_use_converges_to_the_rate_times_its_mean_life():
    assert sum(weights(14)) / 1e9 == pytest.approx(14 / math.log(2), rel=0.03)


# ------------------------------------------------------------------------------------------- laws

values = st.none() | st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0, 40.0, -3.0])
curves = st.sampled_from(["linear", "exponential", "hill", "log"])
points = st.sampled_from([-60.0, -10.0, 0.1, 10.0, 30.0, 33.3])
lines = st.one_of(
    st.builds(
        lambda signal, worth, full, curve, start: Line.model_validate(
            {"signal": signal, "points": worth, "full_at": full + start, "curve": curve, "from": start}
        ),
        st.sampled_from(["a", "b", "absent"]),
        points,
        st.sampled_from([0.3, 1.0, 5.0]),
        curves,
        st.sampled_from([0.0, 0.7]),
    ),
    st.builds(lambda worth: Line(when=when("c = 'yes' or a > 3"), points=worth), points),
)
scores = st.builds(Score, **{name: st.lists(lines, max_size=4).map(tuple) for name in DIMENSIONS})
worlds = st.lists(
    st.fixed_dictionaries({"a": values, "b": values, "c": st.sampled_from(["yes", "no", None])}), min_size=1, max_size=6
)


def scored(engine, score, world):
    kinds = pa.schema({"a": pa.float64(), "b": pa.float64(), "c": pa.string(), "n": pa.int64()})
    table = engine.table(pa.Table.from_pylist([row | {"n": n} for n, row in enumerate(world)], kinds))
    return engine.run(add_scores(table, score, {}).order_by("n")).to_pylist()


@pytest.mark.decides("R-043")
@settings(deadline=None, max_examples=25)
@given(scores, worlds)
def test_the_parts_of_the_explanation_add_up_to_the_score(engine, score, world):
    for row in scored(engine, score, world):
        for name in DIMENSIONS:
            parts = [row[f"why_{name}_{place}"] for place in range(len(score.of(name)))]
            assert math.fsum([*parts, row[f"cap_{name}"]]) == pytest.approx(row[name], abs=1e-6)
            assert 0 <= row[name] <= 100


@settings(deadline=None, max_examples=25)
@given(scores, worlds)
def test_the_score_of_a_set_is_the_score_of_each_lead(engine, score, world):
    for row, values_ in zip(scored(engine, score, world), world, strict=True):
        for name in DIMENSIONS:
            assert score_of(name, score, values_, {}) == pytest.approx(row[name], abs=1e-9)


@given(curves, st.floats(0, 1e6), st.floats(0, 1e6), st.sampled_from([0.5, 5.0, 100.0]))
def test_more_of_a_signal_never_earns_less(curve, one, other, full_at):
    less, more = sorted((one, other))

    assert 0 <= share(curve, less, full_at) <= share(curve, more, full_at) <= 1


def test_a_signal_without_a_value_earns_nothing(engine):
    score = Score(usage=(Line(signal="a", points=10, full_at=1), Line(signal="b", points=10, full_at=1)))

    (row,) = scored(engine, score, [{"a": 1.0, "b": None, "c": None}])

    assert (row["why_usage_0"], row["why_usage_1"], row["usage"]) == (50, 0, 50)


def test_what_the_floor_gave_is_a_part_of_its_own(engine):
    score = Score(usage=(Line(signal="a", points=10, full_at=1), Line(when=when("c = 'yes'"), points=-30)))

    (row,) = scored(engine, score, [{"a": 1.0, "b": None, "c": "yes"}])

    assert (row["why_usage_0"], row["why_usage_1"], row["cap_usage"], row["usage"]) == (100, -300, 200, 0)


def test_a_dimension_is_measured_against_its_positive_points_alone():
    assert attainable(sample_score().intent) == 200
    assert attainable((Line(signal="a", points=10), Line(signal="b", points=-5))) == 10


def test_the_first_matching_tier_wins_and_the_last_has_no_condition(engine):
    tiers = (Tier(name="hot", when=when("a >= 5")), Tier(name="warm", when=when("a >= 1")), Tier(name="cold"))
    table = engine.table(pa.table({"a": pa.array([9.0, 2.0, 0.0, None])}))

    assert engine.run(add_tier(table, tiers, {}))["tier"].to_pylist() == ["hot", "warm", "cold", "cold"]
