"""Keys: the same thing always has the same key, different things never share one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.keys import account_key, effect_key, lead_key

GOLDEN = [
    (("acme", "hubspot", "contact-1001", "pql-handoff", 1), "DEEDHRZBYXF7OO67DNZLVOA4VI"),
    (("acme", "hubspot", "contact-1001", "pql-handoff", 1, 1), "E3MVHRLCLPCQFINRS7PUBA4CTY"),
    (("acme", "hubspot", "contact-1001", "pql-handoff", 2), "5V5HOVDJ4GNGU6L6EFXJL3FPGZ"),
    (("acme", "salesforce", "lead-1001", "pql-handoff", 1), "BXEIDSDW2QHF33UPLSCE2ZSADM"),
    (("acme", "hubspot", "a|b", "p", 1), "JQJOUE3WW6SYOEF5JBBF3DZO45"),
    (("acme", "hubspot", "a", "b|p", 1), "IEP2NDXQ74JHJHQTS5NY77WDY5"),
]


@pytest.mark.fault("F56")
@pytest.mark.parametrize(("parts", "key"), GOLDEN)
def test_effect_keys_are_the_published_ones(parts, key):
    assert effect_key(*parts) == key


def test_hop_zero_is_the_first_handoff_and_each_further_hop_has_a_key_of_its_own():
    keys = {effect_key("w", "c", "l", "p", 1, hop) for hop in range(5)}
    assert len(keys) == 5
    assert effect_key("w", "c", "l", "p", 1) in keys


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_lead_key_shows_nothing_of_the_user_id_and_fits_the_crm_field(workspace, user_id):
    key = lead_key(workspace, user_id)
    assert re.fullmatch("L[A-Z2-7]{26}", key)
    assert key == lead_key(workspace, user_id)
    assert key != account_key(workspace, user_id)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_users_or_two_workspaces_never_share_a_key(one, other):
    assert (lead_key(*one) == lead_key(*other)) == (one == other)
