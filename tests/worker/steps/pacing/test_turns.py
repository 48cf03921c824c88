"""Turns: what was reserved, what each further request waits for, and when it is not made."""

import heapq
from bisect import bisect_right
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Budget
from connectors.errors import TryLater
from worker.steps.pacing import turns
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.pacing.turns import LATE, LEAD, TRIES, Turns, patient


class Slots(LocalLimiter):
    """Counts what was taken."""

    def __init__(self, gap: float = 0.0, clock: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(clock)
        self.taken = 0
        if gap:
            self.learn(Budget(window_calls=1, window_seconds=gap))

    def reserve(self, calls: int = 1, within: float | None = None, ahead: float = 0.0) -> float:
        wait = super().reserve(calls, within, ahead)
        self.taken += calls if within is None or wait <= within else 0
        return wait


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    naps: list[float] = []
    monkeypatch.setattr(turns.time, "sleep", naps.append)
    return naps


def test_a_reserved_slot_serves_the_first_request_and_each_further_one_takes_its_own():
    calls = Slots()
    gate = Turns(calls, {})
    gate.reserve()
    for _ in range(3):
        gate("calls")

    assert calls.taken == 3


def test_a_slot_that_was_not_waited_for_serves_nobody():
    calls = Slots(gap=3.0)
    gate = Turns(calls, {})
    gate.reserve()
    assert gate.reserve() == pytest.approx(3.0)  # and the first was a moment ahead
    with pytest.raises(TryLater):
        gate("calls")

    assert calls.taken == 2


def test_a_search_takes_no_slot_of_other_calls():
    calls, searches = Slots(), Slots()
    gate = Turns(calls, {"search": searches})
    gate("search")

    assert (calls.taken, searches.taken) == (0, 1)


def test_a_request_waits_a_moment_for_its_turn_and_is_not_made_where_it_is_far(slept: list[float]):
    gate = Turns(Slots(gap=1.5), {})
    gate("calls")
    gate("calls")
    with pytest.raises(TryLater) as caught:
        gate("calls")

    assert slept == [0.0, 1.5]
    assert (caught.value.after, caught.value.limited) == (3.0, True)


def test_who_holds_nothing_waits_longer(slept: list[float]):
    gate = Turns(Slots(gap=10.0), {})
    gate("calls")
    with patient():
        gate("calls")
    with pytest.raises(TryLater):
        gate("calls")

    assert slept == [0.0, 10.0]


class Clock:
    """Time that passes while somebody sleeps, and longer than that where the machine is busy."""

    def __init__(self, held_up: float = 0.0, times: int = 1_000) -> None:
        self.now, self.naps, self._held_up, self._times = 50.0, list[float](), held_up, times

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds + (self._held_up if len(self.naps) <= self._times else 0.0)


def on(monkeypatch: pytest.MonkeyPatch, clock: Clock, gap: float = 0.05) -> tuple[Slots, Turns]:
    monkeypatch.setattr(turns, "time", clock)
    calls = Slots(gap, clock=clock.monotonic)
    return calls, Turns(calls, {})


def test_work_is_taken_up_a_moment_before_its_slot_and_sent_when_that_begins(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    _, gate = on(monkeypatch, clock, gap=1.0)
    first = clock.now + 1.0
    gate("calls")
    clock.sleep(gate.reserve())

    assert clock.now == pytest.approx(first - LEAD)
    gate("calls")
    assert clock.now == pytest.approx(first)


def test_a_slot_that_was_missed_is_not_used_late(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    calls, gate = on(monkeypatch, clock)
    clock.sleep(gate.reserve())
    clock.sleep(2 * LATE)  # the store was busy
    gate("calls")

    assert calls.taken == 2


def test_where_the_store_is_slow_work_is_taken_up_so_much_sooner_that_no_slot_is_missed(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    calls, gate = on(monkeypatch, clock)
    for _ in range(6):
        clock.sleep(gate.reserve())
        clock.sleep(2 * LATE)  # every time
        gate("calls")

    assert calls.taken == 7, "only the first one was missed"


def test_a_request_that_slept_too_long_takes_another_slot(monkeypatch: pytest.MonkeyPatch):
    clock = Clock(held_up=2 * LATE, times=1)
    calls, gate = on(monkeypatch, clock)
    gate("calls")

    assert calls.taken == 2


def test_a_process_that_is_held_up_every_time_sends_nothing(monkeypatch: pytest.MonkeyPatch):
    calls, gate = on(monkeypatch, Clock(held_up=2 * LATE))
    with pytest.raises(TryLater) as caught:
        gate("calls")

    assert (calls.taken, caught.value.code) == (TRIES, "NOT_YET")


@given(stalls=st.lists(st.floats(0, 3), min_size=1, max_size=60), callers=st.integers(1, 16))
def test_however_callers_are_held_up_no_window_sees_more_calls_than_are_allowed(stalls: list[float], callers: int):
    """Each caller's clock is its own, each stall falls between its slot and its request; what goes out goes out in time."""
    limiter, sent = LocalLimiter(clock=lambda: now), list[float]()
    now = 0.0
    limiter.learn(Budget(window_calls=190, window_seconds=10.0))
    free = [(0.0, n) for n in range(callers)]
    for stall in stalls * 8:
        now, caller = heapq.heappop(free)
        slot = now + limiter.reserve()
        if stall <= LATE:
            sent.append(slot + stall)
        heapq.heappush(free, (slot + stall, caller))
    sent.sort()

    assert max(bisect_right(sent, at + 10.0) - place for place, at in enumerate(sent)) <= 190 if sent else True
