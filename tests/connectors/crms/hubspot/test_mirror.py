"""Reading a portal: paging, changes, the lag of search, its cap, archived and merged records."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.crms.hubspot import mirror as room
from connectors.errors import Refused, TryLater


def rows(portal, object, cursor=None, fields=()):
    found, last = [], False
    for page in portal.crm.mirror.pages(object, cursor, fields):
        found += page.rows
        cursor, last = page.cursor, page.last
    assert last
    return found, cursor


def test_a_contact_is_read_with_all_that_decides(portal):
    company = portal.add_company("Nordwerk", "nordwerk.example")
    owner = portal.add_owner("ana@acme.example")
    properties = {
        "email": "Maria@Nordwerk.example",
        "hs_additional_emails": "m.huber@nordwerk.example;Old@x.example",
        "firstname": "Maria",
        "lastname": "Huber",
        "hubspot_owner_id": owner,
        "lifecyclestage": "customer",
        "hs_email_optout": True,
        "mobilephone": "+49 1",
        "pql_key": "k1",
        "notes_last_contacted": "2026-11-01T10:00:00Z",
        "hs_last_sales_activity_timestamp": "2026-11-05T10:00:00Z",
        "country": "DE",
    }
    portal.add("contact", properties, ("company", company))

    ((row,), _) = rows(portal, "contact", fields=["country"])

    assert row.emails == ("maria@nordwerk.example", "m.huber@nordwerk.example", "old@x.example")
    assert (row.name, row.account, row.owner, row.key, row.phone) == ("Maria Huber", company, owner, "k1", "+49 1")
    assert (row.is_customer, row.do_not_contact, row.stage) == (True, True, "customer")
    assert row.last_activity == datetime(2026, 11, 5, 10, tzinfo=UTC)
    assert row.fields["country"] == "DE"


def test_fields_of_the_portals_own_come_in_their_own_types(portal):
    types = {"seats": "number", "renewal": "date", "vip": "bool"}
    portal.sandbox.seed(properties=[{"object": "company", "name": name, "type": type} for name, type in types.items()])
    portal.add("company", {"name": "Nordwerk", "seats": "12", "renewal": "2026-12-24", "vip": "true"})

    ((row,), _) = rows(portal, "company", fields=list(types))

    assert {name: row.fields[name] for name in types} == {
        "seats": 12,
        "renewal": datetime(2026, 12, 24, tzinfo=UTC),
        "vip": True,
    }


@pytest.mark.parametrize(
    ("stage", "open", "won"), [("contractsent", True, False), ("closedwon", False, True), ("closedlost", False, False)]
)
def test_a_deal_says_whether_it_is_open_and_won_and_whose(portal, stage, open, won):
    company = portal.add_company("Nordwerk", "nordwerk.example")
    portal.add("deal", {"dealname": "Big", "dealstage": stage, "amount": "12.5"}, ("company", company))

    ((row,), _) = rows(portal, "deal")

    assert (row.open, row.won, row.account, row.fields["amount"]) == (open, won, company, 12.5)


def test_a_change_brings_the_company_along_as_the_first_reading_did(portal):
    company = portal.add_company("Nordwerk", "nordwerk.example")
    id = portal.add("contact", {"email": "a@nordwerk.example"}, ("company", company))
    _, cursor = rows(portal, "contact")
    portal.edit("contact", id, "pql_outcome", "rejected")

    (again, _) = rows(portal, "contact", cursor)

    assert {row.account for row in again if row.id == id} == {company}


def test_the_first_reading_asks_nothing_but_pages(portal):
    for n in range(101):
        portal.add_person(f"p{n}@x.example")

    pages = list(portal.crm.mirror.pages("contact", None, []))

    assert [(len(page.rows), page.last, page.calls) for page in pages] == [(100, False, 1), (1, True, 1)]


@pytest.mark.fault("F28")
def test_what_a_lagging_search_shows_late_is_not_lost(portal):
    id = portal.add_person("a@x.example")
    _, cursor = rows(portal, "contact")
    portal.sandbox.switch(search_lag_s=60)
    portal.edit("contact", id, "pql_outcome", "accepted")
    _, cursor = rows(portal, "contact", cursor)
    other = portal.add_person("b@x.example")
    _, cursor = rows(portal, "contact", cursor)
    portal.sandbox.advance(61)

    (late, _) = rows(portal, "contact", cursor)

    assert {row.id: row.fields["pql_outcome"] for row in late}.items() >= {id: "accepted", other: None}.items()


@pytest.mark.parametrize("together", [False, True])
def test_more_changes_than_one_search_gives_are_all_read(portal, monkeypatch, together):
    monkeypatch.setattr(room, "SEARCH_PAGE", 10)
    monkeypatch.setattr(room, "SEARCH_CAP", 40)
    _, cursor = rows(portal, "contact")
    stamp = {"lastmodifieddate": "2026-11-30T10:00:00Z"} if together else {}
    ids = {portal.add_person(f"p{n}@x.example", **stamp) for n in range(137)}

    (changed, _) = rows(portal, "contact", cursor)

    assert {row.id for row in changed} == ids


def test_an_interrupted_poll_goes_on_without_losing_changes(portal, monkeypatch):
    monkeypatch.setattr(room, "SEARCH_PAGE", 10)
    _, cursor = rows(portal, "contact")
    ids = {portal.add_person(f"p{n}@x.example") for n in range(45)}
    pages = portal.crm.mirror.pages("contact", cursor, [])
    first = next(pages)
    pages.close()

    (rest, _) = rows(portal, "contact", first.cursor)

    assert {row.id for row in (*first.rows, *rest)} == ids


def test_archived_records_are_told_once_and_in_pieces(portal, monkeypatch):
    monkeypatch.setattr(room, "PAGE", 5)
    monkeypatch.setattr(room, "ARCHIVE_PAGES", 2)
    monkeypatch.setattr(room, "OVERLAP", timedelta(0))
    ids = [portal.add_person(f"p{n}@x.example") for n in range(23)]
    _, cursor = rows(portal, "contact")
    for id in ids:
        portal.delete("contact", id)
    told = []
    for _ in range(3):
        found, cursor = rows(portal, "contact", cursor)
        told += [row.id for row in found if row.deleted]

    assert sorted(told) == sorted(ids)
    for _ in range(3):
        found, cursor = rows(portal, "contact", cursor)
    assert [row for row in found if row.deleted] == []


def test_a_poll_in_which_nothing_happened_is_two_calls(portal):
    portal.add_company("Nordwerk", "nordwerk.example")
    _, cursor = rows(portal, "company")
    before = portal.crm.calls

    rows(portal, "company", cursor)

    assert portal.crm.calls == before + 2


def test_a_limit_in_mid_reading_keeps_the_place(portal, monkeypatch):
    monkeypatch.setattr(room, "PAGE", 5)
    ids = {portal.add_person(f"p{n}@x.example") for n in range(12)}
    portal.sandbox.weather(
        {"match": {"method": "GET", "path": "/objects/"}, "nth": 2, "fault": "status", "args": {"status": 429}}
    )
    pages = portal.crm.mirror.pages("contact", None, [])
    first = next(pages)

    with pytest.raises(TryLater):
        next(pages)

    (rest, _) = rows(portal, "contact", first.cursor)
    assert {row.id for row in (*first.rows, *rest)} == ids


def test_two_owners_with_one_address_are_both_listed(portal):
    portal.sandbox.seed(
        owners=[
            {"id": "71", "email": "Ana@acme.example", "name": "Ana Berg"},
            {"id": "72", "email": "ana@acme.example", "name": "Ana Berg", "active": False},
            {"id": "73", "email": "desk@acme.example", "kind": "queue"},
        ]
    )

    owners = portal.crm.mirror.owners()

    assert [(one.id, one.email, one.active, one.kind) for one in owners] == [
        ("71", "ana@acme.example", True, "person"),
        ("73", "desk@acme.example", True, "queue"),
        ("72", "ana@acme.example", False, "person"),
    ]


def test_all_owners_are_read_page_by_page(portal):
    portal.sandbox.seed(owners=[{"email": f"rep{n}@acme.example"} for n in range(205)])

    assert len(portal.crm.mirror.owners()) == 205


def test_more_ids_than_a_batch_holds_are_read_in_batches(portal):
    ids = [portal.add_person(f"p{n}@x.example") for n in range(130)]

    assert list(portal.crm.mirror.read("contact", [*ids, "404404"], [])) == ids


def test_a_cursor_that_is_none_of_ours_is_refused(portal):
    with pytest.raises(Refused):
        portal.crm.mirror.pages("contact", "page-2", [])


def test_searches_fall_under_a_limit_of_their_own(portal):
    portal.add("contact", {"email": "maria@nordwerk.example"})
    _, cursor = rows(portal, "contact")
    asked = []
    portal.crm.pass_through(asked.append)
    rows(portal, "contact", cursor)

    assert set(asked) == {"search", "calls"}
    assert portal.crm.own_limits["search"].calls < 5
