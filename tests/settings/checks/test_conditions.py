"""Conditions inside the settings: names known at their step, types that fit, blanks that do not protect."""

import pytest
from settings_samples import said, starter_with

WHERE = {
    "exclude": ("qualify.yaml", "when: crm.do_not_contact"),
    "applies": ("qualify.yaml", "applies_to: account.plan in ('free', 'trial') and not crm.is_customer"),
    "rule": ("routing.yaml", "when: account.country is null"),
    "tier": ("score.yaml", "when: usage >= 40"),
    "fit": ("score.yaml", "when: account.employees between 50 and 5000"),
    "event": ("signals.yaml", "where: pages >= 2"),
    "ratio": ("signals.yaml", "ratio: account.storage_used / account.storage_limit"),
    "consent": ("routing.yaml", "consent: user.partner_consent"),
}


def with_condition(place, text):
    file, old = WHERE[place]
    key = old.split(":")[0]
    return starter_with(file, (old, f'{key}: "{text}"'))


def columns(*more):
    """The starter with further columns of the account."""
    return ("columns: [employees,", f"columns: [{', '.join(more)}, employees,")


@pytest.mark.parametrize(
    ("place", "text", "begins", "meant"),
    [
        ("rule", "account.contry is null", "account.contry", "`account.country`"),
        ("rule", "acount.country is null", "acount.country", "`account.country`"),
        ("rule", "usages > 4", "usages", "`usage`"),
        ("rule", "active_dais >= 3", "active_dais", "`active_days`?  (signals.yaml:5)"),
        ("rule", "not crm.is_custmer", "crm.is_custmer", "`crm.is_customer`"),
        ("event", "page >= 2", "page", "`pages`"),
    ],
)
def test_an_unknown_name_is_met_with_the_one_that_was_meant_and_where_it_is(place, text, begins, meant):
    problem = with_condition(place, text).some("CO004", begins)

    assert problem.try_.startswith(f"Did you mean {meant}")


def test_the_suggestion_names_the_file_and_line_of_the_definition():
    problem = with_condition("rule", "active_dais >= 3").some("CO004", "active_dais")

    assert problem.try_ == "Did you mean `active_days`?  (signals.yaml:5)"


def test_an_unknown_list_is_named_where_it_stands():
    problem = with_condition("rule", "account.domain in named_acounts").some("CO005", "named_acounts")

    assert problem.try_ == "Did you mean `named_accounts`?  (pql.yaml:12)"


@pytest.mark.parametrize(
    ("place", "text", "code", "begins"),
    [
        ("rule", "account.employees = 'many' or usage > 2", "CO007", "account.employees"),
        ("rule", "usage > 3 and account.country > 4", "CO007", "account.country"),
        ("rule", "usage = 'x'", "CO006", "'x'"),
        ("rule", "crm.is_customer > 3", "CO006", "3"),
        ("rule", "crm.is_customer = 'yes'", "CO006", "'yes'"),
        ("rule", "account.name > 'm'", "CO006", "account.name"),
        ("rule", "lower(usage) = 'x'", "CO006", "usage"),
        ("rule", "abs(account.name) > 2", "CO006", "account.name"),
        ("rule", "usage like 'x%'", "CO006", "usage"),
        ("rule", "usage in ('a', 2)", "CO006", "usage in"),
        ("rule", "usage in ('a')", "CO006", "usage in"),
        ("rule", "usage in own_domains", "CO006", "usage in"),
        ("rule", "account.name + 1 > 2", "CO006", "account.name"),
        ("rule", "account.trial_ends > 3", "CO006", "3"),
        ("rule", "account.trial_ends > 'soon'", "CO006", "'soon'"),
        ("rule", "account.trial_ends + 1 > 2", "CO006", "account.trial_ends"),
        ("rule", "coalesce(account.trial_ends, '2026-01-01') > '2026-02-01'", "CO006", "coalesce("),
        ("rule", "1 < usage < 5", "CO006", "5"),
        ("rule", "usage", "CO009", "usage"),
        ("rule", "usage + 1", "CO009", "usage"),
        ("rule", "null", "CO009", "null"),
        ("rule", "usage > 1 and account.name", "CO009", "account.name"),
        ("rule", "not usage", "CO009", "usage"),
        ("ratio", "account.storage_used > 3", "CO009", "account.storage_used"),
        ("consent", "account.employees", "CO007", "account.employees"),
    ],
)
def test_an_operator_and_a_type_that_do_not_fit_are_said_at_the_character(place, text, code, begins):
    with_condition(place, text).some(code, begins)


