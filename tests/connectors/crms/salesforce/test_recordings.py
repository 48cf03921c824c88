"""Answers of a real org, fed to the receipts of rows; the shared data set stands beside the checkout."""

import gzip
from pathlib import Path

import orjson
import pytest

from connectors.contract import Outcome
from connectors.crms.salesforce.answers import Answer, fault_of
from connectors.crms.salesforce.batches import Row, sent
from connectors.crms.salesforce.limits import Allowance
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.schema import _column

RECORDINGS = Path(__file__).parents[5] / "shared" / "data" / "recordings" / "salesforce.jsonl.gz"
OURS = {theirs: object for object, theirs in OBJECTS.items()}
pytestmark = [
    pytest.mark.needs_shared_data,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the shared data set is absent: {RECORDINGS}"),
]


@pytest.fixture(scope="module")
def exchanges():
    with gzip.open(RECORDINGS) as lines:
        return [orjson.loads(line) for line in lines]


def collections(exchanges, method):
    """The writes of our objects: what was sent, row by row, and what came back."""
    found = [
        one
        for one in exchanges
        if one["method"] == method and one["path"].endswith("/composite/sobjects") and isinstance(one["request"], dict)
    ]
    return [
        ([rows(n, row) for n, row in enumerate(one["request"]["records"])], one["response"])
        for one in found
        if all(row["attributes"]["type"] in OURS for row in one["request"]["records"])
    ]


def rows(place, row):
    values = {name: value for name, value in row.items() if name not in ("attributes", "id", "Id")}
    return Row(str(place), OURS[row["attributes"]["type"]], values, row.get("id") or row.get("Id"))


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_every_recorded_row_has_the_receipt_that_its_place_in_the_answer_says(exchanges, method):
    calls = collections(exchanges, method)
    assert calls
    for asked, answered in calls:
        told = sent(asked, lambda _, answered=answered: Answer(answered))
        assert [one.outcome is Outcome.APPLIED for one in told] == [item["success"] for item in answered]
        assert [one.crm_id for one in told if one.outcome is Outcome.APPLIED] == [
            item["id"] for item in answered if item["success"]
        ]


def test_every_recorded_refusal_of_a_row_says_what_to_do_about_it(exchanges):
    refused = [
        one
        for method in ("PATCH", "POST")
        for asked, answered in collections(exchanges, method)
        for one in sent(asked, lambda _, answered=answered: Answer(answered))
        if one.outcome is not Outcome.APPLIED
    ]

    assert {one.code for one in refused} >= {"INVALID_EMAIL_ADDRESS", "REQUIRED_FIELD_MISSING"}
    assert all(one.message and one.outcome is not Outcome.UNKNOWN for one in refused)
    assert all(one.field for one in refused if one.code in ("INVALID_EMAIL_ADDRESS", "REQUIRED_FIELD_MISSING"))
    assert {one.outcome for one in refused if one.code == "CANNOT_UPDATE_CONVERTED_LEAD"} <= {Outcome.MOVED}


def test_every_recorded_failure_of_a_call_is_one_of_our_errors(exchanges):
    failed = [one for one in exchanges if one["status"] >= 400 and "/services/data/" in one["path"]]
    assert failed
    for one in failed:
        fault = fault_of(one["status"], one["response"])
        assert fault.code
        assert str(fault.error(writes=one["method"] != "GET"))


def test_recorded_limits_and_descriptions_are_understood(exchanges):
    allowance, described = Allowance(), 0
    for one in exchanges:
        allowance.hear(one.get("headers") or {})
        fields = one["response"].get("fields") if isinstance(one["response"], dict) else None
        for field in fields if one["path"].endswith("/describe") and isinstance(fields, list) else []:
            column = _column(field)
            described += 1
            assert column.name == field["name"]
            assert column.form.type == field["type"]

    assert allowance.budget.day_calls == 15000
    assert described > 50
