"""From events to the lead frame, on small worlds."""

import pytest
from scoring_samples import World, keen_user


def test_a_lead_who_meets_every_gate_has_the_scores_a_person_would_compute_by_hand(leads):
    world = keen_user(World().user("u1").account()).user("u2").event("u2", "report_viewed", 3)

    lead = leads(world)["u1"]

    assert (lead["projects"], lead["active_days"], lead["integrations"], lead["team"]) == (5, 10, 2, 2)
    assert lead["volume"] == 15
    assert lead["usage"] == pytest.approx(30 + 20 + 10 * (1 - 2.718281828459045 ** (-lead["habit"] / 4)) + 20 + 8)
    assert (lead["fit"], lead["intent"]) == (100, pytest.approx(100 / 200 * 50 / 3))
    assert lead["must_pql"]
    assert lead["applies_pql"]
    assert lead["excluded"] is None
    assert lead["value_pql"] == lead["usage"]
