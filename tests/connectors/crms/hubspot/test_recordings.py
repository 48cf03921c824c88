"""Answers of real HubSpot accounts, fed to the matching of rows; the shared data set stands beside the checkout."""

import gzip
from pathlib import Path

import orjson
import pytest

from connectors.crms.hubspot.answers import Answer, fault_of
from connectors.crms.hubspot.batches import Sent, settled
from connectors.crms.hubspot.limits import Allowance
from connectors.errors import TryLater

RECORDINGS = Path(__file__).parents[5] / "shared" / "data" / "recordings" / "hubspot.jsonl.gz"
pytestmark = [
    pytest.mark.needs_shared_data,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the shared data set is absent: {RECORDINGS}"),
]


@pytest.fixture(scope="module")
def exchanges():
    with gzip.open(RECORDINGS) as lines:
        return [orjson.loads(line) for line in lines]


def batches(exchanges, verb):
    found = [one for one in exchanges if one["path"].endswith(f"/batch/{verb}") and one["status"] < 300]
    assert found
    return found


def test_every_recorded_update_finds_its_row_by_id_though_the_order_differs(exchanges):
    shuffled = 0
    for one in batches(exchanges, "update"):
        inputs = one["request"]["inputs"]
        sent = [Sent(row["id"], f"t.{n}", row["properties"], str(row["id"])) for n, row in enumerate(inputs)]
        told = settled(sent, Answer(one["status"], one["response"]), "pql_key")
        assert [says.result["id"] for says in told] == [row["id"] for row in inputs]
        shuffled += [row["id"] for row in inputs] != [row["id"] for row in one["response"]["results"]]
    assert shuffled > 0


def test_every_recorded_create_finds_its_row_by_a_unique_property(exchanges):
    for one in batches(exchanges, "create"):
        inputs = [row["properties"] for row in one["request"]["inputs"]]
        name = next(
            name
            for name in ("email", "domain", *inputs[0])
            if len({row.get(name) for row in inputs} - {None}) == len(inputs)
        )
        sent = [Sent(str(n), f"t.{n}", row, unique=row[name]) for n, row in enumerate(inputs)]
        told = settled(sent, Answer(one["status"], one["response"]), name)
        assert [says.result["properties"][name] for says in told] == [row[name] for row in inputs]


def test_every_recorded_limit_is_tried_later_without_an_attempt(exchanges):
    limited = [one for one in exchanges if one["status"] == 429]
    assert limited
    for one in limited:
        allowance = Allowance()
        allowance.hear(one["headers"])
        fault = fault_of(429, orjson.dumps(one["response"]))
        error = fault.error(writes=False, after=allowance.wait(fault.policy, one["headers"]))
        assert isinstance(error, TryLater)
        assert (error.limited, error.after) == (True, 1.0)


def test_every_recorded_refusal_has_a_code(exchanges):
    refused = [one for one in exchanges if 400 <= one["status"] < 500 and one["status"] != 429]
    codes = {fault_of(one["status"], orjson.dumps(one["response"])).code for one in refused}

    assert codes >= {"OBJECT_NOT_FOUND", "INVALID_LONG"}
    assert not any(code.isdigit() for code in codes)
