"""What is to be written on a record, as laws."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from connectors.contract import Mirrored, Value
from worker.core.threeway import is_empty, same
from worker.steps.sending.desk import Writing
from worker.steps.sending.record_drafts import Draft, Reading, draft
from worker.store.record_claims import Row

texts = some.one_of(some.none(), some.sampled_from(["a", "b", "VP Sales", ""]))
modes = some.sampled_from(["own", "respect_human", "fill_empty", "create_only", "append"])


def row(wanted: dict[str, Value], acknowledged: dict[str, Value] | None = None, **more: Any) -> Row:
    plain = {"fence": 1, "attempts": 0, "blind_attempts": 0, "ack_seq": 0, "last_attempt": None, "uncertain_until": None}
    known = {"acknowledged": acknowledged or {}, "reformatted": {}, "parked": (), "because": "", "was": "due"}
    return Row("L0", "contact", more.pop("crm_id", "1"), seq=3, wanted=wanted, **{**plain, **known, **more})


def title(held: Value, sent: dict[str, Value] | None = None) -> Reading:
    return Reading(Mirrored("1", "contact", fields={"title": held}), sent or {})


def after(one: Draft, held: Value) -> Value:
    """What the CRM holds in `title` once the draft is written."""
    return None if "title" in one.clear else one.fields.get("title", held)


@given(wrote=texts, edited=texts, wanted=texts, unproved=some.booleans())
def test_an_edit_between_two_runs_keeps_standing(wrote: Value, edited: Value, wanted: Value, unproved: bool):
    if same(edited, wrote):
        return
    # our write was acknowledged, or nobody could prove it
    acknowledged = {} if unproved else {"title": wrote}
    sent = {"title": wrote} if unproved else {}
    writing = Writing("hubspot", {("contact", "title"): "respect_human"})
    reading = title(edited, sent)
    one = draft(row({"title": wanted}, acknowledged, was="unknown" if unproved else "due"), writing, (), reading)

    if not unproved or not is_empty(edited):
        assert same(after(one, edited), edited)


@given(mode=modes, wanted=texts, held=texts, acknowledged=some.one_of(some.just(...), texts))
def test_once_written_there_is_nothing_left_to_write(mode: Any, wanted: Value, held: Value, acknowledged: Any):
    writing = Writing("hubspot", {("contact", "title"): mode})
    known = {} if acknowledged is ... else {"title": acknowledged}
    one = draft(row({"title": wanted}, known), writing, (), title(held))
    held_now = after(one, held)
    known_now = {**one.row.acknowledged, **one.fields, **dict.fromkeys(one.clear)}
    again = draft(
        row({"title": wanted}, known_now), writing, (), Reading(Mirrored("1", "contact", fields={"title": held_now}))
    )

    assert not again.writes


@given(wanted=texts, held=texts)
def test_an_unproved_write_that_arrived_is_acknowledged_without_another(wanted: Value, held: Value):
    reading = title(wanted, {"title": wanted})
    one = draft(row({"title": wanted}, {"title": held}, was="unknown"), Writing("hubspot"), (), reading)

    assert not one.writes


@given(wanted=texts, held=texts, unproved=texts, form=texts)
def test_what_reading_proved_stays_known_whatever_becomes_of_the_next_write(
    wanted: Value, held: Value, unproved: Value, form: Value
):
    """The write that follows may be refused; then the row is all that knows whose the value is."""
    before = row({"title": wanted}, {"title": held}, was="unknown", reformatted={"title": form})
    one = draft(
        before, Writing("hubspot", {("contact", "title"): "respect_human"}), (), title(unproved, {"title": unproved})
    )

    assert same(one.row.acknowledged["title"], unproved)
    if not same(held, unproved):
        assert "title" not in one.row.reformatted, "what was known of an older value's form says nothing of this one"


def test_a_row_whose_last_write_is_unproved_is_read_first():
    assert draft(row({"pql_score": 71}, was="unknown"), Writing("hubspot"), ()).read_first
    assert not draft(row({"pql_score": 71}), Writing("hubspot"), ()).read_first


def test_what_rides_along_causes_no_write_and_goes_with_one():
    acknowledged = {"pql_score": 71, "pql_rules": "a"}
    alone = draft(row({"pql_score": 71, "pql_rules": "b"}, acknowledged), Writing("hubspot"), ())
    along = draft(row({"pql_score": 85, "pql_rules": "b"}, acknowledged), Writing("hubspot"), ())

    assert not alone.writes
    assert along.change.fields == {"pql_score": 85, "pql_rules": "b", "pql_seq": 3}


def test_an_empty_wanted_value_empties_the_field_on_purpose():
    one = draft(row({"pql_since": None, "pql_score": 71}, {"pql_since": "x"}), Writing("hubspot"), ())

    assert (one.change.clear, "pql_since" in one.change.fields) == (("pql_since",), False)


def test_a_parked_field_is_neither_written_nor_asked_for():
    one = draft(row({"pql_tier": "hot"}), Writing("hubspot"), {("contact", "pql_tier"), ("contact", "pql_seq")})

    assert not one.writes
    assert (one.parked, one.change.fields) == (("pql_tier", "pql_seq"), {})


def test_the_key_of_a_record_is_set_once_and_another_one_stays():
    one = draft(
        row({"pql_key": "L0", "pql_score": 1}),
        Writing("hubspot"),
        (),
        Reading(Mirrored("1", "contact", fields={"pql_key": "L9"})),
    )

    assert "pql_key" not in one.fields
