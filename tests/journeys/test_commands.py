"""The command line from one end to the other, as processes: plan, run, stop, go on, refuse."""

import json
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from commands import ended

from worker.cli.documents import DOCUMENTS

TOKEN = "canary-7f3a91c2-says-nothing"


@pytest.fixture
def scene(stage):
    """A stage three days after its baseline, now: what a process pulls arrives now. One user has become keen since."""
    today = datetime.now(UTC)
    stage.now = today - timedelta(days=3)
    stage.user("calm")
    stage.did("calm", "report_viewed", 1)
    stage.run()
    stage.now = today
    stage.user("maria", "a2")
    stage.keen("maria")
    stage.write()
    stage.close()
    return stage


def state(stage) -> tuple[list[str], list[tuple[str, int]], int, int]:
    """Everything that a command might have changed: the store, the lake, both sides of the CRM."""
    with closing(sqlite3.connect(stage.folder / "pql.db")) as store:
        rows = list(store.iterdump())
    files = sorted((str(path), path.stat().st_size) for path in (stage.folder / "lake").rglob("*") if path.is_file())
    endpoint = stage.portal.endpoint
    return rows, files, len(endpoint.ledger()), sum(one["writes"] for one in endpoint.requests())


def valid(name: str, document: dict) -> dict:
    """The document, after its shape was looked at."""
    DOCUMENTS[name].model_validate_json(json.dumps(document))
    return document


def test_a_plan_writes_nothing_and_moves_nothing(scene, pql):
    assert pql("pull").code == 0
    before = state(scene)

    answer = pql("plan", "--output", "json")

    assert answer.code == 0, answer.said
    document = valid("plan", answer.document)
    assert [one["lead"] for one in document["tasks"]] == ["maria@a2.example"]
    assert {one["field"] for one in document["changes"] if one["lead"] == "maria@a2.example"} > {"pql_flag", "pql_score"}
    assert state(scene) == before


def test_a_fresh_plan_pulls_into_places_that_are_thrown_away(scene, pql):
    before = state(scene)

    answer = pql("plan", "--fresh", "--limit", "1", "--output", "json")

    assert answer.code == 0, answer.said
    assert len({(one["object"], one["lead"]) for one in answer.document["changes"]}) == 1
    assert state(scene) == before


def test_a_saved_plan_is_carried_out_as_it_is_and_refused_once_the_state_has_moved(scene, pql):
    pql("pull")
    saved = str(scene.folder / "plan.json")
    assert pql("plan", "--out", saved).code == 0

    scene.did("calm", "contact_sales_clicked", 1)
    scene.write()
    pql("pull")
    before = state(scene)[2:]
    refused = pql("run", "--plan", saved)
    assert refused.code == 2
    assert "Something has changed since the plan was saved." in refused.err
    assert state(scene)[2:] == before

    assert pql("plan", "--out", saved).code == 0
    answer = pql("run", "--plan", saved, "--output", "json")
    assert answer.code == 0, answer.said
    document = valid("run", answer.document)
    assert document["destinations"]["hubspot"]["tasks"]["created"] == 2
    assert len(scene.portal.tasks()) == 2


def test_the_commands_after_a_run_tell_the_same_story_as_documents(scene, pql):
    run = pql("run", "--output", "json")
    assert run.code == 0, run.said
    again = pql("run", "--output", "json")
    assert again.document["destinations"]["hubspot"]["calls"]["writing"] == 0

    explained = valid("explain", pql("explain", "maria@a2.example", "--output", "json").document)
    assert explained["state"][0]["state"] == "QUALIFIED"
    assert explained["route"]["assignee"]
    status = valid("status", pql("status", "--output", "json").document)
    assert status["runs"][0]["status"] == "done"
    assert valid("pull", pql("pull", "--output", "json").document)["sources"]["product"]["new"] == 0
    dead = pql("dead", "--output", "json")
    assert dead.code == 1
    assert [one["what"] for one in valid("dead", dead.document)["rows"]] == ["field contact.usage_segment"]
    assert valid("retry", pql("retry", "--output", "json").document)["counts"] == {"fields": 1, "records": 0, "tasks": 0}
    assert valid("provision", pql("provision", "--output", "json").document)["destinations"][0]["destination"] == "hubspot"
    found = valid("doctor", pql("doctor", "--output", "json").document)
    assert [one for one in found["findings"] if one["level"] == "fail"] == []


