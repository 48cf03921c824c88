"""
Other writers: what people do in the CRM after a handoff, or between the plan and the push, and what follows from it.

One story, lived in HubSpot and in Salesforce: a Monday on which many qualify, a Tuesday before which and during which people
act, and the weeks after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from journeys_calendar import FRIDAY, MONDAY, TUESDAY
from journeys_sides import Side, opened_at

from worker.steps.report import PlanReport
from worker.store import intents, routes

ROUTING = """
routing: [{name: everyone, to: {pool: smb}}]
pools: {smb: {distribute: round_robin, calendar: emea, members: [ana@acme.com, tom@acme.com], when_nobody: {queue: desk}}}
queues: {desk: {owner: lead-desk@acme.com, due: 2 business hours}}
"""
MONDAYS = (
    *("calm", "cool", "bought", "busy", "out", "loud", "twin", "clone", "gone", "binned"),
    *("timing", "misfit", "rival", "move1", "move2", "move3", "move4"),
)
TUESDAYS = ("late", "shy", "lost", "pair", "half")
SIDES = ("hubspot", "salesforce")


@dataclass
class Story:
    """What was done, and what stood before it."""

    side: Side
    emails: dict[str, str]
    plan: PlanReport
    monday: dict[str, Any] = field(default_factory=dict)
    """Task by user, as it was made on Monday."""
    moved: tuple[str, str] = ("", "")
    """Two of Tom's leads: of the first nobody touched the task, of the second he did."""
    segments: dict[int, dict[str, set[str]]] = field(default_factory=dict)
    """Day after Monday -> user -> what stands in the field of several values."""
    field: str = ""

    def look(self, day: int) -> None:
        told = {user: self.side.fields(self.emails[user], self.field)[self.field] for user in ("calm", "cool", "twin")}
        self.segments[day] = {user: set(str(value or "").split(";")) - {""} for user, value in told.items()}

    def state(self, user: str) -> str:
        found = self.side.stage.state(self.emails[user])
        return f"{found['state']} {found['reason'] or ''}".strip()

    def open_tasks(self, user: str) -> list[Any]:
        return [one for one in self.side.tasks(user.title()) if one.open]


def add_tier(side: Side) -> str:
    """The tier is added to a field of several values on contacts; its name."""
    name = side.choices("segments", "vip", "event", "cold", "warm", "hot")
    path = side.stage.folder / "settings.d/destinations.yaml"
    made = "    create: when_qualified\n"
    text = path.read_text().replace("    also: {contact.usage_segment: {value: tier, mode: respect_human}}\n", "")
    text = text.replace("    create: never\n", made) if side.name == "hubspot" else text.rstrip("\n") + "\n" + made
    before, _, after = text.rpartition(made)
    path.write_text(f"{before}{made}    also: {{contact.{name}: {{value: tier, mode: append}}}}\n{after}")
    return name


def begun(opened: Any, name: str) -> Story:
    """Friday and Monday: everybody of MONDAYS has a task."""
    side = opened_at(opened, name)
    side.stage.settings(routing=ROUTING)
    side.stage.rewrite("handoff", "per_rep_per_day: 8", "per_rep_per_day: 90")
    side.stage.rewrite("pql", "source_rows_below: 50% of usual", "source_rows_below: off")
    side.stage.rewrite("pql", "source_older_than: 6 hours", "source_older_than: off")
    segments = add_tier(side)
    side.stage.close()
    object = "lead" if name == "salesforce" else "contact"
    contacts = (*MONDAYS, "shy", "lost", "pair", "spare")
    emails = {user: side.person(user, user) for user in contacts}
    emails |= {user: side.person(user, user, object=object) for user in ("late", "half")}
    side.edit(emails["calm"], segments="vip")
    side.stage.run(FRIDAY)
    side.stage.now = MONDAY
    for user in MONDAYS:
        side.stage.keen(user)
    side.stage.run(MONDAY)
    story = Story(side, emails, None, {user: side.task(user.title()) for user in MONDAYS}, field=segments)  # type: ignore[arg-type]
    story.look(0)
    return story


def people_act(story: Story) -> None:
    """Between Monday and Tuesday."""
    side, task, email = story.side, story.monday, story.emails
    for user in ("cool", "busy", "loud"):
        side.rename(task[user])
    for user in ("bought", "busy"):
        side.buys(email[user], user)
    for user in ("out", "loud"):
        side.opt_out(email[user])
    side.merge(email["twin"], email["clone"])
    side.edit(email["calm"], segments="event;hot")
    side.edit(email["cool"], segments="event")
    side.delete(email["gone"])
    side.throw_away(task["binned"])
    for user, reason in (("timing", "wrong_timing"), ("misfit", "not_a_fit"), ("rival", "competitor")):
        side.edit(email[user], pql_outcome="rejected", pql_reject_reason=reason)
    toms = [user for user in MONDAYS if user.startswith("move") and side.owner(task[user].owner) == "tom"]
    story.moved = (toms[0], toms[1])
    side.rename(task[toms[1]])
    side.leaves("tom")


def people_interfere(story: Story) -> None:
    """Between the plan of Tuesday and its push."""
    side, email = story.side, story.emails
    side.opt_out(email["shy"])
    side.delete(email["lost"])
    side.merge(email["pair"], email["spare"])
    if side.name == "salesforce":
        side.ids[email["half"]] = side.portal.act("convert", object="Lead", id=side.ids[email["half"]])["contact"]


def pushed(side: Side) -> None:
    while side.stage.worker.push(side.name):
        pass


