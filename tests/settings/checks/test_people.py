"""Handoff, routing, pools, queues, calendars, partners, destinations: whoever gets a lead is there."""

import pytest
from settings_samples import said, starter_with

from settings.checks.people import hours_problem
from worker.core.calendars import calendar


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("work_in: hubspot", "work_in: hubsport", "HA001", "hubsport"),
        ("  - {action: email,", "  - {when: usage > 3, action: email,", "HA002", "{when: usage"),
        ("{when: hand_raise >= 1, action: call", "{action: call", "HA003", "{action: email"),
        ("{top_integration}", "{top_integratoin}", "HA004", '"Ask'),
        ("{tier} PQL", "{teir} PQL", "HA004", '"{teir}'),
        ("on_first_run: flag_only", "on_first_run: handoff\n  handoff_within: 7 days", "HA005", "handoff_within"),
        ("unowned: [integration@acme.com]", "unowned: [integration]", "RT024", "integration"),
    ],
)
def test_the_handoff_is_checked(old, new, code, begins):
    key = "    - " if old.startswith("  - ") else ""
    starter_with(
        "handoff.yaml", (key + old.removeprefix("  - ") if key else old, key + new.removeprefix("  - ") if key else new)
    ).some(code, begins)


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("  - {name: everyone else, to: {pool: smb}}\n", "", "RT001", "name: dach partners"),
        ("{name: everyone else, to", "{name: everyone else, when: usage > 3, to", "RT001", "{name: everyone"),
        ("{name: everyone else", "{name: country unknown", "RT009", "country unknown"),
        ("to: {pool: smb}}\n\npools", "to: {pool: smbs}}\n\npools", "RT004", "smbs"),
        ("to: {queue: enrichment}", "to: {queue: enrichmnt}", "RT004", "enrichmnt"),
        ("{offer: dach}", "{offer: dahc}", "RT004", "dahc"),
        ("{owner_in: named_accounts,", "{owner_in: named_acounts,", "RT004", "named_acounts"),
        ("{owner_in: named_accounts,", "{owner_in: own_domains,", "LI002", "own_domains"),
        ("when: account.domain in named_accounts", "when: account.domain is not null", "RT023", "named_accounts, if"),
        ("calendar: emea", "calendar: apac", "RT004", "apac"),
        ("to: {queue: enrichment}", "to: {queue: enrichment, pool: smb}", "RT022", "{queue"),
        ("to: {queue: enrichment}", "to: {}", "RT022", "{}"),
        ("to: {queue: enrichment}", "to: {queue: enrichment, if_inactive: {pool: smb}}", "RT022", "if_inactive"),
        ("{owner_of: account, if_inactive: {pool: smb}}", "{owner_of: account}", "RT019", "{owner_of"),
        ("    otherwise: {pool: smb}\n", "", "RT011", "name: dach"),
        ("otherwise: {pool: smb}", "otherwise: {offer: dach}", "RT011", "{offer"),
        ("    when_nobody: {queue: sales_desk}\n", "", "ST002", "smb"),
        ("when_nobody: {queue: sales_desk}", "when_nobody: {pool: smb}", "RT011", "{pool: smb}"),
        ("members: [ana@acme.com, {who: tom@acme.com, weight: 2, per_day: 5}]", "members: []", "RT005", "members"),
        (
            "members: [ana@acme.com, {who: tom@acme.com, weight: 2,",
            "members: [{who: ana@acme.com, weight: 0}, {who: tom@acme.com, weight: 0,",
            "RT005",
            "members",
        ),
        ("[ana@acme.com, {who: tom@acme.com", "[tom@acme.com, {who: Tom@acme.com", "RT008", "{who: Tom"),
        ("[ana@acme.com,", "[ana,", "RT024", "ana,"),
        ("enrichment: {owner: revops@acme.com, due", "enrichment: {due", "ST002", "enrichment"),
        ("enrichment: {owner: revops@acme.com", "enrichment: {owner: revops", "RT024", "revops"),
        ("  consent: user.partner_consent", "  #", "RT013", "dach}"),
        ("members: {territory: dach}", "members: {teritory: dach}", "RT004", "teritory"),
        ("members: {territory: dach}", "members: {territory: dahc}", "RT004", "dahc"),
        ("members: {territory: dach}", "members: {territory: france}", "RT005", "dach:"),
        ("  directory: {file: partners.csv}", "  #", "RT012", "pools: {dach"),
        ("weight: 2, per_day: 5", "weight: 30, per_day: 5", "W103", "members"),
        (
            "members: [ana@acme.com, {who: tom@acme.com, weight: 2, per_day: 5}]",
            "members: [ana@acme.com]",
            "W104",
            "members",
        ),
    ],
)
def test_routing_is_checked(old, new, code, begins):
    starter_with("routing.yaml", (old, new)).some(code, begins)


