"""Tasks to create, move and close; leases and attempts."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from worker.store import attempts, intent_claims, intents, leases
from worker.store.attempts import Attempt, End
from worker.store.claiming import Claim
from worker.store.database import Store
from worker.store.intent_claims import Claimed, Verdict
from worker.store.intents import Planned

ASK = Claim(100, "worker-1", 120)


def create(key: str = "K1", lead: str = "L1", **more: Any) -> Planned:
    made = Planned("task_create", key, lead, "pql", 1, {"subject": "Hot PQL", "owner": "7"})
    return replace(made, **more)


def plan(store: Store, *rows: Planned) -> intents.Outcome:
    with store.write() as tx:
        return intents.plan(tx, "hubspot", rows, "r1")


def claim(store: Store, ask: Claim = ASK) -> list[Claimed]:
    with store.write() as tx:
        return intent_claims.claim(tx, "hubspot", ask)


def settle(store: Store, *verdicts: Verdict) -> set[int]:
    with store.write() as tx:
        return intent_claims.settle(tx, verdicts)


def test_the_same_key_is_one_intent_however_often_it_is_planned(store: Store):
    assert plan(store, create(), create()).new == ("K1",)
    assert plan(store, create()).same == ("K1",)
    assert len(claim(store)) == 1


def test_a_task_that_may_have_been_sent_gets_no_other_words(store: Store):
    plan(store, create())
    claim(store)

    assert plan(store, create(payload={"subject": "other"})).refused == ("K1",)


def test_a_task_that_was_never_sent_may_get_another_owner(store: Store):
    plan(store, create())

    assert plan(store, create(payload={"subject": "Hot PQL", "owner": "8"})).new == ("K1",)
    assert [one.payload["owner"] for one in claim(store)] == ["8"]


def test_a_rejected_task_may_be_planned_with_what_was_mended(store: Store):
    plan(store, create())
    settle(store, *(Verdict(one, "rejected", attempts=1, error=("rejected", "owner")) for one in claim(store)))
    assert claim(store) == []

    assert plan(store, create(payload={"owner": "8"})).new == ("K1",)
    assert len(claim(store)) == 1


def test_a_task_is_not_moved_before_it_is_known_to_exist(store: Store):
    move = Planned("task_move", "K1", "L1", "pql", 1, {"task": "99", "owner": "8"})
    plan(store, create())
    plan(store, move)

    (first,) = claim(store)
    assert (first.kind, claim(store)) == ("task_create", [])
    settle(store, Verdict(first, "confirmed", crm_id="99", handoff_state="open"))
    assert [one.kind for one in claim(store)] == ["task_move"]


def test_a_task_may_be_moved_a_second_time(store: Store):
    move = Planned("task_move", "K1", "L1", "pql", 1, {"task": "99", "owner": "8"})
    plan(store, move)
    settle(store, *(Verdict(one, "confirmed") for one in claim(store)))

    assert plan(store, move).same == ("K1",)
    assert plan(store, replace(move, payload={"task": "99", "owner": "9"})).new == ("K1",)


def test_what_was_not_sent_can_be_replaced_by_a_later_hop(store: Store):
    plan(store, create("K1"), create("K2", "L2"))
    (_, second) = claim(store, Claim(2, "w", 120))
    with store.write() as tx:
        assert intents.supersede(tx, ["K2"]) == 0
    settle(store, Verdict(second, "confirmed", crm_id="5"))
    plan(store, create("K3", "L3"))
    with store.write() as tx:
        assert intents.cancel(tx, ["K3", "K2"]) == 1
        assert intents.counts(tx)["task_create"] == {"sending": 1, "confirmed": 1, "cancelled": 1}


def test_a_holder_that_did_not_come_back_leaves_its_intents_unknown(store: Store):
    plan(store, create())
    (late,) = claim(store, Claim(10, "gone", 0.01))
    time.sleep(0.05)
    with store.write() as tx:
        assert intent_claims.expire(tx, 60) == 1

    (again,) = claim(store)
    assert (again.was, again.fence) == ("unknown", 2)
    assert settle(store, Verdict(late, "confirmed", crm_id="1")) == {late.id}


def test_a_second_send_waits_for_the_first_to_have_ended(store: Store):
    plan(store, create())
    with store.write() as tx:
        (late,) = intent_claims.claim(tx, "hubspot", Claim(10, "gone", 0.01))
        id = attempts.begin(tx, Attempt("hubspot", "task_create", {"K1": {}}, "t-1"))
        intent_claims.note_attempt(tx, [late.id], id)
        began = tx.now()
    time.sleep(0.05)
    with store.write() as tx:
        intent_claims.expire(tx, 60)

    (again,) = claim(store)
    assert 59 < (again.uncertain_until - began).total_seconds() < 61


def test_what_became_of_a_task_stands_with_the_intent_that_made_it(store: Store):
    plan(store, create())
    (one,) = claim(store)
    settle(store, Verdict(one, "confirmed", crm_id="99", handoff_state="open"))
    with store.write() as tx:
        intents.set_handoff(tx, {one.id: "touched"})
        found = intents.handoffs(tx, "hubspot")

    assert (found["handoff_state"], found["crm_id"], found["payload"][0]["owner"]) == (["touched"], ["99"], "7")


def test_a_lease_has_one_holder_and_its_fence_grows(store: Store):
    with store.write() as tx:
        assert leases.take(tx, "fold", "a", 60) == 1
        assert leases.take(tx, "fold", "b", 60) is None
        assert leases.holder(tx, "fold") == "a"
        assert not leases.release(tx, "fold", 99)
        assert leases.release(tx, "fold", 1)
        assert leases.take(tx, "fold", "b", 0.01) == 2
    time.sleep(0.05)
    with store.write() as tx:
        assert not leases.extend(tx, "fold", 2, 60)
        assert leases.take(tx, "fold", "c", 60) == 3
        assert leases.extend(tx, "fold", 3, 120)


def test_an_attempt_names_its_keys_and_one_that_never_ended_is_lost(store: Store):
    call = Attempt("hubspot", "record_write", {"L1": {"seq": 3, "sent": {"pql_score": 71}}}, "t-1", "r1")
    with store.write() as tx:
        done, _ = attempts.begin(tx, call), attempts.begin(tx, call)
        attempts.end(tx, done, End("applied", {"L1": "applied"}))
        assert attempts.count(tx) == {"applied": 1, "open": 1}
        assert attempts.close_lost(tx, tx.now() + timedelta(seconds=1)) == 1

        assert attempts.keys_of(tx, {done})[done]["L1"]["sent"] == {"pql_score": 71}
        assert [row["outcome"] for row in attempts.of_key(tx, "L1")] == ["lost", "applied"]
        calls = list(attempts.writes_since(tx, tx.now() - timedelta(minutes=1)))
        assert [(row["run_id"], row["answers"]) for row in calls] == [("r1", {"L1": "applied"}), ("r1", None)]
        assert (attempts.wrote(tx, "r1"), attempts.wrote(tx, "r2")) == (True, False)


def test_a_task_behind_another_one_of_its_lead_is_ready_when_that_one_is(store: Store):
    plan(store, create("K1"), create("K2"))
    (first,) = claim(store)
    settle(store, Verdict(first, "unknown", wait=60))

    with store.read() as tx:
        wait = (intent_claims.ready_at(tx, "hubspot") - tx.now()).total_seconds()
    assert claim(store) == []
    assert 50 < wait <= 60
