"""What was acknowledged is read back: ours is written again, once a day, and people's edits are only counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fixtures_undo import Ground

from worker.core import drift as core
from worker.steps.mending.audit import DEED, Auditing, audit
from worker.steps.mending.audit_report import Finding, Looked
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.sending.desk import Writing
from worker.store import audit as deeds
from worker.store import drift, links, pauses, records
from worker.store.links import Link

one_crm = pytest.mark.parametrize("ground", ["hubspot"], indirect=True)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def rules(ground: Ground) -> Writing:
    return Writing(ground.name, {(ground.object, ground.title): "respect_human"}, "when_unowned")


def look(ground: Ground, **how: Any) -> tuple[Looked, list[Finding]]:
    ground.mark()
    return audit(ground.store, ground.crm, rules(ground), Auditing(**how))


def told(findings: list[Finding]) -> Counter[tuple[str, str | None, str]]:
    return Counter((one.lead, one.field, one.outcome) for one in findings)


def written(ground: Ground, **fields: Any) -> None:
    ground.run(*(ground.want(number, **fields) for number in range(3)))


def hours_later(ground: Ground, hours: int) -> None:
    """As if every repair were so much older."""
    with ground.store.write() as tx:
        at = (tx.now() - timedelta(hours=hours)).replace(tzinfo=None).isoformat(" ")
        tx.connection.exec_driver_sql("update drift set repaired_at = ? where repaired_at is not null", (at,))


@pytest.mark.fault("F66")
def test_a_field_of_ours_that_a_workflow_overwrote_is_written_again_once_a_day_and_then_reported(ground: Ground):
    written(ground)
    looked, nothing = look(ground)
    assert (looked.looked, looked.same, nothing, ground.written()) == (3, 3, [], 0)

    ground.edit(1, pql_tier="cold")
    looked, findings = look(ground)
    assert told(findings) == {("L1", "pql_tier", "repaired"): 1}
    assert (looked.repaired, looked.same, ground.written()) == (1, 2, 0), "an audit writes nothing itself"
    ground.push()
    assert (ground.holds(1)["pql_tier"], ground.written()) == ("hot", 1)
    assert look(ground)[1] == []

    ground.edit(1, pql_tier="cold")
    again = look(ground)[1]
    ground.push()
    assert told(again) == {("L1", "pql_tier", "fighting"): 1}
    assert "another automation is fighting us" in again[0].says
    assert (ground.holds(1)["pql_tier"], ground.written()) == ("cold", 0)
    with ground.store.read() as tx:
        assert drift.counts(tx) == [(ground.name, "fighting", "pql_tier", 1)]

    hours_later(ground, 25)
    assert told(look(ground)[1]) == {("L1", "pql_tier", "repaired"): 1}
    ground.push()
    assert ground.holds(1)["pql_tier"] == "hot"
    hours_later(ground, 25)
    look(ground)
    with ground.store.read() as tx:
        assert drift.counts(tx) == [], "what stayed well for a day is forgotten"


def test_a_value_that_the_crm_reformatted_is_no_drift_and_is_repaired_all_the_same(ground: Ground):
    written(ground, pql_score=71.0, pql_since=NOON, pql_reasons=" five  projects ")
    assert look(ground)[1] == []

    ground.edit(0, pql_reasons="")
    look(ground)
    ground.push()
    assert str(ground.holds(0)["pql_reasons"]).split() == ["five", "projects"]


@pytest.mark.fault("F67")
def test_another_installation_that_writes_our_fields_is_reported_and_not_fought(ground: Ground):
    written(ground)
    ground.edit(0, pql_tier="warm", pql_seq=99)
    ground.edit(1, pql_seq=99)
    looked, findings = look(ground)
    ground.push()

    assert set(told(findings)) == {
        ("L0", "pql_seq", "other_writer"),
        ("L0", "pql_tier", "other_writer"),
        ("L1", "pql_seq", "other_writer"),
    }
    assert (looked.other_writer, ground.written(), ground.holds(0)["pql_tier"]) == (2, 0, "warm")


@pytest.mark.fault("F67")
def test_fields_that_people_may_change_and_owners_are_counted_and_left(ground: Ground):
    ground.run(ground.want(0, owner=ground.ana, **{ground.title: "Manager"}))
    ground.act("edit", 0, properties={ground.title: "VP", **_owned(ground)})
    looked, findings = look(ground)
    ground.push()

    assert set(told(findings)) == {("L0", ground.title, "edited"), ("L0", "owner", "edited")}
    assert (looked.edited, looked.repaired, ground.written()) == (1, 0, 0)


def _owned(ground: Ground) -> dict[str, str]:
    return {"hubspot_owner_id" if ground.name == "hubspot" else "OwnerId": ground.tom}


def test_a_record_that_is_gone_or_merged_loses_or_follows_its_link(ground: Ground):
    written(ground)
    with ground.store.write() as tx:
        links.put(tx, ground.name, [Link(f"L{n}", ground.object, ground.ids[n]) for n in range(3)])
    ground.act("delete", 0)
    merged = ground.endpoint.act("merge", object=_theirs(ground), id=ground.ids[1], into_it=ground.ids[2])["id"]
    findings = look(ground)[1]
    with ground.store.read() as tx:
        linked = {key: one.crm_id for key, one in links.by_key(tx, ground.name, ["L0", "L1", "L2"]).items()}

    assert ("L0", None, "gone") in told(findings)
    assert {one.outcome for one in findings if one.lead == "L2"} == {"moved"}
    assert linked == {"L1": merged, "L2": merged}


def _theirs(ground: Ground) -> str:
    return ground.object if ground.name == "hubspot" else ground.object.title()


@one_crm
def test_what_is_written_between_the_look_and_the_repair_is_left_alone(ground: Ground):
    written(ground)
    ground.edit(0, pql_tier="cold")
    read = ground.crm.mirror.read

    def slowly(*asked: Any) -> Any:
        found = read(*asked)
        ground.run(ground.want(0, pql_score=80))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground.crm.mirror, "read", slowly)
        looked, findings = look(ground)

    assert (looked.repaired, findings) == (0, [])


@one_crm
def test_a_dry_run_and_a_pause_repair_nothing(ground: Ground):
    written(ground)
    ground.edit(0, pql_tier="cold")
    assert told(look(ground, dry_run=True)[1]) == {("L0", "pql_tier", "repaired"): 1}
    assert ground.row(0)["status"] == "in_sync"
    with ground.store.write() as tx:
        pauses.pause(tx, ground.name, "ana")
    assert told(look(ground)[1]) == {("L0", "pql_tier", "reported"): 1}
    assert ground.row(0)["status"] == "in_sync"


@one_crm
def test_the_audit_gives_way_to_all_other_calls(ground: Ground):
    written(ground)
    limiter = LocalLimiter()
    limiter.pause(60)
    looked, findings = look(ground, limiter=limiter)

    assert (looked.looked, findings) == (0, [])
    assert "no call to spare" in looked.skipped


@one_crm
def test_a_sample_can_be_named_again_later_and_goes_round_all_records(ground: Ground):
    written(ground)
    first, _ = look(ground, slot=NOON, sample=2)
    same, _ = look(ground, slot=NOON + timedelta(minutes=59), sample=2)
    with ground.store.read() as tx:
        keys = {n: [row["record_key"] for row in records.sample(tx, ground.name, f"L{n}", 2)] for n in range(3)}
        (deed, *_) = deeds.recent(tx, what=DEED)

    assert (first.begins, first.slot, first.looked) == (same.begins, same.slot, 2)
    assert keys == {0: ["L0", "L1"], 1: ["L1", "L2"], 2: ["L2", "L0"]}
    assert (deed["detail"]["looked"], deed["detail"]["destination"]) == (2, ground.name)


def test_hours_begin_at_different_places():
    slots = [f"2026-11-22T{hour:02}:00:00+00:00" for hour in range(24)]

    assert len({core.begins("acme", "hubspot", slot, "L") for slot in slots}) == 24
    assert core.begins("acme", "hubspot", slots[0], "L") != core.begins("acme", "salesforce", slots[0], "L")


def test_a_field_that_is_removed_while_we_write_is_left_out_alone_and_written_again_once_it_is_back(ground: Ground):
    written(ground, pql_plan="trial")
    definitions = {"hubspot": "pql_plan", "salesforce": "PQL_Plan__c"}
    ground.endpoint.act("drop_field", object=_theirs(ground), name=definitions[ground.name])
    written(ground, pql_plan="paid", pql_score=80)

    assert [ground.holds(number)["pql_score"] for number in range(3)] == [80] * 3, "all else goes on"
    with ground.store.read() as tx:
        assert set(records.parked(tx, ground.name)) == {(ground.object, "pql_plan")}
    assert look(ground)[0].back == []

    ground.crm.provisioning.apply()
    assert look(ground)[0].back == [f"{ground.object}.pql_plan"]
    ground.push()
    assert [ground.holds(number)["pql_plan"] for number in range(3)] == ["paid"] * 3


@one_crm
def test_other_settings_try_every_field_once_more(ground: Ground):
    written(ground)
    with ground.store.write() as tx:
        records.park(tx, ground.name, ground.object, {"pql_tier": "gone"})
        assert records.unpark_all(tx) == 1
        assert records.parked(tx, ground.name) == {}
