"""Wanted field values: when a row is due, who holds it, what counts as acknowledged."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from worker.store import record_claims, records
from worker.store.claiming import Claim
from worker.store.database import Store, Tx
from worker.store.record_claims import Row, Verdict
from worker.store.records import Want
from worker.store.tables import record_sync

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
ASK = Claim(100, "worker-1", 120)


def want(key: str = "L1", score: float = 71, **more) -> Want:
    made = Want(key, "contact", {"pql_score": score, "pql_flag": True, "pql_since": NOW}, crm_id=f"c{key}")
    return replace(made, **more)


def put(store: Store, *wants: Want, destination: str = "hubspot") -> int:
    with store.write() as tx:
        return records.want(tx, destination, wants, "r1").changed


def claim(store: Store, ask: Claim = ASK) -> list[Row]:
    with store.write() as tx:
        rows = record_claims.pick(tx, "hubspot", ask)
        record_claims.hold(tx, "hubspot", rows, (ask.owner, ask.seconds))
        return rows


def settle(store: Store, *verdicts: Verdict) -> set[str]:
    with store.write() as tx:
        return record_claims.settle(tx, "hubspot", verdicts)


def acknowledge(store: Store) -> None:
    settle(store, *(Verdict(row, "in_sync", acknowledged=row.wanted) for row in claim(store)))


def row(tx: Tx, key: str = "L1") -> dict:
    return records.by_key(tx, key)[0]


def test_the_same_wanted_state_is_due_once(store: Store):
    assert put(store, want()) == 1
    assert put(store, want()) == 0
    acknowledge(store)

    assert put(store, want()) == 0
    with store.read() as tx:
        assert (row(tx)["status"], row(tx)["seq"], row(tx)["ack_seq"]) == ("in_sync", 1, 1)


def test_values_come_back_from_a_claim_as_they_were_wanted(store: Store):
    put(store, want())

    (claimed,) = claim(store)

    assert claimed.wanted == {"pql_score": 71, "pql_flag": True, "pql_since": NOW}
    assert (claimed.crm_id, claimed.was, claimed.fence) == ("cL1", "due", 1)


def test_a_newer_state_overwrites_the_one_that_waits(store: Store):
    put(store, want(score=71))
    put(store, want(score=85))

    (claimed,) = claim(store)
    assert (claimed.wanted["pql_score"], claimed.seq) == (85, 2)


@pytest.mark.parametrize("name", ["pql_seq", "pql_rules"])
def test_what_rides_along_makes_no_row_due(store: Store, name: str):
    put(store, want())
    acknowledge(store)

    assert put(store, replace(want(), fields={**want().fields, name: 9})) == 0


def test_reasons_are_compared_by_their_codes(store: Store):
    def reasons(words: str, codes: str) -> Want:
        return replace(want(), fields={"pql_reasons": words}, compare={"pql_reasons": codes})

    assert put(store, reasons("viewed pricing 3 times", "pricing")) == 1
    assert put(store, reasons("viewed pricing 4 times", "pricing")) == 0
    assert put(store, reasons("viewed pricing 4 times", "pricing,team")) == 1


def test_a_whole_number_and_its_float_are_one_value(store: Store):
    put(store, want(score=71))

    assert put(store, want(score=71.0)) == 0


def test_a_state_wanted_during_the_call_is_due_after_it(store: Store):
    put(store, want(score=71))
    (claimed,) = claim(store)
    put(store, want(score=85))
    assert claim(store) == []

    settle(store, Verdict(claimed, "in_sync", acknowledged={"pql_score": 71}))

    (again,) = claim(store)
    assert (again.wanted["pql_score"], again.acknowledged) == (85, {"pql_score": 71})


def test_a_worker_that_lost_its_claim_changes_nothing(store: Store):
    put(store, want())
    (slow,) = claim(store, Claim(10, "slow", 0.01))
    time.sleep(0.05)
    with store.write() as tx:
        assert record_claims.expire(tx, 0) == 1
    (quick,) = claim(store)

    assert settle(store, Verdict(slow, "rejected", error=("rejected", "late"))) == {"L1"}
    assert settle(store, Verdict(quick, "in_sync")) == set()
    with store.read() as tx:
        assert row(tx)["status"] == "in_sync"


def test_a_lost_row_is_read_back_before_anything_else(store: Store):
    put(store, want("L1"), want("L2", priority=1))
    with store.write() as tx:
        tx.run(update(record_sync).where(record_sync.c.record_key == "L1").values(status="unknown"))

    (first,) = claim(store)

    assert (first.record_key, first.was) == ("L1", "unknown")


def test_a_batch_has_one_object_and_is_of_updates_or_of_creates(store: Store):
    put(store, want("L1", crm_id=None), want("L2"), want("A1", object="company"), want("L3"))

    groups = [[row.record_key for row in claim(store)] for _ in range(4)]

    assert sorted(groups) == [[], ["A1"], ["L1"], ["L2", "L3"]]


@pytest.mark.fault("F62")
def test_the_more_urgent_go_first_and_accounts_stay_together(store: Store):
    put(
        store, want("L1", account="b"), want("L2", account="a"), want("L3", account="b"), want("L4", account="z", priority=1)
    )

    assert [row.record_key for row in claim(store)] == ["L4", "L2", "L1", "L3"]


@pytest.mark.fault("F21")
def test_a_rejected_row_waits_until_something_else_is_wanted(store: Store):
    put(store, want())
    settle(store, *(Verdict(row, "rejected", error=("rejected", "picklist")) for row in claim(store)))

    assert put(store, want()) == 0
    assert claim(store) == []
    assert put(store, want(score=85)) == 1
    assert len(claim(store)) == 1


def test_a_person_may_have_rejected_rows_tried_again(store: Store):
    put(store, want())
    settle(store, *(Verdict(row, "rejected", error=("rejected", "picklist")) for row in claim(store)))

    with store.write() as tx:
        assert [one["last_error"] for one in records.stuck(tx, "hubspot")] == ["picklist"]
        assert records.retry(tx, "hubspot") == 1
    assert len(claim(store)) == 1


def test_an_unmatched_row_becomes_due_when_its_record_is_found(store: Store):
    put(store, want(crm_id=None, status="unmatched"))
    assert claim(store) == []

    assert put(store, want()) == 1
    assert [row.crm_id for row in claim(store)] == ["cL1"]


def test_nothing_is_known_of_what_another_record_holds(store: Store):
    put(store, want())
    acknowledge(store)
    put(store, want(crm_id="survivor"))

    assert [dict(row.acknowledged) for row in claim(store)] == [{}]


def test_what_a_person_must_look_at_is_not_due_by_being_wanted_again(store: Store):
    put(store, want(crm_id=None))
    settle(store, *(Verdict(row, "needs_review", error=("needs_review", "duplicates")) for row in claim(store)))

    assert put(store, want(crm_id=None)) == 0


@pytest.mark.fault("F45")
def test_a_row_that_kills_its_worker_is_tried_in_ever_smaller_company_and_takes_nobody_along(store: Store):
    put(store, *(want(f"L{number:03}") for number in range(100)))
    sizes = []
    while rows := claim(store, Claim(100, "doomed", -1)):
        if "L000" in (row.record_key for row in rows):
            sizes.append(len(rows))
            with store.write() as tx:
                record_claims.expire(tx, 0)
        else:
            settle(store, *(Verdict(row, "in_sync") for row in rows))

    assert sizes == [100, 25, 6, 1, 1]
    with store.write() as tx:
        record_claims.bury(tx)
        assert records.counts(tx) == {"hubspot": {"in_sync": 99, "dead": 1}}


@pytest.mark.fault("F45")
def test_five_deaths_make_a_row_dead(store: Store):
    put(store, want())
    for _ in range(5):
        assert len(claim(store, Claim(100, "doomed", -1))) == 1
        with store.write() as tx:
            record_claims.expire(tx, 0)

    assert claim(store) == []
    with store.write() as tx:
        assert record_claims.bury(tx) == 1
        assert row(tx)["status"] == "dead"


@pytest.mark.fault("F46")
def test_four_workers_never_hold_the_same_row(store: Store):
    put(store, *(want(f"L{number:04}") for number in range(400)))
    held: list[str] = []

    def work(name: str) -> None:
        while rows := claim(store, Claim(20, name, 120)):
            held.extend(row.record_key for row in rows)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(held) == len(set(held)) == 400


def test_a_parked_field_is_written_again_once_the_crm_has_it(store: Store):
    put(store, want())
    with store.write() as tx:
        records.park(tx, "hubspot", "contact", {"pql_plan": "no such property"})
        assert records.parked(tx, "hubspot") == {("contact", "pql_plan"): "no such property"}
    settle(store, *(Verdict(row, "in_sync", parked=("pql_plan",)) for row in claim(store)))

    with store.write() as tx:
        assert records.unpark(tx, "hubspot", "contact", "pql_plan") == 1
        assert records.parked(tx, "hubspot") == {}
    assert len(claim(store)) == 1


def test_a_row_given_back_is_as_it_was(store: Store):
    put(store, want())
    (claimed,) = claim(store)
    with store.write() as tx:
        record_claims.release(tx, "hubspot", [claimed], wait=60)

    assert claim(store) == []
    with store.read() as tx:
        assert (row(tx)["status"], row(tx)["blind_attempts"]) == ("due", 0)
        assert record_claims.ready_at(tx, "hubspot") > store.now(tx)
        assert records.counts(tx) == {"hubspot": {"due": 1}}


def test_a_plan_reads_rows_column_by_column(store: Store):
    put(store, want("L1"), want("L2"))
    with store.read() as tx:
        (columns,) = records.batches(tx, "hubspot")

    assert sorted(columns["record_key"]) == ["L1", "L2"]
    assert '"at"' in columns["wanted"][0]


def test_whoever_speaks_for_a_record_is_written_once_more_when_another_one_of_it_falls_silent(store: Store):
    """After a merge both rows stood for one record, and the silent one may have been written last."""
    put(store, want("L1", crm_id="c1"), want("L2", crm_id="c1"), want("L3", crm_id="c3"))
    acknowledge(store)
    with store.write() as tx:
        records.forget(tx, "hubspot", ["L2"])

    with store.read() as tx:
        assert [row(tx, key)["status"] for key in ("L1", "L2", "L3")] == ["due", "unmatched", "in_sync"]
    (again,) = claim(store)
    assert (again.record_key, again.acknowledged) == ("L1", {})


@pytest.mark.parametrize("status", ["unmatched", "needs_review"])
def test_what_has_no_record_to_go_to_any_more_does_not_wait_for_the_call_under_way(store: Store, status: str):
    """Once that call was settled, the row would have been due without an id, and the record made anew."""
    put(store, Want("L1", "contact", {"pql_score": 71}, crm_id="1"))
    (row,) = claim(store)
    put(store, Want("L1", "contact", {"pql_score": 71}, status=status))

    assert settle(store, Verdict(row, "in_sync")) == {"L1"}
    with store.read() as tx:
        assert records.by_keys(tx, "hubspot", ["L1"])["L1"]["status"] == status


def test_what_is_wanted_of_a_record_that_turns_out_to_be_gone_stays_unmatched(store: Store):
    put(store, Want("L1", "contact", {"pql_score": 71}, crm_id="1"))
    (row,) = claim(store)
    put(store, Want("L1", "contact", {"pql_score": 85}, crm_id="1"))
    settle(store, Verdict(row, "unmatched", gone=True))

    with store.read() as tx:
        found = records.by_keys(tx, "hubspot", ["L1"])["L1"]
    assert (found["status"], found["crm_id"], found["wanted"]) == ("unmatched", None, {"pql_score": 85})
