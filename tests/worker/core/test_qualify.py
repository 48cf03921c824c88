"""The state machine, edge by edge, and the laws that hold for every history."""

import dataclasses
import itertools
import random
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import NOON, days, sample_definition

from settings.terms import Duration
from worker.core.qualify import Evaluation, Rejection, State, needs_step, step

RULES = sample_definition()
GOOD = Evaluation(excluded=None, applies=True, must=True, immediate=False, value=80, evidence_at=NOON)
DAY = timedelta(days=1)


def seen(**changes):
    return dataclasses.replace(GOOD, **changes)


def walk(*evaluations, rules=RULES, state=None, start=NOON):
    """The states after one evaluation a day, and the edges taken."""
    states, edges = [], []
    for number, evaluation in enumerate(evaluations):
        at = start + number * DAY
        fresh = dataclasses.replace(evaluation, evidence_at=evaluation.evidence_at and at)
        state, edge = step(state, fresh, rules, at)
        states.append(state)
        edges += [edge] if edge else []
    return states, edges


def names(states):
    return [state.name for state in states]


QUALIFIED = step(None, GOOD, RULES, NOON)[0]


def test_a_lead_that_meets_the_gate_and_the_score_enters_its_first_episode():
    state, edge = step(None, GOOD, RULES, NOON)

    assert (state.name, state.episode, state.entered_at, state.first_at) == ("QUALIFIED", 1, NOON, NOON)
    assert (edge.from_state, edge.to_state, edge.cause, edge.became_pql) == ("NOT", "QUALIFIED", "events", True)


def test_an_account_names_its_buyer_on_entering_and_keeps_the_name_after_its_end():
    calm = seen(value=10, buyer="L2")
    states, _ = walk(
        seen(must=False, buyer="L0"), seen(buyer="L1"), seen(buyer="L2"), *[calm] * 5, seen(buyer="L3", must=False)
    )

    assert [state.buyer for state in states[:3]] == [None, "L1", "L2"]
    assert (states[-1].name, states[-1].buyer) == ("EXPIRED", "L2")
    assert (
        State.of(
            {"state": "EXPIRED", **dict.fromkeys(("since", "episode", "entered_at", "first_at", "reason"))},
            states[-1].facts(),
        ).buyer
        == "L2"
    )


@pytest.mark.parametrize("lacking", [{"must": False}, {"value": 59.9}, {"applies": False}])
def test_whoever_lacks_the_gate_or_the_score_stays_out(lacking):
    assert step(None, seen(**lacking), RULES, NOON)[1] is None


@pytest.mark.decides("R-050")
def test_a_second_evaluation_at_the_same_instant_changes_nothing():
    assert step(QUALIFIED, seen(value=0), RULES, NOON) == (QUALIFIED, None)


def test_runs_counts_evaluations_in_a_row_and_one_miss_starts_again():
    rules = sample_definition(runs=3)

    states, _ = walk(GOOD, GOOD, seen(value=10), GOOD, GOOD, GOOD, rules=rules)

    assert names(states) == ["CANDIDATE", "CANDIDATE", "NOT", "CANDIDATE", "CANDIDATE", "QUALIFIED"]


def test_the_same_run_repeated_counts_once_towards_runs():
    rules = sample_definition(runs=2)
    candidate, _ = step(None, GOOD, rules, NOON)

    assert step(candidate, GOOD, rules, NOON) == (candidate, None)


def test_a_hand_raise_passes_the_gate_the_score_and_runs():
    state, _ = step(None, seen(immediate=True, must=False, value=0), sample_definition(runs=5), NOON)

    assert state.name == "QUALIFIED"


def test_a_hand_raise_never_passes_an_exclusion():
    state, edge = step(None, seen(immediate=True, excluded="own people"), RULES, NOON)

    assert (state.name, state.reason, edge.cause) == ("SUPPRESSED", "own people", "exclusion")


def test_between_exit_and_entry_a_lead_stays_what_it_is():
    in_band = seen(value=50)

    assert step(None, in_band, RULES, NOON)[1] is None
    assert names(walk(*[in_band] * 10, state=QUALIFIED, start=NOON + DAY)[0]) == ["QUALIFIED"] * 10


