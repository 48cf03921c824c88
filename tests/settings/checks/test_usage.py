"""Sources, signals, scores and tiers."""

import pytest
from settings_samples import said, starter_with

from settings.options import Option, OptionTable

FILES = OptionTable("files", (Option("delimiter"),), role="source", feeds=("file", "query"))


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("keep: [integration, pages]", "keep: [integration, pages, pages]", "SO002", "pages]"),
        ("columns: [first_name,", "columns: [email, first_name,", "SO002", "email, first"),
        ("columns: [employees,", "columns: [plan, employees,", "SO002", "plan, employees"),
        ("keep: [integration, pages]", "keep: [integration, {Page Count: pages}]", "ST007", "Page Count"),
        ("paid: [team, business]", "paid: [team, starter]", "SO003", "starter]"),
        ("file: data/events*.jsonl", "file: data/events*.jsonl\n      table: events", "SO001", "file:"),
        ("    kind: files", "    kind: files\n    naive_tz: Europe/Berlyn", "RT010", "Europe/Berlyn"),
        ("pages]        #", "pages, {name: x, type: txt}]        #", "ST005", "txt"),
        ("id: event_id ", "id: [] ", "ST004", "[]"),
        ("id: event_id ", "id: {a: b} ", "ST003", "{a: b}"),
    ],
)
def test_a_source_is_checked(old, new, code, begins):
    starter_with("sources.yaml", (old, new)).some(code, begins)


def test_several_columns_may_make_the_id_of_an_event():
    found = starter_with("sources.yaml", ("id: event_id ", "id: [user_id, event, occurred_at] "))

    assert found.checked.settings.sources["product"].events.id == ("user_id", "event", "occurred_at")


def test_a_kept_column_may_be_found_under_another_name_in_two_ways():
    found = starter_with(
        "sources.yaml", ("keep: [integration, pages]", "keep: [{integration: properties.app}, {name: pages, column: n}]")
    )

    kept = found.checked.settings.sources["product"].events.keep
    assert [(one.name, one.column, one.type) for one in kept] == [
        ("integration", "properties.app", "text"),
        ("pages", "n", "number"),
    ]


def test_a_source_without_any_events_is_of_no_use():
    files = starter_with("pql.yaml").files
    head, _, rest = files["sources.yaml"].partition("    events:")
    files["sources.yaml"] = head + rest[rest.index("    users:") :]

    said(files).some("SO004", "sources")


def test_a_stream_says_where_it_stands_by_what_its_connector_knows():
    starter_with("sources.yaml", ("      file: data/users*.csv\n", ""), options=[FILES]).only(
        "SO001", "sources.yaml", "users:"
    )
    starter_with("sources.yaml", ("file: data/users*.csv", "table: users"), options=[FILES]).only(
        "SO001", "sources.yaml", "table:"
    )


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("{days_with: any_event, within", "{within", "SI001", "active_days"),
        ("{days_with: any_event, within", "{days_wiht: any_event, within", "SI001", "active_days"),
        ("{days_with: any_event,", "{days_with: any_event, count: a,", "SI001", "count"),
        ("half_life: 7 days, ", "", "SI002", "habit"),
        ("half_life: 7 days", "half_life: 7 days, within: 30 days", "SI004", "within"),
        ("half_life: 7 days", "half_life: 12 hours", "SI005", "12 hours"),
        ("within: 30 days", "within: 36 hours", "SI005", "36 hours"),
        ("within: 30 days", "half_life: 30 days", "SI002", "half_life"),
        ("per: account, family: use", "family: use", "SI002", "team"),
        ("per: account, family: intent", "within: 3 days, per: account, family: intent", "SI002", "within"),
        ("distinct: integration_connected.integration", "distinct: integration_connected", "SI002", "integration_connected"),
        ("distinct: integration_connected.integration", "distinct: [a.x, b.y]", "SI002", "[a.x"),
        (
            "distinct: integration_connected.integration",
            "distinct: integration_connected.integrations",
            "SI003",
            "integration_connected",
        ),
        ("minus: integration_removed.integration", "minus: integration_removed", "SI002", "integration_removed"),
        ("{count: contact_sales_clicked", "{count: contact_sales_clicked, minus: x.y", "SI002", "minus"),
        ("[pricing_viewed, plan_compared]", "[]", "ST004", "[]"),
        ("[pricing_viewed, plan_compared]", "[pricing_viewed, any_event]", "SI002", "[pricing_viewed"),
        ("{count: contact_sales_clicked", "{count: 7", "ST003", "7"),
        ("ratio: account.storage_used /", "ratio: user.title /", "CO008", "user.title"),
        ("{count: contact_sales_clicked", "{events: [a], count: contact_sales_clicked", "ST001", "events"),
        ('says: "asked to talk to sales"', 'says: "asked {m} times"', "HA004", '"asked'),
        ('says: "asked to talk to sales"', 'says: "asked {n:x} times"', "HA004", '"asked'),
        ('says: "asked to talk to sales"', 'says: "asked {n times"', "HA004", '"asked'),
    ],
)
def test_a_signal_is_checked(old, new, code, begins):
    starter_with("signals.yaml", (old, new)).some(code, begins)


