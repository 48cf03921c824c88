"""Turns: what was reserved, what each further request waits for, and when it is not made."""

import pytest

from connectors.contract import Budget
from connectors.errors import TryLater
from worker.steps import turns
from worker.steps.limiter import LocalLimiter
from worker.steps.turns import Turns, patient


class Slots(LocalLimiter):
    """Counts what was taken."""

    def __init__(self, gap: float = 0.0) -> None:
        super().__init__(clock=lambda: 0.0)
        self.taken = 0
        if gap:
            self.learn(Budget(window_calls=1, window_seconds=gap))

    def reserve(self, calls: int = 1, within: float | None = None) -> float:
        wait = super().reserve(calls, within)
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
    assert gate.reserve() == 3.0
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
