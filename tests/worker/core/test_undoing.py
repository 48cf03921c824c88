"""What may be taken back of what a run wrote into one field."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.threeway import NOT_KNOWN, same
from worker.core.undoing import Left, Past, Restore, Stands, Written, judge

VALUES = st.sampled_from([None, "", "hot", "warm", 71, 71.0, 0, False, True])
KNOWN = st.one_of(VALUES, st.just(NOT_KNOWN))
WRITES = st.builds(Written, VALUES, KNOWN, st.booleans())
PASTS = st.builds(
    Past, st.lists(WRITES, min_size=1, max_size=3).map(tuple), st.lists(WRITES, max_size=2).map(tuple), st.booleans()
)
ONCE = (Written("hot", "warm"),)


@pytest.mark.parametrize(
    ("past", "current", "judged"),
    [
        (Past(ONCE), "hot", Restore("warm")),
        (Past((Written("hot", None),)), "hot", Restore(None)),
        (Past((Written("hot"),)), "hot", Left.NOT_KNOWN_BEFORE),
        (Past(ONCE), "cold", Left.PEOPLE),
        (Past(ONCE), None, Left.PEOPLE),
        (Past(ONCE), "warm", Stands()),
        (Past(ONCE, later=(Written("cold", "hot"),)), "cold", Left.LATER_RUN),
        (Past(ONCE, later=(Written("cold", "hot"),)), "hot", Left.LATER_RUN),
        (Past(ONCE, later=(Written("cold", "hot", sure=False),)), "hot", Restore("warm")),
        (Past(ONCE, later=(Written("cold", "hot", sure=False),)), "cold", Left.LATER_RUN),
        (Past(ONCE, undone=True), "hot", Left.PEOPLE),
        (Past((Written("hot", "warm", sure=False),)), "hot", Restore("warm")),
        (Past((Written("hot", "warm", sure=False),)), "warm", Stands()),
        (Past((Written("hot", "warm", sure=False),)), "cold", Left.PEOPLE),
    ],
)
def test_a_field_is_restored_only_where_the_run_wrote_last(past: Past, current: object, judged: object):
    assert judge(past, current) == judged


def test_of_two_writes_of_one_run_the_first_says_what_stood_there_before():
    assert judge(Past((Written("hot", "warm"), Written("hotter", "hot"))), "hotter") == Restore("warm")


def test_what_a_person_set_between_two_writes_of_one_run_comes_back():
    assert judge(Past((Written("hot", "warm"), Written("hotter", "by hand"))), "hotter") == Restore("by hand")


def test_a_last_write_that_did_not_arrive_does_not_hide_the_one_before_it():
    past = Past((Written("hot", "warm"), Written("hotter", "hot", sure=False)))

    assert judge(past, "hot") == Restore("warm")


def test_what_the_crm_writes_in_another_form_is_still_ours():
    past = Past((Written("0170 1234", "0150"),), acknowledged="+49 170 1234", reformatted="0170 1234")

    assert judge(past, "+49 170 1234") == Restore("0150")


def test_a_write_that_never_arrived_is_no_link_to_what_stood_before():
    """Three writes nobody could prove; the last one saw what the first had sent, so the second did not arrive."""
    writes = (Written("hot", "warm", sure=False), Written("cold", sure=False), Written("hotter", "hot", sure=False))

    assert judge(Past(writes), "hotter") == Restore("warm")


@given(past=PASTS, current=VALUES)
def test_once_restored_a_field_is_not_written_again(past: Past, current: object):
    judged = judge(past, current)

    if isinstance(judged, Restore):
        after = replace(past, undone=True, acknowledged=judged.before)
        assert not isinstance(judge(after, judged.before), Restore)


@given(past=PASTS, current=VALUES)
def test_what_somebody_else_wrote_is_never_replaced(past: Past, current: object):
    judged = judge(past, current)

    assert not (isinstance(judged, Restore) and not any(same(one.sent, current) for one in past.writes))
