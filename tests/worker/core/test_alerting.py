"""What needs a person, and when it is news."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.alerts import Alerts
from settings.schedule import Guards
from worker.core.alerting import (
    Condition,
    Crm,
    Ended,
    Health,
    Recurring,
    Standing,
    Told,
    Trouble,
    Usage,
    changes,
    conditions,
    subject,
    text,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SETTLES = timedelta(minutes=10)


def ago(**how: float) -> datetime:
    return NOW - timedelta(**how)


def found(alerts: Alerts | None = None, **facts) -> dict[str, str]:
    """The keys of what needs a person, with their levels."""
    health = Health(NOW, **facts)
    return {one.key: one.level for one in conditions(health, alerts or Alerts(), Guards())}


def test_a_healthy_installation_needs_nobody():
    crm = Crm(mirror_read=ago(minutes=5), oldest_task=ago(minutes=2), oldest_unproved=ago(minutes=2))
    jobs = (Recurring("pull", timedelta(minutes=15), ago(minutes=14)),)

    assert (
        found(ended=(Ended("done"),), crms={"hubspot": crm}, sources={"product": Usage(ago(hours=1))}, recurring=jobs) == {}
    )


@pytest.mark.parametrize(
    ("crm", "key"),
    [
        (Crm(stuck_records=3), "rejected: hubspot"),
        (Crm(stuck_tasks=1), "rejected: hubspot"),
        (Crm(left_out=("contact.usage_segment",)), "left_out: hubspot"),
        (Crm(oldest_unproved=ago(hours=2)), "unproved: hubspot"),
        (Crm(oldest_task=ago(minutes=31)), "oldest_handoff: hubspot"),
        (Crm(mirror_read=ago(hours=7)), "old_mirror: hubspot"),
    ],
)
def test_what_a_crm_did_not_take_is_degraded(crm, key):
    assert found(crms={"hubspot": crm}) == {key: "degraded"}


def test_a_destination_that_a_person_paused_has_no_handoff_that_is_too_old():
    assert found(crms={"hubspot": Crm(oldest_task=ago(days=3), paused=True)}) == {}


def test_a_limit_that_is_off_is_no_limit():
    alerts = Alerts(oldest_handoff=None, unproved_after=None)

    assert found(alerts, crms={"hubspot": Crm(oldest_task=ago(days=3), oldest_unproved=ago(days=3))}) == {}


def test_each_guard_that_holds_is_a_failure_of_its_own_in_the_guards_own_words():
    ended = (Ended("held", {"changed_leads": "12 of 12 leads would change.", "tasks_per_run": "900 tasks."}),)

    assert found(ended=ended) == {"held: changed_leads": "failed", "held: tasks_per_run": "failed"}
    assert "12 of 12 leads" in conditions(Health(NOW, ended=ended), Alerts(), Guards())[0].says


def test_a_run_that_came_before_the_crm_was_read_for_the_first_time_is_no_alert_and_two_in_a_row_are():
    waits = Ended("held", {"mirror_older_than": "The mirror of hubspot was never read to its end."})

    assert found(ended=(waits,)) == found(ended=(waits, Ended("done"))) == {}
    assert found(ended=(waits, waits)) == {"held: mirror_older_than": "failed"}


def test_one_failed_run_may_be_a_race_and_two_in_a_row_need_a_person():
    assert found(ended=(Ended("failed"), Ended("done"))) == {}
    assert found(ended=(Ended("failed"), Ended("failed"))) == {"failed: run": "failed"}


def test_one_partial_run_is_usual_and_two_in_a_row_are_degraded():
    assert found(ended=(Ended("partial"), Ended("done"))) == {}
    assert found(ended=(Ended("partial"), Ended("partial"))) == {"partial: run": "degraded"}


def test_a_crm_that_refuses_us_is_one_condition_whatever_work_met_it():
    troubles = (Trouble("push hubspot", "Refused", "HTTP 401."), Trouble("watch hubspot", "Refused", "HTTP 401."))

    assert found(troubles=troubles, ended=(Ended("failed"), Ended("failed"))) == {"refused: hubspot": "degraded"}


def test_work_that_stopped_for_another_reason_has_failed():
    assert found(troubles=(Trouble("run", "LakeDamaged", "x.parquet cannot be read."),)) == {"failed: run": "failed"}


def test_sources_are_stale_or_bring_rows_that_cannot_be_read():
    sources = {"product": Usage(ago(hours=7), 2), "new": Usage(None)}

    assert found(sources=sources) == {"stale_source: product": "degraded", "set_aside: product": "degraded"}


@pytest.mark.parametrize(
    ("every", "quiet", "silent"),
    [(15, 119, False), (15, 121, True), (120, 200, False), (120, 241, True), (1, 121, True)],
)
def test_work_is_silent_after_the_limit_and_never_before_twice_its_schedule(every, quiet, silent):
    job = Recurring("pull", timedelta(minutes=every), ago(minutes=quiet))

    assert found(recurring=(job,)) == ({"silent: pull": "silent"} if silent else {})


def test_work_that_was_never_done_here_is_not_silent():
    assert found(recurring=(Recurring("watch:hubspot", timedelta(minutes=5), None),)) == {}


# -------------------------------------------------------------------------------------------- news


BAD = Condition("degraded", "rejected", "hubspot", "3 records")
OTHER = Condition("failed", "held", "changed_leads", "too many")


def lived(looks: list[tuple[int, frozenset[Condition]]]) -> tuple[list, dict[str, Standing]]:
    """Look again and again, so many seconds apart; every change with its moment, and what is on record at the end."""
    now, known, told = NOW, {}, []
    for seconds, seen in looks:
        now += timedelta(seconds=seconds)
        for one in changes(known, sorted(seen, key=lambda c: c.key), now, SETTLES):
            told.append((now, one))
            known[one.condition.key] = Standing(one.state, one.since, now, one.change, one.condition)
        for one in seen:
            before = known[one.key]
            known[one.key] = Standing(before.state, before.since, now, before.change, one)
    return told, known


looks = st.lists(
    st.tuples(st.integers(1, 1200), st.frozensets(st.sampled_from([BAD, OTHER]))),
    max_size=40,
)


@given(looks)
def test_changes_of_one_condition_take_turns_and_are_numbered(history):
    told, _ = lived(history)

    for condition in (BAD, OTHER):
        mine = [one for _, one in told if one.condition.key == condition.key]
        assert [one.state for one in mine] == ["open" if n % 2 == 0 else "over" for n in range(len(mine))]
        assert [one.change for one in mine] == list(range(1, len(mine) + 1))


@given(looks)
def test_what_is_seen_is_open_and_what_was_not_seen_for_long_enough_is_over(history):
    _, known = lived(history)
    end = NOW + timedelta(seconds=sum(seconds for seconds, _ in history))
    seen = history[-1][1] if history else frozenset()

    for key, one in known.items():
        if key in {condition.key for condition in seen}:
            assert one.state == "open"
        elif end - one.seen_at >= SETTLES:
            assert one.state == "over"


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_flapping_once_a_minute_for_hours_is_one_alert(flaps):
    told, _ = lived([(60, frozenset({BAD}) if bad or n % 9 == 0 else frozenset()) for n, bad in enumerate(flaps)])

    assert [one.state for _, one in told] == ["open"]


@given(looks)
def test_a_condition_ends_no_sooner_than_it_was_not_seen_for_the_time_of_the_settings(history):
    told, _ = lived(history)

    for condition in (BAD, OTHER):
        mine = [(at, one) for at, one in told if one.condition.key == condition.key]
        for (began, _), (ended, _) in zip(mine[::2], mine[1::2], strict=False):
            assert ended - began >= SETTLES


# ------------------------------------------------------------------------------------------- words


def test_a_message_names_the_first_that_is_bad_and_counts_the_others():
    bad = Told("degraded", BAD.key, "open", BAD.says, NOW, NOW)
    over = Told("failed", OTHER.key, "over", OTHER.says, ago(hours=3), NOW)

    assert subject([over, bad], "acme") == "pqlsync acme: DEGRADED rejected: hubspot and 1 more"
    assert subject([over], "acme") == "pqlsync acme: recovered held: changed_leads"
    assert text([over, bad]) == (
        "RECOVERED held: changed_leads, after 3 hours.\nDEGRADED rejected: hubspot. 3 records (since 2026-11-23 09:00 UTC)"
    )
