"""Fair turns: the laws of the credit ledger, then its published picks."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core.fairness import UNIT, Seat, allocate, pick, reseat, shares

NAMES = "abcdefghijklmnopqrstuvwxyz0123"
weight_sets = st.lists(st.integers(1, 30), min_size=1, max_size=12).map(lambda ws: dict(zip(NAMES, ws, strict=False)))


def fresh(weights):
    return {name: Seat(weight) for name, weight in weights.items()}


@st.composite
def pools_with_absences(draw, most=12, turns=80):
    """A pool and a history of who was present, never nobody."""
    weights = draw(weight_sets)
    names = sorted(weights)[:most]
    present = st.lists(st.sampled_from(names), min_size=1, max_size=len(names), unique=True)
    return {name: weights[name] for name in names}, draw(st.lists(present, max_size=turns))


def entitlements(weights, turns):
    due = dict.fromkeys(weights, Fraction(0))
    for present in turns:
        total = sum(weights[name] for name in present)
        for name in present:
            due[name] += Fraction(weights[name], total)
    return due


@pytest.mark.parametrize(
    ("weights", "away", "expected"),
    [
        ({"a": 5, "b": 1, "c": 1}, {}, "aabacaaaabacaa"),
        ({"a": 3, "b": 2, "c": 1}, {}, "abcabaabcaba"),
        ({"a": 7, "b": 5, "c": 3, "d": 2, "e": 2}, {}, "abcadebacababdeacba"),
        ({"a": 2, "b": 1, "c": 1}, {"a": range(5, 9)}, "abcabcbcabcaabca"),
    ],
)
def test_the_published_picks(weights, away, expected):
    turns = [[n for n in weights if t not in away.get(n, ())] for t in range(1, len(expected) + 1)]
    picks, ledger = allocate(fresh(weights), turns)
    assert "".join(picks) == expected
    assert sum(seat.received for seat in ledger.values()) == len(expected)


@pytest.mark.parametrize(
    ("weights", "rounds", "worst"),
    [
        ({"a": 5, "b": 1, "c": 1}, 2, 0.571),
        ({"a": 3, "b": 2, "c": 1}, 2, 0.500),
        ({"a": 7, "b": 5, "c": 3, "d": 2, "e": 2}, 1, 0.632),
    ],
)
def test_the_published_gaps_to_what_each_is_entitled_to(weights, rounds, worst):
    turns = [list(weights)] * (rounds * sum(weights.values()))
    picks, _ = allocate(fresh(weights), turns)
    gaps = [
        abs(picks[:t].count(name) - due)
        for t in range(1, len(picks) + 1)
        for name, due in entitlements(weights, turns[:t]).items()
    ]
    assert round(float(max(gaps)), 3) == worst


@given(weight_sets, st.integers(-(10**12), 10**12))
def test_shares_add_up_exactly_and_stray_less_than_a_unit_from_the_fraction(weights, amount):
    parts = shares(weights, amount)
    assert sum(parts.values()) == amount
    total = sum(weights.values())
    assert all(abs(parts[n] - Fraction(amount * weights[n], total)) < 1 for n in weights)


@given(pools_with_absences())
def test_p1_credits_sum_to_zero_after_every_pick(pool):
    weights, turns = pool
    ledger = fresh(weights)
    for seq, present in enumerate(turns, 1):
        _, ledger = pick(ledger, present, seq)
        assert sum(seat.credit for seat in ledger.values()) == 0


@given(weight_sets, st.integers(1, 3))
def test_p2_with_all_present_a_full_cycle_gives_each_exactly_their_weight(weights, cycles):
    picks, _ = allocate(fresh(weights), [list(weights)] * (cycles * sum(weights.values())))
    assert {name: picks.count(name) for name in weights} == {name: cycles * w for name, w in weights.items()}


@given(weight_sets)
def test_p2_with_all_present_it_is_smooth_weighted_round_robin(weights):
    total = sum(weights.values())
    picks, _ = allocate(fresh(weights), [list(weights)] * total)
    current = dict.fromkeys(weights, 0)
    for chosen in picks:
        current = {name: have + weights[name] for name, have in current.items()}
        assert current[chosen] == max(current.values())  # up to the order of ties
        current[chosen] -= total


@given(pools_with_absences())
def test_p2_nobody_is_ever_a_whole_lead_ahead_of_what_they_are_entitled_to(pool):
    weights, turns = pool
    everyone = [list(weights)] * len(turns)
    picks, _ = allocate(fresh(weights), everyone)
    for t in range(1, len(picks) + 1):
        due = entitlements(weights, everyone[:t])
        assert all(picks[:t].count(n) - due[n] <= 1 - Fraction(1, len(weights)) + Fraction(t, UNIT) for n in weights)


@settings(max_examples=60)
@given(pools_with_absences(turns=300))
def test_p3_with_any_absences_the_gap_hangs_on_the_size_of_the_pool_never_on_time(pool):
    weights, turns = pool
    picks, _ = allocate(fresh(weights), turns)
    due = entitlements(weights, turns)
    assert all(abs(picks.count(n) - due[n]) <= max(2, len(weights) / 2) for n in weights)


@given(weight_sets)
def test_p4_nobody_waits_longer_than_two_of_their_own_turns(weights):
    total = sum(weights.values())
    picks, _ = allocate(fresh(weights), [list(weights)] * (3 * total))
    for name, weight in weights.items():
        turns = [t for t, chosen in enumerate(picks) if chosen == name]
        assert all(later - earlier <= 2 * total / weight for earlier, later in pairwise(turns))


@settings(max_examples=60)
@given(pools_with_absences())
def test_p4_after_any_history_the_wait_grows_only_by_what_others_are_owed(pool):
    weights, turns = pool
    _, ledger = allocate(fresh(weights), turns)
    total = sum(weights.values())
    most = max(seat.credit for seat in ledger.values())
    waits = {n: 2 * total / w + (most - ledger[n].credit) / UNIT * total / w for n, w in weights.items()}
    picks, _ = allocate(ledger, [list(weights)] * (int(max(waits.values())) + 2), len(turns))
    assert all(name in picks[: int(wait) + 2] for name, wait in waits.items())


def test_p5_who_returns_from_leave_gets_a_turn_not_a_flood():
    weights = dict.fromkeys("abcd", 1)
    turns = [list("bcd")] * 300 + [list("abcd")] * 40
    picks, _ = allocate(fresh(weights), turns)
    back = picks[300:]
    assert back.count("a") == 10
    assert all({one, two} != {"a"} for one, two in pairwise(back))


@given(pools_with_absences())
def test_p6_the_same_history_gives_the_same_picks_whatever_the_order_of_names(pool):
    weights, turns = pool
    once = allocate(fresh(weights), turns)
    again = allocate(dict(reversed(fresh(weights).items())), [list(reversed(present)) for present in turns])
    assert once[0] == again[0]
    assert once[1] == again[1]


@given(pools_with_absences(), st.integers(2, 9))
def test_p7_multiplying_all_weights_changes_nothing(pool, factor):
    weights, turns = pool
    more = {name: weight * factor for name, weight in weights.items()}
    assert allocate(fresh(weights), turns)[0] == allocate(fresh(more), turns)[0]


@given(pools_with_absences(), st.integers(1, 9))
def test_p7_a_new_weight_changes_no_credit_of_the_past(pool, weight):
    weights, turns = pool
    _, ledger = allocate(fresh(weights), turns)
    name = min(weights)
    after = reseat(ledger, {**weights, name: weight})
    assert after == {**ledger, name: replace(ledger[name], weight=weight)}


@given(pools_with_absences())
def test_p8_a_newcomer_starts_at_zero_and_is_not_flooded(pool):
    weights, turns = pool
    _, ledger = allocate(fresh(weights), turns)
    after = reseat(ledger, {**weights, "new": 1})
    assert after["new"] == Seat(1)
    picks, _ = allocate(after, [list(after)] * sum(seat.weight for seat in after.values()), len(turns))
    assert picks.count("new") <= 1 + max(2, len(after) / 2)


@given(pools_with_absences())
def test_p8_what_a_removed_member_was_owed_is_spread_and_credits_still_sum_to_zero(pool):
    weights, turns = pool
    _, ledger = allocate(fresh(weights), turns)
    rest = {name: weight for name, weight in weights.items() if name != min(weights)}
    assert sum(seat.credit for seat in reseat(ledger, rest).values()) == 0


@given(pools_with_absences(), st.data())
def test_p9_a_batch_gives_what_one_by_one_gives(pool, data):
    weights, turns = pool
    cut = data.draw(st.integers(0, len(turns)))
    whole = allocate(fresh(weights), turns)
    first, ledger = allocate(fresh(weights), turns[:cut])
    second, ledger = allocate(ledger, turns[cut:], cut)
    assert whole == (first + second, ledger)


def test_nobody_present_or_no_weight_is_refused_never_answered_with_nothing():
    with pytest.raises(ValueError, match="at least one weight"):
        pick({"a": Seat(1)}, [], 1)
    with pytest.raises(ValueError, match="at least one weight"):
        pick({"a": Seat(0)}, ["a"], 1)