@pytest.fixture(scope="module", params=SIDES)
def story(request: pytest.FixtureRequest, opened: Any) -> Iterator[Story]:
    """Until Tuesday evening, step by step as workers would."""
    told = begun(opened, request.param)
    side, stage = told.side, told.side.stage
    people_act(told)
    stage.now = TUESDAY
    for user in TUESDAYS:
        stage.keen(user)
    stage.write()
    worker = stage.worker
    worker.pull()
    for name in worker.tools.crms:
        worker.watch(name)
    told.plan = stage.plan()
    worker.evaluate()
    people_interfere(told)
    pushed(side)
    stage.run(TUESDAY)  # as the next tick would: whoever was merged or converted is followed
    return told


# --------------------------------------------------------------------------- a lead that is none any more


def test_the_task_of_a_lead_that_bought_or_opted_out_is_closed_where_nobody_touched_it(story):
    assert [story.state(user) for user in ("bought", "out")] == ["CONVERTED", "SUPPRESSED do not contact"]
    assert [story.open_tasks(user) for user in ("bought", "out")] == [[], []]
    assert [len(story.open_tasks(user)) for user in ("busy", "loud")] == [1, 1], "touched: it is the person's"
    assert story.side.fields(story.emails["out"])["pql_flag"] is False


def test_somebody_who_opted_out_after_the_plan_gets_no_task(story):
    assert story.side.tasks("Shy") == []
    assert len(story.side.tasks("Late")) == 1
    with story.side.stage.worker.tools.store.read() as tx:
        (one,) = intents.of_lead(tx, story.side.stage.explain(story.emails["shy"]).subject)
    assert (one["status"], one["last_error_class"]) == ("cancelled", "opted_out")


# --------------------------------------------------------------------------- who left, and who takes over


def test_an_untouched_task_of_somebody_who_left_moves_under_its_key_with_its_record(story):
    user, _ = story.moved
    (task,) = story.side.tasks(user.title())

    assert (task.id, task.key) == (story.monday[user].id, story.monday[user].key)
    assert story.side.owner(task.owner) == "ana"
    assert story.side.owner(story.side.fields(story.emails[user])["owner"]) == "ana"
    assert (one := next(p for p in story.plan.tasks if p.lead == story.emails[user])).moves
    assert one.owner == "ana@acme.com"


def test_a_task_that_somebody_touched_before_leaving_is_closed_and_the_next_hop_is_opened(story):
    _, user = story.moved
    old, second = story.side.tasks(user.title())

    assert (old.open, old.subject) == (False, f"Rang up: {story.monday[user].subject}"), "its words stay the person's"
    assert (story.side.owner(second.owner), second.key != story.monday[user].key) == ("ana", True)
    assert story.open_tasks(user) == [second]
    with story.side.stage.worker.tools.store.read() as tx:
        rows = routes.of_lead(tx, story.side.stage.explain(story.emails[user]).subject)
    assert [(row["hop"], row["state"], row["active"]) for row in rows] == [(0, "reassigned", False), (1, "assigned", True)]


# --------------------------------------------------------------------------- records that go elsewhere


def test_of_two_leads_that_became_one_record_one_task_stays_open(story):
    tasks = [*story.open_tasks("twin"), *story.open_tasks("clone")]

    assert len(tasks) == 1
    record = story.side.fields(story.emails["twin"])
    assert record["pql_flag"] is True
    assert record["pql_next_step"]


def test_a_record_or_task_that_a_person_deleted_is_not_made_again(story):
    assert story.side.fields(story.emails["gone"]) == {}
    assert story.side.fields(story.emails["lost"]) == {}
    assert story.side.made("contact") + story.side.made("lead") == []
    assert (story.side.tasks("Binned"), story.side.tasks("Lost")) == ([], [])


def test_a_task_planned_for_a_record_that_was_merged_or_converted_is_made_on_what_it_became(story):
    assert len(story.open_tasks("pair")) == 1
    half = story.side.fields(story.emails["half"])
    assert (len(story.open_tasks("half")), half["pql_flag"]) == (1, True)


# --------------------------------------------------------------------------- what people said


def test_a_no_with_its_reason_ends_the_episode(story):
    assert [story.state(user) for user in ("timing", "misfit", "rival")] == [
        "REJECTED wrong_timing",
        "REJECTED not_a_fit",
        "REJECTED competitor",
    ]
    assert story.side.fields(story.emails["timing"])["pql_flag"] is False


def test_another_run_of_the_same_day_writes_nothing(story):
    story.side.portal.mark()
    report = story.side.stage.run(TUESDAY)

    assert (report.status, story.side.portal.written()) == ("done", [])


@pytest.mark.chaos
def test_each_reason_has_its_own_waiting_time(story):
    stage = story.side.stage
    seen = {}
    for days in (32, 182 if story.side.name == "hubspot" else 40):
        stage.now = TUESDAY + timedelta(days=days)
        for user in ("timing", "misfit", "rival"):
            stage.keen(user)
        stage.run()
        seen[days] = [story.state(user).split()[0] for user in ("timing", "misfit", "rival")]

    assert seen[32] == ["QUALIFIED", "REJECTED", "REJECTED"]
    assert seen.get(182, ["EXPIRED", "QUALIFIED", "REJECTED"]) == ["EXPIRED", "QUALIFIED", "REJECTED"]
    assert story.open_tasks("cool"), "the lead cooled, and a person had touched its task"
    assert story.open_tasks("late") == [], "it cooled, and nobody had"
    story.look(32)
    assert story.segments == {
        0: {"calm": {"vip", "cold", "hot"}, "cool": {"cold", "hot"}, "twin": {"cold", "hot"}},
        32: {"calm": {"event", "hot", "cold"}, "cool": {"event"}, "twin": {"cold", "hot"}},
    }, "what stands there stays, what a person took out does not come back, what is new is added"