@pytest.mark.parametrize(
    "rule",
    [
        "when: account.country is null",
        "when: account.country is null and usage > 3",
        "when: crm.account_owner_active and account.employees > 3",
    ],
)
def test_a_rule_behind_one_that_takes_all_of_it_is_out_of_reach(rule):
    edit = ("  - {name: everyone else", f"  - {{name: late, {rule}, to: {{pool: smb}}}}\n  - {{name: everyone else")

    problem = starter_with("routing.yaml", edit).only("RT003", "routing.yaml", "{name: late")

    assert "routing.yaml:" in problem.message


def test_every_rule_behind_the_catch_all_is_out_of_reach():
    edit = (
        "  - {name: everyone else, to: {pool: smb}}\n",
        "  - {name: everyone else, to: {pool: smb}}\n  - {name: after, to: {pool: smb}}\n",
    )

    starter_with("routing.yaml", edit).only("RT003", "routing.yaml", "{name: after")


def test_a_narrower_interval_or_set_behind_a_wider_one_is_out_of_reach():
    wide = "  - {name: wide, when: account.employees >= 100, to: {pool: smb}}\n"
    narrow = "  - {name: narrow, when: account.employees between 200 and 300 and usage > 3, to: {pool: smb}}\n"
    wide_set = "  - {name: many, when: \"account.state in ('a', 'b')\", to: {pool: smb}}\n"
    one = "  - {name: one, when: account.state = 'a', to: {pool: smb}}\n"
    last = "  - {name: everyone else"

    assert starter_with("routing.yaml", (last, wide + narrow + last)).codes == ["RT003"]
    assert starter_with("routing.yaml", (last, wide_set + one + last)).codes == ["RT003"]
    assert starter_with("routing.yaml", (last, narrow + wide + one + wide_set + last)).codes == []


@pytest.mark.fault("F63")
def test_fallbacks_that_go_round_in_a_circle_are_said_once():
    edit = (
        "    when_nobody: {queue: sales_desk}\n",
        "    when_nobody: {pool: big}\n  big:\n    members: [eva@acme.com, ida@acme.com]\n    when_nobody: {pool: smb}\n",
    )
    problem = starter_with("routing.yaml", edit).some("RT011", "{pool: big}")

    assert "smb -> big -> smb" in problem.message


def test_one_person_in_two_pools_is_warned_of_unless_capped():
    def pools(member):
        return (
            "    when_nobody: {queue: sales_desk}\n",
            (
                f"    when_nobody: {{queue: sales_desk}}\n  big:\n    members: [{member}, ida@acme.com]\n"
                "    when_nobody: {queue: sales_desk}\n"
            ),
        )

    rule = ("{name: everyone else", "{name: big, when: account.employees >= 900, to: {pool: big}}\n  - {name: everyone else")
    starter_with("routing.yaml", pools("ana@acme.com"), rule).only("W111", "routing.yaml", "ana@acme.com, ida")
    assert starter_with("routing.yaml", pools("{who: ana@acme.com, per_day: 3}"), rule).codes == []


@pytest.mark.parametrize(
    ("old", "new", "begins"),
    [
        ("Mon-Fri 09:00-18:00", "Mon-Fri 18:00-09:00", '"Mon'),
        ("Mon-Fri 09:00-18:00", "Mon-Fri 09:00-09:00", '"Mon'),
        ("Mon-Fri 09:00-18:00", "always", '"always'),
        ("Mon-Fri 09:00-18:00", "Mon-Fri 09:00-12:00, Wed 11:00-13:00", '"Mon'),
        ("{timezone: Europe/Berlin,", "{timezone: Europe/Berlyn,", "Europe/Berlyn"),
        ("timezone: Europe/Berlin     ", "timezone: Mars/Base     ", "Mars/Base"),
        ("holidays: DE", "holidays: XX", "XX"),
        ("holidays: DE", "holidays: DE-XX", "DE-XX"),
    ],
)
def test_a_calendar_has_hours_in_a_zone_and_a_country(old, new, begins):
    starter_with("pql.yaml", (old, new)).only("RT010", "pql.yaml", begins)


