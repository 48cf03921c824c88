"""What the network and the CRM's own limits do to a push: it ends as promised, and nothing is sent twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from fixtures_push import SHORT, Rig, open_hubspot
from fixtures_servers import _free_port

from connectors import registry
from connectors.reach import Timeouts
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.pacing.periods import Periods
from worker.steps.sending.desk import PushReport
from worker.store import attempts

UPDATE = {"method": "POST", "path": ".*batch/update"}
CREATE = {"method": "POST", "path": ".*tasks/batch/create"}


@contextmanager
def through(rig: Rig, url: str | None = None, **more: Any) -> Iterator[Rig]:
    """The same work with another connector: a process that was just started, or one that looks for the CRM elsewhere."""
    endpoint = rig.portal.endpoint
    with closing(open_hubspot(SimpleNamespace(url=url or endpoint.url, token=endpoint.token), **more)) as crm:  # type: ignore[arg-type]  # all it reads
        yield Rig(rig.store, replace(rig.portal, crm=crm), rig.periods)


def calls(rig: Rig, of: str) -> list[str]:
    """What was asked of these paths, in order."""
    return [call["path"].rsplit("/", 1)[1] for call in rig.portal.calls(of)]


def wait(report: PushReport) -> None:
    threading.Event().wait((report.next_in or 0.0) + 0.02)


def rows_are_ready(rig: Rig) -> None:
    """Rows wait by the store's clock; here only the limiter's counts."""
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("update record_sync set next_attempt_at = null")


@pytest.mark.fault("F1")
def test_while_nobody_listens_all_rows_wait_and_nothing_counts_as_sent(rig: Rig) -> None:
    rig.wish(*(rig.portal.want(number) for number in range(5)), rig.portal.task())
    with through(rig, f"http://127.0.0.1:{_free_port()}") as away:
        report = away.push(seconds=2)
        with rig.store.read() as tx:
            outcomes = attempts.count(tx)

    assert (rig.statuses(), rig.tasks()) == ({"due": 5}, {"task_create:planned": 1})
    assert (report.counts.records.unknown, set(outcomes)) == (0, {"try_later"})
    assert report.rejected == []


@pytest.mark.fault("F1", "F14")
def test_a_process_that_starts_while_the_crm_refuses_us_says_so_and_leaves_all_work(rig: Rig) -> None:
    rig.wish(rig.portal.want(), rig.portal.task())
    rig.portal.endpoint.act("revoke_token")
    with through(rig) as started:
        report = started.push()

    assert "token" in report.refused
    assert (rig.statuses(), rig.tasks()) == ({"due": 1}, {"task_create:planned": 1})


@pytest.mark.fault("F5")
def test_a_wait_that_is_given_as_a_date_is_kept(rig: Rig) -> None:
    limiter = LocalLimiter()
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    rig.portal.endpoint.weather(
        {"match": UPDATE, "nth": 1, "fault": "status", "args": {"status": 429, "retry_after": until}}
    )
    rig.wish(rig.portal.want())
    rig.push(limiter=limiter, seconds=0.5)

    assert 25 < limiter.reserve(0) < 31
    assert (rig.row()["attempts"], rig.statuses()) == (0, {"due": 1})


@pytest.mark.fault("F6")
def test_a_limit_that_names_no_wait_is_met_with_one_call_for_each_window(rig: Rig) -> None:
    now = [0.0]
    limiter = LocalLimiter(clock=lambda: now[0])
    rig.portal.endpoint.weather({"match": UPDATE, "fault": "status", "args": {"status": 429}})
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    for _ in range(30):  # half a minute, in which two threads look for work every second
        rig.push(limiter=limiter, seconds=0.05)
        now[0] += 1.0
        rows_are_ready(rig)
    refused = len(rig.portal.calls("batch/update"))
    rig.portal.endpoint.weather()
    now[0] += 60
    rig.push(limiter=limiter)

    assert 1 <= refused <= 3
    assert rig.row()["attempts"] == 0
    assert (rig.statuses(), len(rig.portal.ledger("update", "contact"))) == ({"in_sync": 30}, 30)


@pytest.mark.fault("F8")
def test_between_two_sends_of_a_write_that_failed_stands_a_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQL_TESTING", "1")
    rig = Rig(rig.store, rig.portal, Periods(**{**SHORT, "unknown_wait": 0.1}))
    rig.portal.endpoint.weather({"match": CREATE, "nth": [1, 2, 3], "fault": "status", "args": {"status": 500}})
    rig.wish(rig.portal.task())
    for _ in range(8):
        wait(rig.push(threads=1))

    asked = calls(rig, "/tasks/")
    assert rig.tasks() == {"task_create:confirmed": 1}
    assert asked.count("create") == 4
    assert not any(first == then == "create" for first, then in pairwise(asked))
    assert len(rig.portal.ledger("create", "task")) == 1


@pytest.mark.fault("F12")
def test_an_answer_that_drips_in_is_cut_off_before_the_claim_lapses_and_read_back(rig: Rig) -> None:
    rig.portal.endpoint.weather({"match": UPDATE, "nth": 1, "fault": "drip", "args": {"seconds": 20}})
    rig.wish(*(rig.portal.want(number) for number in range(30)))
    with through(rig, timeouts=Timeouts(0.5, 1.0)) as slow:
        started = time.monotonic()
        report = slow.push(threads=1)
        took = time.monotonic() - started

    assert took < rig.periods.lease
    assert report.counts.records.updated == 30
    assert len(rig.portal.calls("batch/update")) == 1
    assert len(rig.portal.ledger("update", "contact")) == 30


@pytest.mark.fault("F13")
def test_a_session_that_ends_in_the_middle_costs_one_login_and_no_write(org_rig: Rig) -> None:
    rig, endpoint = org_rig, org_rig.portal.endpoint
    secret = Secret("SALESFORCE_SECRET", "a-secret-nobody-sees")
    options = {"client_id": "app", "client_secret": secret, "base_url": endpoint.url}
    with closing(registry.crm(DestinationSpec(name="salesforce", kind="salesforce", options=options))) as crm:
        crm.tasks.guarded  # noqa: B018  opens the session that ends now
        endpoint.act("revoke_token")
        asking = Rig(rig.store, replace(rig.portal, crm=crm), rig.periods, rig.writing)
        logins = len(rig.portal.calls("oauth2/token"))
        asking.wish(*(rig.portal.want(number) for number in range(6)), rig.portal.task())
        for _ in range(3):
            wait(asking.push(threads=4))

    assert len(rig.portal.calls("oauth2/token")) == logins + 1
    assert (rig.statuses(), rig.tasks()) == ({"in_sync": 6}, {"task_create:confirmed": 1})
    assert len(rig.portal.ledger("create", "Task")) == 1
