"""What Redis keeps, and what becomes of the pace when it is emptied, killed or comes back."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise

import pytest
import redis
import structlog
from fixtures_servers import RedisProcess, redis_process
from redis.backoff import NoBackoff
from redis.retry import Retry

from connectors.contract import Budget
from worker.core.pace import SHARE
from worker.steps.pacing import limiter_redis
from worker.steps.pacing.limiter import Hearing, StoreLimiter
from worker.steps.pacing.limiter_redis import RedisLimiter
from worker.store.database import Store

NAME = "hubspot:24000042:calls"
HUNDRED = Budget(window_calls=100, window_seconds=1000)
GAP = 1000 / (100 * SHARE)


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    """A Redis that a test may kill."""
    with redis_process() as running:
        yield running


@pytest.fixture
def open_limiter(own_redis: RedisProcess, sqlite_store: Store) -> Iterator[Callable[[], RedisLimiter]]:
    clients: list[redis.Redis] = []

    def another() -> RedisLimiter:
        client = redis.Redis.from_url(own_redis.url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        clients.append(client)
        hearing = Hearing()
        return RedisLimiter(client, NAME, StoreLimiter(sqlite_store, NAME, hearing=hearing), hearing)

    yield another
    for client in clients:
        client.close()


def gap_of(limiter: RedisLimiter) -> float:
    first, asked = limiter.reserve(), time.monotonic()
    return limiter.reserve() + time.monotonic() - first - asked  # a wait is from the moment it was told


def test_keys_are_ours_named_by_crm_and_account_and_go_away_by_themselves(own_redis: RedisProcess, open_limiter):
    limiter = open_limiter()
    limiter.learn(HUNDRED)
    limiter.reserve()
    with closing(redis.Redis.from_url(own_redis.url)) as client:
        keys = client.keys()
        left = client.ttl(keys[0])

    assert keys == [b"pql:limiter:1:hubspot:24000042:calls"]
    assert 0 < left <= 2 * 86_400


@pytest.mark.fault("F41")
def test_an_emptied_redis_goes_on_at_the_pace_that_was_learned(own_redis: RedisProcess, open_limiter):
    limiter = open_limiter()
    limiter.learn(HUNDRED)
    limiter.reserve(50)
    own_redis.flush()

    assert gap_of(limiter) == pytest.approx(GAP, abs=0.1)


def test_after_it_was_emptied_our_own_calls_of_before_are_not_taken_for_those_of_another_app(own_redis, open_limiter):
    limiter = open_limiter()
    limiter.learn(HUNDRED)
    limiter.reserve(50)
    own_redis.flush()
    limiter.reserve()
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=49))

    assert gap_of(limiter) == pytest.approx(GAP, abs=0.1)


def test_a_process_that_knew_nothing_before_it_was_emptied_starts_from_the_headers(own_redis, open_limiter):
    own_redis.flush()
    limiter = open_limiter()
    limiter.reserve()
    limiter.learn(Budget(window_calls=100, window_seconds=1000, window_remaining=40))

    assert gap_of(limiter) == pytest.approx(1000 / (100 * SHARE - 59), abs=0.1)


@pytest.mark.fault("F43")
def test_while_redis_is_away_the_store_serves_and_the_log_says_so_once(
    own_redis: RedisProcess, open_limiter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limiter_redis, "AWAY_SECONDS", 0.0)
    one, other = open_limiter(), open_limiter()
    one.learn(HUNDRED)
    other.reserve()
    own_redis.kill()
    with structlog.testing.capture_logs() as said:
        waits = [limiter.reserve() for _ in range(3) for limiter in (one, other)]
    one.pause(200)

    assert [second - first for first, second in pairwise(waits)] == pytest.approx([GAP] * 5, abs=0.5)
    assert other.reserve() > 190
    assert [line["log_level"] for line in said] == ["warning"] * 2  # one for each of the two processes
    assert "Redis does not answer" in said[0]["reason"]


@pytest.mark.fault("F40")
def test_redis_that_comes_back_serves_again_at_the_same_pace(
    own_redis: RedisProcess, open_limiter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limiter_redis, "AWAY_SECONDS", 0.0)
    limiter = open_limiter()
    limiter.learn(HUNDRED)
    own_redis.kill()
    limiter.reserve()
    own_redis.start()
    with structlog.testing.capture_logs() as said:
        gap = gap_of(limiter)
    with closing(redis.Redis.from_url(own_redis.url)) as client:
        keys = client.keys()

    assert gap == pytest.approx(GAP, abs=0.1)
    assert ["answers again" in line["reason"] for line in said] == [True]
    assert len(keys) == 1


def test_redis_that_was_away_is_left_alone_for_a_while(own_redis: RedisProcess, open_limiter):
    limiter = open_limiter()
    own_redis.kill()
    limiter.reserve()
    own_redis.start()
    limiter.reserve()
    with closing(redis.Redis.from_url(own_redis.url)) as client:
        assert client.keys() == []


@pytest.mark.fault("F42")
def test_a_redis_that_takes_no_writes_is_away(own_redis: RedisProcess, open_limiter):
    limiter = open_limiter()
    with closing(redis.Redis.from_url(own_redis.url)) as client:
        client.config_set("maxmemory", "1")
    limiter.learn(HUNDRED)

    assert gap_of(limiter) == pytest.approx(GAP, abs=0.1)