def test_ctrl_c_in_the_middle_of_a_push_finishes_what_is_in_flight_and_the_next_run_ends_it_once(scene, pql):
    for n in range(250):
        scene.user(f"u{n}", f"b{n}")
        scene.did(f"u{n}", "report_viewed", 1)
    for n in range(9):
        scene.keen(f"u{n}")
    scene.rewrite("pql", "changed_leads: 20%", "changed_leads: off")
    scene.write()
    endpoint = scene.portal.endpoint
    endpoint.weather(
        {"match": {"method": "POST", "path": "/batch/(update|create)"}, "fault": "latency", "args": {"seconds": 1.5}}
    )
    endpoint_before = len([one for one in endpoint.requests() if one["writes"]])

    process = pql.start("run")
    deadline = time.monotonic() + 90
    while len([one for one in endpoint.requests() if one["writes"]]) == endpoint_before and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stopped = ended(process)
    endpoint.weather()

    assert stopped.code == 3, stopped.said
    assert "Run the same command again to go on" in stopped.said
    finished = pql("run", "--output", "json")
    assert finished.code == 0, finished.said
    assert finished.document["status"] == "done"
    made = Counter(task["pql_task_key"] for task in scene.portal.tasks())
    assert len(made) == 10
    assert set(made.values()) == {1}
    flags = [
        one["id"]
        for one in endpoint.ledger()
        if one["object"] == "contact"
        and (one["after"] or {}).get("pql_flag") == "true"
        and (one["before"] or {}).get("pql_flag") != "true"
    ]
    assert max(Counter(flags).values()) == 1
    still = pql("run", "--output", "json")
    assert still.document["destinations"]["hubspot"]["calls"]["writing"] == 0


def test_a_secret_in_the_environment_shows_up_nowhere(scene, pql):
    endpoint = scene.portal.endpoint
    said = [pql("check").said]
    said += [pql(*words, HUBSPOT_TOKEN=TOKEN).said for words in (("run",), ("doctor",), ("provision", "--yes"))]
    said += [pql("plan", "--fresh", "--output", "json", HUBSPOT_TOKEN=TOKEN).said]
    said += [pql("run", "--output", "json", PQL_STORE=f"postgresql://u:{TOKEN}@127.0.0.1:9/x").said]
    endpoint.weather({"match": {"method": "POST", "path": "/batch/"}, "fault": "forbidden", "args": {"scope": "x"}})
    said += [pql("run", "--output", "json").said, pql("doctor", "--output", "json").said]

    left = [path for path in scene.folder.rglob("*") if path.is_file() and not path.name.startswith("hubspot.sqlite")]
    for secret in (TOKEN, endpoint.token):
        assert [text for text in said if secret in text] == []
        assert [path.name for path in left if secret.encode() in path.read_bytes()] == []


@pytest.mark.fault("F16")
def test_a_property_that_the_crm_lost_is_left_out_said_and_written_once_it_is_back(scene, pql):
    scene.portal.act("drop_field", object="contact", name="pql_score")

    run = pql("run")
    assert run.code == 0, run.said
    assert "hubspot has no field pql_score on contact" in run.out
    assert "run `pql provision`, then `pql retry`" in run.out
    doctor = pql("doctor", "--output", "json").document
    assert {"left out hubspot"} <= {one["name"] for one in doctor["findings"] if one["level"] == "warn"}

    assert pql("provision", "--yes").code == 0
    assert pql("retry").code == 0
    assert pql("run").code == 0
    assert scene.portal.contact("maria@a2.example")["pql_score"]


def test_an_audit_says_what_others_made_of_our_fields_and_has_it_written_again(scene, pql):
    scene.run()
    scene.close()
    scene.portal.edit("maria@a2.example", pql_tier="cold")

    answer = pql("audit", "--output", "json")

    document = valid("audit", answer.document)
    assert answer.code == 0, answer.said
    assert [(one["field"], one["mode"], one["outcome"]) for one in document["findings"]] == [("pql_tier", "own", "repaired")]
    looked = document["destinations"]["hubspot"]
    assert (looked["looked"], looked["same"], looked["repaired"], looked["skipped"]) == (2, 1, 1, "")
    status = valid("status", pql("status", "--output", "json").document)
    assert status["drift"] == [["hubspot", "repaired", "pql_tier", 1]]
    assert [one[2:] for one in status["audits"]] == [[2, 1]]
    scene.run()
    assert scene.portal.contact("maria@a2.example")["pql_tier"] == "hot"
    assert pql("audit", "--destination", "hubspt").code == 2
