"""Alerts from one end to the other: who is told, once, whatever dies, and no secret anywhere."""

import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from fixtures_channels import Hook, http_hook
from structlog.testing import capture_logs

from connectors.errors import Refused
from connectors.reach import Timeouts
from worker.cli import alerting as doctoring
from worker.steps.telling.standing import standing
from worker.store import runs
from worker.wiring.alerting import beat

ALERTS = """
alerts:
  to:
    - {slack: "${OPS_CHANNEL}"}
    - {email: ops@acme.com}
  heartbeat: ${MONITOR}
"""
ONE = "\nalerts: {to: [{slack: '${OPS_CHANNEL}'}]}\n"
PATH = "verysecretpath"


@pytest.fixture
def monitor():
    with http_hook() as one:
        yield one


@pytest.fixture
def ops(stage, hook, monitor, mailbox, monkeypatch):
    """A stage with a channel, a mailbox and a monitoring service."""
    mail = {"PQL_SMTP_HOST": "127.0.0.1", "PQL_SMTP_PORT": str(mailbox.port), "PQL_SMTP_TLS": "off"}
    for name, value in {**mail, "PQL_SMTP_FROM": "pql@acme.com", "OPS_CHANNEL": hook.url, "MONITOR": monitor.url}.items():
        monkeypatch.setenv(name, value)
    stage.rewrite("destinations", "    also: {contact.usage_segment: {value: tier, mode: respect_human}}\n", "")
    say(stage, ALERTS)
    stage.now = datetime.now(UTC)  # an instant of long ago would be one of a stale source
    stage.user("calm")
    stage.did("calm", "report_viewed", 1)
    return stage


def say(stage, text: str) -> None:
    path = stage.folder / "settings.d/pql.yaml"
    path.write_text(path.read_text().partition("\nalerts:")[0] + text)
    stage.close()


def refused_run(stage, monkeypatch) -> None:
    """A run that the CRM refuses, because somebody revoked the token."""
    with monkeypatch.context() as revoked:
        revoked.setenv("HUBSPOT_TOKEN", "revoked-token")
        stage.close()
        with pytest.raises(Refused):
            stage.run(stage.now + timedelta(minutes=5))
    stage.close()


def good_run(stage):
    return stage.run(stage.now + timedelta(minutes=5))


def ends(monitor: Hook) -> list[str]:
    """What the monitoring service heard: blank for success."""
    return [one.path.rpartition(PATH)[2] for one in monitor.taken]


def age(stage, minutes: int = 11) -> None:
    """Time goes by for all alerts."""
    with closing(sqlite3.connect(stage.folder / "pql.db")) as store, store:
        for table, name in (("alert", "seen_at"), ("alert_message", "next_at")):
            store.execute(f"update {table} set {name} = datetime({name}, '-{minutes} minutes') || '.000000'")


def test_a_refusing_crm_is_told_once_to_each_channel_and_its_recovery_once(ops, hook, monitor, mailbox, monkeypatch):
    for _ in range(2):
        refused_run(ops, monkeypatch)
    assert len(hook.texts) == len(mailbox.messages) == 1
    assert "DEGRADED refused: hubspot" in hook.texts[0]
    assert mailbox.messages[0]["Subject"] == "pqlsync acme: DEGRADED refused: hubspot"
    assert ends(monitor) == ["/start", "/fail", "/start", "/fail"]
    assert [one.name for one in standing(ops.worker.tools.store).alerts] == ["refused"]

    age(ops)
    for _ in range(2):
        assert good_run(ops).status == "done"
    assert ends(monitor)[4:] == ["/start", "", "/start", ""]
    assert "RECOVERED refused: hubspot" in hook.texts[1]
    assert len(hook.texts) == len(mailbox.messages) == 2
    assert standing(ops.worker.tools.store).alerts == []


def test_a_guard_that_holds_is_told_in_its_own_words(ops, hook, monitor):
    good_run(ops)
    ops.rewrite("pql", "tasks_per_run: 200", "tasks_per_run: 0")
    ops.keen("calm")
    assert good_run(ops).status == "held"

    assert "FAILED held: tasks_per_run" in hook.texts[0]
    assert "1 tasks would be made, more than 0." in hook.texts[0]
    assert ends(monitor)[-1] == "/fail"
    assert b"tasks_per_run" in monitor.taken[-1].body


