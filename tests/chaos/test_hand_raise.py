"""
A hand-raise reaches its task within two minutes of landing, while the CRM is busy with everything else.

The small ones run with `make test`, the ones with 100,000 records with `make chaos`.
"""

import time
from collections.abc import Callable

import pytest
from fixtures_office import Office, Offices, activate

TWO_MINUTES = 120
PATH = ".*/contacts/batch/update"
SLOWLY: dict[int, list[dict[str, object]]] = {
    5_000: [{"match": {"method": "POST", "path": PATH}, "fault": "latency", "args": {"seconds": 12}}],
    100_000: [{"match": {"method": "POST", "path": PATH}, "fault": "latency", "args": {"seconds": 0.1}}],
}


def celery(office: Office) -> None:
    activate(office)
    office.worker("one", 4)
    office.beat()


def up(office: Office) -> None:
    office.start("pql", "up")


@pytest.mark.parametrize("start", [celery, pytest.param(up, marks=pytest.mark.chaos)])
def test_a_hand_raise_overtakes_the_records_of_a_backfill(
    start: Callable[[Office], None], offices: Offices, sqlite_url: str, redis_server: str
) -> None:
    seconds, left = overtakes(start, offices(5_000, sqlite_url, f"{redis_server}/2"))

    assert seconds < TWO_MINUTES
    assert left > 0


@pytest.mark.chaos
@pytest.mark.parametrize("start", [celery, up])
def test_a_hand_raise_overtakes_a_hundred_thousand_records(
    start: Callable[[Office], None], offices: Offices, sqlite_url: str, redis_server: str
) -> None:
    seconds, left = overtakes(start, offices(100_000, sqlite_url, f"{redis_server}/2"))

    assert seconds < TWO_MINUTES
    assert left > 0


def overtakes(start: Callable[[Office], None], office: Office) -> tuple[float, int]:
    """Seconds from the landing of a hand-raise to its task, and how many records were due then."""
    office.hubspot.weather(*SLOWLY[office.users])
    start(office)
    # an evaluation in slices brings forth records while others are pushed already: never all of them are due at once
    office.until(lambda: office.due() > office.users / 10, 600)
    landed = office.raise_hand(7)
    office.until(office.tasks, TWO_MINUTES + 60)
    seconds, left = time.monotonic() - landed, office.due()
    print(f"{seconds:.1f} s, {left:,} records due")
    assert office.tasks() == ["Hot PQL: Maria Huber, Nordwerk 1 - asked to talk to sales"]
    return seconds, left
