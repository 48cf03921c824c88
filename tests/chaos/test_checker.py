"""
The checker notices each kind of wrong, and nothing where all is well.

Each test takes the evidence of a scene in which everything went right and doctors it, as if the product had done wrong.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chaos.checker import judge, late
from chaos.evidence import Evidence, Row
from chaos.scene import WITHIN, Scene
from chaos.stage import Stage
from chaos.told import US

Doctor = Callable[[Evidence], Evidence]


@pytest.fixture(scope="module", params=["hubspot", "salesforce"])
def good(request: pytest.FixtureRequest, stage: Stage, url: str) -> Evidence:
    """Two leads updated and one made, their tasks, a task closed and one moved, people's edits."""
    scene = Scene(stage, request.param, *stage.scratch(url))
    title, several = scene.place.title, scene.place.several
    scene.wish(scene.want(0, **{several: "hot"}))
    scene.wish(*(scene.want(n, pql_flag=True, pql_score=70 + n, owner=scene.owners["ana"]) for n in (0, 1, 6)))
    scene.wish(scene.task(0), scene.task(1))
    scene.until_quiet()
    scene.wish(scene.task(6), scene.change("task_close", 0), scene.change("task_move", 1, owner=scene.owners["tom"]))
    scene.wish(scene.want(0, pql_score=55, **{title: "CEO"}))
    scene.until_quiet()
    person, names = scene.place.person, scene.place.names
    scene.act("edit", person, scene.ids[1], properties={names.field("pql_score"): 3, title: "Head of IT"})
    scene.act("edit", "task", scene.task_of(1), properties={names.subject: "Call Maria"})
    judgement, tardy = scene.end()
    assert (judgement.wrong, tardy, judgement.broken) == ([], [], [])
    assert judgement.counts() == {"once": 8}
    return scene.evidence()


# ------------------------------------------------------------------------------------ doctoring


def ours(evidence: Evidence, op: str, object: str, number: int = 0) -> dict[str, Any]:
    """A row of the ledger that we wrote."""
    names = evidence.names.objects
    found = [
        row
        for row in evidence.ledger
        if row["actor"] == US and row["op"] == op and ("task" if names.get(row["object"]) == "task" else "person") == object
    ]
    return dict(found[number])


def without(evidence: Evidence, row: Row) -> Evidence:
    return replace(evidence, ledger=[one for one in evidence.ledger if one["seq"] != row["seq"]])


def more(evidence: Evidence, **row: Any) -> Evidence:
    last = evidence.ledger[-1]
    return replace(evidence, ledger=[*evidence.ledger, {**last, "seq": last["seq"] + 1, "actor": US, **row}])


def intent(evidence: Evidence, **news: Any) -> Evidence:
    """The first task differs."""
    return replace(evidence, intents=[{**evidence.intents[0], **news}, *evidence.intents[1:]])


def record(evidence: Evidence, **news: Any) -> Evidence:
    """The first record differs."""
    return replace(evidence, records=[{**evidence.records[0], **news}, *evidence.records[1:]])


def rewritten(evidence: Evidence, field: str, value: Any, actor: str = US) -> Evidence:
    """The first record is written once more."""
    row = ours(evidence, "update", "person")
    return more(evidence, op="update", object=row["object"], id=row["id"], key=row["key"], after={field: value}, actor=actor)


def field(evidence: Evidence, name: str) -> str:
    return evidence.names.field(name)


