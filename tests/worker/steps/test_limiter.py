"""Slots for calls."""

import threading
from contextlib import closing

import pytest

from connectors.contract import Budget
from worker.steps.limiter import SHARE, LocalLimiter, StoreLimiter
from worker.store.database import Store, open_store

HUNDRED = Budget(window_calls=100, window_seconds=10)
GAP = 10 / (100 * SHARE)


def test_without_news_from_the_crm_nobody_waits():
    limiter = LocalLimiter(clock=lambda: 0.0)

    assert [limiter.reserve() for _ in range(3)] == [0, 0, 0]


def test_slots_are_spaced_evenly_below_the_published_limit():
    limiter = LocalLimiter(clock=lambda: 0.0)
    limiter.learn(HUNDRED)

    assert [limiter.reserve(), limiter.reserve(3), limiter.reserve()] == pytest.approx([0, GAP, 4 * GAP])


def test_after_idle_time_there_is_no_burst():
    now = [0.0]
    limiter = LocalLimiter(clock=lambda: now[0])
    limiter.learn(HUNDRED)
    limiter.reserve()
    now[0] = 1000.0

    assert [limiter.reserve(), limiter.reserve()] == pytest.approx([0, GAP])


def test_a_pause_holds_everybody_up():
    limiter = LocalLimiter(clock=lambda: 0.0)
    limiter.pause(7)
    limiter.pause(3)

    assert limiter.reserve() == 7


def test_calls_of_another_app_widen_the_gap():
    limiter = LocalLimiter(clock=lambda: 0.0)
    limiter.learn(Budget(window_calls=100, window_seconds=10, window_remaining=40))
    limiter.reserve()

    assert limiter.reserve() == pytest.approx(10 / (100 * SHARE - 60))


def test_our_own_calls_are_not_taken_for_those_of_another_app():
    limiter = LocalLimiter(clock=lambda: 0.0)
    limiter.reserve(60)
    limiter.learn(Budget(window_calls=100, window_seconds=10, window_remaining=40))
    limiter.reserve()

    assert limiter.reserve() == pytest.approx(GAP)


def test_two_workers_on_one_store_share_the_slots(store: Store, store_url: str):
    with closing(open_store(store_url, "acme")) as elsewhere:
        limiters = [StoreLimiter(one, "hubspot:24000042:ten_second") for one in (store, elsewhere)]
        for limiter in limiters:
            limiter.learn(Budget(window_calls=10, window_seconds=100))
        waits: list[float] = []
        threads = [
            threading.Thread(target=lambda one=one: waits.extend(one.reserve() for _ in range(5))) for one in limiters
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    gap = 100 / (10 * SHARE)
    assert [round(wait / gap, 1) for wait in sorted(waits)] == pytest.approx(list(range(10)), abs=0.2)


def test_a_pause_reaches_the_workers_of_other_processes(store: Store):
    one, other = (StoreLimiter(store, "hubspot:24000042:ten_second") for _ in range(2))
    one.pause(30)

    assert 29 < other.reserve() <= 30
