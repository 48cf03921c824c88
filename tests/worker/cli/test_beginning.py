"""`pql init`: from usage data to settings that pass the check, whatever the data look like."""

import os
import pty
import subprocess
import time

import duckdb
import pytest
from commands import PQL

from settings.check import check
from worker.cli.documents import DOCUMENTS
from worker.wiring.opening import option_tables

FILES = {"pql", "sources", "signals", "score", "qualify", "handoff", "routing", "destinations"}


def clean(folder) -> None:
    """Neither a problem nor a warning."""
    found = check(folder, option_tables())
    assert [str(one) for one in (*found.problems, *found.warnings)] == []


def test_a_folder_of_files_becomes_settings_without_problems_and_counts_per_gate(usage, pql):
    answer = pql("init", "usage", "--yes", "--output", "json")

    assert answer.code == 0, answer.said
    document = answer.document
    DOCUMENTS["init"].model_validate_json(answer.out)
    assert document["streams"] == {"events": "events*.jsonl", "users": "users.csv", "accounts": "accounts.csv"}
    assert {one["name"]: one["family"] for one in document["events"] if one["picked"]} == {
        "contact_sales_clicked": "intent",
        "project_created": "value",
        "integration_connected": "value",
        "report_viewed": "use",
    }
    assert all(one["users"] == 12 for one in document["events"])
    assert document["users"] == 12
    assert list(document["gates"]) == ["pql: applies", "pql: use", "pql: value", "pql: score"]
    assert document["unreachable"] == {"hubspot": "no token is set."}
    assert set(document["written"]) == {f"{name}.yaml" for name in FILES} | {"schema.json"}
    clean(usage.parent / "settings.d")
    assert not (usage.parent / ".pql").exists()

    sources = (usage.parent / "settings.d/sources.yaml").read_text()
    assert "keep: [integration]" in sources
    assert "# not stored: ip" in sources
    signals = (usage.parent / "settings.d/signals.yaml").read_text()
    assert "distinct: integration_connected.integration, minus: integration_removed.integration" in signals


def test_a_second_time_keeps_every_file_that_is_there(usage, pql):
    pql("init", "usage", "--yes")
    changed = usage.parent / "settings.d/score.yaml"
    changed.write_text(changed.read_text() + "# ours\n")
    (usage.parent / "settings.d/routing.yaml").unlink()

    answer = pql("init", "usage", "--yes", "--output", "json")

    assert answer.document["written"] == ["routing.yaml"]
    assert len(answer.document["kept"]) == len(FILES)
    assert changed.read_text().endswith("# ours\n")


def test_a_reachable_crm_is_read_for_matches_and_left_as_it_was(usage, pql, hubspot):
    hubspot.seed(records=[{"object": "contact", "properties": {"email": f"u{n}@firm{n % 3}.example"}} for n in range(7)])
    before = len(hubspot.ledger())

    answer = pql("init", "usage", "--yes", "--output", "json", HUBSPOT_TOKEN=hubspot.token, HUBSPOT_BASE_URL=hubspot.url)

    assert answer.document["matches"] == {"hubspot": {"matched": 7, "unmatched": 5}}
    assert len(hubspot.ledger()) == before
    assert not any(one["writes"] for one in hubspot.requests())


def test_a_warehouse_is_written_as_a_variable_and_stamps_without_zone_are_a_guess_that_is_said(tmp_path, pql):
    with duckdb.connect(tmp_path / "usage.duckdb") as con:
        con.execute("create schema analytics")
        con.execute(
            "create table analytics.events as select i as event_id, 'u' || (i % 9) as user_id, "
            "'Project Created' as event_name, localtimestamp - to_hours(i) as occurred_at from range(100) t(i)"
        )
        con.execute(
            "create table analytics.members as select 'u' || i as id, 'u' || i || '@x.example' as email from range(9) t(i)"
        )

    answer = pql("init", "duckdb:///usage.duckdb", "--yes", "--output", "json")

    assert answer.code == 0, answer.said
    assert answer.document["streams"] == {"events": "analytics.events", "users": "analytics.members"}
    assert any("UTC is a guess" in says for says in answer.document["notes"])
    sources = (tmp_path / "settings.d/sources.yaml").read_text()
    assert "url: ${WAREHOUSE_URL}" in sources
    assert "usage.duckdb" not in sources
    assert answer.document["users"] == 9


def test_bare_numbers_as_stamps_odd_names_and_no_ids_still_make_settings_that_pass(tmp_path, pql):
    folder = tmp_path / "d"
    folder.mkdir()
    now = int(time.time() * 1000)
    rows = [f"u{n % 5};{['select', 'No', 'Contact us', 'a: b {{x}}'][n % 4]};{now - n * 3_600_000}" for n in range(80)]
    (folder / "track.csv").write_text("distinct_id;eventName;ts\n" + "\n".join(rows) + "\n")

    answer = pql("init", "d", "--yes", "--output", "json")

    assert answer.code == 0, answer.said
    assert any("milliseconds is a guess" in says for says in answer.document["notes"])
    clean(tmp_path / "settings.d")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Where the usage data is was not said."),
        (("nowhere",), "There is no folder nowhere."),
        (("usage", "--events", "evnts.jsonl"), "There is no evnts.jsonl in usage. It has: accounts.csv"),
        (("usage", "--pick", "project_creatd"), "Did you mean `project_created`?"),
        (("postgres://u:sekret@127.0.0.1:9/x",), "The warehouse does not answer"),
        (("https://eu.posthog.com/project/12",), "POSTHOG_TOKEN is not set."),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_way_on_and_nothing_is_written(usage, pql, words, says):
    answer = pql("init", *words, "--yes")

    assert answer.code == 2
    assert says in answer.err
    assert "sekret" not in answer.said
    assert not (usage.parent / "settings.d").exists()


def test_on_a_terminal_it_asks_and_the_answers_are_in_the_settings(usage, pql):
    ours, theirs = pty.openpty()
    answers = [
        "project_created,report_viewed",
        "report_viewed=value",
        "ana@acme.com, tom@acme.com",
        "acme.com",
        "acme",
        "Europe/Berlin",
    ]
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    here = {"cwd": usage.parent, "env": pql.environment(), "stdin": theirs}
    done = subprocess.run([PQL, "init", "usage"], check=False, capture_output=True, text=True, **here)
    os.close(ours)
    os.close(theirs)

    assert done.returncode == 0, done.stderr
    folder = usage.parent / "settings.d"
    clean(folder)
    assert "workspace: acme\ntimezone: Europe/Berlin" in (folder / "pql.yaml").read_text()
    assert "report_viewed: {count: report_viewed, within: 14 days, family: value" in (folder / "signals.yaml").read_text()
    assert 'members: ["ana@acme.com", "tom@acme.com"]' in (folder / "routing.yaml").read_text()
    assert "own_domains: [acme.com]" in (folder / "pql.yaml").read_text()
