"""What tasks promise in every CRM."""

from __future__ import annotations

import pytest
from contract_world import NOON, World, only

from connectors.contract import Outcome, Task
from connectors.errors import Unknown


class TasksContract:
    """Made once under their key, found, moved, closed."""

    def test_a_task_is_created_once_and_found_by_its_key(self, world, people):
        task = self.task(world, people[0])

        first = only(world.crm.tasks.create([task], "t1"))
        second = only(world.crm.tasks.create([task], "t2"))
        found = world.crm.tasks.find([task, self.task(world, people[1], key="absent")])

        assert (first.outcome, first.created, second.outcome) == (Outcome.APPLIED, True, Outcome.EXISTS)
        assert set(found) == {"pql-1"}
        seen = found["pql-1"]
        assert (seen.id, seen.owner, seen.open, seen.deleted) == (first.crm_id, task.owner, True, False)
        assert seen.due in (NOON, NOON.replace(hour=0))  # a CRM may keep the day alone
        assert (seen.subject, seen.body) == (task.subject, task.body)

    def test_a_task_whose_answer_was_lost_is_found_and_not_made_twice(self, world, people):
        task = self.task(world, people[0])
        world.strike("reset_after")

        with pytest.raises(Unknown):
            world.crm.tasks.create([task], "t1")

        assert set(world.crm.tasks.find([task])) == {"pql-1"}
        assert only(world.crm.tasks.create([task], "t2")).outcome is Outcome.EXISTS

    def test_of_several_tasks_only_those_not_there_yet_are_made(self, world, people):
        tasks = [self.task(world, id, key=f"pql-{n}") for n, id in enumerate(people)]
        world.crm.tasks.create(tasks[:1], "t1")

        receipts = world.crm.tasks.create(tasks, "t2")

        assert [one.outcome for one in receipts] == [Outcome.EXISTS, Outcome.APPLIED, Outcome.APPLIED]
        assert set(world.crm.tasks.find(tasks)) == {"pql-0", "pql-1", "pql-2"}

    def test_a_task_is_moved_and_closed_and_says_so(self, world, people):
        id = only(world.crm.tasks.create([self.task(world, people[0])], "t")).crm_id
        other = world.add_owner("tom@acme.example")

        assert world.crm.tasks.move(id, other).outcome is Outcome.APPLIED
        moved = world.crm.tasks.read([id])[id]
        assert world.crm.tasks.close(id).outcome is Outcome.APPLIED
        closed = world.crm.tasks.read([id])[id]

        assert (moved.owner, moved.open, closed.owner, closed.open) == (other, True, other, False)

    def test_a_task_that_a_person_deleted_is_seen_as_deleted(self, world, people):
        id = only(world.crm.tasks.create([self.task(world, people[0])], "t")).crm_id
        world.delete("task", id)

        seen = world.crm.tasks.read([id])[id]

        assert (seen.deleted, seen.open) == (True, False)

    @pytest.mark.fault("F59")
    def test_markup_in_a_task_stays_text(self, world, people):
        task = self.task(world, people[0], body="<script>alert(1)</script>\nsecond line & more")
        id = only(world.crm.tasks.create([task], "t")).crm_id

        assert world.crm.tasks.read([id])[id].body == "<script>alert(1)</script>\nsecond line & more"

    def task(
        self, world: World, person: str, key: str = "pql-1", body: str = "Why now: 5 projects\nNext step: call"
    ) -> Task:
        owner = next((one.id for one in world.crm.mirror.owners() if one.active), None) or world.add_owner(
            "ana@acme.example"
        )
        return Task(
            key, "Hot PQL: Maria Huber & Co", body, owner, NOON, "call", high=True, person=person, person_object=world.person
        )