def test_a_property_cannot_be_text_to_a_condition_and_a_number_to_a_sum():
    edits = [
        ("{count: contact_sales_clicked", "{sum: contact_sales_clicked.integration"),
        ("pages >= 2", "integration = 'x'"),
    ]

    starter_with("signals.yaml", *edits).some("CO007", "integration = 'x'")


def test_a_misspelt_kind_of_signal_is_met_with_the_one_that_was_meant():
    problem = starter_with("signals.yaml", ("{days_with: any_event", "{days_wiht: any_event")).some("SI001", "active_days")

    assert problem.try_ == "Did you mean `days_with`?"


def test_created_three_projects_and_connected_two_integrations_are_one_line_each():
    found = starter_with(
        "qualify.yaml",
        ("value: projects >= 3 and integrations >= 1", "value: projects >= 3 and integrations >= 2"),
    )

    assert found.codes == []


def test_a_signal_that_nothing_reads_is_warned_of():
    edit = ("signals:\n", 'signals:\n  exports: {count: exported, within: 7 days, family: value, says: "{n} exports"}\n')

    assert starter_with("signals.yaml", edit).only("W121", "signals.yaml", "exports").warning


def test_a_summed_property_is_a_number():
    edit = ("signals:\n", 'signals:\n  volume: {sum: uploaded.pages, within: 7 days, family: value, says: "{n} pages"}\n')
    files = starter_with("signals.yaml", edit).files
    files["score.yaml"] = files["score.yaml"].replace("{signal: projects, points: 30", "{signal: volume, points: 30")

    assert said(files).checked.settings.signals["volume"].property == "pages"
    assert said(files).checked.settings.types["event.pages"] == "number"


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("{signal: habit,", "{signal: habbit,", "SC002", "habbit"),
        ("{signal: habit, points", "{points", "SC001", "{points"),
        ("{signal: habit,", "{signal: habit, when: usage > 3,", "SC001", "{signal: habit"),
        ("points: 30, full_at: 5}", "points: 30}", "SC004", "{signal: projects"),
        ("points: 30, full_at: 5}", "points: 30, full_at: 0}", "SC004", "0}"),
        ("from: 0.7, full_at: 1.0", "from: 1.5, full_at: 1.0", "SC004", "1.0"),
        ("from: 0.7, full_at: 1.0", "from: -1, full_at: 1.0", "SC004", "-1"),
        ("full_at: 4, curve", "from: 2, full_at: 4, curve", "SC001", "2, full_at"),
        ("points: 30, full_at: 5}", "points: 0, full_at: 5}", "SC004", "0, full_at"),
        ('points: 60, says: "{account.employees} employees"', "points: 60", "SC003", "{when"),
        ("points: 60, says", "points: 60, full_at: 3, says", "SC001", "full_at"),
        ('says: "{account.employees} employees"', 'says: "{account.emploiees} employees"', "HA004", '"{account'),
        (
            "{signal: habit, points: 10, full_at: 4, curve: exponential}",
            "{when: account.employees > 3, points: 10, says: big}",
            "SC005",
            "account.employees",
        ),
        ("  - {name: cold}", "  - {name: cold, when: usage < 40}", "SC006", "{name: cold"),
        ("  - {name: warm, when: usage >= 40}", "  - {name: warm}", "SC007", "{name: cold"),
        (
            "  - {name: warm, when: usage >= 40}",
            "  - {name: warm, when: usage >= 40}\n  - {name: tepid, when: usage > 50 and fit > 3}",
            "SC007",
            "{name: tepid",
        ),
    ],
)
def test_scores_and_tiers_are_checked(old, new, code, begins):
    starter_with("score.yaml", (old, new)).some(code, begins)


def test_a_scored_signal_needs_words_for_the_rep():
    problem = starter_with("signals.yaml", (', says: "views reports regularly"', "")).only("SC003", "score.yaml", "habit")

    assert "signals.yaml:9" in problem.try_


def test_points_may_be_negative_as_long_as_some_are_not():
    assert starter_with("score.yaml", ("{signal: habit, points: 10", "{signal: habit, points: -10")).codes == []
    edits = [(f"points: {n}", f"points: -{n}") for n in (60, 40)]
    starter_with("score.yaml", *edits).some("SC008", "fit")


def test_a_score_that_a_definition_rests_on_needs_lines():
    files = starter_with("qualify.yaml", ("score: usage ", "score: fit ")).files
    before, _, after = files["score.yaml"].partition("  fit:\n")
    files["score.yaml"] = before + after[after.index("  intent:") :]

    said(files).some("SC008", "fit ")
