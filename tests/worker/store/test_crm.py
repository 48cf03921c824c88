"""The mirror of a CRM and the links to it."""

from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Mirrored, MirrorPage, Owner
from worker.store import links, mirror
from worker.store.database import Store, Tx
from worker.store.links import Link
from worker.store.mirror import Place

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
CONTACTS = Place("hubspot", "contact", "f1")


def contact(id: str, **more: Any) -> Mirrored:
    return Mirrored(id, "contact", emails=(f"{id}@nordwerk.example",), name=id, modified=NOW, **more)


def put(tx: Tx, *rows: Mirrored, place: Place = CONTACTS) -> list[str]:
    return mirror.put_page(tx, place, MirrorPage(rows, "c1", last=True), complete=True)


def test_a_page_is_read_back_as_it_was_stored(store: Store):
    row = contact("1", owner="7", fields={"pql_score": 71.0, "pql_since": NOW, "pql_flag": True})
    with store.write() as tx:
        put(tx, row)

    with store.read() as tx:
        (stored,) = mirror.records(tx, "hubspot", "contact", ["1"]).values()
        (columns,) = mirror.batches(tx, "hubspot")
        (emails,) = mirror.emails(tx, "hubspot")

    assert (stored.fields, stored.owner, stored.modified) == (row.fields, "7", NOW)
    assert columns["id"] == ["1"]
    assert orjson.loads(columns["fields"][0])["pql_score"] == 71
    assert (emails["email"], [bool(one) for one in emails["primary"]]) == (["1@nordwerk.example"], [True])


def test_an_address_that_left_a_record_is_forgotten(store: Store):
    with store.write() as tx:
        put(tx, Mirrored("1", "contact", emails=("a@x.example", "b@x.example")))
        put(tx, Mirrored("1", "contact", emails=("b@x.example",)))

    with store.read() as tx:
        assert [batch["email"] for batch in mirror.emails(tx, "hubspot")] == [["b@x.example"]]


def test_asking_for_other_fields_means_filling_again(store: Store):
    with store.write() as tx:
        put(tx, contact("1"))

        assert mirror.cursor(tx, CONTACTS).cursor == "c1"
        assert mirror.cursor(tx, Place("hubspot", "contact", "f2")) is None
        assert mirror.filled(tx, "hubspot", ["contact"])
        assert not mirror.filled(tx, "hubspot", ["contact", "company"])


def test_a_link_follows_a_merge(store: Store):
    with store.write() as tx:
        links.put(tx, "hubspot", [Link("L1", "contact", "1", "email"), Link("L2", "contact", "2", "email")])
        put(tx, contact("1", moved_to="2"))

        assert {key: link.crm_id for key, link in links.by_key(tx, "hubspot", ["L1", "L2"]).items()} == {
            "L1": "2",
            "L2": "2",
        }
        assert [(row["crm_id"], row["status"]) for row in links.history(tx, "L1")] == [("1", "merged_into"), ("2", "active")]
        assert list(mirror.batches(tx, "hubspot")) == []


def test_a_link_follows_a_lead_that_became_a_contact(store: Store):
    with store.write() as tx:
        links.put(tx, "salesforce", [Link("L1", "lead", "00Q1", "email")])
        put(tx, Mirrored("00Q1", "lead", moved_to="0031"), place=Place("salesforce", "lead"))

        assert links.by_key(tx, "salesforce", ["L1"])["L1"] == Link("L1", "contact", "0031", "moved")
        assert links.history(tx, "L1")[0]["status"] == "converted_to"


def test_the_link_to_a_deleted_record_ends(store: Store):
    with store.write() as tx:
        links.put(tx, "hubspot", [Link("L1", "contact", "1", "email")])

        assert put(tx, contact("1", deleted=True)) == ["L1"]
        assert links.by_key(tx, "hubspot", ["L1"]) == {}
        assert links.deleted_keys(tx, "hubspot") == {"L1"}


def test_a_link_that_is_put_again_is_the_same_link(store: Store):
    with store.write() as tx:
        for _ in range(2):
            links.put(tx, "hubspot", [Link("L1", "contact", "1", "email")])

        assert len(links.history(tx, "L1")) == 1


def test_an_owner_who_is_no_longer_listed_is_inactive(store: Store):
    ana, tom = Owner("1", "Ana@acme.com", "Ana"), Owner("2", "tom@acme.com", "Tom")
    with store.write() as tx:
        mirror.put_owners(tx, "hubspot", [ana, tom])
        mirror.put_owners(tx, "hubspot", [ana])

        assert [(owner.email, owner.active) for owner in mirror.owners(tx, "hubspot")] == [
            ("ana@acme.com", True),
            ("tom@acme.com", False),
        ]