def test_a_low_score_cools_after_the_least_stay_and_leaves_after_the_grace():
    states, edges = walk(GOOD, *[seen(value=10)] * 6)

    assert names(states) == ["QUALIFIED"] * 3 + ["COOLING"] * 2 + ["EXPIRED"] * 2
    assert [edge.cause for edge in edges] == ["events", "decay", "decay"]
    assert [edge.left for edge in edges] == [False, False, True]


def test_a_lead_that_recovers_within_the_grace_keeps_its_episode():
    states, edges = walk(GOOD, seen(value=50), seen(value=50), seen(value=10), seen(value=45))

    assert names(states)[-2:] == ["COOLING", "QUALIFIED"]
    assert states[-1].episode == 1
    assert not edges[-1].became_pql


def test_without_a_grace_a_low_score_ends_the_episode_at_once():
    rules = sample_definition(grace=Duration(0), stay_at_least=Duration(0))

    assert names(walk(GOOD, seen(value=10), rules=rules)[0]) == ["QUALIFIED", "EXPIRED"]


def test_a_standing_hand_raise_holds_the_lead_whatever_the_score():
    assert set(names(walk(GOOD, *[seen(value=0, immediate=True)] * 10)[0])) == {"QUALIFIED"}


def test_an_episode_ends_when_its_time_is_over_however_high_the_score():
    states, edges = walk(*[GOOD] * 62)

    assert names(states)[59:61] == ["QUALIFIED", "EXPIRED"]
    assert edges[-1].detail["reason"] == "open for 60 days"


@pytest.mark.decides("R-051")
def test_a_new_episode_waits_and_needs_evidence_newer_than_the_exit():
    rules = sample_definition(requalify_after=days(10))
    gone = dataclasses.replace(QUALIFIED, name="EXPIRED", since=NOON, left_at=NOON)

    early = step(gone, seen(evidence_at=NOON + DAY), rules, NOON + 9 * DAY)
    unfounded = step(gone, seen(evidence_at=NOON), rules, NOON + 10 * DAY)
    due, edge = step(gone, seen(evidence_at=NOON + DAY), rules, NOON + 10 * DAY)

    assert (early[1], unfounded[1]) == (None, None)
    assert (due.name, due.episode, due.first_at, edge.became_pql) == ("QUALIFIED", 2, NOON, True)


def reject(reason, at=NOON + DAY):
    return step(QUALIFIED, seen(rejection=Rejection(reason, at)), RULES, at + DAY)[0]


@pytest.mark.parametrize(("reason", "wait"), [("wrong_timing", 30), ("not_a_fit", 180), ("something else", 90)])
def test_the_wait_after_a_rejection_depends_on_its_reason(reason, wait):
    no = reject(reason)

    assert (no.name, no.reason) == ("REJECTED", reason)
    assert step(no, seen(evidence_at=no.since + DAY), RULES, no.since + (wait - 1) * DAY)[1] is None
    assert step(no, seen(evidence_at=no.since + DAY), RULES, no.since + wait * DAY)[0].episode == 2


def test_a_competitor_is_never_asked_again_not_even_for_a_hand_raise_or_after_an_exclusion():
    no = reject("competitor")
    late = no.since + 9000 * DAY

    assert step(no, seen(evidence_at=late, immediate=True), RULES, late)[1] is None
    hidden, _ = step(no, seen(excluded="do not contact"), RULES, late)
    shown, _ = step(hidden, seen(evidence_at=late), RULES, late + DAY)
    assert (hidden.name, shown.name, shown.reason) == ("SUPPRESSED", "REJECTED", "competitor")
    assert step(shown, seen(evidence_at=late + 9000 * DAY), RULES, late + 9000 * DAY)[1] is None


def test_an_answer_to_an_earlier_episode_does_not_end_the_present_one():
    assert step(QUALIFIED, seen(rejection=Rejection("not_a_fit", NOON - DAY)), RULES, NOON + DAY)[1] is None


def test_one_rejection_counts_once():
    no = reject("wrong_timing")
    again = seen(rejection=Rejection("wrong_timing", NOON + DAY), evidence_at=no.since + DAY)

    back, _ = step(no, again, RULES, no.since + 30 * DAY)

    assert back.name == "QUALIFIED"
    assert step(back, again, RULES, back.since + DAY)[0].name == "QUALIFIED"


