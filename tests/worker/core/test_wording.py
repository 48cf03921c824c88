"""The words of a handoff: founded on what was observed, bounded, and the same for the same lead."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_rules import HANDOFF, SIGNALS, sample

from settings.handoff import NextStep
from worker.core.templates import UnknownName, fill
from worker.core.wording import (
    Brief,
    Colleague,
    Reason,
    Unfounded,
    declared,
    handoff,
    lead_name,
    reasons,
    reasons_text,
    same_reasons,
    strongest,
)

SETTINGS = sample()
VALUES = {
    "tier": "hot",
    "lead.name": "Maria Huber",
    "account.name": "Nordwerk GmbH",
    "account.employees": 120,
    "top_integration": "slack",
    "projects": 5,
    "active_days": 3,
    "integrations": 0,
    "team": 8,
    "near_limit": 0.92,
    "pricing_views": 3,
    "hand_raise": 0,
}
PARTS = {
    "why_usage_0": 30.0,
    "why_usage_1": 6.0,
    "why_usage_3": 20.0,
    "why_fit_0": 60.0,
    "why_intent_1": 50.0,
    "why_intent_2": 36.7,
}
BRIEF = Brief(
    values=VALUES,
    reasons=reasons(SETTINGS, VALUES | PARTS),
    as_of=datetime(2026, 11, 23, 7, tzinfo=UTC),
    due=datetime(2026, 11, 23, 10, tzinfo=UTC),
    zone="Europe/Berlin",
    why_you='rule "everyone else", pool smb',
    has_email=True,
    trial_ends=datetime(2026, 11, 28, 12, tzinfo=UTC),
    colleagues=(Colleague("Jan Roth", "warm"),),
)
WORDS = HANDOFF.model_copy(
    update={
        "next_steps": (
            HANDOFF.next_steps[0],
            NextStep(action="email", say="offer the Business plan: {near_limit:%} of storage used."),
        )
    }
)


def raised(condition):
    return VALUES["hand_raise"] >= 1


def text(brief=BRIEF, words=WORDS, holds=raised):
    return handoff(brief, words, holds)


def test_a_task_reads_as_promised():
    said = text()
    assert said.subject == "Hot PQL: Maria Huber, Nordwerk GmbH - viewed pricing 3 times this week"
    assert said.body.splitlines() == [
        "Respond by Mon 23 Nov, 11:00 (Berlin). Trial ends 28 Nov, 5 days left.",
        "Why now: 5 projects created in 14 days / 8 colleagues active in 28 days / viewed pricing 3 times this week",
        "Next step: offer the Business plan: 92% of storage used.",
        "Contact: e-mail yes, phone not recorded. Also here: Jan Roth (warm).",
        'Why you: rule "everyone else", pool smb.',
        'Not a good lead? Set "PQL outcome" to Rejected with a reason: no new task until its waiting time is over.',
    ]
    assert said.action == "email"
    assert said.next_step == "offer the Business plan: 92% of storage used."
    assert said.reasons == (
        "viewed pricing 3 times this week / 5 projects created in 14 days / 8 colleagues active in 28 days"
    )


@pytest.mark.decides("R-059")
def test_different_top_signals_give_different_text():
    only_limit = {"why_usage_0": 30.0, "why_intent_2": 36.7}
    other = text(replace(BRIEF, reasons=reasons(SETTINGS, VALUES | only_limit)))
    assert other.subject.endswith("92% of storage used")
    assert other.body != text().body


@pytest.mark.decides("R-060")
def test_a_rep_and_a_partner_manager_read_the_same_reasons_each_with_their_own_next_step():
    to_rep, to_manager = text(), text(replace(BRIEF, partner="Alpen IT"))
    why = "Why now: 5 projects created in 14 days / 8 colleagues active in 28 days / viewed pricing 3 times this week"
    assert why in to_rep.body
    assert why in to_manager.body
    assert "Alpen IT" not in to_rep.body
    assert "Next step: offer this lead to Alpen IT" in to_manager.body
    assert "Until they accept, tell them company, country, industry and size, but no person" in to_manager.body


@pytest.mark.decides("R-061")
@given(st.dictionaries(st.sampled_from(["why_usage_0", "why_usage_3", "why_fit_0", "why_intent_1"]), st.floats(0.1, 100)))
def test_a_handoff_has_an_observed_fact_and_a_next_step_or_there_is_none(parts):
    found = reasons(SETTINGS, VALUES | {"pricing_views": 0} | parts)
    try:
        said = text(replace(BRIEF, reasons=found))
    except Unfounded:
        assert not any(reason.observed for reason in strongest(found))
    else:
        assert any(reason.observed and reason.text in said.body for reason in found)
        assert said.next_step in said.body


@pytest.mark.decides("R-062")
def test_a_handoff_without_evidence_is_refused_and_fit_alone_is_none():
    with pytest.raises(Unfounded, match="Nothing was observed"):
        text(replace(BRIEF, reasons=()))
    with pytest.raises(Unfounded, match="Nothing was observed"):
        text(replace(BRIEF, reasons=(Reason("employees", "fit", 60, "120 employees"),)))


def test_a_handoff_without_a_next_step_is_refused():
    none_applies = HANDOFF.model_copy(update={"next_steps": HANDOFF.next_steps[:1]})
    with pytest.raises(Unfounded, match="No next step applies"):
        text(words=none_applies)


def test_the_first_next_step_that_applies_is_taken_and_its_action_with_it():
    said = text(holds=lambda condition: True)
    assert said.action == "call"
    assert "Call back: they asked to talk to sales." in said.body


def test_a_next_step_whose_words_lack_a_value_gives_way_to_one_that_can_be_said():
    steps = (NextStep(action="email", say="Ask about {top_integration}."), NextStep(action="todo", say="Say hello."))
    words = HANDOFF.model_copy(update={"next_steps": steps})
    unknown = replace(BRIEF, values={**VALUES, "top_integration": None})
    assert text(words=words).next_step == "Ask about slack."
    assert text(unknown, words).next_step == "Say hello."
    alone = HANDOFF.model_copy(update={"next_steps": steps[:1]})
    assert text(unknown, alone).next_step == "Ask about unknown."


def test_a_text_that_names_something_undeclared_is_refused():
    with pytest.raises(UnknownName, match=r"\{lead\.salary\}"):
        text(words=HANDOFF.model_copy(update={"subject": "{lead.salary}"}))


def test_the_strongest_of_intent_value_and_use_come_first_then_what_earned_most():
    found = reasons(SETTINGS, VALUES | PARTS)
    assert [r.code for r in strongest(found, 9)] == [
        "pricing_views", "projects", "team", "account.employees >= 50", "near_limit", "active_days",
    ]  # fmt: skip


def test_an_intent_that_fired_is_a_reason_even_where_no_line_gives_it_points():
    bare = sample(score=SETTINGS.score.model_copy(update={"intent": ()}))
    found = reasons(bare, VALUES | {"hand_raise": 1})
    assert [r.code for r in found] == ["pricing_views", "hand_raise"]  # a ratio alone fires nothing


def test_a_signal_without_words_is_no_reason():
    silent = {s.name: s.model_copy(update={"says": None}) for s in SIGNALS}
    assert [r.code for r in reasons(sample(signals=silent), VALUES | PARTS)] == ["account.employees >= 50"]


@given(st.permutations(list(PARTS.items())))
def test_the_words_hang_on_nothing_but_the_lead(parts):
    assert reasons(SETTINGS, dict(parts) | VALUES) == BRIEF.reasons


@given(st.lists(st.text(st.characters(), min_size=1, max_size=200), min_size=3, max_size=3))
def test_reasons_fit_their_field(texts):
    found = [Reason(f"c{n}", "use", 1, " ".join(said.split()), n) for n, said in enumerate(texts)]
    assert len(reasons_text(found).encode("utf-16-le", "surrogatepass")) // 2 <= 255


def test_reasons_are_compared_by_their_signals_and_not_by_their_numbers_or_order():
    before = reasons_text(BRIEF.reasons)
    more = reasons_text(reasons(SETTINGS, VALUES | PARTS | {"projects": 6, "near_limit": 0.951}))
    assert more != before
    assert same_reasons(more, before)
    assert not same_reasons(reasons_text(reasons(SETTINGS, VALUES | {"why_usage_0": 30.0})), before)
    assert not same_reasons(before, None)


@pytest.mark.fault("F55", "F59")
@given(st.text(st.characters()), st.text(st.characters()), st.text(st.characters()), st.text(st.characters()))
def test_no_value_from_outside_can_add_a_line_or_lengthen_a_task_without_end(name, account, colleague, phone):
    values = {**VALUES, "lead.name": name * 50, "account.name": account * 50}
    said = text(replace(BRIEF, values=values, phone=phone * 50, colleagues=[Colleague(colleague * 50, "hot")] * 40))
    assert len(said.body.splitlines()) == 6
    assert len(said.subject.splitlines()) == 1
    assert len(said.subject) <= 255
    assert len(said.body) <= 4000
    assert "and 37 more" in said.body


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        (datetime(2026, 11, 23, 20, tzinfo=UTC), "Trial ends 23 Nov, today."),
        (datetime(2026, 11, 24, 20, tzinfo=UTC), "Trial ends 24 Nov, 1 day left."),
        (datetime(2026, 11, 20, tzinfo=UTC), "Trial ended 20 Nov."),
        (datetime(2027, 1, 2, tzinfo=UTC), "Trial ends 2 Jan 2027, 40 days left."),
        (None, "(Berlin)."),
    ],
)
def test_the_trial_is_told_in_days_of_the_reader(ends, says):
    assert text(replace(BRIEF, trial_ends=ends)).body.splitlines()[0].endswith(says)


def test_every_declared_name_can_be_said_of_every_lead():
    rules = sample(types={"user.title": "text", "crm.open_deals": "number"})
    values = declared(rules, {"tier": "hot", "user.email": "m@x.example", "account.domain": "x.example"})
    assert values["lead.name"] == "m@x.example"
    assert values["account.name"] == "x.example"
    unknown = "{user.title} {crm.open_deals} {projects} {usage} {top_integration}"
    assert fill(unknown, values) == "unknown unknown unknown unknown unknown"


def test_a_lead_is_called_by_the_best_name_there_is():
    assert lead_name({"user.first_name": "Maria", "user.last_name": "Huber"}, "M. H.") == "Maria Huber"
    assert lead_name({"user.first_name": None}, "M. H.") == "M. H."
    assert lead_name({"user.email": "m@nordwerk.example"}) == "m@nordwerk.example"
    assert lead_name({}) is None
