"""A field of several values, to which we add and from which we take nothing: in both CRMs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from journeys_calendar import MONDAY, TUESDAY
from journeys_sides import Side, opened_at

from worker.steps.undo import Asked

SIDES = ("hubspot", "salesforce")


def split(value: object) -> set[str]:
    return set(str(value or "").split(";")) - {""}


def mapped(side: Side) -> str:
    """The tier is added to a field of people."""
    name = side.choices("segments", "vip", "event", "cold", "warm", "hot")
    path = side.stage.folder / "settings.d/destinations.yaml"
    text = path.read_text().replace("    also: {contact.usage_segment: {value: tier, mode: respect_human}}\n", "")
    added = f"    also: {{contact.{name}: {{value: tier, mode: append}}}}\n"
    path.write_text(
        text.rstrip("\n") + "\n" + added
        if side.name == "salesforce"
        else text.replace("    create: never\n", "    create: never\n" + added)
    )
    side.stage.close()
    return name


@pytest.mark.parametrize("name", SIDES)
def test_what_stands_in_a_field_of_several_values_stays_and_ours_is_added_once(opened, name):
    side = opened_at(opened, name)
    field = mapped(side)
    full, blank, taken = (side.person(user, user) for user in ("fay", "bea", "tina"))
    side.edit(full, segments="vip;event")
    side.stage.skip_baseline()
    for user in ("fay", "bea", "tina"):
        side.stage.keen(user)

    side.stage.run(MONDAY)
    first = {email: split(side.fields(email, field)[field]) for email in (full, blank, taken)}
    side.portal.mark()
    side.stage.run(MONDAY + timedelta(hours=1))
    again = side.portal.written()
    side.edit(taken, segments="event")
    side.edit(full, segments="event;hot")
    report = side.stage.run(TUESDAY)
    side.stage.run(TUESDAY + timedelta(days=20))
    later = {email: split(side.fields(email, field)[field]) for email in (full, blank, taken)}

    assert first == {full: {"vip", "event", "hot"}, blank: {"hot"}, taken: {"hot"}}
    assert again == []
    assert report.status == "done"
    assert later == {full: {"event", "hot", "cold"}, blank: {"hot", "cold"}, taken: {"event", "cold"}}, (
        "what a person took out does not come back, what is new is added to what stands there"
    )


@pytest.mark.parametrize("name", SIDES)
def test_undo_takes_out_what_was_added_where_nobody_changed_the_field_since(opened, name):
    side = opened_at(opened, name)
    field = mapped(side)
    alone, changed = (side.person(user, user) for user in ("al", "cho"))
    for email in (alone, changed):
        side.edit(email, segments="event")
    side.stage.skip_baseline()
    for user in ("al", "cho"):
        side.stage.keen(user)
    run = side.stage.run(MONDAY).run
    side.edit(changed, segments="event;hot;vip")
    side.stage.worker.undo(Asked(run, "ana"))

    assert [split(side.fields(email, field)[field]) for email in (alone, changed)] == [{"event"}, {"event", "hot", "vip"}]
