"""Mapped fields: who is looked at one by one, whatever the type of the column."""

from datetime import UTC, datetime

import ibis
import pyarrow as pa
import pytest

from worker.steps import wishes

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
TYPES = {"number": pa.float64(), "moment": pa.timestamp("us", tz="UTC"), "flag": pa.bool_(), "text": pa.string()}


@pytest.mark.parametrize(
    ("kind", "now", "acknowledged", "differs"),
    [
        ("number", 3.0, 3, False),
        ("number", 1 / 3, 0.33, False),
        ("number", 4.0, 3, True),
        ("number", 3.0, "3", True),
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
    column = ibis.memtable(pa.table({"x": pa.array([now], TYPES[kind])})).x
    told = wishes._comparable(column)
    was = wishes._column([acknowledged], told)

    table = ibis.memtable(pa.table({"now": told.to_pyarrow(), "was": was}))

    assert table.select(differs=~table.now.identical_to(table.was)).to_pyarrow()["differs"].to_pylist() == [differs]
