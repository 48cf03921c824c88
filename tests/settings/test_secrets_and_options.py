"""Secrets and the connectors' own options: never written out, never guessed, judged by the tables that are handed in."""

import pytest
from settings_samples import bundled, said, starter_with

from settings import starter
from settings.load import load, load_text
from settings.options import Option, OptionTable
from settings.problem import Problems, render
from settings.terms import Secret

HUBSPOT = OptionTable(
    "hubspot",
    (
        Option("token", "secret", required=True, says="Token of a private app."),
        Option("base_url"),
        Option("api_version", "choice", choices=("2026-03", "2026-09")),
        Option("page", "number"),
        Option("strict", "flag"),
    ),
)
SALESFORCE = OptionTable(
    "salesforce", (Option("token", "secret"), Option("base_url"), Option("object", "choice", choices=("lead", "both")))
)
FILES = OptionTable("files", (), role="source", feeds=("file",))
TABLES = (HUBSPOT, SALESFORCE, FILES)


def with_option(old, new):
    return starter_with("destinations.yaml", (old, new), options=TABLES)


def test_the_starter_passes_with_the_tables_of_its_connectors():
    assert said(starter.files(), TABLES).codes == []


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("base_url: ${HUBSPOT_BASE_URL}", "base_ulr: ${HUBSPOT_BASE_URL}", "SE004", "base_ulr"),
        ("    token: ${HUBSPOT_TOKEN}\n", "", "SE005", "hubspot"),
        ("kind: hubspot", "kind: hubspott", "SE007", "hubspott"),
        ("object: both", "object: boht", "SE006", "boht"),
        ("kind: hubspot", "kind: hubspot\n    page: many", "SE006", "many"),
        ("kind: hubspot", "kind: hubspot\n    strict: maybe", "SE006", "maybe"),
        ("kind: hubspot", "kind: hubspot\n    page: [1]", "SE006", "[1]"),
        ("token: ${HUBSPOT_TOKEN}", "token: abc", "SE002", "abc"),
        ("token: ${HUBSPOT_TOKEN}", "token: Bearer ${HUBSPOT_TOKEN}", "SE003", "Bearer"),
        ("token: ${HUBSPOT_TOKEN}", "token:", "ST004", ""),
    ],
)
def test_an_option_is_judged_by_its_table_at_its_place(old, new, code, begins):
    with_option(old, new).some(code, begins)


def test_a_misspelt_option_is_met_with_the_one_that_was_meant_and_so_is_a_misspelt_key_of_ours():
    assert with_option("base_url: ${H", "base_ulr: ${H").some("SE004", "base_ulr").try_ == "Did you mean `base_url`?"
    assert (
        with_option("create: when_qualified", "creat: when_qualified").some("SE004", "creat").try_
        == "Did you mean `create`?"
    )


def test_options_arrive_in_the_type_that_their_table_says(monkeypatch):
    for name in ("HUBSPOT_TOKEN", "SALESFORCE_TOKEN", "SALESFORCE_BASE_URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HUBSPOT_BASE_URL", "http://127.0.0.1:8080")
    monkeypatch.setenv("PAGE", "50")
    files = starter.files()
    files["destinations.yaml"] = files["destinations.yaml"].replace(
        "kind: hubspot\n", "kind: hubspot\n    page: ${PAGE}\n    strict: true\n    api_version: 2026-09\n"
    )

    options = load_text(bundled(files), options=TABLES).destinations["hubspot"].options

    assert options == {
        "page": 50,
        "strict": True,
        "api_version": "2026-09",
        "token": Secret("HUBSPOT_TOKEN", "x"),
        "base_url": "http://127.0.0.1:8080",
    }


