"""Definitions: thresholds, waiting times, and that using the product is part of each."""

from settings_samples import said, starter_with

from connectors.fields import BY_NAME
from settings.checks.definitions import REASONS


def test_exit_above_or_at_enter_is_refused_at_its_place():
    for wrong in ("60", "75"):
        starter_with("qualify.yaml", ("exit_below: 45", f"exit_below: {wrong}")).only("QU001", "qualify.yaml", wrong)


def test_an_episode_cannot_expire_before_it_may_end():
    starter_with("qualify.yaml", ("expires_after: 60 days", "expires_after: 2 days")).only("QU004", "qualify.yaml", "2 days")


def test_a_rejection_reason_is_one_that_people_can_choose():
    problem = starter_with("qualify.yaml", ("competitor: never", "competetor: never")).only(
        "QU005", "qualify.yaml", "competetor"
    )

    assert problem.try_ == "Did you mean `competitor`?"


def test_the_rejection_reasons_are_the_choices_of_the_crm_field():
    assert BY_NAME["pql_reject_reason"].choices == REASONS


def must_have(text, *more):
    files = starter_with("qualify.yaml").files
    before, _, after = files["qualify.yaml"].partition("    must_have:\n")
    files["qualify.yaml"] = before + text + after[after.index("    score: usage") :]
    for file, old, new in more:
        assert old in files[file]
        files[file] = files[file].replace(old, new, 1)
    return said(files)


def test_a_definition_that_asks_for_activity_only_is_warned_of():
    problem = must_have("    must_have: {use: active_days >= 3}\n").only("W122", "qualify.yaml", "must_have")

    assert "every active user" in problem.message


def test_a_definition_that_asks_for_nothing_is_warned_of():
    must_have("").only("W122", "qualify.yaml", "pql")


def test_a_definition_that_can_be_met_without_the_product_is_refused():
    found = must_have("    must_have: {fit: account.employees > 50}\n", ("qualify.yaml", "score: usage", "score: fit"))

    assert found.some("QU002", "pql").message == "A lead can meet this without using the product."


def test_content_does_not_stand_for_value():
    found = starter_with(
        "signals.yaml",
        (
            "signals:\n",
            'signals:\n  webinars: {count: webinar_attended, within: 30 days, family: content, says: "{n} webinars"}\n',
        ),
    ).files
    found["qualify.yaml"] = found["qualify.yaml"].replace("value: projects >= 3", "value: webinars >= 1 and projects >= 3")

    said(found).only("QU003", "qualify.yaml", "webinars >= 1")


def test_several_definitions_may_be_active():
    extra = """
  champion:
    applies_to: account.plan = 'paid'
    must_have: {value: integrations >= 2}
    score: usage
    enter_at: 80
    exit_below: 60
"""
    files = starter_with("qualify.yaml").files
    files["qualify.yaml"] += extra

    settings = said(files).checked.settings
    assert list(settings.qualify) == ["pql", "champion"]
    assert settings.qualify["champion"].runs == 1
    assert settings.qualify["champion"].name == "champion"


def test_a_definition_may_qualify_accounts():
    assert starter_with("qualify.yaml", ("grain: lead", "grain: account")).codes == []


def test_accounts_cannot_qualify_where_no_source_says_who_belongs_to_one():
    files = starter_with("qualify.yaml", ("grain: lead", "grain: account")).files
    files["sources.yaml"] = files["sources.yaml"].replace("      account: account_id\n", "")

    problem = said(files).some("QU006", "account")

    assert problem.try_ == "Name the column by `account:` under `users` or `events` of a source, or write `grain: lead`."