def test_a_rejection_that_comes_after_the_episode_or_during_an_exclusion_still_holds():
    no = Rejection("competitor", NOON + DAY)
    expired = dataclasses.replace(QUALIFIED, name="EXPIRED", since=NOON + DAY, left_at=NOON + DAY)
    hidden, _ = step(QUALIFIED, seen(excluded="own people", rejection=no), RULES, NOON + 2 * DAY)

    assert step(expired, seen(rejection=no), RULES, NOON + 2 * DAY)[0].reason == "competitor"
    assert step(hidden, GOOD, RULES, NOON + 3 * DAY)[0].reason == "competitor"


@pytest.mark.parametrize("name", ["NOT", "CANDIDATE", "QUALIFIED", "COOLING", "EXPIRED", "REJECTED"])
def test_an_exclusion_reaches_every_state_and_ends_an_open_episode(name):
    state = dataclasses.replace(QUALIFIED, name=name)

    after, edge = step(state, seen(excluded="own people"), RULES, NOON + DAY)

    assert (after.name, edge.cause, edge.left) == ("SUPPRESSED", "exclusion", name in ("QUALIFIED", "COOLING"))


def test_when_an_exclusion_is_gone_the_lead_starts_again_and_its_next_episode_has_a_new_number():
    states, _ = walk(GOOD, seen(excluded="own people"), GOOD, GOOD)

    assert names(states) == ["QUALIFIED", "SUPPRESSED", "NOT", "QUALIFIED"]
    assert states[-1].episode == 2


def test_a_changed_exclusion_changes_the_reason_without_an_edge():
    hidden, _ = step(None, seen(excluded="own people"), RULES, NOON)

    after, edge = step(hidden, seen(excluded="do not contact"), RULES, NOON + DAY)

    assert (after.reason, edge) == ("do not contact", None)


def test_losing_applies_to_ends_the_episode_as_converted_for_a_customer():
    lost = seen(applies=False)

    left, edge = step(QUALIFIED, lost, RULES, NOON + DAY)
    won, won_edge = step(QUALIFIED, dataclasses.replace(lost, customer=True), RULES, NOON + DAY)

    assert (left.name, left.reason, edge.cause) == ("EXPIRED", "no longer applies", "attribute")
    assert (won.name, won_edge.cause) == ("CONVERTED", "outcome")
    assert step(won, seen(excluded="own people"), RULES, NOON + 9 * DAY) == (won, None)


def test_a_definition_for_customers_does_not_take_its_customers_as_converted():
    assert step(QUALIFIED, seen(customer=True), RULES, NOON + DAY)[0].name == "QUALIFIED"


@pytest.mark.parametrize("bad", [{"value": 0}, {"applies": False}])
def test_a_stale_source_demotes_nobody(bad):
    states, edges = walk(GOOD, *[seen(stale=True, **bad)] * 100)

    assert set(names(states)) == {"QUALIFIED"}
    assert len(edges) == 1


def test_causes_tell_events_from_attributes_and_from_a_changed_definition():
    before = NOON - DAY

    assert step(None, seen(previous=before, evidence_at=NOON), RULES, NOON)[1].cause == "events"
    assert step(None, seen(previous=before, evidence_at=before), RULES, NOON)[1].cause == "attribute"
    assert step(None, seen(previous=before, redefined=True), RULES, NOON)[1].cause == "definition"


# ------------------------------------------------------------------------------------------- laws

moments = st.integers(-400, 0).map(lambda ago: NOON + ago * DAY)
evaluations = st.builds(
    Evaluation,
    excluded=st.sampled_from([None, None, None, "own people", "do not contact"]),
    applies=st.sampled_from([True, True, True, False]),
    must=st.booleans(),
    immediate=st.sampled_from([False, False, False, True]),
    value=st.sampled_from([0.0, 44.9, 45.0, 59.9, 60.0, 100.0]),
    customer=st.booleans(),
    evidence_at=st.none() | moments,
    stale=st.booleans(),
    rejection=st.none() | st.builds(Rejection, st.sampled_from(["wrong_timing", "competitor", "x"]), moments),
)
histories = st.lists(st.tuples(st.integers(0, 40), evaluations), max_size=30)
definitions = st.sampled_from(
    [RULES, sample_definition(runs=3), sample_definition(grace=Duration(0), stay_at_least=Duration(0))]
)


