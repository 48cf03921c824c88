"""What a bell does, whoever rings it: on a real worker, store, lake and sandbox."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fixtures_office import Office, opened_office
from structlog.testing import capture_logs

from worker.steps.holding import held
from worker.steps.planning.commit import Overtaken
from worker.steps.telling.standing import standing
from worker.store import beats, landing, troubles
from worker.wiring import duties, opening
from worker.wiring.duties import claim_slot, perform
from worker.wiring.worker import Worker


@contextmanager
def opened(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, guards: str = "") -> Iterator[tuple[Office, Worker]]:
    with opened_office(folder, 20, url) as office:
        if guards:
            office.write_settings(guards=guards)
        for name in ("HUBSPOT_TOKEN", "HUBSPOT_BASE_URL"):
            monkeypatch.setenv(name, office.environment[name])
        with opening.open(opening.read_settings(office.places), office.places) as worker:
            worker.activate("test")
            yield office, worker


@pytest.fixture
def worker(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    with opened(tmp_path, sqlite_url, monkeypatch) as (_, open_worker):
        yield open_worker


def ring(worker: Worker, kind: str, about: str = "", job: str = "") -> list[tuple[str, str]]:
    return perform(lambda: worker, kind, about, job)


def test_pull_rings_score_and_score_rings_push(worker: Worker) -> None:
    assert ring(worker, "watch", "hubspot") == []
    assert ring(worker, "pull") == [("score", "")]
    assert ring(worker, "score") == [("push", "hubspot")]
    assert ring(worker, "push", "hubspot") == []
    with worker.tools.store.read() as tx:
        assert beats.workers(tx)[0]["doing"] == "waits, last: push hubspot"


def test_an_evaluation_that_came_before_the_crm_was_read_is_made_up_for(worker: Worker) -> None:
    ring(worker, "pull")
    assert ring(worker, "score") == []
    assert standing(worker.tools.store).held_by != []

    assert ring(worker, "watch", "hubspot") == [("score", "")]
    assert ring(worker, "score") == [("push", "hubspot")]
    assert standing(worker.tools.store).held_by == []


@pytest.mark.parametrize("kind", ["score", "pull", "watch", "push"])
def test_work_that_is_under_way_elsewhere_is_left_alone_without_a_word_of_error(worker: Worker, kind: str) -> None:
    names = {"score": ["evaluate"], "pull": ["pull"], "watch": ["watch:hubspot"]}
    leases = names.get(kind, ["push:hubspot:1", "push:hubspot:2"])
    about = "hubspot" if kind in ("watch", "push") else ""
    with ExitStack() as elsewhere, capture_logs() as lines:
        for lease in leases:
            elsewhere.enter_context(held(worker.tools.store, lease))
        assert ring(worker, kind, about) == []

    assert [(line["event"], line["log_level"]) for line in lines if line["event"] != "did"] == [("busy", "info")]


def test_two_processes_may_push_to_one_crm(worker: Worker) -> None:
    with held(worker.tools.store, "push:hubspot:1"):
        assert ring(worker, "push", "hubspot") == []
        with worker.tools.store.read() as tx:
            assert beats.workers(tx)[0]["doing"] == "waits, last: push hubspot"


def test_what_lands_during_an_evaluation_is_evaluated_after_it(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    ring(worker, "watch", "hubspot")
    ring(worker, "pull")
    evaluate = Worker.evaluate

    def slowly(here: Worker, seconds: float) -> tuple[tuple[str, ...], bool]:
        due = evaluate(here, seconds)
        with here.tools.store.write() as tx:
            landing.add_files(tx, [landing.File("product", "events", "acme/late.parquet", 1, 1)])
        return due

    monkeypatch.setattr(Worker, "evaluate", slowly)

    assert ring(worker, "score") == [("push", "hubspot"), ("score", "")]


def test_an_evaluation_that_was_overtaken_waits_for_the_next_bell(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(_: Worker, __: float) -> Any:
        raise Overtaken("Leads of the pool smb were routed by another process meanwhile. Run again.")

    monkeypatch.setattr(Worker, "evaluate", overtaken)

    with capture_logs() as lines:
        assert ring(worker, "score") == []
    assert [(line["event"], line["log_level"]) for line in lines] == [("busy", "info")]


@pytest.mark.fault("F47")
def test_a_slot_is_worked_once(worker: Worker) -> None:
    assert ring(worker, "pull", job="pull") == [("score", "")]
    assert ring(worker, "pull", job="pull") == []


def test_a_job_that_the_settings_no_longer_have_is_not_done(worker: Worker) -> None:
    assert claim_slot(worker, "watch:pipedrive") is None
    assert ring(worker, "push", "pipedrive") == []


def test_a_source_that_cannot_be_read_does_not_keep_the_rest_from_being_scored(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "settings.d/data/users.csv").write_text("nothing,of,the,kind\n")

    assert ring(worker, "pull") == [("score", "")]


@pytest.mark.fault("F54")
def test_a_bell_of_another_version_is_named_and_left(worker: Worker) -> None:
    with capture_logs() as lines:
        assert ring(worker, "enrich") == []
    assert "Another version rang" in lines[0]["reason"]


@pytest.mark.fault("F53")
@pytest.mark.parametrize(("version", "goes_on"), [("9999-since-9998", False), ("9999", True)])
def test_a_store_that_is_migrated_meanwhile_stops_a_worker_only_if_it_is_too_old(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, version: str, goes_on: bool
) -> None:
    with opened(tmp_path, sqlite_url, monkeypatch) as (office, worker):
        for kind, about in (("watch", "hubspot"), ("pull", ""), ("score", "")):
            ring(worker, kind, about)
        with worker.tools.store.write() as tx:
            tx.connection.exec_driver_sql(f"update alembic_version set version_num = '{version}'")
        before = len(office.hubspot.requests(0))
        with capture_logs() as lines:
            ring(worker, "push", "hubspot")

        assert (len(office.hubspot.requests(0)) > before) == goes_on
        assert [line["error"] for line in lines if line["event"] == "stopped"] == ([] if goes_on else ["ProgramTooOld"])
        assert office.due() == (0 if goes_on else office.users)


def test_a_guard_that_holds_is_told_by_status(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guards = "guards: {changed_leads: off, tasks_per_run: 0, source_older_than: 6 hours, source_rows_below: off}"
    with opened(tmp_path, sqlite_url, monkeypatch, guards) as (office, worker):
        ring(worker, "watch", "hubspot")
        ring(worker, "pull")
        assert ring(worker, "score") == [("push", "hubspot")]
        office.raise_hand(3)
        ring(worker, "pull")

        assert ring(worker, "score") == []
        shown = office.pql("status")
    assert "held" in shown
    assert "HELD tasks_per_run" in shown


def test_a_crm_that_refuses_is_an_alert_of_the_schedule_and_taken_back_when_it_takes_us_again(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, sqlite_url, monkeypatch) as (office, worker):
        for kind, about in (("watch", "hubspot"), ("pull", ""), ("score", "")):
            ring(worker, kind, about)
        office.hubspot.weather({"match": {}, "fault": "status", "args": {"status": 401}})
        for kind, about in (("watch", "hubspot"), ("push", "hubspot"), ("alerts", "")):
            assert ring(worker, kind, about) == []
        assert [(one.name, one.subject) for one in standing(worker.tools.store).alerts] == [("refused", "hubspot")]
        assert [row["what"] for row in noted(worker)] == ["push hubspot", "watch hubspot"]

        office.hubspot.weather()
        for kind in ("watch", "push"):
            ring(worker, kind, "hubspot")
        assert noted(worker) == []


def noted(worker: Worker) -> list[dict[str, Any]]:
    with worker.tools.store.read() as tx:
        return sorted(troubles.every(tx), key=lambda row: str(row["what"]))


def test_without_active_settings_nothing_is_done_and_that_is_said() -> None:
    def nobody() -> Worker:
        raise duties.NothingActive("No settings are active. Run `pql activate`.")

    with capture_logs() as lines:
        assert perform(nobody, "pull") == []
    assert "pql activate" in lines[0]["reason"]
