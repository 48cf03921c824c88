"""Matching a batch's answer: never by position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Outcome
from connectors.crms.hubspot.answers import Answer, fault_in
from connectors.crms.hubspot.batches import HELD_BACK, Sent, refusal, settled
from connectors.errors import Refused, Rejected, Unknown


def sent(count, *, ids=True):
    return [Sent(f"L{n}", f"t.{n}", {"pql_score": str(n)}, str(100 + n) if ids else None, f"k{n}") for n in range(count)]


def result(one, mark):
    """An item of the answer, telling its input by one mark."""
    item = {"id": one.crm_id or f"9{one.key[1:]}", "properties": {"pql_score": one.properties["pql_score"]}}
    if mark == "trace":
        item["objectWriteTraceId"] = one.trace
    if mark == "unique":
        item["properties"]["pql_key"] = one.unique
    return item


def fault_item(one):
    return {"category": "VALIDATION_ERROR", "message": "no", "context": {"objectWriteTraceId": [one.trace]}}


@pytest.mark.fault("F10")
@given(data=st.data(), count=st.integers(1, 12), mark=st.sampled_from(["trace", "id", "unique"]))
def test_each_input_has_its_own_result_its_own_fault_or_nothing_in_any_order(data, count, mark):
    inputs = sent(count, ids=mark == "id")
    fates = data.draw(st.lists(st.sampled_from(["result", "fault", "lost"]), min_size=count, max_size=count))
    results = data.draw(
        st.permutations([result(one, mark) for one, fate in zip(inputs, fates, strict=True) if fate == "result"])
    )
    errors = data.draw(
        st.permutations([fault_item(one) for one, fate in zip(inputs, fates, strict=True) if fate == "fault"])
    )
    answer = Answer(207, {"results": results, "errors": errors})

    if not results and not errors:
        with pytest.raises(Unknown):
            settled(inputs, answer, "pql_key")
        return
    for one, fate, says in zip(inputs, fates, settled(inputs, answer, "pql_key"), strict=True):
        assert (says.result is not None, says.fault is not None) == (fate == "result", fate == "fault")
        if says.result is not None:
            assert says.result["properties"]["pql_score"] == one.properties["pql_score"]


@given(count=st.integers(2, 6), lost=st.integers(0, 5))
def test_a_merged_records_answer_is_known_by_what_is_left_if_its_values_agree(count, lost):
    inputs = sent(count)
    lost %= count
    results = [result(one, "id") for one in inputs]
    results[lost]["id"] = "777"

    told = settled(inputs, Answer(200, {"results": results}), "pql_key")
    assert told[lost].result["id"] == "777"

    results[lost]["properties"]["pql_score"] = "another"
    told = settled(inputs, Answer(200, {"results": results}), "pql_key")
    assert told[lost].result is None


@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    "body", [{}, {"results": []}, {"status": "COMPLETE", "results": [], "errors": []}, {"results": None}]
)
def test_a_success_that_names_nothing_is_unknown(body):
    with pytest.raises(Unknown):
        settled(sent(2), Answer(200, body), "pql_key")


def whole(**doc):
    fault = fault_in({"category": "VALIDATION_ERROR", "message": "no", **doc}, 400)
    return Answer(400, fault=fault, error=fault.error(writes=True))


def test_a_whole_refusal_that_names_no_row_is_raised_for_halving():
    with pytest.raises(Rejected):
        settled(sent(3), whole(), "pql_key")


def test_a_whole_refusal_of_one_row_is_that_rows():
    assert settled(sent(1), whole(), "pql_key")[0].fault.outcome is Outcome.REJECTED


def test_a_whole_refusal_that_names_a_row_holds_the_others_back():
    inputs = sent(3)
    told = settled(inputs, whole(context={"objectWriteTraceId": ["t.1"]}), "pql_key")
    receipts = [refusal(one, says.fault) for one, says in zip(inputs, told, strict=True)]

    assert [one.outcome for one in receipts] == [Outcome.TRY_LATER, Outcome.REJECTED, Outcome.TRY_LATER]
    assert receipts[0].code == HELD_BACK


def test_a_whole_refusal_that_names_a_field_blames_the_rows_that_carry_it():
    inputs = [Sent("a", "t.0", {"gone": "1"}, "1"), Sent("b", "t.1", {"pql_score": "2"}, "2")]
    wrong = {"message": "m", "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["gone"]}}
    told = settled(inputs, whole(errors=[wrong]), "pql_key")
    first, second = (refusal(one, says.fault) for one, says in zip(inputs, told, strict=True))

    assert (first.outcome, first.field, second.outcome) == (Outcome.REFUSED, "gone", Outcome.TRY_LATER)


def test_a_whole_refusal_for_want_of_a_scope_is_not_halved():
    fault = fault_in({"category": "MISSING_SCOPES"}, 403)
    with pytest.raises(Refused):
        settled(sent(3), Answer(403, fault=fault, error=fault.error(writes=True)), "pql_key")
