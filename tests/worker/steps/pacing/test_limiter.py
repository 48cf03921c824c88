"""Slots for calls: one behaviour, whether the pace is kept in memory, in a row of the store or in Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
import redis

from connectors.contract import Budget
from worker.core.pace import SHARE
from worker.steps.pacing.limiter import Hearing, Limiter, LocalLimiter, StoreLimiter
from worker.steps.pacing.limiter_redis import RedisLimiter
from worker.store.database import Store, open_store

NAME = "hubspot:24000042:calls"
# windows of a thousand seconds: whatever a test takes is nothing against a gap
HUNDRED = Budget(window_calls=100, window_seconds=1000)
GAP = 1000 / (100 * SHARE)
Workers = Callable[..., Limiter]
"""A limiter as another process of ours would open it; the local one is the only one of its kind."""


@pytest.fixture(params=["local", "sqlite", "postgres", "redis"])
def worker(request: pytest.FixtureRequest) -> Iterator[Workers]:
    with ExitStack() as opened:
        yield _workers(request, opened)


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def sharing(request: pytest.FixtureRequest) -> Iterator[Workers]:
    with ExitStack() as opened:
        yield _workers(request, opened)


def _workers(request: pytest.FixtureRequest, opened: ExitStack) -> Workers:
    if request.param == "local":
        return lambda reserved=0.0: LocalLimiter(reserved=reserved)
    kind = "sqlite" if request.param == "redis" else request.param
    url = request.getfixturevalue(f"{kind}_url")
    if request.param != "redis":
        return lambda reserved=0.0: StoreLimiter(opened.enter_context(closing(open_store(url, "acme"))), NAME, reserved)
    address = request.getfixturevalue("redis_url")

    def another(reserved: float = 0.0) -> RedisLimiter:
        client = opened.enter_context(closing(redis.Redis.from_url(address)))
        store = opened.enter_context(closing(open_store(url, "acme")))
        return on_redis(client, store, reserved)

    return another


def on_redis(client: redis.Redis, store: Store, reserved: float = 0.0) -> RedisLimiter:
    hearing = Hearing()
    return RedisLimiter(client, NAME, StoreLimiter(store, NAME, reserved, hearing), hearing, reserved)


def gaps(limiter: Limiter) -> float:
    """Seconds between the next two slots."""
    first, asked = limiter.reserve(), time.monotonic()
    return limiter.reserve() + time.monotonic() - first - asked  # a wait is from the moment it was told


# ------------------------------------------------------------------------------- what holds of each


def test_without_news_from_the_crm_nobody_waits(worker: Workers):
    limiter = worker()

    assert [limiter.reserve() for _ in range(3)] == [0, 0, 0]


def test_slots_are_spaced_evenly_below_the_published_limit(worker: Workers):
    limiter = worker()
    limiter.learn(HUNDRED)

    assert [limiter.reserve(), limiter.reserve(3), limiter.reserve()] == pytest.approx([0, GAP, 4 * GAP], abs=1)


def test_calls_that_were_made_before_the_allowance_was_known_take_their_place_in_the_window(worker: Workers):
    limiter = worker()
    limiter.reserve(20)
    limiter.learn(HUNDRED)
    limiter.learn(HUNDRED)

    assert limiter.reserve() == pytest.approx(20 * GAP, abs=1)


def test_a_pause_holds_everybody_up_and_a_shorter_one_does_not_end_it(worker: Workers):
    limiter = worker()
    limiter.pause(70)
    limiter.pause(30)

    assert limiter.reserve() == pytest.approx(70, abs=1)


def test_a_slot_that_is_too_far_away_is_not_taken_from_anybody(worker: Workers):
    limiter = worker()
    limiter.learn(HUNDRED)
    limiter.pause(70)

    assert [limiter.reserve(within=2) for _ in range(3)] == pytest.approx([70, 70, 70], abs=1)
    assert limiter.reserve(within=80) == pytest.approx(70, abs=1)
    assert limiter.reserve() == pytest.approx(70 + GAP, abs=1)


@pytest.mark.fault("F68")
def test_calls_of_another_app_widen_the_gap(worker: Workers):
    limiter = worker()
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=40))

    assert gaps(limiter) == pytest.approx(1000 / (100 * SHARE - 60), abs=0.5)


def test_our_own_calls_are_not_taken_for_those_of_another_app(worker: Workers):
    limiter = worker()
    limiter.reserve(60)
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=40))

    assert gaps(limiter) == pytest.approx(GAP, abs=0.1)


def test_an_answer_that_names_no_remaining_calls_leaves_what_is_known_of_others(worker: Workers):
    limiter = worker()
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=40))
    limiter.learn(HUNDRED)

    assert gaps(limiter) == pytest.approx(1000 / (100 * SHARE - 60), abs=0.5)


def test_one_answer_is_learned_from_once(worker: Workers):
    limiter = worker()
    old = Budget(window_calls=100, window_seconds=1000, window_remaining=100, window_heard=1)
    new = Budget(window_calls=100, window_seconds=1000, window_remaining=40, window_heard=2)
    limiter.reserve(10)
    for heard in (old, new, new, old):
        limiter.learn(heard)

    assert gaps(limiter) == pytest.approx(1000 / (100 * SHARE - 50), abs=0.2)


def test_a_share_of_the_window_is_left_to_other_tools(worker: Workers):
    limiter = worker(reserved=0.4)
    limiter.learn(HUNDRED)

    assert gaps(limiter) == pytest.approx(1000 / 60, abs=0.1)


def test_what_others_use_comes_out_of_their_share_first(worker: Workers):
    limiter = worker(reserved=0.4)
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=70))

    assert gaps(limiter) == pytest.approx(1000 / 60, abs=0.1)


def test_below_the_reserve_the_day_is_lean_until_the_allowance_returns(worker: Workers):
    limiter = worker(reserved=0.1)
    limiter.learn(Budget(day_calls=1000, day_remaining=99, day_wait=300))
    lean = limiter.lean()
    limiter.learn(Budget(day_calls=1000, day_remaining=100))

    assert lean == pytest.approx(300, abs=2)
    assert limiter.lean() == 0


# --------------------------------------------------------------------------- what holds of shared ones


def test_two_workers_share_the_slots(sharing: Workers):
    limiters = [sharing(), sharing()]
    for limiter in limiters:
        limiter.learn(Budget(window_calls=10, window_seconds=100))
    waits: list[float] = []
    threads = [threading.Thread(target=lambda one=one: waits.extend(one.reserve() for _ in range(5))) for one in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    gap = 100 / (10 * SHARE)
    assert [round(wait / gap, 1) for wait in sorted(waits)] == pytest.approx(list(range(10)), abs=0.2)


@pytest.mark.fault("F5")
def test_a_pause_reaches_the_workers_of_other_processes(sharing: Workers):
    one, other = sharing(), sharing()
    one.pause(30)

    assert 29 < other.reserve() <= 30


def test_a_new_process_begins_at_the_pace_that_others_learned(sharing: Workers):
    sharing().learn(HUNDRED)
    new = sharing()

    assert gaps(new) == pytest.approx(GAP, abs=0.1)


def test_calls_of_another_worker_of_ours_are_not_taken_for_those_of_another_app(sharing: Workers):
    one, other = sharing(), sharing()
    other.reserve(60)
    one.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=40))

    assert gaps(one) == pytest.approx(GAP, abs=0.1)


def test_that_the_day_is_lean_is_known_to_a_process_that_asked_nothing_yet(sharing: Workers):
    sharing(reserved=0.1).learn(Budget(day_calls=1000, day_remaining=99, day_wait=300))
    new = sharing(reserved=0.1)
    new.reserve()

    assert new.lean() == pytest.approx(300, abs=2)


# ------------------------------------------------------------------------------------- the local one


def test_after_idle_time_there_is_no_burst():
    now = [0.0]
    limiter = LocalLimiter(clock=lambda: now[0])
    limiter.learn(HUNDRED)
    limiter.reserve()
    now[0] = 5000.0

    assert [limiter.reserve(), limiter.reserve()] == pytest.approx([0, GAP])


def test_our_calls_of_long_ago_do_not_hide_another_app():
    now = [0.0]
    limiter = LocalLimiter(clock=lambda: now[0])
    limiter.reserve(60)
    now[0] = 1500.0
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=40))

    assert gaps(limiter) == pytest.approx(1000 / (100 * SHARE - 60))
