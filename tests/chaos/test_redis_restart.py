"""Redis that dies under workers at work and comes back empty; runs with `make chaos`."""

from __future__ import annotations

import time

import pytest
from fixtures_office import Offices, activate
from fixtures_servers import redis_process

pytestmark = pytest.mark.chaos
IN_TIME = 120


@pytest.mark.fault("F40", "F43")
def test_workers_go_on_after_redis_was_killed_and_came_back_empty(offices: Offices, sqlite_url: str) -> None:
    with redis_process() as running:
        office = offices(20, sqlite_url, running.url)
        activate(office)
        worker, beat = office.worker("one"), office.beat()
        office.until(lambda: len(office.written()) == 20 and office.due() == 0, IN_TIME)
        running.kill()
        office.raise_hand(5)
        time.sleep(6)  # a slot and more pass without Redis
        lived = (worker.poll(), beat.poll(), office.tasks())
        running.start()
        office.until(lambda: office.intents() == {"confirmed": 1}, IN_TIME)

        assert lived == (None, None, [])
        assert len(office.tasks()) == 1