def test_a_run_that_only_waits_for_a_crm_to_be_read_is_no_failure_to_the_monitoring_service(ops, monitor):
    tools = ops.worker.tools
    waits = {"name": "mirror_older_than", "says": "The mirror of hubspot was never read to its end.", "holds": True}
    with tools.store.write() as tx:
        runs.finish(tx, runs.begin(tx, ops.now, "sha"), "held", {"guards": [waits]})
    beat(tools.store, tools.settings)
    assert ends(monitor) == []

    with tools.store.write() as tx:
        runs.finish(tx, runs.begin(tx, ops.now, "sha"), "held", {"guards": [waits, waits | {"name": "tasks_per_run"}]})
    beat(tools.store, tools.settings)
    assert ends(monitor) == ["/fail"]


@pytest.mark.parametrize(("where", "times"), [("A1", 1), ("A2", 2)])
def test_a_process_that_is_killed_while_it_tells_is_followed_by_one_that_tells(ops, pql, hook, monkeypatch, where, times):
    say(ops, ONE)
    ops.write()
    killed = pql("run", HUBSPOT_TOKEN="revoked-token", PQL_CRASHPOINT=where, PQL_TESTING="1", OPS_CHANNEL=hook.url)
    assert killed.code == -signal.SIGKILL
    refused_run(ops, monkeypatch)
    assert len(hook.texts) == times - 1  # its claim stands
    age(ops)
    refused_run(ops, monkeypatch)

    assert len(hook.texts) == times
    assert len(set(hook.texts)) == 1


def test_channels_that_fail_or_hang_change_nothing_of_a_run(ops, hook, monitor, mailbox, monkeypatch):
    monkeypatch.setattr("connectors.posting.TIMEOUTS", Timeouts(connect=1.0, answer=0.5))
    refused_run(ops, monkeypatch)
    age(ops)
    hook.answer(404, "no_service")
    mailbox.hang_up_at = "EHLO"
    monitor.slow = 30.0
    started = time.monotonic()
    assert good_run(ops).status == "done"

    assert time.monotonic() - started < 20
    untold = {one.channel: (one.messages, one.last_error) for one in standing(ops.worker.tools.store).untold}
    assert untold["slack OPS_CHANNEL"][1].startswith("HTTP 404: the webhook was removed.")
    assert untold["email ops@acme.com"][0] == 1


def test_no_secret_of_a_channel_is_shown_stored_or_logged(ops, pql, hook, monitor, monkeypatch):
    hook.answer(403, f"{PATH} is not allowed")
    monitor.answer(500)
    with capture_logs() as lines:
        refused_run(ops, monkeypatch)
    said = [str(line) for line in lines]
    assert {line["event"] for line in lines} >= {"alert", "heartbeat"}
    known = {"OPS_CHANNEL": f"https://evil.example/{PATH}", "MONITOR": monitor.url}
    answer = pql("run", "--output", "json", HUBSPOT_TOKEN="revoked-token", **known)
    assert answer.document["schema"] == "pqlsync/refused/1"  # what is logged goes elsewhere
    doctor = pql("doctor", "--test-alerts", OPS_CHANNEL=hook.url, MONITOR=f"http://evil.example/{PATH}")
    assert "slack OPS_CHANNEL: The test message was taken." in doctor.out
    assert "Calls to http://evil.example are not allowed." in doctor.out
    said += [answer.said, doctor.said]
    with closing(sqlite3.connect(ops.folder / "pql.db")) as store:
        said += list(store.iterdump())

    assert not [text for text in said if PATH in text or "revoked-token" in text]


def found(stage, *, test: bool) -> dict[str, tuple[str, str]]:
    return {one.name: (one.level, one.says) for one in doctoring.channels(stage.worker.tools.settings, test=test)}


def test_the_doctor_opens_channels_and_sends_only_when_asked(ops, hook, monitor, mailbox, monkeypatch):
    assert {level for level, _ in found(ops, test=False).values()} == {"pass"}
    assert hook.taken == mailbox.messages == monitor.taken == []

    hook.answer(404, "no_service")
    asked = found(ops, test=True)
    assert asked["slack OPS_CHANNEL"][0] == "fail"
    assert "the webhook was removed" in asked["slack OPS_CHANNEL"][1]
    assert asked["email ops@acme.com"] == ("pass", "The test message was taken.")
    assert mailbox.messages[0]["Subject"] == "pqlsync acme: a test"
    assert monitor.taken == []

    monkeypatch.delenv("PQL_SMTP_HOST")
    assert "PQL_SMTP_HOST not set" in found(ops, test=False)["email ops@acme.com"][1]