def live_through(history, rules):
    state, at, edges = None, NOON - timedelta(days=800), []
    for gap, evaluation in history:
        at += gap * DAY
        state, edge = step(state, evaluation, rules, at)
        edges += [edge] if edge else []
    return state, edges


@given(histories, definitions)
def test_each_episode_begins_once_and_numbers_rise_by_one(history, rules):
    _, edges = live_through(history, rules)

    assert [edge.episode for edge in edges if edge.became_pql] == list(range(1, 1 + sum(edge.became_pql for edge in edges)))
    assert all(later.from_state == earlier.to_state for earlier, later in itertools.pairwise(edges))


@pytest.mark.decides("R-050")
@given(histories, definitions, evaluations)
def test_after_any_history_a_repeated_evaluation_is_silent(history, rules, evaluation):
    state, _ = live_through(history, rules)
    once, _ = step(state, evaluation, rules, NOON + DAY)

    assert step(once, evaluation, rules, NOON + DAY) == (once, None)


@given(histories, definitions)
def test_a_state_is_what_its_stored_row_says(history, rules):
    state, _ = live_through(history, rules)
    if state is None:
        return
    row = {"state": state.name} | {
        name: getattr(state, name) for name in ("since", "episode", "entered_at", "first_at", "reason")
    }

    assert State.of(row, state.facts()) == state


@settings(deadline=None, max_examples=50)  # the first example starts the engine
@given(st.lists(st.tuples(histories, evaluations), min_size=1, max_size=8), definitions)
def test_whoever_is_not_selected_would_not_have_changed(engine, people, rules):
    lived = [(live_through(history, rules)[0], dataclasses.replace(now, rejection=None)) for history, now in people]
    rows = [
        {"subject": f"u{n}", "excluded": now.excluded, "applies_pql": now.applies, "must_pql": now.must}
        | {"immediate_pql": now.immediate, "value_pql": now.value}
        for n, (_, now) in enumerate(lived)
    ]
    held = [{"subject": f"u{n}", "state": s.name, "reason": s.reason} for n, (s, _) in enumerate(lived) if s is not None]
    text = pa.string()
    kinds = {"subject": text, "excluded": text, "applies_pql": pa.bool_(), "must_pql": pa.bool_()}
    kinds |= {"immediate_pql": pa.bool_(), "value_pql": pa.float64()}
    frame = engine.table(pa.Table.from_pylist(rows, pa.schema(kinds)))
    states = engine.table(pa.Table.from_pylist(held, pa.schema({"subject": text, "state": text, "reason": text})))

    chosen = set(engine.run(needs_step(frame, states, rules))["subject"].to_pylist())

    for n, (state, now) in enumerate(lived):
        after, edge = step(state, now, rules, NOON + DAY)
        if f"u{n}" not in chosen:
            assert edge is None
            assert state is None or after == state


# ---------------------------------------------------------------------------------- the band, measured


def entries_per_year(rules, leads=400):
    """How often a lead newly qualifies in its first year with an AR(1) score: mean 60, deviation 5, memory 0.8, daily."""
    chance = random.Random(7)
    entered = 0
    for _ in range(leads):
        noise, state = chance.gauss(0, 5), None
        for day in range(365):
            noise = 0.8 * noise + chance.gauss(0, 5 * (1 - 0.8**2) ** 0.5)
            at = NOON + day * DAY
            state, edge = step(state, seen(value=60 + noise, evidence_at=at), rules, at)
            entered += bool(edge and edge.became_pql)
    return entered / leads


def band(exit_below, stay):
    rules = {"exit_below": exit_below, "stay_at_least": days(stay), "grace": Duration(0)}
    return sample_definition(**rules, requalify_after=Duration(0), expires_after=None)


def test_the_band_between_entry_and_exit_cuts_new_qualifications_tenfold():
    assert entries_per_year(band(60, stay=0)) == pytest.approx(37.4, abs=0.8)
    assert 3.6 <= entries_per_year(band(50, stay=0)) <= 4.3
    assert 3.5 <= entries_per_year(band(50, stay=7)) <= 4.3
