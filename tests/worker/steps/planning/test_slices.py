"""An evaluation of many leads: the PQLs at once, the others slice by slice, and whoever is left at the next one."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, repeat

import pytest
from fixtures_office import Office, Offices

from settings.root import Settings
from worker.steps.planning import commit, wishes
from worker.store import leads, records
from worker.wiring import open
from worker.wiring.opening import read_settings
from worker.wiring.worker import Worker

USERS = 6_000
CLEAR = {"PQL_HURRY": "1"}
SECONDS = 120


@contextmanager
def opened(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    for name in ("HUBSPOT_TOKEN", "HUBSPOT_BASE_URL"):
        monkeypatch.setenv(name, office.environment[name])
    settings: Settings = read_settings(office.places)
    with open(settings, office.places) as worker:
        worker.pull()
        worker.watch("hubspot")
        yield worker


@pytest.fixture
def office(offices: Offices, sqlite_url: str) -> Office:
    return offices(300, sqlite_url)


def wanted(worker: Worker) -> int:
    with worker.tools.store.read() as tx:
        return sum(records.counts(tx, "hubspot").get("hubspot", {}).values())


def open_episodes(worker: Worker) -> int:
    with worker.tools.store.read() as tx:
        return sum(one.get("QUALIFIED", 0) for one in leads.count_states(tx).values())


def evaluate_late(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> bool:
    """An evaluation in which every part but the first is late as soon as it has got on; whether more is left."""
    late = chain([False], repeat(True))
    monkeypatch.setattr("worker.wiring.evaluating._slice", lambda _seconds: partial(bool, next(late)))
    return worker.evaluate(seconds=60)[1]


def test_an_evaluation_that_is_late_goes_on_at_the_next_one_and_the_pqls_come_first(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "SLICE", 100)
    monkeypatch.setattr(commit, "SLICE", 100)
    monkeypatch.setattr(commit, "BATCH", 100)
    office.raise_hand(299)
    with opened(office, monkeypatch) as worker:
        seen, more = [], True
        while more:
            more = evaluate_late(worker, monkeypatch)
            seen.append((known(office), open_episodes(worker), wanted(worker)))

        assert [one for one in dict.fromkeys(seen) if one[0]] == [
            (100, 0, 0),
            (200, 0, 0),
            (300, 0, 0),
            (300, 1, 101),
            (300, 1, 201),
            (300, 1, 300),
        ]
        assert not evaluate_late(worker, monkeypatch)


def test_a_plan_of_slices_is_the_plan_of_one_piece(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.raise_hand(7)
    with opened(office, monkeypatch) as worker:
        moment = worker.tools.now()
        whole = worker.plan(moment)
        monkeypatch.setattr(wishes, "SLICE", 7)

        assert worker.plan(moment) == whole
    assert len({change.record for change in whole.changes if change.object == "contact"}) == 300
    assert Counter(change.field for change in whole.changes)["pql_flag"] >= 300


def test_a_plan_lists_so_many_changes_and_counts_the_others(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(office, monkeypatch) as worker:
        moment = worker.tools.now()
        whole = worker.plan(moment)
        monkeypatch.setattr("worker.steps.telling.reporting.MOST_LISTED", 10)
        short = worker.plan(moment)

    assert (whole.changes_not_listed, short.changes_not_listed) == (0, len(whole.changes) - 10)
    assert short.changes == whole.changes[:10]
    assert short.digest == whole.digest


# --------------------------------------------------------------------------- killed and interrupted while scoring


def killed(office: Office) -> None:
    """In the middle of the second transaction of records: the first slice is stored, the second one is not."""
    process = office.start("pql", "run", **CLEAR, PQL_CRASHPOINT="K1:3")
    assert process.wait(SECONDS) == -signal.SIGKILL
    office.running.remove(process)


def interrupted(office: Office) -> None:
    """Ctrl-C as soon as leads are stored, which is before their records are."""
    process = office.start("pql", "run", **CLEAR)
    office.until(lambda: known(office), SECONDS)
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 3, office.log()
    office.running.remove(process)


def hand_off_on_the_first_run(office: Office) -> None:
    path = office.folder / "settings.d/handoff.yaml"
    text = path.read_text()
    assert "on_first_run: flag_only" in text
    path.write_text(text.replace("on_first_run: flag_only", "on_first_run: handoff"))


def known(office: Office) -> int:
    with closing(office.open_store()) as store, store.read() as tx:
        return leads.count(tx)


@pytest.mark.parametrize("stop", [killed, interrupted])
def test_a_run_that_ends_in_the_middle_of_a_score_loses_nothing(
    stop: Callable[[Office], None], offices: Offices, sqlite_url: str
) -> None:
    office = offices(USERS, sqlite_url)
    hand_off_on_the_first_run(office)
    office.raise_hand(7)
    office.pql("migrate")
    stop(office)
    assert office.written() == {}

    ended = office.pql("run", "--output", "json")

    assert '"status":"done"' in ended.replace(" ", "")
    assert office.tasks() == ["Hot PQL: Maria Huber, Nordwerk 1 - asked to talk to sales"]
    assert len(office.written()) == USERS
    assert set(office.written().values()) == {1}
