"""What goes wrong ends in two sentences, an exit code and no traceback; nothing is lost by it."""

import sqlite3
from contextlib import closing

import pytest

from settings import starter
from worker.cli.documents import DOCUMENTS
from worker.store import schema

HUBSPOT_ONLY = "  salesforce:"


@pytest.fixture
def shop(tmp_path, pql):
    """The starter settings with HubSpot alone and hardly any usage."""
    folder = tmp_path / "settings.d"
    starter.write(folder)
    crms = folder / "destinations.yaml"
    crms.write_text(crms.read_text().partition(HUBSPOT_ONLY)[0])
    data = folder / "data"
    data.mkdir()
    (data / "events.jsonl").write_text("")
    (data / "users.csv").write_text(
        "user_id,email,account_id,created_at,first_name,last_name,title,language,partner_consent\n"
        "u1,maria@a.example,a1,2026-01-01T00:00:00Z,Maria,Huber,,de,\n"
    )
    (data / "accounts.csv").write_text(
        "account_id,name,domain,trial_end,plan_name,employees,industry,country,state,storage_used,storage_limit\n"
    )
    pql.variables |= {"HUBSPOT_TOKEN": "no-token-at-all", "HUBSPOT_BASE_URL": "http://127.0.0.1:9"}
    return folder


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run",), "There are no settings at settings.d. Write some with `pql init`"),
        (("--settings", "nowhere", "check"), "There are no settings at nowhere."),
        (("run", "--as-of", "yesterday"), "yesterday is not an instant."),
        (("init", "--output", "xml"), "--output is text or json, not xml."),
        (("simulate",), "`pql simulate` is not built yet"),
    ],
)
def test_without_settings_or_with_words_that_make_no_sense(pql, words, says):
    answer = pql(*words)

    assert answer.code == 2
    assert says in " ".join(answer.err.replace("│", " ").split())
    assert not (pql.folder / ".pql").exists()


def test_bad_settings_are_shown_with_their_places_and_nothing_is_begun(shop, pql):
    path = shop / "signals.yaml"
    path.write_text(path.read_text().replace("within: 14 days", "within: 14 dys", 1))

    answer = pql("run")

    assert answer.code == 2
    assert "signals.yaml:5:" in answer.err
    assert not (pql.folder / ".pql").exists()
    checked = pql("check", "--output", "json")
    assert checked.code == 2
    DOCUMENTS["check"].model_validate_json(checked.out)
    assert checked.document["problems"][0]["line"] == 5


def test_a_variable_that_is_not_set_is_named(shop, pql):
    pql.variables.pop("HUBSPOT_TOKEN")

    answer = pql("run")

    assert answer.code == 2
    assert "`HUBSPOT_TOKEN` is not set." in answer.err


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("mysql://x", "'mysql' is no store with a file or server."),
        ("postgresql://u:sekret@127.0.0.1:9/x", "postgresql+psycopg://u:***@127.0.0.1:9/x cannot be opened"),
        ("sqlite:////proc/nope/x.db", "/proc/nope. Check the path and its permissions."),
    ],
)
def test_a_store_that_cannot_be_used_is_named_without_its_password(shop, pql, store, says):
    answer = pql("status", "--store", store, "--output", "json")

    assert answer.code == 2
    assert says in answer.err
    assert "sekret" not in answer.said
    DOCUMENTS["refused"].model_validate_json(answer.out)
    assert answer.document["message"] == answer.err.strip()


def version(pql, number: str | None = None) -> str:
    """The version that the store says it has, after giving it another."""
    with closing(sqlite3.connect(pql.folder / ".pql/pql.db")) as store, store:
        if number:
            store.execute("update alembic_version set version_num = ?", [number])
        return str(store.execute("select version_num from alembic_version").fetchone()[0])


def test_a_newer_store_is_used_as_it_is_and_the_doctor_says_so(shop, pql):
    assert pql("status").code == 0
    version(pql, "9999")

    assert pql("status").code == 0
    assert version(pql) == "9999"
    assert "The store is newer than this program" in pql("doctor").out


@pytest.mark.fault("F53")
def test_an_older_store_on_a_server_asks_for_the_migration(shop, pql, empty_postgres_url):
    answer = pql("status", "--store", empty_postgres_url)

    assert answer.code == 2
    assert f"this program needs version {schema.HEAD}. Run `pql migrate`." in answer.err
    assert pql("migrate", "--store", empty_postgres_url).code == 0
    assert pql("status", "--store", empty_postgres_url).code == 0


@pytest.mark.fault("F1")
def test_a_crm_where_nobody_listens_keeps_what_was_pulled_and_says_so(shop, pql):
    answer = pql("pull")

    assert answer.code == 2
    assert "hubspot did not answer: No connection was made" in answer.err
    assert "Nothing is lost" in answer.err
    with closing(sqlite3.connect(pql.folder / ".pql/pql.db")) as store:
        assert store.execute("select sum(rows) from lake_file where kind = 'users'").fetchone() == (1,)


def test_a_source_that_is_gone_is_named(shop, pql):
    (shop / "data/users.csv").unlink()
    (shop / "sources.yaml").write_text((shop / "sources.yaml").read_text().replace("users*.csv", "users.csv"))

    answer = pql("pull")

    assert answer.code == 2
    assert "There is no file data/users.csv." in answer.err


@pytest.mark.fault("F14")
@pytest.mark.parametrize("words", [("run",), ("pull",), ("plan", "--fresh"), ("provision", "--yes")])
def test_a_wrong_token_is_refused_with_a_way_on(shop, pql, hubspot, words):
    answer = pql(*words, HUBSPOT_BASE_URL=hubspot.url)

    assert answer.code == 2
    assert "Check the token; it may have been revoked or expired." in answer.err
    assert "no-token-at-all" not in answer.said
    assert not any(one["writes"] and one["status"] < 400 for one in hubspot.requests())


def test_a_listed_lake_file_that_is_gone_stops_the_run_with_its_path_and_so_does_the_doctor(shop, pql, hubspot):
    pql.variables |= {"HUBSPOT_TOKEN": hubspot.token, "HUBSPOT_BASE_URL": hubspot.url}
    assert pql("pull").code == 0
    gone = next((pql.folder / ".pql/lake").rglob("users/**/*.parquet"))
    kept = gone.rename(gone.with_suffix(".kept"))

    for words in (("plan",), ("run",), ("doctor",)):
        answer = pql(*words)
        assert answer.code == 2
        assert f"{gone.name} is listed in the store and cannot be used" in answer.said
        assert "Restore the file" in answer.said
    kept.rename(gone)
    assert pql("run").code == 0


@pytest.mark.parametrize("content", [None, "{", "{}", '{"schema": "pqlsync/run/1"}'])
def test_a_saved_plan_that_is_none_runs_nothing(shop, pql, content):
    if content is not None:
        (pql.folder / "plan.json").write_text(content)

    answer = pql("run", "--plan", "plan.json")

    assert answer.code == 2
    assert "plan.json" in answer.err
    assert not (pql.folder / ".pql").exists()


def test_a_token_that_a_crm_repeats_in_its_answer_is_not_shown(shop, pql, hubspot):
    echo = {"fault": "status", "args": {"status": 403, "message": "no-token-at-all may not do that"}}
    hubspot.weather({"match": {"path": "/"}, **echo})

    for words in (("provision", "--yes"), ("doctor",)):
        answer = pql(*words, HUBSPOT_BASE_URL=hubspot.url)
        assert answer.code == 2
        assert "no-token-at-all" not in answer.said
