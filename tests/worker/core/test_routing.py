"""Routing: the ladder rule by rule, then its laws."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_rules import DESK, HANDOFF, PARTNERS, ROUTING, SMB, is_null, sample

from connectors.contract import Owner
from settings.partners import Partners
from settings.routing import Member, Pool, Queue, Rule, Target
from worker.core.fairness import Ledger, Seat
from worker.core.office import Lead, Office, Past, State, hours_of, opened
from worker.core.routing import Decision, Held, decide, in_rank_order, route_batch

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)  # Monday, 10:00 in Berlin
PEOPLE = ("ana", "tom", "eva", "pam", "pit", "revops", "lead-desk")
OWNERS = {f"{name}@acme.com": Owner(f"o-{name}", f"{name}@acme.com", name.title()) for name in PEOPLE}
OWNERS["gone@acme.com"] = Owner("o-gone", "gone@acme.com", "Gone", active=False)
PLAIN = {"account.domain": "x.example", "crm.account_owner_active": False, "account.country": "FR", "account.employees": 300}
UNCAPPED = sample(handoff=HANDOFF.model_copy(update={"per_rep_per_day": None}))


def lead(number=1, subject=None, **values):
    key = f"L{number}"
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Lead(key, subject or f"A{number}", "pql", 1, {"tier": "hot", "usage": 70.0, **PLAIN, **named})


def office(rules=None, away=None, at=AT, owners=None):
    return Office(rules or sample(), OWNERS if owners is None else owners, at, away or {})


def route(one, at=None, state=None):
    return decide(one, at or office(), state or State())[0]


def test_the_first_rule_that_matches_decides_and_the_rest_is_not_tried():
    found = route(lead(account__domain="nordwerk.example", crm__account_owner_active=True))
    assert (found.rule, found.kind, found.assignee) == ("named accounts", "rep", "eva@acme.com")
    assert found.why == 'rule "named accounts", you are named in named_accounts'
    assert [one["rule"] for one in found.reason["tried"]] == ["named accounts"]


def test_an_existing_owner_keeps_the_account():
    found = route(lead(crm__account_owner_active=True, crm__account_owner="Eva@Acme.com"))
    assert (found.rule, found.assignee, found.pool) == ("existing owner", "eva@acme.com", None)
    assert found.why == 'rule "existing owner", you own the account'


@pytest.mark.fault("F23")
def test_an_owner_who_left_is_replaced_as_the_rule_says_and_the_way_there_is_told():
    found = route(lead(account__domain="gone.example"))
    assert (found.rule, found.pool) == ("named accounts", "smb")
    assert found.reason["steps"][0] == {
        "target": "owner_in named_accounts",
        "owner": "gone@acme.com",
        "outcome": "owner_inactive",
    }


def test_an_owner_unknown_to_the_crm_or_away_is_replaced_too():
    missing = {email: owner for email, owner in OWNERS.items() if email != "eva@acme.com"}
    one = lead(account__domain="nordwerk.example")
    assert route(one, office(owners=missing)).reason["steps"][0]["outcome"] == "owner_not_in_crm"
    assert route(one, office(away={"eva@acme.com": "paused"})).reason["steps"][0]["outcome"] == "owner_paused"


def test_a_missing_value_is_no_match_and_is_named():
    found = route(lead(account__country=None))
    assert (found.rule, found.kind, found.assignee) == ("country unknown", "queue", "revops@acme.com")
    unknown = lead(account__domain=None, account__employees=None, account__country="DE")
    tried = {one["rule"]: one for one in route(unknown).reason["tried"]}
    assert tried["named accounts"]["matched"] is None
    assert tried["named accounts"]["missing"] == ["account.domain"]
    assert tried["dach partners"]["missing"] == ["account.employees"]
    assert tried["everyone else"]["matched"] is True


def test_a_pool_gives_turns_by_weight_and_tells_who_was_eligible_and_the_credits():
    outcomes, state = route_batch([lead(n) for n in range(6)], office(), State())
    assert Counter(one.assignee for one in outcomes) == {"tom@acme.com": 4, "ana@acme.com": 2}
    assert [one.pool_seq for one in outcomes] == [1, 2, 3, 4, 5, 6]
    assert outcomes[0].reason["eligible"] == ["ana@acme.com", "tom@acme.com"]
    assert outcomes[0].reason["credits"]["tom@acme.com"] == {"before": 0, "after": -333_333_333}
    assert state.ledgers["smb"].seq == 6
    assert sum(seat.credit for seat in state.ledgers["smb"].seats.values()) == 0


def test_who_is_away_takes_no_turn_and_the_reason_is_told():
    outcomes, state = route_batch([lead(n) for n in range(3)], office(away={"tom@acme.com": "paused"}), State())
    assert {one.assignee for one in outcomes} == {"ana@acme.com"}
    assert outcomes[0].reason["removed"] == {"tom@acme.com": "paused"}
    assert state.ledgers["smb"].seats["tom@acme.com"] == Seat(2)


def test_members_who_are_inactive_unknown_or_without_weight_are_removed_each_with_its_reason():
    weights = {"ana": 1, "gone": 1, "new": 1, "eva": 0}
    members = tuple(Member(who=f"{who}@acme.com", weight=weight) for who, weight in weights.items())
    pools = {"smb": Pool(name="smb", members=members, when_nobody=DESK)}
    found = route(lead(), office(sample(pools=pools)))
    assert found.assignee == "ana@acme.com"
    assert found.reason["removed"] == {
        "gone@acme.com": "inactive",
        "new@acme.com": "not_in_crm",
        "eva@acme.com": "weight_0",
    }


@pytest.mark.fault("F63")
def test_when_nobody_is_there_the_pools_fallback_serves():
    found = route(lead(), office(away={"ana@acme.com": "paused", "tom@acme.com": "on leave"}))
    assert (found.kind, found.assignee, found.rule) == ("queue", "lead-desk@acme.com", "everyone else")
    assert [step["outcome"] for step in found.reason["steps"]] == ["nobody", "assigned"]
    assert found.why == 'rule "everyone else", queue sales_desk'


@pytest.mark.fault("F63")
def test_fallbacks_in_a_circle_end_in_a_reason_and_never_in_a_loop():
    other = Pool(name="other", members=(Member(who="gone@acme.com"),), when_nobody=SMB)
    smb = Pool(name="smb", members=(Member(who="gone@acme.com"),), when_nobody=Target(pool="other"))
    found = route(lead(), office(sample(pools={"smb": smb, "other": other})))
    assert isinstance(found, Held)
    assert found.reason == "cyclic_fallback"


def test_a_queue_without_a_working_owner_holds_the_lead_visibly():
    queues = {name: Queue(name=name, owner="gone@acme.com") for name in ("enrichment", "sales_desk")}
    found = route(lead(), office(sample(queues=queues), away={"ana@acme.com": "paused", "tom@acme.com": "paused"}))
    assert isinstance(found, Held)
    assert found.reason == "queue_owner_inactive"


def test_a_rule_whose_target_leads_nowhere_gives_way_to_the_next():
    rules = (Rule(name="theirs", to=Target(owner_of="account")), *ROUTING[-1:])
    found = route(lead(crm__account_owner="none"), office(sample(routing=rules)))
    assert found.rule == "everyone else"
    assert found.reason["steps"][0]["outcome"] == "owner_nobody"
    alone = route(lead(), office(sample(routing=rules[:1])))
    assert isinstance(alone, Held)
    assert alone.reason == "owner_nobody"


def test_no_rule_at_all_is_a_reason_too():
    found = route(lead(), office(sample(routing=(Rule(name="r", when=is_null("account.domain"), to=SMB),))))
    assert isinstance(found, Held)
    assert found.reason == "no_rule"


@pytest.mark.decides("R-066")
def test_a_rep_gets_no_more_than_a_day_holds_and_the_rest_waits_in_rank_order():
    leads = [lead(n, usage=float(n)) for n in range(20)]
    outcomes, _ = route_batch(in_rank_order(leads, sample()), office(), State())
    given = [one for one in outcomes if isinstance(one, Decision)]
    held = [one for one in outcomes if isinstance(one, Held)]
    assert Counter(one.assignee for one in given) == {"ana@acme.com": 8, "tom@acme.com": 5}
    assert {one.reason for one in held} == {"capacity"}
    assert held[0].detail["steps"][0]["removed"] == {"ana@acme.com": "cap_per_rep_per_day", "tom@acme.com": "cap_per_day"}
    assert min(one.lead.values["usage"] for one in given) > max(one.lead.values["usage"] for one in held)


def test_a_lead_that_waits_costs_nobody_a_turn_and_gets_one_the_next_day():
    full = [Past("ana@acme.com", AT, "smb")] * 8 + [Past("tom@acme.com", AT, "smb")] * 5
    today = opened(office(), {}, full, {})
    held, after = decide(lead(), office(), today)
    assert held.reason == "capacity"
    assert after == today
    tomorrow = office(at=AT + timedelta(days=1))
    assert isinstance(decide(lead(), tomorrow, opened(tomorrow, {}, full, {}))[0], Decision)


def test_a_cap_counts_the_persons_own_day():
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday, 00:30 in Berlin
    early = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)  # Sunday there
    eight = [Past("eva@acme.com", late)] * 8
    one = lead(account__domain="nordwerk.example")
    assert route(one, state=opened(office(), {}, eight, {})).reason == "capacity"
    assert route(one, state=opened(office(), {}, [replace(past, decided_at=early) for past in eight], {})).rule


def test_an_owner_at_the_cap_is_waited_for_and_not_replaced():
    found = route(
        lead(crm__account_owner_active=True, crm__account_owner="eva@acme.com"), state=State(today={"eva@acme.com": 8})
    )
    assert isinstance(found, Held)
    assert found.reason == "capacity"


def test_a_queue_has_no_cap_of_one_rep():
    assert route(lead(account__country=None), state=State(today={"revops@acme.com": 99})).kind == "queue"


def test_colleagues_who_qualify_later_join_the_task_of_their_account_and_cost_no_turn():
    outcomes, state = route_batch([lead(1, "A"), lead(2, "A"), lead(3, "B")], office(), State())
    assert [one.kind for one in outcomes] == ["rep", "joins", "rep"]
    assert outcomes[1].assignee == outcomes[0].assignee
    assert outcomes[1].past is None
    assert state.ledgers["smb"].seq == 2
    later = route(lead(4, "B"), state=State(open={("B", "pql"): "tom@acme.com"}))
    assert (later.kind, later.assignee) == ("joins", "tom@acme.com")


def test_another_play_of_the_same_account_gets_a_task_of_its_own():
    outcomes, _ = route_batch([lead(1, "A"), replace(lead(2, "A"), play="expansion")], office(), State())
    assert [one.kind for one in outcomes] == ["rep", "rep"]


# ------------------------------------------------------------------------------------------ partners

DACH = {"account__country": "DE", "account__employees": 120, "user__partner_consent": True}


def test_a_lead_with_consent_is_offered_by_turns_through_the_partners_manager():
    outcomes, state = route_batch([lead(n, **DACH) for n in range(4)], office(), State())
    assert [one.partner for one in outcomes] == ["Alpen IT", "Rhein Data", "Alpen IT", "Rhein Data"]
    assert {(one.partner, one.assignee, one.kind) for one in outcomes} == {
        ("Alpen IT", "pam@acme.com", "partner"),
        ("Rhein Data", "pit@acme.com", "partner"),
    }
    assert set(state.ledgers) == {"partners:dach"}
    assert outcomes[0].why == 'rule "dach partners", you manage partner Alpen IT'


@pytest.mark.parametrize("answer", [None, False])
def test_without_a_recorded_yes_nothing_goes_to_a_partner(answer):
    found = route(lead(**{**DACH, "user__partner_consent": answer}))
    assert (found.kind, found.rule, found.pool, found.partner) == ("rep", "dach partners", "smb", None)
    assert found.reason["steps"][0] == {"target": "offer dach", "outcome": "no_consent"}


def test_without_a_question_of_consent_nothing_goes_to_a_partner():
    silent = Partners(directory=PARTNERS.directory, pools=PARTNERS.pools)
    assert route(lead(**DACH), office(sample(partners=silent))).partner is None


def test_a_partner_gets_no_more_than_a_month_holds_and_a_paused_one_nothing():
    outcomes, _ = route_batch([lead(n, **DACH) for n in range(7)], office(UNCAPPED), State())
    assert Counter(one.partner for one in outcomes) == {"Alpen IT": 2, "Rhein Data": 5}
    assert outcomes[-1].reason["removed"] == {"Alpen IT": "cap_per_month"}
    paused = PARTNERS.model_copy(
        update={"directory": tuple(p.model_copy(update={"paused": True}) for p in PARTNERS.directory)}
    )
    found = route(lead(**DACH), office(sample(partners=paused)))
    assert found.partner is None
    assert found.reason["steps"][0]["removed"] == {"Alpen IT": "paused", "Rhein Data": "paused"}


def test_the_month_of_a_cap_is_the_workspaces_month():
    edge = datetime(2026, 11, 1, tzinfo=UTC)  # 01:00 in Berlin
    offers = [Past("pam@acme.com", edge, "partners:dach", "Alpen IT")] * 2
    assert opened(office(), {}, offers, {}).this_month == {"Alpen IT": 2}
    before = [replace(past, decided_at=edge - timedelta(hours=2)) for past in offers]
    assert opened(office(), {}, before, {}).this_month == {}


def test_a_partner_whose_manager_left_gets_no_offer():
    absent = office(owners={email: owner for email, owner in OWNERS.items() if email != "pam@acme.com"})
    found = route(lead(**DACH), absent)
    assert found.partner == "Rhein Data"
    assert found.reason["removed"] == {"Alpen IT": "manager_not_in_crm"}


def test_a_record_tells_of_a_partner_the_name_and_that_it_is_assigned_and_nothing_more():
    handed = route(lead(**DACH)).handed("Call them.")
    assert (handed.partner, handed.partner_status, handed.partner_respond_by) == ("Alpen IT", "assigned", None)
    assert handed.routed_by == "dach partners, you manage partner Alpen IT"
    assert route(lead()).handed().partner_status is None


# -------------------------------------------------------------------------------------------- due


def test_the_due_time_follows_the_pools_calendar_and_the_queues_own_term():
    assert route(lead()).respond_by == datetime(2026, 11, 23, 13, tzinfo=UTC)
    assert route(lead()).zone == "Europe/Berlin"
    assert route(lead(account__country=None)).respond_by == datetime(2026, 11, 24, 9, tzinfo=UTC)
    friday = office(at=datetime(2026, 11, 20, 16, tzinfo=UTC))
    assert route(lead(), friday).respond_by == datetime(2026, 11, 23, 11, tzinfo=UTC)


def test_without_any_calendar_the_week_of_the_workspace_counts():
    bare = sample(calendars={}, pools={})
    assert hours_of(bare, "eva@acme.com").zone == "Europe/Berlin"
    assert hours_of(bare, "eva@acme.com").week[0] == ((540, 1020),)
    assert hours_of(sample(), "eva@acme.com").holidays == "DE"  # the only calendar there is


# ------------------------------------------------------------------------------------------- laws

countries = st.sampled_from(["DE", "FR", None])
leads = st.lists(
    st.builds(
        lambda n, account, country, employees, consent, domain, usage: lead(
            n,
            f"A{account}",
            account__country=country,
            account__employees=employees,
            user__partner_consent=consent,
            account__domain=domain,
            usage=usage,
        ),
        st.integers(0, 10**6),
        st.integers(0, 25),
        countries,
        st.sampled_from([10, 500, None]),
        st.sampled_from([True, False, None]),
        st.sampled_from(["nordwerk.example", "gone.example", "x.example", None]),
        st.floats(0, 100),
    ),
    max_size=40,
    unique_by=lambda one: one.lead_key,
)


@settings(max_examples=60, deadline=None)
@given(leads, st.integers(0, 40))
def test_p9_any_cut_into_batches_gives_the_same_decisions_even_when_the_state_is_built_anew(batch, cut):
    whole, _ = route_batch(batch, office(), State())
    first, state = route_batch(batch[:cut], office(), State())
    past = [one.past for one in first if isinstance(one, Decision) and one.past]
    rebuilt = opened(office(), state.ledgers, past, state.open)
    second, _ = route_batch(batch[cut:], office(), rebuilt)
    assert whole == first + second


@settings(max_examples=60, deadline=None)
@given(leads)
def test_every_lead_is_decided_or_held_with_a_reason_and_the_reason_is_plain_data(batch):
    outcomes, state = route_batch(batch, office(), State())
    assert [one.lead for one in outcomes] == batch
    for one in outcomes:
        json.dumps(one.reason if isinstance(one, Decision) else one.detail)
        assert one.reason
    assert (
        max(Counter(one.assignee for one in outcomes if getattr(one, "kind", "") in ("rep", "partner")).values(), default=0)
        <= 8
    )
    assert all(sum(seat.credit for seat in ledger.seats.values()) == 0 for ledger in state.ledgers.values())


@settings(max_examples=30, deadline=None)
@given(leads)
def test_nothing_goes_to_a_partner_without_consent_whatever_the_lead(batch):
    outcomes, _ = route_batch(batch, office(UNCAPPED), State())
    assert all(one.lead.values["user.partner_consent"] is True for one in outcomes if getattr(one, "partner", None))


@settings(max_examples=30, deadline=None)
@given(leads)
def test_an_account_has_one_task_however_many_of_it_qualify(batch):
    outcomes, _ = route_batch(batch, office(UNCAPPED), State())
    tasks = Counter(one.lead.subject for one in outcomes if isinstance(one, Decision) and one.kind != "joins")
    assert set(tasks.values()) <= {1}


def test_a_new_member_joins_the_ledger_and_a_removed_one_leaves_it():
    before = State(ledgers={"smb": Ledger(9, {"old@acme.com": Seat(1, -600), "ana@acme.com": Seat(1, 600)})})
    _, after = decide(lead(), office(), before)
    assert set(after.ledgers["smb"].seats) == {"ana@acme.com", "tom@acme.com"}
    assert sum(seat.credit for seat in after.ledgers["smb"].seats.values()) == 0
    assert after.ledgers["smb"].seq == 10


@pytest.mark.decides("R-044")
@given(st.permutations(range(8)))
def test_the_best_come_first_by_tier_score_recency_and_then_by_key(order):
    recent = {"last_active": AT}
    ranked = [
        lead(1, usage=10.0),
        lead(2, tier="warm", usage=99.0, **recent),
        lead(3, tier="warm", usage=50.0, **recent),
        lead(4, tier="warm", usage=50.0, last_active=AT - timedelta(days=1)),
        lead(5, tier="warm", usage=50.0),
        lead(6, tier="warm", usage=50.0),
        lead(7, tier="cold", usage=100.0),
        lead(8, tier=None, usage=100.0),
    ]
    assert in_rank_order([ranked[n] for n in order], sample()) == ranked
