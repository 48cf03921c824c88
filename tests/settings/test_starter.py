"""The starter settings are the language's own example: they must be right, complete and stay as they are when stored."""

from pathlib import Path

import pytest

from settings import starter
from settings.check import check
from settings.load import from_stored, load
from settings.problem import Problems
from settings.terms import Duration, Secret

FOLDER = Path(starter.__file__).parent
SECRETS = ("HUBSPOT_TOKEN", "HUBSPOT_BASE_URL", "SALESFORCE_TOKEN", "SALESFORCE_BASE_URL")


@pytest.fixture
def secrets(monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, f"value-of-{name}")


def test_the_starter_passes_check_without_a_warning():
    checked = check(FOLDER)

    assert checked.problems == ()
    assert checked.warnings == ()
    assert checked.settings is not None


def test_a_written_copy_of_the_starter_passes_as_well_and_its_usage_may_stand_elsewhere(tmp_path):
    written = starter.write(tmp_path, usage="exports")
    checked = check(tmp_path)

    assert checked.problems + checked.warnings == ()
    assert checked.settings.sources["product"].events.file == "exports/events*.jsonl"
    assert (tmp_path / "schema.json").is_file()
    assert starter.write(tmp_path) == ()
    assert {path.name for path in written} >= {"pql.yaml", "partners.csv", "schema.json"}


def test_a_stored_version_loads_again_without_any_file_and_is_the_same_value(secrets):
    settings = load(FOLDER)

    assert from_stored(settings.text) == settings
    assert from_stored(settings.text).sha == settings.sha


def test_the_hash_follows_every_file_that_counts(tmp_path):
    starter.write(tmp_path)
    before = load(tmp_path, secrets=False).sha
    (tmp_path / "schema.json").write_text("{}")
    assert load(tmp_path, secrets=False).sha == before

    with (tmp_path / "lists" / "named_accounts.csv").open("a") as file:
        file.write("zugspitze.example,eva@acme.com\n")

    assert load(tmp_path, secrets=False).sha != before


def test_a_secret_is_in_neither_the_text_nor_the_hash_nor_any_words(secrets, monkeypatch):
    settings = load(FOLDER)
    token = settings.destinations["hubspot"].options["token"]

    assert isinstance(token, Secret)
    assert token.reveal() == "value-of-HUBSPOT_TOKEN"
    assert "value-of" not in settings.text + repr(settings) + str(settings)
    monkeypatch.setenv("HUBSPOT_TOKEN", "another")
    assert load(FOLDER).sha == settings.sha


def test_a_missing_secret_is_a_problem_only_where_secrets_are_wanted(monkeypatch):
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)

    assert load(FOLDER, secrets=False).destinations["hubspot"].options["token"] == Secret("HUBSPOT_TOKEN", "")
    with pytest.raises(Problems) as raised:
        load(FOLDER)
    assert {problem.code for problem in raised.value.problems} == {"SE001"}
    assert len(raised.value.problems) == 4


def test_types_come_from_use():
    types = check(FOLDER).settings.types

    assert types["account.employees"] == "number"
    assert types["account.storage_used"] == "number"
    assert types["user.partner_consent"] == "flag"
    assert types["event.pages"] == "number"
    assert types["event.integration"] == "text"
    assert types["user.first_name"] == "text"
    assert types["account.trial_ends"] == "moment"
    assert types["projects"] == types["usage"] == "number"


def test_every_kept_column_says_its_type():
    source = check(FOLDER).settings.sources["product"]

    assert {kept.name: kept.type for kept in source.events.keep} == {"integration": "text", "pages": "number"}
    assert all(kept.type for kept in source.users.columns + source.accounts.columns)


def test_signals_are_normalised():
    signals = check(FOLDER).settings.signals

    assert signals["pricing_views"].events == ("pricing_viewed", "plan_compared")
    assert signals["integrations"].kind == "distinct"
    assert signals["integrations"].events == ("integration_connected",)
    assert signals["integrations"].property == signals["integrations"].minus_property == "integration"
    assert signals["integrations"].minus == ("integration_removed",)
    assert signals["near_limit"].expression.columns == ("account.storage_used", "account.storage_limit")
    assert signals["habit"].half_life == Duration(7 * 86400)


def test_lists_and_partners_come_from_their_files():
    settings = check(FOLDER).settings

    assert settings.lists["own_domains"].rows == {"acme.com": {}}
    assert settings.lists["named_accounts"].key == "domain"
    assert settings.lists["named_accounts"].rows["nordwerk.example"] == {"owner": "eva@acme.com"}
    assert [partner.name for partner in settings.partners.of("dach")] == ["Rheinsoft", "Donau Digital"]
    assert settings.partners.directory[2].paused


def test_every_rule_and_condition_knows_where_it_is_written():
    settings = check(FOLDER).settings
    rule = settings.routing[0]
    line = (FOLDER / "routing.yaml").read_text().splitlines()[int(rule.where.split(":")[1]) - 1]

    assert "named accounts" in line
    assert rule.when.where.startswith("routing.yaml:")
    assert settings.score.usage[0].where.startswith("score.yaml:")
