"""Which limiter a destination gets: by CRM and account, on Redis where there is a broker."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from fixtures_push import open_hubspot

from connectors.contract import Crm
from connectors.sandbox.serve import Endpoint
from settings.destinations import DestinationSpec
from settings.terms import Share
from worker.store import limits
from worker.store.database import Store
from worker.wiring.limiters import Limiters


@pytest.fixture
def crm(hubspot: Endpoint) -> Iterator[Crm]:
    with closing(open_hubspot(hubspot)) as opened:
        yield opened


def limiters(
    store: Store, crm: Crm, broker: str | None = None, reserve: Share | None = None, name: str = "hubspot"
) -> Limiters:
    spec = DestinationSpec(name=name, kind="hubspot", reserve=reserve)
    tools: Any = SimpleNamespace(store=store, crms={name: crm}, settings=SimpleNamespace(destinations={name: spec}))
    return Limiters(tools, broker)


def rows(store: Store, crm: Crm, name: str = "calls") -> int:
    """The gap that the store knows."""
    with store.read() as tx:
        return limits.read(tx, f"hubspot:{crm.account()}:{name}").gap


def test_two_destinations_on_one_account_share_a_limiter(sqlite_store: Store, hubspot: Endpoint, crm: Crm):
    with closing(open_hubspot(hubspot)) as again:
        limiters(sqlite_store, crm).of("hubspot").pause(30)

        assert limiters(sqlite_store, again, name="second").of("second").reserve() > 29


def test_with_a_broker_the_limiter_is_on_redis_and_names_no_token(
    sqlite_store: Store, hubspot: Endpoint, crm: Crm, redis_url: str
):
    made = limiters(sqlite_store, crm, redis_url)
    made.of("hubspot").reserve()
    with closing(redis.Redis.from_url(redis_url, decode_responses=True)) as client:
        keys = sorted(client.keys())
    made.close()

    assert keys == [f"pql:limiter:1:hubspot:{crm.account()}:{limit}" for limit in ("calls", "search")]
    assert hubspot.token not in str(keys)


def test_a_broker_that_must_not_be_used_is_not(sqlite_store: Store, crm: Crm):
    limiters(sqlite_store, crm, "redis://redis.example:6379/0").of("hubspot")

    assert rows(sqlite_store, crm, "search") > 200_000


def test_requests_wait_for_their_turn_once_the_limiter_is_open(sqlite_store: Store, crm: Crm):
    limiter = limiters(sqlite_store, crm).of("hubspot")
    crm.mirror.owners()
    limiter.learn(crm.budget())
    before = limiter.reserve(0)
    crm.mirror.owners()  # two lists, active and archived

    assert rows(sqlite_store, crm) == pytest.approx(10_000_000 / (190 * 0.968), abs=100)
    assert limiter.reserve(0) <= before + 3 * 0.055


def test_the_first_calls_are_spaced_too(sqlite_store: Store, crm: Crm):
    limiter = limiters(sqlite_store, crm).of("hubspot")

    started = time.monotonic()
    waits = [limiter.reserve() for _ in range(50)]
    took = time.monotonic() - started

    assert rows(sqlite_store, crm) == pytest.approx(54_400, rel=0.01)
    assert 48 * 0.0544 - took <= waits[-1] <= 50 * 0.0544


@pytest.mark.parametrize(("said", "gap"), [(None, 10 / (190 * 0.968)), (Share(0.5), 10 / 95)])
def test_the_reserve_is_that_of_the_destination_else_the_usual_one_of_its_crm(
    sqlite_store: Store, crm: Crm, said: Share | None, gap: float
):
    limiters(sqlite_store, crm, reserve=said).of("hubspot").learn(replace(crm.budget(), window_calls=190))

    assert rows(sqlite_store, crm) / 1e6 == pytest.approx(gap, rel=0.01)


def test_while_the_account_does_not_answer_its_destination_names_the_limiter(
    sqlite_store: Store, hubspot: Endpoint, crm: Crm
):
    hubspot.act("revoke_token")
    limiters(sqlite_store, crm).of("hubspot").pause(30)
    with sqlite_store.read() as tx:
        assert limits.read(tx, "hubspot:hubspot:calls").free > 0