@pytest.mark.parametrize(
    "hours",
    [
        "Mon-Fri 09:00-18:00",
        "Sun-Thu 08:00-17:00",
        "Mon-Thu 09:00-12:00, Mon-Thu 13:00-18:00, Fri 09:00-15:00",
        "Sat 00:00-24:00",
        "Mon 9-5",
        "",
        "Mon-Fry 09:00-18:00",
        "Mon 09:00-25:00",
        "Mon 09:60-10:00",
        "Mon-Fri 18:00-09:00",
        "Mon 09:00-12:00, Mon 11:00-13:00",
    ],
)
def test_hours_that_pass_are_those_that_the_calendars_can_read(hours):
    try:
        calendar(hours, "UTC")
    except ValueError:
        assert hours_problem(hours) is not None
    else:
        assert hours_problem(hours) is None


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("contact.usage_segment", "contakt.usage_segment", "DE001", "contakt"),
        ("contact.usage_segment", "account.usage_segment", "DE001", "account"),
        ("contact.usage_segment", "contact.pql_tier", "DE002", "contact.pql_tier"),
        ("value: tier, mode", "value: teir, mode", "DE003", "teir"),
        ("match: [stored_id, pql_key, email]  #", "match: []  #", "DE004", "match"),
        ("match: [stored_id, pql_key, email]  #", "match: [email, email]  #", "DE004", "email]"),
        ("match: [stored_id, pql_key, email]  #", "reserve: 95%  #", "DE005", "95%"),
        ("value: tier, mode: respect_human", "value: usage, mode: append", "DE006", "append"),
        ("mode: respect_human", "mode: append, clear: true", "DE006", "true"),
    ],
)
def test_a_destination_is_checked(old, new, code, begins):
    starter_with("destinations.yaml", (old, new)).some(code, begins)


def test_account_is_called_company_here():
    problem = starter_with("destinations.yaml", ("contact.usage_segment", "account.usage_segment")).some("DE001", "account")

    assert problem.try_ == "Did you mean `company`?"


@pytest.mark.parametrize("mode", ["own", "fill_empty", "create_only", "respect_human", "append"])
def test_five_modes_are_built(mode):
    assert starter_with("destinations.yaml", ("mode: respect_human", f"mode: {mode}")).codes == []


@pytest.mark.parametrize(
    ("old", "new", "begins"),
    [
        ("pull: every 15 minutes", "pull: after pull", "after pull"),
        ("watch: every 5 minutes", "watch: when something changed", "when something"),
        ("score: after pull", "score: when something changed", "when something"),
        ("pull: every 15 minutes", "pull: every 5 seconds", "every 5 seconds"),
    ],
)
def test_a_step_follows_a_schedule_that_fits_it(old, new, begins):
    starter_with("pql.yaml", (old, new)).only("SH001", "pql.yaml", begins)


def test_what_nothing_reads_is_warned_of():
    edit = (
        "sales_desk: {owner: lead-desk@acme.com",
        "old_desk: {owner: lead-desk@acme.com}\n  sales_desk: {owner: lead-desk@acme.com",
    )

    starter_with("routing.yaml", edit).only("W123", "routing.yaml", "old_desk")


def test_a_problem_in_one_pool_hides_no_problem_elsewhere_and_makes_none_up():
    edits = [("weight: 2", "weight: two"), ("{queue: enrichment}", "{queue: enrichmnt}")]

    assert sorted(starter_with("routing.yaml", *edits).codes) == ["RT004", "ST003"]


def test_the_csv_files_are_looked_at_line_by_line():
    files = starter_with("pql.yaml").files
    files["partners.csv"] = (
        "name,contact,manager,territory,per_month,paused\n"
        "A,a@a.example,pia@acme.com,dach,5,false\n"
        "B,nobody,pia@acme.com,dach,,\n"
        "C,c@c.example,pia@acme.com,dach,none,\n"
        "D,d@d.example,pia@acme.com,dach,,maybe\n"
        "a,e@e.example,pia@acme.com,dach,,\n"
        "F,f@f.example\n"
    )
    files["lists/named_accounts.csv"] = (
        "domain,owner\nx.example,eva@acme.com\nX.example,ida@acme.com\n,eva@acme.com\ny.example,\n"
    )

    found = said(files).checked.problems

    assert [(p.file, p.line, p.code) for p in found] == [
        ("lists/named_accounts.csv", 3, "LI003"),
        ("lists/named_accounts.csv", 4, "LI003"),
        ("lists/named_accounts.csv", 5, "LI004"),
        ("partners.csv", 3, "RT012"),
        ("partners.csv", 4, "RT016"),
        ("partners.csv", 5, "LI004"),
        ("partners.csv", 6, "LI003"),
        ("partners.csv", 7, "LI004"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "code", "begins"),
    [
        ("file: lists/named_accounts.csv", "file: lists/other.csv", "LI001", "lists/other.csv"),
        ("file: lists/named_accounts.csv", "file: ../named_accounts.csv", "LI001", "../named"),
        ("file: lists/named_accounts.csv", "file: /etc/passwd", "LI001", "/etc/passwd"),
        ("key: domain", "key: domian", "LI002", "lists/named_accounts.csv"),
        ("columns: [owner]", "columns: [owners]", "LI002", "lists/named_accounts.csv"),
        ("key: domain, ", "", "ST002", "named_accounts"),
        ("columns: [owner]", "colums: [owner]", "ST001", "colums"),
        ("own_domains: [acme.com]", "own_domains: [acme.com, Acme.com]", "LI003", "Acme.com"),
        ("own_domains: [acme.com]", "own_domains: acme.com", "ST003", "acme.com"),
    ],
)
def test_a_list_is_checked(old, new, code, begins):
    starter_with("pql.yaml", (old, new)).some(code, begins)
