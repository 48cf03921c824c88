"""What writing and reading records promises in every CRM, in good weather and bad."""

from __future__ import annotations

import pytest
from contract_world import NOON, new_person, only, read, write

from connectors.contract import Change, Outcome
from connectors.errors import Refused, TryLater, Unknown


class RecordsContract:
    """Updates and creates, each row with a receipt of its own; reads."""

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
