"""Handoff tasks: one for each key, about the right record, and left alone once a rep has touched them."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
import responses

from connectors.contract import Outcome, Task
from connectors.crms.salesforce import Options, Salesforce
from connectors.errors import Moved, Refused, Rejected, TryLater, Unknown
from settings.terms import Secret

LATE = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


@pytest.fixture
def owner(org):
    return org.add_owner("ana@acme.example")


@pytest.fixture
def task(owner):
    return Task("pql-1", "Hot PQL: Maria", "Why now: 5 projects\nNext step: call", owner, LATE, "call", high=True)


def only(receipts):
    (receipt,) = receipts
    return receipt


def test_a_task_about_a_contact_hangs_on_its_account_too(org, task):
    company = org.add_company("Nordwerk", "nordwerk.example")
    contact = org.add_person("a@x.example", AccountId=company)

    id = only(org.crm.tasks.create([replace(task, person=contact, company=company)], "t")).crm_id

    made = org.row("task", id)
    assert (made["WhoId"], made["WhatId"]) == (contact, company)
    assert (made["Status"], made["Priority"], made["ActivityDate"]) == ("Not Started", "High", "2026-11-23")
    assert made["Description"] == task.body


def test_a_task_about_a_lead_hangs_on_nothing_else(org, task):
    company = org.add_company("Nordwerk", "nordwerk.example")
    lead = org.add("lead", LastName="Huber", Company="Nordwerk")

    receipt = only(org.crm.tasks.create([replace(task, person=lead, person_object="lead", company=company)], "t"))

    assert receipt.outcome is Outcome.APPLIED
    assert "WhatId" not in org.row("task", receipt.crm_id)


def test_a_task_about_a_company_hangs_on_its_account(org, task):
    company = org.add_company("Nordwerk", "nordwerk.example")

    id = only(org.crm.tasks.create([replace(task, company=company)], "t")).crm_id

    assert org.row("task", id)["WhatId"] == company


def test_a_task_on_anything_else_is_refused_without_a_call(org, task):
    org.crm.tasks.create([replace(task, key="other")], "t")
    before = org.crm.calls

    receipt = only(org.crm.tasks.create([replace(task, person="001", person_object="company")], "t"))

    assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, "person")
    assert org.crm.calls == before


@pytest.mark.fault("F65")
def test_a_second_send_leaves_what_the_rep_changed(org, task):
    id = only(org.crm.tasks.create([task], "t1")).crm_id
    org.sandbox.act("edit", id=id, properties={"Subject": "Call her after lunch", "Status": "In Progress"})

    again = only(org.crm.tasks.create([replace(task, subject="Something newer")], "t2"))

    assert (again.outcome, again.crm_id) == (Outcome.EXISTS, id)
    assert (org.row("task", id)["Subject"], org.row("task", id)["Status"]) == ("Call her after lunch", "In Progress")


@pytest.mark.fault("F26")
def test_four_workers_with_one_key_make_one_task(org, task):
    sends = [org.connect() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(one[0].outcome for one in pool.map(lambda crm: crm.tasks.create([task], "t"), sends))

    assert outcomes == [Outcome.APPLIED, *[Outcome.EXISTS] * 3]
    for crm in sends:
        crm.close()


@pytest.mark.fault("F3")
@pytest.mark.parametrize("fault", ["reset_after", "truncate", "html", "commit_after"])
def test_a_create_whose_answer_was_lost_is_found_by_its_key_or_was_never_made(org, task, fault):
    org.crm.tasks.find([task])
    org.strike(fault, applied=True, seconds=0.2)

    with pytest.raises(Unknown):
        org.crm.tasks.create([task], "t1")
    later = only(org.crm.tasks.create([task], "t2"))

    assert later.outcome in (Outcome.APPLIED, Outcome.EXISTS)
    time.sleep(0.5 if fault == "commit_after" else 0)  # until the first one is carried out, and refused
    keys = [
        line["after"].get("PQL_Task_Key__c") for line in org.sandbox.ledger() if line["object"] == "Task" and line["after"]
    ]
    assert keys == ["pql-1"]


def test_a_deleted_task_is_found_as_deleted_unless_a_live_one_has_its_key(org, task):
    first = only(org.crm.tasks.create([task], "t1")).crm_id
    org.delete("task", first)

    assert org.crm.tasks.find([task])["pql-1"].deleted

    second = only(org.crm.tasks.create([task], "t2")).crm_id
    found = org.crm.tasks.find([task])["pql-1"]
    assert (found.id, found.deleted) == (second, False)


def test_more_keys_than_an_address_holds_are_found_in_pieces(org, task):
    tasks = [replace(task, key=f"{n:04}" + "k" * 60) for n in range(450)]
    for start in range(0, 450, 200):
        org.crm.tasks.create(tasks[start : start + 200], "t")

    assert set(org.crm.tasks.find(tasks)) == {one.key for one in tasks}
    assert {call["status"] for call in org.sandbox.requests()} <= {200, 201}


@pytest.mark.fault("F58")
def test_a_key_with_quotes_stays_a_key(org, task):
    odd = [replace(task, key=key) for key in ("o'brien", "back\\slash", '" OR Id != null', "100%_")]

    org.crm.tasks.create(odd, "t")

    assert set(org.crm.tasks.find(odd)) == {one.key for one in odd}


@pytest.mark.fault("F23")
def test_a_queue_that_has_no_tasks_and_an_owner_who_left_are_reasons_for_their_task_alone(org, task):
    queue, left = org.add_queue("Desk", "Lead"), org.add_owner("old@acme.example", active=False)
    tasks = [replace(task, key="a", owner=queue), replace(task, key="b", owner=left), replace(task, key="c")]

    told = org.crm.tasks.create(tasks, "t")

    assert [(one.outcome, one.field) for one in told] == [
        (Outcome.REJECTED, "owner"),
        (Outcome.REJECTED, "owner"),
        (Outcome.APPLIED, None),
    ]
    assert told[1].code == "INACTIVE_OWNER_OR_USER"


def test_a_queue_that_has_tasks_owns_one(org, task):
    queue = org.add_queue("Desk", "Lead", "Task")

    assert only(org.crm.tasks.create([replace(task, owner=queue)], "t")).outcome is Outcome.APPLIED


def test_a_task_about_a_person_who_is_gone_is_moved(org, task):
    lead = org.add("lead", LastName="Huber", Company="Nordwerk")
    org.sandbox.act("convert", id=lead)
    contact = org.add_person("a@x.example")
    org.delete("contact", contact)

    tasks = [replace(task, key="a", person=lead, person_object="lead"), replace(task, key="b", person=contact)]

    assert [one.outcome for one in org.crm.tasks.create(tasks, "t")] == [Outcome.MOVED, Outcome.MOVED]


def test_without_its_unique_key_no_task_is_made_or_looked_for(bare):
    task = Task("pql-1", "Hot", "b", bare.add_owner("ana@acme.example"), LATE)

    for ask in (lambda: bare.crm.tasks.create([task], "t"), lambda: bare.crm.tasks.find([task])):
        with pytest.raises(Refused, match="pql provision"):
            ask()
    assert bare.writes() == 0

    bare.sandbox.seed(fields=[{"object": "Activity", "name": "PQL_Task_Key__c", "type": "string", "length": 64}])
    with pytest.raises(Refused, match="unique"):
        bare.crm.tasks.create([task], "t")


def test_a_key_that_was_provisioned_meanwhile_is_seen_without_a_restart(bare):
    task = Task("pql-1", "Hot", "b", bare.add_owner("ana@acme.example"), LATE)
    with pytest.raises(Refused):
        bare.crm.tasks.create([task], "t")
    admin = bare.connect()
    admin.provisioning.apply()
    admin.close()

    assert only(bare.crm.tasks.create([task], "t")).outcome is Outcome.APPLIED


# ------------------------------------------------------------------ moving and closing


def test_moving_changes_the_owner_alone(org, task):
    id = only(org.crm.tasks.create([task], "t")).crm_id
    before = org.row("task", id)
    tom = org.add_owner("tom@acme.example")

    org.crm.tasks.move(id, tom)

    after = org.row("task", id)
    assert {name for name in after if after[name] != before.get(name)} == {"OwnerId"}


@pytest.mark.parametrize(
    ("what", "raised"),
    [("deleted", Moved), ("left", Rejected), ("locked", TryLater), ("lost", Unknown), ("html", Unknown)],
)
def test_a_move_that_ends_badly_says_how(org, task, what, raised):
    id = only(org.crm.tasks.create([task], "t")).crm_id
    to = org.add_owner("tom@acme.example", active=what != "left")
    if what == "deleted":
        org.delete("task", id)
    faults = {"locked": ("locked", {}), "lost": ("reset_after", {}), "html": ("html", {"status": 200})}
    if what in faults:
        name, args = faults[what]
        org.strike(name, **args)

    with pytest.raises(raised):
        org.crm.tasks.move(id, to)


def an_org(values):
    """An org whose admin renamed the states of a task; `responses` speaks for it."""
    fields = [{"name": "Status", "type": "picklist", "picklistValues": [{"value": one, "active": True} for one in values]}]
    responses.get("https://acme.my.salesforce.com/services/data/v67.0/sobjects/Task/describe", json={"fields": fields})
    responses.patch("https://acme.my.salesforce.com/services/data/v67.0/sobjects/Task/00T1", status=204)
    return Salesforce(Options("https://acme.my.salesforce.com", token=Secret("T", "x")))


@responses.activate
def test_a_task_is_closed_with_the_orgs_own_word(org):
    crm = an_org(["Offen", "Erledigt"])
    states = {"done": True, "records": [{"Id": "01J1", "ApiName": "Erledigt"}]}
    responses.get("https://acme.my.salesforce.com/services/data/v67.0/query", json=states)

    crm.tasks.close("00T1")

    assert orjson.loads(responses.calls[-1].request.body) == {"Status": "Erledigt"}
    crm.close()


@responses.activate
def test_a_task_is_closed_as_completed_where_the_org_does_not_say(org):
    crm = an_org(["Offen", "Erledigt"])
    refusal = [{"errorCode": "INVALID_TYPE", "message": "sObject type 'TaskStatus' is not supported."}]
    responses.get("https://acme.my.salesforce.com/services/data/v67.0/query", json=refusal, status=400)

    crm.tasks.close("00T1")

    assert orjson.loads(responses.calls[-1].request.body) == {"Status": "Completed"}
    crm.close()


def test_no_batch_is_larger_than_salesforce_takes_nor_names_a_key_twice(org, task):
    for tasks in ([replace(task, key=str(n)) for n in range(201)], [task, task]):
        with pytest.raises(ValueError, match="batch"):
            org.crm.tasks.create(tasks, "t")
