"""
What every CRM connector promises, tried against its sandbox over real HTTP.

A CRM subscribes with a class that derives from `CrmContract` and a fixture `world`, which seeds and acts in the sandbox in
that CRM's own words. Nothing here knows a vendor.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from contract_world import World, mirrored, new_person, only, read, write

from connectors.contract import Change, Outcome, Task
from connectors.errors import Refused, TryLater, Unknown

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class CrmContract:
    """Derive from this and give it a `world`."""

    @pytest.fixture
    def people(self, world: World) -> list[str]:
        return [world.add_person(f"person{n}@nordwerk.example") for n in range(3)]

    # ------------------------------------------------------------------ records

    def test_an_update_is_applied_and_echoed_in_canonical_form(self, world, people):
        fields = {"pql_flag": True, "pql_score": 71.5, "pql_tier": "hot", "pql_since": NOON, "pql_fit_score": 80}

        receipt = only(world.crm.records.write(world.person, [Change("L1", world.person, people[0], fields)], "t"))

        assert (receipt.outcome, receipt.crm_id, receipt.created) == (Outcome.APPLIED, people[0], False)
        assert receipt.echoed in ({}, fields)
        assert read(world, people[0]).fields.items() >= fields.items()

    def test_writing_the_same_again_changes_nothing(self, world, people):
        change = Change("L1", world.person, people[0], {"pql_score": 5, "pql_since": NOON})
        world.crm.records.write(world.person, [change], "t1")
        before = world.writes()

        world.crm.records.write(world.person, [change], "t2")

        assert world.writes() == before

    def test_each_row_gets_its_own_receipt_whatever_the_order_of_the_answer(self, world):
        ids = [world.add_person(f"row{n}@nordwerk.example") for n in range(20)]
        changes = [Change(f"L{n}", world.person, id, {"pql_score": n}) for n, id in enumerate(ids)]

        receipts = world.crm.records.write(world.person, changes, "t")

        assert [(one.key, one.crm_id) for one in receipts] == [(f"L{n}", id) for n, id in enumerate(ids)]
        assert {read(world, id).fields["pql_score"] for id in ids} == set(range(20))

    def test_none_leaves_a_field_alone_and_clear_empties_it(self, world, people):
        write(world, people[0], {"pql_tier": "hot", "pql_plan": "team"})

        world.crm.records.write(
            world.person, [Change("L1", world.person, people[0], {"pql_tier": None}, clear=("pql_plan",))], "t"
        )

        now = read(world, people[0]).fields
        assert (now["pql_tier"], now["pql_plan"]) == ("hot", None)

    def test_false_and_zero_are_values(self, world, people):
        write(world, people[0], {"pql_flag": True, "pql_score": 9})

        write(world, people[0], {"pql_flag": False, "pql_score": 0})

        now = read(world, people[0]).fields
        assert (now["pql_flag"], now["pql_score"]) == (False, 0)

    @pytest.mark.fault("F56")
    def test_text_comes_back_as_it_was_sent(self, world, people):
        said = 'Zoë "Ø" <b>& Söhne</b>, 5 > 4; äöü 漢字 \\ {name}'

        write(world, people[0], {"pql_reasons": said})

        assert read(world, people[0]).fields["pql_reasons"] == said

    def test_a_create_is_found_by_its_key_and_refused_the_second_time(self, world):
        fresh = [Change("L9", world.person, None, new_person(world, "new@nordwerk.example", "key-9"))]

        first = only(world.crm.records.write(world.person, fresh, "t1"))
        second = only(world.crm.records.write(world.person, fresh, "t2"))

        assert (first.outcome, first.created) == (Outcome.APPLIED, True)
        assert second.outcome in (Outcome.EXISTS, Outcome.MOVED)
        assert first.crm_id in (second.crm_id, second.moved_to)
        assert world.crm.mirror.read_by_key(world.person, ["key-9", "key-0"], [])["key-9"].id == first.crm_id

    @pytest.mark.fault("F16")
    def test_a_field_that_is_not_there_is_named_and_takes_no_blame_from_other_rows(self, world, people):
        changes = [
            Change("L1", world.person, people[0], {"pql_score": 1, "no_such_field": "x"}),
            Change("L2", world.person, people[1], {"pql_score": 2}),
        ]

        bad, good = world.crm.records.write(world.person, changes, "t")

        assert (bad.outcome, bad.field) == (Outcome.REFUSED, "no_such_field")
        assert good.outcome in (Outcome.APPLIED, Outcome.TRY_LATER)

    @pytest.mark.fault("F19")
    def test_a_record_that_is_gone_is_moved_and_the_others_go_on(self, world, people):
        world.delete(world.person, people[0])
        changes = [Change(f"L{n}", world.person, id, {"pql_score": n + 1}) for n, id in enumerate(people)]

        gone, *others = world.crm.records.write(world.person, changes, "t")

        assert (gone.outcome, gone.moved_to) == (Outcome.MOVED, None)
        assert {one.outcome for one in others} <= {Outcome.APPLIED, Outcome.TRY_LATER}

    def test_one_record_twice_in_a_batch_is_for_people_to_decide_and_is_not_sent(self, world, people):
        changes = [
            Change("L1", world.person, people[0], {"pql_score": 1}),
            Change("L2", world.person, people[0], {"pql_score": 2}),
            Change("L3", world.person, people[1], {"pql_score": 3}),
        ]

        receipts = world.crm.records.write(world.person, changes, "t")

        assert [one.outcome for one in receipts] == [Outcome.NEEDS_REVIEW, Outcome.NEEDS_REVIEW, Outcome.APPLIED]
        assert world.held(world.person, people[0], "pql_score") in (None, "")

    def test_nothing_to_write_makes_no_call(self, world):
        before = world.crm.calls

        assert list(world.crm.records.write(world.person, [], "t")) == []
        assert world.crm.calls == before

    # ------------------------------------------------------------------ faults

    @pytest.mark.fault("F2", "F3", "F4")
    @pytest.mark.parametrize(
        ("fault", "args", "raised"),
        [
            ("reset_before", {}, Unknown),
            ("reset_after", {}, Unknown),
            ("truncate", {}, Unknown),
            ("html", {"status": 502}, Unknown),
            ("html", {"status": 200, "applied": True}, Unknown),
            ("empty_2xx", {"body": "none"}, Unknown),
            ("empty_2xx", {"body": "object"}, Unknown),
            ("status", {"status": 500}, Unknown),
            ("status", {"status": 503}, Unknown),
            ("status", {"status": 429, "retry_after": 7}, TryLater),
            ("unauthorized", {}, Refused),
            ("forbidden", {}, Refused),
        ],
        ids=lambda value: str(value) if not isinstance(value, type) else value.__name__,
    )
    def test_a_call_that_ends_badly_says_whether_it_may_have_written(self, world, people, fault, args, raised):
        world.strike(fault, **args)

        with pytest.raises(raised) as caught:
            write(world, people[0], {"pql_score": 5})

        assert world.secret not in f"{caught.value} {caught.value!r} {caught.value.code} {world.crm!r}"
        write(world, people[0], {"pql_score": 6})
        assert read(world, people[0]).fields["pql_score"] == 6

    @pytest.mark.fault("F5")
    def test_a_limit_says_how_long_to_wait_and_costs_no_attempt(self, world, people):
        world.strike("status", status=429, retry_after=7)

        with pytest.raises(TryLater) as caught:
            write(world, people[0], {"pql_score": 5})

        assert (caught.value.after, caught.value.limited) == (7.0, True)

    @pytest.mark.fault("F10")
    def test_a_row_that_the_answer_does_not_mention_is_unknown(self, world, people):
        world.strike("drop_item", index=1)
        changes = [Change(f"L{n}", world.person, id, {"pql_score": n + 1}) for n, id in enumerate(people)]

        outcomes = [one.outcome for one in world.crm.records.write(world.person, changes, "t")]

        assert sorted(outcomes) == [Outcome.APPLIED, Outcome.APPLIED, Outcome.UNKNOWN]

    @pytest.mark.fault("F10")
    def test_a_row_that_is_refused_does_not_take_the_others_with_it(self, world, people):
        world.strike("row_error", index=1)
        changes = [Change(f"L{n}", world.person, id, {"pql_score": n + 1}) for n, id in enumerate(people)]

        receipts = world.crm.records.write(world.person, changes, "t")

        assert [one.outcome for one in receipts] == [Outcome.APPLIED, Outcome.REJECTED, Outcome.APPLIED]
        assert receipts[1].message
        assert receipts[1].code

    def test_a_read_that_ends_badly_can_be_asked_again(self, world, people):
        for fault in ("reset_after", "html", "truncate", "empty_2xx"):
            world.strike(fault, reads=True)
            with pytest.raises(TryLater):
                read(world, people[0])
        assert read(world, people[0]).id == people[0]

    def test_a_read_whose_answer_lost_a_row_still_finds_it(self, world, people):
        world.strike("drop_item", reads=True)

        assert set(world.crm.mirror.read(world.person, people, [])) == set(people)

    def test_a_write_is_one_call_and_never_repeated(self, world, people):
        world.crm.records.write(world.person, [Change("L1", world.person, people[0], {"pql_score": 1})], "t")
        before = world.crm.calls
        world.strike("html", status=502)

        with pytest.raises(Unknown):
            write(world, people[0], {"pql_score": 5})

        assert world.crm.calls == before + 1

    # ------------------------------------------------------------------ tasks

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

    # ------------------------------------------------------------------ mirror

    def test_the_first_reading_brings_everything_and_later_ones_what_changed(self, world):
        ids = [world.add_person(f"Person{n}@Nordwerk.example") for n in range(5)]
        first, cursor = mirrored(world, world.person)
        world.edit(world.person, ids[2], "pql_outcome", "accepted")
        later, _ = mirrored(world, world.person, cursor)

        assert {row.id for row in first} == set(ids)
        assert first[0].emails == (f"person{ids.index(first[0].id)}@nordwerk.example",)
        assert {row.id: row for row in later}[ids[2]].fields["pql_outcome"] == "accepted"

    def test_reading_goes_on_where_it_stopped(self, world):
        ids = {world.add_person(f"p{n}@nordwerk.example") for n in range(230)}
        seen: set[str] = set()
        cursor: str | None = None
        for _ in range(9):
            page = next(iter(world.crm.mirror.pages(world.person, cursor, [])))
            seen |= {row.id for row in page.rows}
            cursor = page.cursor
            if page.last:
                break

        assert seen == ids

    def test_what_a_person_deleted_or_merged_is_told(self, world):
        ids = [world.add_person(f"p{n}@nordwerk.example") for n in range(4)]
        _, cursor = mirrored(world, world.person)
        world.delete(world.person, ids[0])
        survivor = world.merge(ids[1], ids[2])
        rows, cursor = mirrored(world, world.person, cursor)

        told = {row.id: row for row in rows}
        assert told[ids[0]].deleted
        old = ({ids[1], ids[2]} - {survivor}).pop()
        assert told[old].moved_to == survivor
        assert survivor in told
        assert world.crm.mirror.read(world.person, [old], [])[old].id == survivor

    @pytest.mark.fault("F18")
    def test_a_write_to_a_merged_record_names_its_survivor(self, world):
        first, second = (world.add_person(f"p{n}@nordwerk.example") for n in range(2))
        survivor = world.merge(first, second)
        old = first if survivor != first else second

        receipt = only(world.crm.records.write(world.person, [Change("L1", world.person, old, {"pql_score": 7})], "t"))

        assert receipt.outcome in (Outcome.APPLIED, Outcome.MOVED)
        assert receipt.moved_to == survivor or receipt.outcome is Outcome.MOVED

    def test_owners_are_listed_with_those_who_left(self, world):
        here, gone = world.add_owner("ana@acme.example"), world.add_owner("old@acme.example", active=False)

        owners = {owner.id: owner for owner in world.crm.mirror.owners()}

        assert (owners[here].active, owners[gone].active) == (True, False)
        assert owners[here].email == "ana@acme.example"

    def test_companies_say_their_domain(self, world):
        id = world.add_company("Nordwerk", "Nordwerk.example")

        rows, _ = mirrored(world, "company")

        assert {row.id: (row.name, row.domain) for row in rows}[id] == ("Nordwerk", "nordwerk.example")

    # ------------------------------------------------------------------ setting up

    def test_provisioning_can_run_again_and_has_nothing_left_to_do(self, world):
        assert [change for change in world.crm.provisioning.differences() if change.by_api] == []

        again = world.crm.provisioning.apply()

        assert all(not change.by_api for change, _ in again)
        assert world.crm.provisioning.files()

    @pytest.mark.fault("F14")
    def test_doctor_is_content_with_a_provisioned_crm_and_names_a_token_that_was_revoked(self, world):
        world.add_owner("ana@acme.example")
        assert [line for line in world.crm.check() if not line[1]] == []

        world.revoke()

        bad = [line for line in world.crm.check() if not line[1]]
        assert bad
        assert all(world.secret not in said for _, _, said in bad)

    def test_the_allowance_is_heard_from_answers(self, world, people):
        read(world, people[0])

        assert world.crm.budget().day_calls

    def test_each_request_asks_the_gate_and_is_not_sent_where_it_is_shut(self, world, people):
        asked: list[str] = []
        before = world.crm.calls

        def shut(_limit: str) -> None:
            raise TryLater("Not yet.", limited=True)

        world.crm.pass_through(asked.append)
        list(world.crm.mirror.pages(world.person, None, []))
        made = world.crm.calls - before
        world.crm.pass_through(shut)
        with pytest.raises(TryLater, match="Not yet"):
            write(world, people[0], {"pql_score": 5})

        assert asked == ["calls"] * made
        assert world.crm.calls == before + made

    def test_the_account_has_a_name_that_is_no_secret(self, world):
        assert world.crm.account()
        assert world.secret not in world.crm.account()

    def test_a_link_leads_to_the_record(self, world, people):
        assert people[0] in world.crm.link(world.person, people[0])

    def task(
        self, world: World, person: str, key: str = "pql-1", body: str = "Why now: 5 projects\nNext step: call"
    ) -> Task:
        owner = next((one.id for one in world.crm.mirror.owners() if one.active), None) or world.add_owner(
            "ana@acme.example"
        )
        return Task(
            key, "Hot PQL: Maria Huber & Co", body, owner, NOON, "call", high=True, person=person, person_object=world.person
        )
