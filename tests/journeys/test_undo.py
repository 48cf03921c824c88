"""A run that should not have been: undone from the command line, and not silently done again."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from worker.cli.documents import DOCUMENTS
from worker.steps.mending.undo import Asked

MARIA = "maria@a2.example"


@pytest.fixture
def scene(stage):
    """A baseline three days ago, a user who has become keen since, and what her contact held before the run of today."""
    today = datetime.now(UTC)
    stage.now = today - timedelta(days=3)
    stage.user("maria", "a2")
    stage.did("maria", "report_viewed", 1)
    stage.run()
    stage.now = today
    stage.keen("maria")
    stage.write()
    stage.close()
    return stage


def content(contact: dict) -> dict:
    """Owner and fields of ours; not what counts writes and versions."""
    ours = {name for name in contact if name.startswith("pql_")} - {"pql_seq", "pql_rules"}
    return {name: contact[name] for name in (*ours, "hubspot_owner_id") if contact.get(name) not in (None, "")}


def stored(scene) -> list[str]:
    """Everything in the store but when the CRM may be called next."""
    with closing(sqlite3.connect(scene.folder / "pql.db")) as store:
        return [line for line in store.iterdump() if not line.startswith('INSERT INTO "limiter"')]


def test_a_run_is_undone_and_the_next_one_does_not_silently_do_it_again(scene, pql):
    before = content(scene.portal.contact(MARIA))
    run = pql("run", "--output", "json").document["run"]
    assert content(scene.portal.contact(MARIA))["pql_flag"] == "true"

    answer = pql("undo", run[:10], "--output", "json")

    assert answer.code == 0, answer.said
    document = answer.document
    DOCUMENTS["undo"].model_validate_json(json.dumps(document))
    assert (document["run"], document["left"], document["paused"]) == (run, [], ["hubspot"])
    assert [one["outcome"] for one in document["tasks"]] == ["closed"]
    assert content(scene.portal.contact(MARIA)) == before
    assert scene.portal.tasks(open_only=True) == []

    scene.portal.mark()
    again = pql("run")
    assert (again.code, scene.portal.written()) == (0, [])
    assert f"hubspot is paused (run {run[:12]} was undone; `pql resume hubspot` goes on" in again.out
    assert f"PAUSED hubspot: run {run[:12]} was undone" in pql("status").out
    second = pql("undo", "last", "--output", "json").document
    assert (second["run"], second["restored"], second["tasks"], scene.portal.written()) == (run, [], [], [])

    assert pql("resume", "hubspot").code == 0
    assert pql("run").code == 0
    assert content(scene.portal.contact(MARIA))["pql_flag"] == "true"
    assert scene.portal.tasks(open_only=True) == []


def test_a_dry_run_says_it_in_words_and_changes_nothing_at_all(scene, pql):
    assert pql("run").code == 0
    scene.portal.edit(MARIA, pql_tier="by hand")
    before = stored(scene)
    scene.portal.mark()

    answer = pql("undo", "last", "--dry-run")

    assert answer.code == 0, answer.said
    assert "Nothing was written." in answer.out
    assert "to_restore" in answer.out
    assert "somebody changed it since" in answer.out
    assert (stored(scene), scene.portal.written()) == (before, [])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope"], "There is no run nope. `pql status` lists the last runs."),
        (["last", "--destination", "mars"], "There is no destination mars. The settings have: hubspot."),
    ],
)
def test_what_cannot_be_undone_is_refused_with_the_way_out(scene, pql, words, says):
    answer = pql("undo", *words, "--output", "json")

    assert answer.code == 2
    assert says in answer.err
    assert answer.document["schema"] == "pqlsync/refused/1"


def test_in_two_crms_one_is_undone_and_the_other_goes_on(opened):
    stage = opened(salesforce=True)
    email = stage.user("kim", "k1")
    lead = {"object": "Lead", "properties": {"Email": email, "LastName": "Berg", "Company": "Firm k1"}}
    stage.org.ids[email] = stage.org.endpoint.seed(records=[lead])["records"][0]["id"]
    stage.baseline()
    before = stage.org.record("Lead", stage.org.ids[email])
    stage.keen("kim")
    run = stage.run().run
    now = stage.portal.contact(email)
    assert stage.org.record("Lead", stage.org.ids[email])["PQL_Flag__c"] is True

    report = stage.worker.undo(Asked(run, "ana", destination="salesforce"))

    after = stage.org.record("Lead", stage.org.ids[email])
    assert {name for name, value in after.items() if before.get(name) != value and name.startswith("PQL_")} == {"PQL_Seq__c"}
    assert (report.paused, stage.portal.contact(email)) == (["salesforce"], now)
    stage.portal.mark()
    stage.org.mark()
    stage.did("kim", "pricing_viewed", 0, times=3)
    stage.run(stage.now + timedelta(hours=1))
    assert stage.org.written() == []
