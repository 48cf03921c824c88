"""The plan: a difference with a reason, nothing written twice, nothing moved for nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_rules import sample

from connectors.fields import fields_on
from settings.destinations import Also, DestinationSpec
from settings.schedule import Guards
from settings.terms import Share
from worker.core.planning import (
    Batches,
    FieldChange,
    Record,
    acknowledge,
    difference,
    guards,
    minimum_calls,
    moves_a_lead,
    owner_want,
)
from worker.core.threeway import Keep
from worker.core.wanted import Handed, Standing, Want, identity, mapped, of_company, of_person, standing, storable

SETTINGS = sample(sha="5e77")
AT = datetime(2026, 11, 23, 10, 30, 0, 123456, tzinfo=UTC)
HANDED = Handed("everyone else, pool smb", AT, "Call back: they asked to talk to sales.")
LEAD = Standing(
    "LKEY",
    "pql",
    "hot",
    score=72.9,
    fit=60.0,
    intent=50.0,
    plan="trial",
    trial_ends=AT + timedelta(days=5),
    reasons="viewed pricing 3 times this week / 5 projects created in 14 days",
    since=AT,
    first_at=AT,
    last_active=AT,
    handed=HANDED,
)
NOBODY = Standing("LKEY", None, "cold", score=3, fit=0, intent=0, plan="trial")
WHY = {"pql_tier": "viewed pricing 3 times this week"}


def person(one, object="contact"):
    return of_person(one, SETTINGS, object)


def carried_out(record, change):
    """The record after the CRM took the change and echoed it."""
    sent = {**change.fields, **dict.fromkeys(change.clear)}
    acknowledged, reformatted = acknowledge(record, sent, {})
    return Record(record.key, record.object, "c1", acknowledged, reformatted, {**(record.current or {}), **sent})


def synced(one):
    return carried_out(Record("LKEY", "contact"), difference(person(one), Record("LKEY", "contact")).change)


scores = st.one_of(st.none(), st.floats(0, 100))
words = st.one_of(st.none(), st.text(max_size=40))
moments = st.one_of(st.none(), st.datetimes(datetime.fromisoformat("2020-01-01"), timezones=st.just(UTC)))
standings = st.builds(
    Standing,
    key=st.just("LKEY"),
    play=st.sampled_from((None, "pql")),
    tier=st.sampled_from(("hot", "warm", "cold")),
    score=scores,
    fit=scores,
    intent=scores,
    plan=words,
    trial_ends=moments,
    reasons=words,
    since=moments,
    first_at=moments,
    last_active=moments,
    handed=st.one_of(st.none(), st.builds(Handed, st.text(max_size=9), moments, words, words, words, moments)),
    active_users=scores,
    qualified_leads=st.integers(0, 9),
    champion=words,
)
mirrored = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from([field.name for field in fields_on("contact")]), st.one_of(words, scores, st.booleans()), max_size=6
    ),
)


@given(st.lists(standings, min_size=1, max_size=4), mirrored)
def test_once_a_plan_is_carried_out_there_is_nothing_left_to_plan(course, current):
    record = Record("LKEY", "contact", "c1", current=current)
    for one in course:
        if change := difference(person(one), record).change:
            record = carried_out(record, change)
        assert difference(person(one), record).change is None
    company = Record("AKEY", "company")
    if change := difference(of_company(course[-1], SETTINGS), company).change:
        assert difference(of_company(course[-1], SETTINGS), carried_out(company, change)).change is None


@given(standings, standings)
def test_a_record_that_exists_alone_decides_and_not_the_order_of_the_fields(before, after):
    record = synced(before)
    one, other = difference(person(after), record), difference(tuple(reversed(person(after))), record)
    assert (one.change is None) == (other.change is None)
    assert one.change is None or one.change.fields == other.change.fields


def test_a_run_that_changes_nothing_plans_nothing():
    assert difference(person(LEAD), synced(LEAD)).change is None


def test_a_lead_that_becomes_a_pql_is_told_in_one_change():
    change = difference(person(LEAD), synced(NOBODY), WHY | {"pql_flag": "viewed pricing 3 times this week"}).change
    assert change.fields["pql_flag"] is True
    assert change.fields["pql_tier"] == "hot"
    assert change.fields["pql_score"] == 72
    assert change.fields["pql_respond_by"] == AT.replace(microsecond=0)
    assert change.because.startswith("became a PQL: viewed pricing 3 times this week; ")
    assert change.because.endswith(" more")


def test_a_change_of_tier_says_from_what_to_what_and_why():
    found = difference(person(replace(LEAD, tier="warm")), synced(LEAD), {"pql_tier": "no pricing view this week"})
    assert found.causes == (FieldChange("pql_tier", "hot", "warm", "tier hot -> warm: no pricing view this week"),)
    assert found.change.because == "tier hot -> warm: no pricing view this week"


def test_a_lead_that_is_no_pql_any_more_loses_what_spoke_of_its_episode():
    change = difference(person(replace(NOBODY, first_at=AT)), synced(LEAD)).change
    assert change.fields["pql_flag"] is False
    gone = {"pql_type", "pql_reasons", "pql_since", "pql_next_step", "pql_respond_by", "pql_routed_by"}
    assert gone <= set(change.clear)
    assert "pql_first_at" not in change.clear
    assert "no longer a PQL" in change.because


@pytest.mark.parametrize(("score", "written"), [(72.9, None), (76.9, None), (77.0, 77), (68.0, None), (67.9, 67)])
def test_a_score_is_written_when_it_moved_by_a_step_from_what_the_crm_acknowledged(score, written):
    change = difference(person(replace(LEAD, score=score)), synced(LEAD)).change
    assert (change.fields["pql_score"] if change else None) == written


def test_small_moves_add_up_from_what_was_written_last():
    record = synced(LEAD)
    assert difference(person(replace(LEAD, score=75)), record).change is None
    assert difference(person(replace(LEAD, score=78)), record).change is not None


def test_a_small_move_new_wording_and_our_sequence_go_along_with_a_write_and_never_cause_one():
    other = sample(sha="0ther")
    news = replace(LEAD, score=74, reasons="viewed pricing 4 times this week / 6 projects created in 14 days")
    quiet = difference(of_person(news, other, "contact"), synced(LEAD))
    assert quiet.change is None
    assert {one.field for one in quiet.riders} == {"pql_score", "pql_reasons", "pql_rules"}
    loud = difference(of_person(replace(news, tier="warm"), other, "contact"), synced(LEAD)).change
    assert set(loud.fields) == {"pql_tier", "pql_score", "pql_reasons", "pql_rules"}


def test_another_signal_among_the_reasons_is_worth_a_write():
    change = difference(person(replace(LEAD, reasons="asked to talk to sales")), synced(LEAD)).change
    assert change.fields == {"pql_reasons": "asked to talk to sales"}
    assert change.because == "reasons changed"


def test_an_edit_of_a_field_that_is_ours_is_undone_and_said_so():
    record = synced(LEAD)
    edited = replace(record, current={**record.current, "pql_tier": "lukewarm"})
    change = difference(person(LEAD), edited).change
    assert change.fields == {"pql_tier": "hot"}
    assert change.because == "tier lukewarm -> hot (somebody else had changed it, and the field is ours)"


def test_the_key_of_a_record_is_written_once_and_never_changed():
    assert difference(person(NOBODY), Record("LKEY", "contact")).change.fields["pql_key"] == "LKEY"
    taken = replace(synced(NOBODY), key="LOTHER")
    assert difference(person(replace(NOBODY, key="LOTHER")), taken).change is None


def test_what_people_write_is_never_among_the_wanted_fields():
    names = {want.field for want in (*person(LEAD), *person(LEAD, "lead"), *of_company(LEAD, SETTINGS))}
    assert not names & {"pql_outcome", "pql_reject_reason", "pql_feedback"}
    assert "pql_next_step" not in {want.field for want in of_company(LEAD, SETTINGS)}
    assert names - {"pql_seq"} == {f.name for o in ("contact", "company") for f in fields_on(o) if not f.by_people} - {
        "pql_seq"
    }


def test_last_active_is_told_of_pqls_alone_and_changes_once_a_day():
    record = synced(LEAD)
    assert difference(person(replace(LEAD, last_active=AT + timedelta(hours=5))), record).change is None
    tomorrow = difference(person(replace(LEAD, last_active=AT + timedelta(hours=20))), record).change
    assert set(tomorrow.fields) == {"pql_last_active"}
    assert difference(person(replace(NOBODY, last_active=AT + timedelta(days=3))), synced(NOBODY)).change is None


def test_a_field_that_people_share_is_kept_and_must_be_read_before_it_is_written():
    segment = DestinationSpec(
        name="hubspot", kind="hubspot", also=(Also(object="contact", field="usage_segment", value="tier"),)
    )
    (want,) = mapped(segment, "contact", {"tier": "hot"})
    assert mapped(segment, "company", {"tier": "hot"}) == ()
    empty = Record("LKEY", "contact", "c1", current={"usage_segment": None})
    found = difference((want,), empty)
    assert found.change.fields == {"usage_segment": "hot"}
    assert found.asks == ("usage_segment",)
    theirs = replace(empty, acknowledged={"usage_segment": "warm"}, current={"usage_segment": "VIP"})
    assert difference((want,), theirs).kept == {"usage_segment": "human_edit_kept"}


def test_a_new_record_is_made_with_who_they_are_and_one_that_is_there_keeps_it():
    row = {"user.email": "m@x.example", "user.first_name": " Maria ", "user.last_name": None, "account.name": "Nordwerk"}
    wants = identity(row, "contact")
    made = difference(wants, Record("LKEY", "contact")).change
    assert made.fields == {"email": "m@x.example", "first_name": "Maria", "company_name": "Nordwerk"}
    assert difference(wants, Record("LKEY", "contact", "c1")).change is None
    company = identity(row | {"account.domain": "x.example"}, "company")
    assert {want.field: want.value for want in company} == {"domain": "x.example", "name": "Nordwerk"}


def test_what_the_crm_holds_already_is_learned_without_a_write():
    found = difference((Want("pql_tier", "hot"),), Record("LKEY", "contact", "c1", current={"pql_tier": "hot "}))
    assert found.change is None
    assert found.learned == {"pql_tier": "hot "}


def test_a_crm_that_rounds_is_not_written_to_again():
    record = Record("LKEY", "contact", "c1")
    want = Want("ratio", 0.67)
    acknowledged, reformatted = acknowledge(record, {"ratio": 0.67}, {"ratio": 1})
    after = replace(record, acknowledged=acknowledged, reformatted=reformatted, current={"ratio": 1})
    assert difference((want,), after).change is None
    assert difference((Want("ratio", 0.7),), after).change is not None


def test_a_standing_takes_the_score_that_its_definition_names():
    row = {"tier": "hot", "usage": 71.0, "fit": 1.0, "intent": 2.0, "account.plan": "trial", "last_active": AT}
    assert standing("L", "pql", row, SETTINGS, since=AT) == Standing(
        "L", "pql", "hot", 71.0, 1.0, 2.0, "trial", since=AT, last_active=AT
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (59.0, 59),
        (0.128, 0.13),
        (" a\nb\u202e ", "a b"),
        ("", None),
        (True, True),
        (AT, AT.replace(microsecond=0)),
        ("x" * 999, "x" * 254 + "…"),
    ],
    ids=["whole", "places", "line", "blank", "flag", "moment", "length"],
)
def test_values_take_a_form_that_a_crm_can_keep(value, kept):
    assert storable(value) == kept


def test_a_score_never_reads_as_reached_before_it_is():
    record = difference(person(replace(LEAD, score=59.99)), Record("L", "contact")).change.fields
    assert record["pql_score"] == 59
    assert difference(person(replace(LEAD, score=60 - 1e-10)), Record("L", "contact")).change.fields["pql_score"] == 60


@pytest.mark.parametrize(
    ("set_owner", "acknowledged", "current", "wins"),
    [
        ("when_unowned", {}, {"owner": None}, True),
        ("when_unowned", {}, {"owner": "integration"}, True),
        ("when_unowned", {}, {"owner": "eva"}, False),
        ("when_unowned", {"owner": "tom"}, {"owner": "tom"}, True),
        ("when_unowned", {"owner": "tom"}, {"owner": "eva"}, False),
        ("when_unowned", {"owner": "tom"}, {"owner": "integration"}, True),
        ("when_unowned", {}, {"owner": "ana"}, True),
        ("always", {}, {"owner": "eva"}, True),
        ("never", {}, {"owner": None}, False),
    ],
)
def test_an_owner_is_replaced_only_where_it_is_nobody_or_ours(set_owner, acknowledged, current, wins):
    record = Record("L", "contact", "c1", acknowledged=acknowledged, current=current)
    answer = owner_want(set_owner, "ana", record, {"integration"})
    assert isinstance(answer, Want) == wins
    kept = "manual_owner_kept" if set_owner == "when_unowned" else "owner_not_ours_to_set"
    assert wins or answer == Keep(kept)


def test_the_fewest_calls_fill_every_batch_and_search_for_nothing():
    hubspot = Batches(records=100, reads=100, tasks=100, preflight=2)
    assert minimum_calls(hubspot, [1_000_000]) == 10_002
    assert minimum_calls(hubspot, [101, 1], [250], [3, 0]) == 2 + 2 + 1 + 3 + 1
    assert minimum_calls(hubspot, []) == 2


def test_guards_hold_a_run_that_would_change_too_many_or_make_too_many_tasks():
    allowed = Guards(changed_leads=Share(0.2), tasks_per_run=200)
    assert guards(allowed, changed=20, acknowledged=100, tasks=200) == ()
    (held,) = guards(allowed, changed=21, acknowledged=100, tasks=0)
    assert (held.guard, held.seen, held.allowed) == ("changed_leads", 0.21, 0.2)
    assert "21 of 100 leads" in held.says
    assert "`pql run --plan plan.json --override changed_leads`" in held.says
    assert [one.guard for one in guards(allowed, changed=90, acknowledged=100, tasks=201)] == [
        "changed_leads",
        "tasks_per_run",
    ]
    off = Guards(changed_leads=None, tasks_per_run=None)
    assert guards(off, changed=100, acknowledged=100, tasks=10_000) == ()


def test_the_changed_leads_guard_is_quiet_on_a_first_run_and_about_a_handful():
    allowed = Guards(changed_leads=Share(0.2))
    assert guards(allowed, changed=0, acknowledged=0, tasks=0) == ()
    assert guards(allowed, changed=9, acknowledged=9, tasks=0) == ()


def test_only_an_acknowledged_flag_tier_or_owner_counts_as_a_changed_lead():
    assert moves_a_lead(difference(person(LEAD), synced(NOBODY)))
    assert not moves_a_lead(difference(person(LEAD), Record("L", "contact", "c1")))
    assert not moves_a_lead(difference(person(replace(LEAD, score=99)), synced(LEAD)))
