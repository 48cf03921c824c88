"""Mapped fields: who is looked at one by one, whatever the type of the column."""

from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pytest

from worker.engine import Engine
from worker.steps.planning import wishes
from worker.store.values import packed

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
TYPES = {"number": pa.float64(), "moment": pa.timestamp("us", tz="UTC"), "flag": pa.bool_(), "text": pa.string()}


@pytest.mark.parametrize(
    ("kind", "now", "acknowledged", "differs"),
    [
        ("number", 3.0, 3, False),
        ("number", 1 / 3, 0.33, False),
        ("number", 4.0, 3, True),
        ("number", 3.0, "three", True),
        ("number", None, None, False),
        ("moment", NOON.replace(microsecond=999), NOON, False),
        ("moment", NOON, None, True),
        ("flag", True, True, False),
        ("flag", True, False, True),
        ("text", "hot", "hot", False),
        ("text", "hot", "warm", True),
        ("text", None, "hot", True),
    ],
)
def test_a_value_that_the_crm_holds_already_costs_no_second_look(kind, now, acknowledged, differs):
    document = orjson.dumps(packed({"x": acknowledged})).decode()
    with Engine() as engine:
        rows = engine.table(pa.table({"x": pa.array([now], TYPES[kind]), "acknowledged": [document]}))
        told = rows.select("acknowledged", x=wishes.comparable(rows.x))
        was = engine.parsed(told.acknowledged, {"x": wishes.packed_type(told.x)})

        found = engine.run(told.select(differs=wishes.mapped_differs(told.x, was["x"])))

    assert found["differs"].to_pylist() == [differs]


@pytest.mark.parametrize(
    ("now", "acknowledged", "looked_at"),
    [
        ("hot", "hot", False),
        ("hot", "cold;hot;vip", False),
        ("hot", "hotter;shot", True),
        ("hot", None, True),
        (None, "hot", False),
        ("vip;hot", "hot;vip", True),
    ],
)
def test_a_field_of_several_values_is_looked_at_where_ours_is_not_among_them(now, acknowledged, looked_at):
    with Engine() as engine:
        rows = engine.table(pa.table({"now": pa.array([now], pa.string()), "was": pa.array([acknowledged], pa.string())}))

        found = engine.run(rows.select(lacks=wishes.lacks(rows.now, rows.was)))

    assert found["lacks"].to_pylist() == [looked_at]
