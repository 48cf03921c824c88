"""What is in the org as the mirror sees it: all of it once, then what changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from connectors.contract import Task
from connectors.crms.salesforce import mirror as mirror_room
from connectors.crms.salesforce.mapping import domain
from connectors.errors import Refused, TryLater

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def mirrored(org, object, cursor=None, fields=()):
    rows = []
    for page in org.crm.mirror.pages(object, cursor, fields):
        rows += page.rows
        cursor = page.cursor
    return {row.id: row for row in rows}, cursor


def leads(org, count, **more):
    records = [
        {
            "object": "Lead",
            "properties": {"LastName": f"Huber {n}", "Company": "Nordwerk", "Email": f"p{n}@x.example", **more},
        }
        for n in range(count)
    ]
    return [one["id"] for one in org.sandbox.seed(records=records)["records"]]


# ------------------------------------------------------------------ what a record means


def test_a_contact_is_read_with_all_that_decides(org):
    company = org.add_company("Nordwerk", "nordwerk.example")
    id = org.add_person(
        "Ana.Berg@Nordwerk.example",
        FirstName="Ana",
        LastName="Berg",
        AccountId=company,
        MobilePhone="+49 1",
        HasOptedOutOfEmail=True,
        LastActivityDate="2026-11-20",
        PQL_Key__c="k1",
        PQL_Score__c=71.5,
        PQL_Outcome__c="accepted",
    )

    row = mirrored(org, "contact")[0][id]

    assert (row.emails, row.name, row.phone) == (("ana.berg@nordwerk.example",), "Ana Berg", "+49 1")
    assert (row.account, row.key, row.do_not_contact, row.last_activity) == (company, "k1", True, DAY)
    assert (row.fields["pql_score"], row.fields["pql_outcome"], row.fields["pql_flag"]) == (71.5, "accepted", False)
    assert row.owner
    assert row.created
    assert (row.deleted, row.moved_to) == (False, None)


@pytest.mark.parametrize(
    ("type", "customer"),
    [
        ("Customer - Direct", True),
        ("Customer - Channel", True),
        ("Prospect", False),
        ("Technology Partner", False),
        (None, False),
    ],
)
def test_an_account_is_a_customer_by_its_type(org, type, customer):
    id = org.add(
        "company", Name="Nordwerk", Website="http://WWW.Nordwerk.example:8080/de", **({"Type": type} if type else {})
    )

    row = mirrored(org, "company")[0][id]

    assert (row.is_customer, row.stage, row.domain) == (customer, type, "nordwerk.example")


@pytest.mark.parametrize(
    ("website", "host"),
    [
        ("nordwerk.example", "nordwerk.example"),
        ("www.nordwerk.example/", "nordwerk.example"),
        ("https://a.b.example?x", "a.b.example"),
    ],
)
def test_a_domain_is_the_host_of_a_website_as_people_write_it(website, host):
    assert domain(website) == host


@pytest.mark.parametrize(
    ("stage", "open", "won"), [("Prospecting", True, False), ("Closed Won", False, True), ("Closed Lost", False, False)]
)
def test_a_deal_says_whether_it_is_open_and_won_and_whose(org, stage, open, won):
    company = org.add_company("Nordwerk", "nordwerk.example")
    id = org.add("deal", Name="Team plan", AccountId=company, StageName=stage, CloseDate="2026-12-24", Amount=900)

    row = mirrored(org, "deal")[0][id]

    assert (row.open, row.won, row.account, row.stage) == (open, won, company, stage)
    assert (row.fields["Amount"], row.fields["CloseDate"]) == (900, datetime(2026, 12, 24, tzinfo=UTC))


@pytest.mark.fault("F20")
def test_a_converted_lead_moved_to_its_contact_and_a_merged_one_to_its_master(org):
    gone, loser, master = leads(org, 3)
    _, cursor = mirrored(org, "lead")
    contact = org.sandbox.act("convert", id=gone)["contact"]
    org.merge(master, loser)

    for rows in (mirrored(org, "lead", cursor)[0], mirrored(org, "lead")[0]):
        assert (rows[gone].moved_to, rows[gone].moved_object, rows[gone].deleted) == (contact, "contact", False)
        assert (rows[loser].moved_to, rows[loser].moved_object, rows[loser].deleted) == (master, "lead", True)
        assert rows[master].moved_to is None
    assert contact in mirrored(org, "contact")[0]


def test_fields_of_the_org_come_in_their_own_types_and_identity_under_our_names(org):
    fields = [("Trial_Day__c", "date"), ("Seats__c", "double"), ("Agreed__c", "boolean")]
    org.sandbox.seed(fields=[{"object": "Lead", "name": name, "type": type} for name, type in fields])
    (id,) = leads(org, 1, Trial_Day__c="2026-11-20", Seats__c=5, Agreed__c=True)

    read = org.crm.mirror.read("lead", [id], [*(name for name, _ in fields), "email", "company_name", "Nowhere__c"])[
        id
    ].fields

    assert (read["Trial_Day__c"], read["Seats__c"], read["Agreed__c"]) == (DAY, 5, True)
    assert (read["email"], read["company_name"]) == ("p0@x.example", "Nordwerk")
    assert "Nowhere__c" not in read


def test_an_org_without_our_fields_is_mirrored_all_the_same(bare):
    id = bare.add_person("ana@nordwerk.example")

    rows, _ = mirrored(bare, "contact")

    assert rows[id].emails == ("ana@nordwerk.example",)
    assert (rows[id].key, rows[id].fields) == (None, {})
    assert mirrored(bare, "task")[0] == {}


def test_by_a_key_that_the_org_does_not_have_nothing_is_read_because_absent_would_mean_make_it_again(bare):
    with pytest.raises(Refused, match="pql provision"):
        bare.crm.mirror.read_by_key("contact", ["k1"], [])


def test_an_object_that_the_org_does_not_show_us_is_a_matter_of_permission(org):
    org.sandbox.weather(
        {
            "match": {"path": "/Opportunity/describe"},
            "nth": 1,
            "fault": "status",
            "args": {"status": 404, "code": "NOT_FOUND"},
        }
    )

    with pytest.raises(Refused, match="Opportunity"):
        org.crm.mirror.pages("deal", None, [])


def test_only_our_own_tasks_are_mirrored(org):
    owner = org.add_owner("ana@acme.example")
    org.add("task", Subject="Call somebody", OwnerId=owner)
    id = org.crm.tasks.create([Task("pql-1", "Hot", "b", owner, DAY)], "t")[0].crm_id
    rows, cursor = mirrored(org, "task")

    assert set(rows) == {id}
    assert (rows[id].key, rows[id].open, rows[id].stage) == ("pql-1", True, "Not Started")

    org.sandbox.act("close", id=id)
    assert mirrored(org, "task", cursor)[0][id].open is False


def test_queues_are_owners_and_known_by_their_address_or_their_name(org):
    desk = org.add_queue("Sales Desk", "Lead", email="Desk@acme.example")
    bare = org.add_queue("Enrichment", "Lead")

    owners = {owner.id: owner for owner in org.crm.mirror.owners()}

    assert (owners[desk].kind, owners[desk].email, owners[desk].name) == ("queue", "desk@acme.example", "Sales Desk")
    assert owners[bare].email == "enrichment"


# ------------------------------------------------------------------ paging


def test_more_than_a_page_is_read_in_pages_and_goes_on_after_a_restart(org):
    ids = set(leads(org, 2100))
    pages = org.crm.mirror.pages("lead", None, [])
    first = next(pages)
    pages.close()
    again = org.connect()

    rest = list(again.mirror.pages("lead", first.cursor, []))

    assert (len(first.rows), first.last) == (2000, False)
    assert {row.id for page in [first, *rest] for row in page.rows} == ids
    assert sum(len(page.rows) for page in [first, *rest]) == 2100
    again.close()


@pytest.mark.parametrize("together", [True, False])
def test_a_poll_that_is_cut_off_goes_on_without_losing_or_repeating_even_where_many_share_an_instant(org, together):
    _, cursor = mirrored(org, "lead")
    if together:
        ids = leads(org, 2300)
    else:
        ids = []
        for _ in range(3):
            org.sandbox.advance(60)
            ids += leads(org, 900)
    seen = []
    for _ in range(9):
        page = next(org.crm.mirror.pages("lead", cursor, []))
        seen += [row.id for row in page.rows]
        cursor = page.cursor
        if page.last:
            break

    assert sorted(seen) == sorted(ids)


def test_changes_made_while_the_first_reading_went_on_are_read_afterwards(org):
    ids = leads(org, 2100)
    pages = org.crm.mirror.pages("lead", None, [])
    next(pages)
    org.edit("lead", ids[0], "pql_feedback", "made in the meantime")
    cursor = list(pages)[-1].cursor

    assert mirrored(org, "lead", cursor)[0][ids[0]].fields["pql_feedback"] == "made in the meantime"


def test_a_row_that_was_committed_late_is_not_missed(org):
    """Its stamp is older than the newest one we have seen."""
    leads(org, 1)
    _, cursor = mirrored(org, "lead")
    _, cursor = mirrored(org, "lead", cursor)
    stamp = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    (late,) = leads(org, 1, SystemModstamp=stamp, CreatedDate=stamp)

    assert late in mirrored(org, "lead", cursor)[0]


def test_a_quiet_poll_is_one_call(org):
    leads(org, 3)
    _, cursor = mirrored(org, "lead")
    before = org.crm.calls

    (page,) = org.crm.mirror.pages("lead", cursor, [])

    assert org.crm.calls == before + 1
    assert (page.calls, page.last) == (1, True)


def test_a_limit_in_mid_reading_keeps_the_place(org):
    ids = set(leads(org, 2100))
    pages = org.crm.mirror.pages("lead", None, [])
    first = next(pages)
    org.sandbox.weather({"match": {"path": "/query"}, "nth": 1, "fault": "daily_limit"})

    with pytest.raises(TryLater):
        next(pages)
    rest, _ = mirrored(org, "lead", first.cursor)

    assert {row.id for row in first.rows} | set(rest) == ids


@pytest.mark.fault("F16")
def test_a_field_that_is_taken_away_in_mid_reading_is_left_out_at_the_next_try(org):
    ids = set(leads(org, 3))
    _, cursor = mirrored(org, "lead")
    org.sandbox.act("drop_field", object="Lead", name="PQL_Plan__c")

    with pytest.raises(TryLater):
        mirrored(org, "lead", cursor)
    rows, _ = mirrored(org, "lead", cursor)

    assert set(rows) == ids
    assert all("pql_plan" not in row.fields for row in rows.values())


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", '{"since": "soon"}', '{"after": "1"}', '{"since": 5}'])
def test_a_cursor_that_is_none_of_ours_is_refused(org, text):
    cursor = text or " "

    with pytest.raises(Refused):
        next(org.crm.mirror.pages("lead", cursor, []))


# ------------------------------------------------------------------ reading by id and key


def test_a_chain_of_merges_ends_at_the_last_survivor(org):
    first, second, third, fourth = leads(org, 4)
    org.merge(second, first)
    org.merge(third, second)
    org.delete("lead", fourth)

    read = org.crm.mirror.read("lead", [first, second, third, fourth, "00Q5g00000000zzEAA", "no id"], [])

    assert {id: row.id for id, row in read.items()} == {first: third, second: third, third: third}


def test_a_ring_of_merges_ends_too():
    from connectors.crms.salesforce.reading import _end

    assert _end("a", {"a": "b", "b": "a"}) in ("a", "b")


def test_more_ids_and_keys_than_a_call_holds_are_read_in_pieces(org):
    records = [
        {"object": "Lead", "properties": {"LastName": "H", "Company": "N", "PQL_Key__c": f"{n:05}" + "k" * 59}}
        for n in range(2100)
    ]
    ids = [one["id"] for one in org.sandbox.seed(records=records)["records"]]
    keys = [one["properties"]["PQL_Key__c"] for one in records]

    assert list(org.crm.mirror.read("lead", ids, [])) == ids
    assert set(org.crm.mirror.read_by_key("lead", keys, [])) == set(keys)
    assert 414 not in {call["status"] for call in org.sandbox.requests()}


def test_keys_tell_capitals_apart_and_quotes_do_no_harm(org):
    (id,) = leads(org, 1, PQL_Key__c="Key'\\1")

    assert set(org.crm.mirror.read_by_key("lead", ["Key'\\1", "key'\\1", "' OR Id != '"], [])) == {"Key'\\1"}
    assert org.crm.mirror.read_by_key("lead", ["Key'\\1"], [])["Key'\\1"].id == id


def test_a_moment_of_our_own_making_is_a_cursor():
    cursor = mirror_room.Cursor(DAY.isoformat(), filling=False)

    assert mirror_room.Cursor.read(cursor.text()) == cursor
    assert orjson.loads(replace(cursor, at=DAY.isoformat()).text())["at"] == DAY.isoformat()


def test_an_object_described_without_fields_does_not_say_that_it_has_none(org):
    person = org.add_person("a@x.example")
    rule = {"match": {"method": "GET", "path": ".*/describe"}, "nth": 1, "fault": "empty_2xx", "args": {"body": "lists"}}
    org.sandbox.weather(rule)

    with pytest.raises(TryLater, match="without fields"):
        org.crm.mirror.read("contact", [person], ["email"])
    assert list(org.crm.mirror.read("contact", [person], ["email"])) == [person]