def test_a_secret_may_stand_in_a_file_that_a_variable_names(tmp_path, monkeypatch):
    for name in ("HUBSPOT_BASE_URL", "SALESFORCE_TOKEN", "SALESFORCE_BASE_URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("HUBSPOT_TOKEN", raising=False)
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("HUBSPOT_TOKEN_FILE", str(tmp_path / "token"))
    starter.write(tmp_path / "settings")

    assert load(tmp_path / "settings").destinations["hubspot"].options["token"].reveal() == "from-a-file"


def test_a_missing_variable_is_named_with_both_ways_to_set_it(monkeypatch):
    monkeypatch.delenv("HUBSPOT_TOKEN", raising=False)
    with pytest.raises(Problems) as raised:
        load_text(bundled(starter.files()), options=TABLES)

    problem = next(p for p in raised.value.problems if "`HUBSPOT_TOKEN`" in p.message)
    assert problem.code == "SE001"
    assert "HUBSPOT_TOKEN_FILE" in problem.try_


# In two parts, since no file of the repository may hold what looks like a token.
LITERALS = [
    "pat-na1-" + "12345678-1234-1234-1234-123456789012",
    "00Dxx0000001gPL!" + "AR8AQJXgQGpvJ8mtbEr1kSkzhVvQ0R5xZ0aaaaaaaa",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.sig",
    "phx_" + "abcdefghijklmnopqrstuvwxyz012345",
    "xoxb-" + "123456789012-abcdef",
    "postgres://user:" + "secretword@db.example/usage",
    "AKIA" + "ABCDEFGHIJKLMNOP",
]


@pytest.mark.parametrize("token", LITERALS)
@pytest.mark.parametrize("place", ["url: TOKEN", "naive_tz: TOKEN"])
def test_a_text_that_looks_like_a_token_is_refused_wherever_it_stands(token, place):
    found = starter_with(
        "sources.yaml", ("    kind: files\n", f"    kind: files\n    {place.replace('TOKEN', repr(token))}\n")
    )

    found.some("SE002", "'")


def test_a_token_that_was_written_out_is_not_repeated_in_the_message():
    found = starter_with("destinations.yaml", ("token: ${HUBSPOT_TOKEN}", f"token: {LITERALS[0]}"))

    assert found.checked.problems
    assert all(LITERALS[0] not in str(problem) for problem in found.checked.problems)


def test_a_token_that_was_written_out_is_not_shown_in_the_excerpt_either():
    found = starter_with("destinations.yaml", ("token: ${HUBSPOT_TOKEN}", f"token: {LITERALS[0]}"))

    assert LITERALS[0] not in render(found.checked.problems, found.checked.files)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pql.yaml", "workspace: acme", "workspace: ${WORKSPACE}"),
        ("handoff.yaml", "unowned: [integration@acme.com]", "unowned: ['${OWNER}']"),
        ("sources.yaml", "email: email", "email: ${EMAIL}"),
    ],
)
def test_a_secret_stands_in_options_only(file, old, new):
    starter_with(file, (old, new)).some("SE003", "'${" if "'" in new else "${")


def test_without_tables_options_are_taken_as_they_are_and_secrets_stay_closed(monkeypatch):
    monkeypatch.setenv("URL", "x")
    files = starter.files()
    files["destinations.yaml"] = files["destinations.yaml"].replace(
        "kind: hubspot\n", "kind: hubspot\n    scopes: [a, {b: 1}]\n    url: ${URL}\n"
    )

    options = load_text(bundled(files), secrets=False).destinations["hubspot"].options

    assert options["scopes"] == ["a", {"b": 1}]
    assert options["url"] == Secret("URL", "x")


def with_file(written):
    return starter_with("sources.yaml", ("file: data/events*.jsonl", written), options=TABLES)


def test_a_path_that_differs_between_machines_is_a_variable_in_a_file_and_in_a_query(monkeypatch):
    monkeypatch.setenv("EVENTS", "/data/it's here")
    files = starter.files()
    old = "file: data/events*.jsonl"
    for new, becomes in (
        ("file: ${EVENTS}/*.jsonl", "/data/it's here/*.jsonl"),
        ("query: select * from read_json('${EVENTS}/*.jsonl')", "select * from read_json('/data/it''s here/*.jsonl')"),
    ):
        for name in ("HUBSPOT_TOKEN", "SALESFORCE_TOKEN", "SALESFORCE_BASE_URL", "HUBSPOT_BASE_URL"):
            monkeypatch.setenv(name, "x")
        feed = (
            load_text(bundled(files | {"sources.yaml": files["sources.yaml"].replace(old, new)})).sources["product"].events
        )
        assert becomes in (feed.file, feed.query)


def test_a_variable_that_is_not_set_or_named_like_a_secret_has_no_place_in_a_path(monkeypatch):
    monkeypatch.delenv("EVENTS", raising=False)
    settings = load_text(
        bundled(starter.files() | {"sources.yaml": starter.files()["sources.yaml"].replace("data/events*", "${EVENTS}")}),
        secrets=False,
    )
    assert settings.sources["product"].events.file == "${EVENTS}.jsonl"
    with_file("file: ${API_TOKEN}/x.jsonl").some("SE003", "${API_TOKEN}")
