"""Leads, states, answers, assignments, and what people did."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from worker.core.fairness import allocate, reseat
from worker.store import audit, beats, leads, outcomes, pauses, routes
from worker.store.database import Store
from worker.store.outcomes import Answer
from worker.store.routes import Decision, Held, Ledger

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def decision(lead_key: str, assignee: str = "ana@acme.com", **more) -> Decision:
    made = Decision(lead_key, lead_key, "pql", 1, "rep", assignee, "everyone else", "sha", {"tried": []})
    return replace(made, **more)


def state(lead_key: str, name: str) -> dict[str, object]:
    return {"lead_key": lead_key, "definition": "pql", "state": name, "episode": 1, "since": NOW, "facts": {"score": 71}}


def test_when_a_lead_was_first_seen_stays(store: Store):
    row = {"lead_key": "L1", "user_id": "u1", "account_id": "a1", "first_seen": NOW}
    with store.write() as tx:
        leads.put(tx, [row])
        leads.put(tx, [{**row, "account_id": "a2", "first_seen": NOW + timedelta(days=1)}])

        assert leads.columns(tx) == {"lead_key": ["L1"], "user_id": ["u1"], "account_id": ["a2"], "first_seen": [NOW]}
        assert leads.by_user(tx, "u1")["lead_key"] == "L1"


def test_a_state_is_the_newest_and_its_transitions_are_the_history(store: Store):
    step = {"lead_key": "L1", "definition": "pql", "episode": 1, "from_state": "NOT", "to_state": "QUALIFIED", "at": NOW}
    with store.write() as tx:
        leads.put_states(tx, [state("L1", "CANDIDATE")])
        leads.put_states(tx, [state("L1", "QUALIFIED")])
        leads.add_transitions(tx, [{**step, "cause": "events", "detail": None, "run_id": "r1"}])

        assert leads.states(tx, "pql")["state"] == ["QUALIFIED"]
        assert leads.count_states(tx) == {"pql": {"QUALIFIED": 1}}
        assert [row["to_state"] for row in leads.history(tx, "L1")] == ["QUALIFIED"]
        assert len(leads.transitions_of_run(tx, "r1")) == 1


def test_a_ledger_survives_the_way_through_the_store_and_stays_exact(store: Store):
    for _ in range(3):
        with store.write() as tx:
            held = routes.lock(tx, ["smb"])["smb"]
            seats = reseat(held.seats, {"ana": 5, "tom": 1, "eva": 1})
            _, seats = allocate(seats, [["ana", "tom", "eva"]] * 7, held.seq)
            routes.save(tx, "smb", Ledger(held.seq + 7, seats))

    with store.read() as tx:
        ledger = routes.ledgers(tx)["smb"]
    assert ledger.seq == 21
    assert sum(seat.credit for seat in ledger.seats.values()) == 0
    assert {member: seat.received for member, seat in ledger.seats.items()} == {"ana": 15, "tom": 3, "eva": 3}


def test_a_member_who_left_the_pool_leaves_the_ledger(store: Store):
    with store.write() as tx:
        routes.lock(tx, ["smb"])
        routes.save(tx, "smb", Ledger(0, reseat({}, {"ana": 1, "tom": 1})))
        routes.save(tx, "smb", Ledger(0, reseat({}, {"ana": 1})))

        assert list(routes.lock(tx, ["smb"])["smb"].seats) == ["ana"]


def test_a_lead_with_an_active_assignment_gets_no_second_one(store: Store):
    with store.write() as tx:
        assert routes.assign(tx, [decision("L1"), decision("L2")]) == {("L1", "pql"), ("L2", "pql")}
        assert routes.assign(tx, [decision("L1", "tom@acme.com"), decision("L3")]) == {("L3", "pql")}
        assert routes.end(tx, [("L1", "pql")], "moved") == 1
        assert routes.assign(tx, [decision("L1", "tom@acme.com", hop=1)]) == {("L1", "pql")}

        assert sorted(routes.active(tx)["assignee"]) == ["ana@acme.com", "ana@acme.com", "tom@acme.com"]
        assert [row["state"] for row in routes.of_lead(tx, "L1")] == ["moved", "assigned"]
        assert routes.counts(tx, NOW - timedelta(days=3650)) == {"ana@acme.com": 3, "tom@acme.com": 1}


def test_what_waits_has_waited_since_it_began_to(store: Store):
    with store.write() as tx:
        routes.hold(tx, [Held("L1", "pql", 1, "unmatched")])
        began = routes.waiting(tx)[0]["since"]
        routes.hold(tx, [Held("L1", "pql", 1, "capacity")])

        (row,) = routes.waiting(tx)
        assert (row["reason"], row["since"]) == ("capacity", began)
        routes.let_go(tx, [("L1", "pql")])
        assert routes.waiting(tx) == []


def test_an_answer_is_news_once_and_so_is_taking_it_back(store: Store):
    rejected = Answer("L1", "pql_outcome", "rejected", NOW)
    with store.write() as tx:
        assert outcomes.put(tx, "hubspot", [rejected]) == [rejected]
        assert outcomes.put(tx, "hubspot", [rejected]) == []
        assert outcomes.put(tx, "hubspot", [Answer("L1", "pql_outcome", None)]) != []

        assert outcomes.newest(tx, "hubspot") == {("L1", "pql_outcome"): None}
        assert [row["value"] for row in outcomes.history(tx, "L1")] == ["rejected", None]
        assert outcomes.columns(tx)["value"] == [None]


def test_pausing_all_pauses_each(store: Store):
    with store.write() as tx:
        assert pauses.pause(tx, "all", "ana", "portal migration")
        assert pauses.reason(tx, "hubspot") is not None
        assert pauses.resume(tx, "all")
        assert pauses.reason(tx, "hubspot") is None


def test_deeds_and_signs_of_life_are_kept(store: Store):
    with store.write() as tx:
        audit.add(tx, "ana", "activate", {"hash": "sha"})
        beats.beat(tx, "worker-1", "push hubspot")
        beats.beat(tx, "worker-1", "sweep")

        assert [(row["who"], row["what"]) for row in audit.recent(tx)] == [("ana", "activate")]
        assert [row["doing"] for row in beats.workers(tx)] == ["sweep"]
