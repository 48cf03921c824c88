"""Noes in the CRM: for whom one counts, the lead's own episode or that of the account whose buyer it is."""

from datetime import UTC, datetime, timedelta

from worker.core.qualify import State
from worker.steps.deciding.answers import Answer, of_accounts, of_leads

MONDAY = datetime(2026, 11, 16, 8, tzinfo=UTC)
DAY = timedelta(days=1)
NO = Answer("rejected", "wrong_timing", MONDAY + DAY)
WORKING = Answer("working", None, MONDAY + 2 * DAY)


def state(name="QUALIFIED", begun=MONDAY, **more):
    return State(name, since=begun, entered_at=begun, episode=1, **more)


ACCOUNT = {"A1": state(buyer="L1")}


def test_a_no_to_a_lead_in_an_episode_of_its_own_is_its_own():
    told = {"L1": NO}

    assert list(of_leads(told, {"L1": state()}, ACCOUNT.values())) == ["L1"]
    assert of_accounts(told, ACCOUNT, {"L1": [state()]}) == {}


def test_a_no_that_was_counted_for_the_lead_never_comes_back_to_the_account():
    rejected = state("REJECTED", rejected_at=NO.at)

    assert of_accounts({"L1": NO}, ACCOUNT, {"L1": [rejected]}) == {}


def test_a_no_to_the_buyer_without_an_episode_is_the_accounts():
    over = state("EXPIRED", begun=MONDAY - 90 * DAY)

    assert of_leads({"L1": NO}, {"L1": over}, ACCOUNT.values()) == {}
    assert list(of_accounts({"L1": NO}, ACCOUNT, {"L1": [over]})) == ["A1"]


def test_a_lead_that_entered_after_the_no_was_not_meant():
    assert list(of_accounts({"L1": NO}, ACCOUNT, {"L1": [state(begun=MONDAY + 2 * DAY)]})) == ["A1"]


def test_of_two_answers_for_an_account_the_newest_counts():
    assert of_accounts({"A1": NO, "L1": WORKING}, ACCOUNT, {}) == {}
    assert list(of_accounts({"A1": NO}, ACCOUNT, {})) == ["A1"]


def test_a_no_to_anybody_else_is_nobodys_affair():
    assert of_accounts({"L2": NO}, ACCOUNT, {}) == {}
    assert list(of_leads({"L2": NO}, {}, ACCOUNT.values())) == ["L2"]