@pytest.mark.parametrize(
    ("place", "text", "name"),
    [
        ("fit", "crm.open_deals > 0", "crm.open_deals"),
        ("tier", "crm.open_deals > 0 and usage > 2", "crm.open_deals"),
        ("fit", "usage > 3", "usage"),
        ("tier", "tier = 'hot'", "tier"),
        ("event", "account.employees > 3", "account.employees"),
        ("event", "projects > 3", "projects"),
        ("ratio", "projects / account.employees", "projects"),
        ("exclude", "usage > 3", "usage"),
        ("rule", "pages > 3", "pages"),
    ],
)
def test_a_name_is_known_only_from_its_step_on(place, text, name):
    with_condition(place, text).some("CO008", name)


@pytest.mark.parametrize("place", ["rule", "applies"])
def test_rules_and_definitions_see_everything(place):
    text = (
        "account.employees > 3 and user.title = 'x' and crm.open_deals = 0 and projects > 1 and fit < 9 and tier <> 'cold'"
    )

    assert with_condition(place, text).codes == []


def test_a_moment_compares_with_text_in_iso_form():
    found = with_condition("rule", "account.trial_ends between '2026-01-01' and '2026-11-22 09:30'")

    assert found.codes == []


def test_use_decides_the_type_of_a_column_that_declares_none():
    found = starter_with(
        "sources.yaml",
        columns("renews", "seats", "vip", "left_a", "left_b"),
    )
    assert found.codes == []
    files = found.files | {
        "routing.yaml": found.files["routing.yaml"].replace(
            "when: account.country is null",
            "when: account.renews < '2027-01-01' and account.seats + 1 > 3 and account.vip "
            "and account.left_a < account.left_b",
        )
    }

    types = said(files).checked.settings.types
    kinds = [types[f"account.{name}"] for name in ("renews", "seats", "vip", "left_a", "left_b")]
    assert kinds == ["moment", "number", "flag", "number", "number"]


def test_type_travels_from_one_column_to_the_one_it_is_compared_with():
    found = starter_with("sources.yaml", columns("a", "b"))
    files = found.files
    files["routing.yaml"] = files["routing.yaml"].replace(
        "account.country is null", "account.a = account.b and account.b > 3"
    )

    assert said(files).checked.settings.types["account.a"] == "number"


def test_two_uses_that_contradict_each_other_are_said_with_both_places():
    problem = starter_with("routing.yaml", ("account.country is null", "account.employees = 'some'")).only(
        "CO007", "routing.yaml", "account.employees"
    )

    assert "score.yaml:" in problem.message or "routing.yaml:" in problem.message
    assert "type: number" in problem.try_


def test_a_declared_type_settles_the_matter():
    found = starter_with(
        "sources.yaml",
        ("columns: [employees,", "columns: [{name: employees, column: size, type: number},"),
    )

    assert found.codes == []
    kept = found.checked.settings.sources["product"].accounts.columns[0]
    assert (kept.name, kept.column, kept.type) == ("employees", "size", "number")


def test_a_use_against_a_declared_type_names_the_declaration():
    found = starter_with(
        "sources.yaml",
        ("columns: [employees,", "columns: [{name: employees, type: text},"),
    )

    problem = found.some("CO006", "account.employees")
    assert "(sources.yaml:29)" in problem.try_


def test_a_column_that_no_source_gives_is_not_known():
    problem = starter_with("sources.yaml", ("      email: email\n", "")).some("CO004", "user.email_domain")

    assert "No source gives it" in problem.try_ or "Did you mean" in problem.try_


@pytest.mark.parametrize("text", ["usage > 5 and usage < 3", "account.country = 'DE' and account.country = 'AT'", "false"])
def test_a_condition_that_can_never_hold_is_a_problem(text):
    with_condition("rule", text).some("CO010", '"')


@pytest.mark.parametrize(
    ("place", "file"), [("exclude", "qualify.yaml"), ("applies", "qualify.yaml"), ("rule", "routing.yaml")]
)
def test_a_protecting_not_that_can_be_blank_is_warned_of_at_the_column(place, file):
    text = "usage > 3 and not user.partner_consent" if place != "exclude" else "not user.partner_consent"

    problem = with_condition(place, text).only("W120", file, "user.partner_consent")

    assert problem.warning
    assert "coalesce(user.partner_consent, false)" in problem.try_


def test_a_crm_column_is_never_blank_and_needs_no_warning():
    assert with_condition("rule", "not crm.is_customer and not coalesce(user.partner_consent, false)").codes == []


def test_a_place_inside_a_folded_condition_is_exact():
    problem = starter_with(
        "routing.yaml",
        (
            "    when: account.country in ('DE', 'AT', 'CH') and account.employees < 200\n",
            "    when: >-\n      account.country = 'DE'\n      and account.emploiees < 200\n",
        ),
    ).only("CO004", "routing.yaml", "account.emploiees")

    assert problem.col == 11


def test_mixing_and_with_or_wants_brackets():
    problem = with_condition("tier", "usage > 3 or projects > 2 and fit > 3").only("CO003", "score.yaml", "projects")

    assert "brackets" in problem.try_
