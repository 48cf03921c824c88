"""What a CRM tells of itself and of what people did there: the mirror, owners, fields, the allowance."""

from __future__ import annotations

import pytest
from contract_world import mirrored, only, read, write

from connectors.contract import Change, Outcome
from connectors.errors import TryLater

NUMBERS = ("number", "double")
"""What the vendors call a number."""


class AccountContract:
    """Reading what changed, setting up, looking after."""

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

    def test_a_field_is_told_as_it_is_shown(self, world):
        tier, score = (world.crm.field(world.person, name) for name in ("pql_tier", "pql_score"))

        assert (tier.writable, tier.several) == (True, True)
        assert (score.kind in NUMBERS, score.writable, score.several) == (True, True, False)
        assert world.crm.field(world.person, "no_such_field") is None
