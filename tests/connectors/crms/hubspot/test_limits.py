"""What the headers and a 429 say."""

from datetime import UTC, datetime

import pytest

from connectors.contract import Budget
from connectors.crms.hubspot.limits import Allowance

HEADERS = {
    "X-HubSpot-RateLimit-Daily": "250000",
    "X-HubSpot-RateLimit-Daily-Remaining": "249999",
    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
    "X-HubSpot-RateLimit-Max": "100",
    "X-HubSpot-RateLimit-Remaining": "99",
    "X-HubSpot-RateLimit-Secondly": "10",
    "X-HubSpot-RateLimit-Secondly-Remaining": "9",
}


def test_recorded_headers_become_a_budget():
    allowance = Allowance()
    allowance.hear(HEADERS)

    assert allowance.budget == Budget(100, 10.0, 99, 250_000, 249_999)


def test_a_search_answer_without_window_headers_keeps_what_was_heard():
    allowance = Allowance()
    allowance.hear(HEADERS)
    allowance.hear({"X-HubSpot-RateLimit-Daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "249998"})

    assert allowance.budget == Budget(100, 10.0, 99, 250_000, 249_998)


@pytest.mark.parametrize("text", ["", "many", "-1", "1.5"])
def test_a_header_that_is_no_number_is_not_heard(text):
    allowance = Allowance()
    allowance.hear({"X-HubSpot-RateLimit-Max": text})

    assert allowance.budget == Budget()


@pytest.mark.fault("F6")
def test_the_wait_is_what_is_asked_for_else_the_window_of_the_policy():
    allowance = Allowance()
    allowance.hear(HEADERS)

    assert allowance.wait("TEN_SECONDLY_ROLLING", {"Retry-After": "3"}) == 3.0
    assert allowance.wait("TEN_SECONDLY_ROLLING", {}) == 10.0
    assert allowance.wait("SECONDLY", {}) == 1.0


@pytest.mark.fault("F7")
def test_the_daily_limit_ends_at_midnight_of_the_portal():
    allowance = Allowance()
    evening = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)

    assert allowance.wait("DAILY", {}, evening) == 3600.0  # no zone known yet: ask again in an hour
    allowance.zone = "Europe/Berlin"
    assert allowance.wait("DAILY", {}, evening) == 3600.0
    allowance.zone = "America/New_York"
    assert allowance.wait("DAILY", {}, evening) == 7 * 3600.0
    allowance.zone = "no/where"
    assert allowance.wait("DAILY", {}, evening) == 3600.0
