"""The sandbox as a process of its own, as `pql sandbox` runs it."""

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from connectors.sandbox.serve import Sandbox

CONTACTS = "/crm/v3/objects/contacts"


@contextmanager
def process(data: Path):
    command = [sys.executable, "-m", "connectors.sandbox", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as running:
        try:
            yield running, json.loads(running.stdout.readline())
        finally:
            running.kill()


def ask(where, method, path, body=None):
    with urllib3.PoolManager(retries=False) as pool:
        headers = {"Authorization": f"Bearer {where['token']}"}
        answer = pool.request(method, where["url"] + path, headers=headers, **({"json": body} if body else {}))
        return answer.json()


def test_the_first_line_tells_where_both_are_and_state_survives_a_kill(tmp_path):
    with process(tmp_path) as (running, told):
        assert set(told) == {"hubspot", "salesforce"}
        assert all(set(one) == {"url", "token"} and one["url"].startswith("http://127.0.0.1:") for one in told.values())
        record = ask(told["hubspot"], "POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []})["id"]
        running.kill()
        running.wait()
    with process(tmp_path) as (running, again):
        assert ask(again["hubspot"], "GET", f"{CONTACTS}/{record}")["id"] == record
        assert [one["op"] for one in ask(again["hubspot"], "GET", "/_sandbox/ledger")] == ["create"]
        assert again["hubspot"]["token"] == told["hubspot"]["token"]
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def test_both_crms_have_their_own_ledger(sandbox):
    sandbox.hubspot.seed(records=[{"object": "contact", "properties": {"email": "a@b.co"}}])

    assert len(sandbox.hubspot.ledger()) == 1
    assert [one for one in sandbox.salesforce.ledger() if one["object"] == "contact"] == []


def test_a_port_that_is_taken_leaves_nothing_running(sandbox):
    taken = int(sandbox.hubspot.url.rpartition(":")[2])
    before = threading.active_count()

    with pytest.raises(OSError, match="in use"):
        Sandbox.start(salesforce_port=taken)
    assert threading.active_count() == before


def test_ledger_and_calls_are_asked_from_a_sequence_number_on(call, hubspot):
    for name in "abc":
        call("POST", CONTACTS, {"properties": {"firstname": name}, "associations": []})

    assert [one["seq"] for one in call("GET", "/_sandbox/ledger?since=2").body] == [3]
    assert [one["seq"] for one in call("GET", "/_sandbox/requests?since=1").body] == [2, 3]
    assert call("GET", "/_sandbox/ledger?since=x").status == 400


def test_a_call_may_be_applied_only_after_its_caller_saw_a_reset(call, hubspot):
    hubspot.weather({"fault": "commit_after", "nth": 1, "args": {"seconds": 0.2}})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        call("POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []})

    assert hubspot.ledger() == []
    until = threading.Event()
    for _ in range(50):
        if hubspot.ledger():
            break
        until.wait(0.05)
    assert [one["request"] for one in hubspot.ledger()] == [1]


def test_a_hundred_thousand_records_are_searched_paged_and_read_by_address(hubspot, call):
    rows = [
        {"object": "contact", "properties": {"email": f"u{i}@b.co", "pql_flag": "true" if i % 1000 == 0 else "false"}}
        for i in range(100_000)
    ]
    hubspot.seed(records=rows)
    one = {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "u777@b.co"}]}], "limit": 10}

    found = call("POST", f"{CONTACTS}/search", one).body["results"]
    page = call("GET", f"{CONTACTS}?limit=100&after=90000").body["results"]
    read = call("GET", f"{CONTACTS}/u999@b.co?idProperty=email").body

    assert [record["properties"]["email"] for record in found] == ["u777@b.co"]
    assert len(page) == 100
    assert read["properties"]["email"] == "u999@b.co"