WRONGS: dict[str, tuple[str, Doctor]] = {
    "a task made twice": ("twice", lambda e: more(e, **{**ours(e, "create", "task"), "seq": 10_000, "id": "another"})),
    "a task that nobody made": ("lost", lambda e: without(e, ours(e, "create", "task"))),
    "a task never settled": ("never settled, still unknown", lambda e: intent(e, status="unknown")),
    "a task that hangs in a claim": ("never settled, still sending", lambda e: intent(e, status="sending")),
    "a task that was made and counts as rejected": ("lost", lambda e: intent(e, status="rejected", last_error="no")),
    "a task under another id": ("lost", lambda e: intent(e, crm_id="elsewhere")),
    "a task for somebody else": ("made with", lambda e: intent(e, payload={**e.intents[0]["payload"], "owner": "eve"})),
    "a task nobody wished for": ("nobody wished for", lambda e: replace(e, intents=[])),
    "a close that never was": ("was never", lambda e: without(e, ours(e, "update", "task", 0))),
    "a move that never was": ("was never", lambda e: without(e, ours(e, "update", "task", 1))),
    "a record never settled": ("never settled, still due", lambda e: record(e, status="due")),
    "a record set aside in silence": ("lost", lambda e: record(e, status="rejected", last_error=None)),
    "a record in sync with nothing": ("knows nothing", lambda e: record(e, crm_id="elsewhere")),
    "a record whose write never arrived": ("instead of", lambda e: without(e, ours(e, "update", "person", 2))),
    "a newer state nobody sent": ("instead of", lambda e: record(e, wanted={**e.records[0]["wanted"], "pql_score": 99})),
    "a record made twice": ("made 2 times", lambda e: more(e, **{**ours(e, "create", "person"), "seq": 10_000, "id": "x"})),
    "a value overwritten by an older state": ("was written after", lambda e: rewritten(e, field(e, "pql_seq"), 1)),
    "a state written twice": ("within one state", lambda e: rewritten(e, field(e, "pql_score"), 71)),
    "a value that was pushed out": ("we made 'cold'", lambda e: rewritten(e, next(iter(e.appended)), "cold")),
    "a value that was added twice": ("we wrote 'hot;hot'", lambda e: rewritten(e, next(iter(e.appended)), "hot;hot")),
    "a write without an attempt": ("no attempt", lambda e: replace(e, attempts=e.attempts[1:])),
    "a call without an attempt": ("writing calls", lambda e: replace(e, requests=[*e.requests, *e.requests])),
    "a report that says too little": ("the reports say", lambda e: replace(e, reported={**(e.reported or {}), "tasks": 1})),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_the_checker_notices(good: Evidence, wrong: str):
    says, doctor = WRONGS[wrong]

    assert judge(good).wrong == []
    assert any(says in one for one in judge(doctor(good)).wrong), judge(doctor(good)).wrong


def test_an_edit_of_a_person_that_we_overwrite_is_noticed(good: Evidence):
    names = good.names
    task = next(row for row in good.ledger if row["actor"] == "person" and names.objects.get(row["object"]) == "task")
    title = next(iter(good.respected))
    edited = next(row for row in good.ledger if row["actor"] == "person" and title in row["after"])

    for row, name in ((task, names.subject), (edited, title)):
        words = judge(
            more(good, op="update", object=row["object"], id=row["id"], key=row["key"], after={name: "ours"})
        ).wrong
        assert any("and we overwrote it" in one for one in words)


def test_an_owner_whom_a_person_chose_is_not_overwritten_unnoticed(good: Evidence):
    chosen = rewritten(good, good.names.owner, "eva", actor="person")

    assert judge(chosen).wrong == []
    assert any("overwrote" in one for one in judge(rewritten(chosen, good.names.owner, "tom")).wrong)


def test_a_run_that_is_taken_back_over_a_person_s_word_is_noticed(good: Evidence):
    score = field(good, "pql_score")
    both = rewritten(rewritten(good, score, 1, actor="person"), score, 70)
    undone = [{**row, "keys": {key: {**one, "run": "undo-1"} for key, one in row["keys"].items()}} for row in good.attempts]

    assert not any("undo" in one for one in judge(both).wrong)
    assert any("an undo overwrote" in one for one in judge(replace(both, attempts=undone)).wrong)


def test_an_attempt_that_was_written_down_after_the_call_is_none(good: Evidence):
    later = [{**row, "started_at": row["started_at"] + timedelta(hours=5)} for row in good.attempts]

    assert any("no attempt" in one for one in judge(replace(good, attempts=later)).wrong)


def test_whatever_row_of_ours_is_missing_or_doubled_something_is_noticed(good: Evidence):
    """No single change can be lost or done again behind the checker's back."""
    rows = [row for row in good.ledger if row["actor"] == US]
    missing = [row for row in rows if _mattered(good, row) and not judge(without(good, row)).wrong]
    made = [row for row in rows if row["op"] == "create"]
    doubled = [row for row in made if not judge(more(good, **{**row, "seq": 10_000, "id": f"{row['id']}x"})).wrong]

    assert (missing, doubled) == ([], [])


def _mattered(good: Evidence, row: Row) -> bool:
    """An update that a later one wrote over completely, or a person, is not missed by the end."""
    later = [one for one in good.ledger if one["seq"] > row["seq"] and one["id"] == row["id"]]
    rides = {good.names.field("pql_seq"), "LastModifiedById"}
    return bool({*row["after"]} - rides - {name for one in later for name in one["after"] or {}})


def test_what_a_person_set_after_us_is_no_loss_and_what_is_put_aside_with_a_reason_neither(good: Evidence):
    edited = rewritten(good, field(good, "pql_score"), 1, actor="person")
    aside = record(good, status="needs_review", last_error="Two records match.")
    cancelled = replace(good, intents=[*good.intents[:-1], {**good.intents[-1], "status": "cancelled"}])

    assert judge(edited).wrong == []
    assert judge(aside).counts() == {"once": 7, "aside": 1}
    assert judge(cancelled).counts() == {"once": 7, "aside": 1}


def test_what_is_settled_too_late_after_the_last_fault_is_late(good: Evidence):
    ended = max(row["ended_at"] for row in good.attempts)

    assert late(good, ended - timedelta(seconds=WITHIN), WITHIN) == []
    words = late(good, ended - timedelta(seconds=WITHIN + 1), WITHIN)
    assert words
    assert all("settled 15" in one for one in words)
    assert "still unknown" in late(intent(good, status="unknown"), ended, WITHIN)[0]
