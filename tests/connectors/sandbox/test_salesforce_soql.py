"""SOQL: what the subset means, how pages follow each other, and what is refused by name."""

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.soql.dates import covered
from connectors.sandbox.salesforce.soql.parse import DateWord, parse
from connectors.sandbox.salesforce.soql.words import split


@pytest.fixture
def people(rest):
    """Four leads: Ada, Bob, Cyd and one without a first name; Ada and Bob have titles."""
    rest.org.seed(
        owners=[{"email": "ana@acme.com", "name": "Ana Ruiz"}],
        records=[
            {"object": "Account", "ref": "nord", "properties": {"Name": "Nordwerk"}},
            *(
                {"object": "Contact", "properties": {"LastName": last, **more}, "associations": {"OwnerId": "ana@acme.com"}}
                for last, more in (
                    ("Ada", {"Email": "Ada@x.co", "Title": "CTO", "AccountId": "nord", "Birthdate": "1990-05-01"}),
                    ("Bob", {"Email": "bob@x.co", "Title": "cto", "CreatedDate": "2026-01-05T10:00:00Z"}),
                    ("Cyd", {"Email": "cyd_1@x.co", "HasOptedOutOfEmail": True}),
                    ("O'Neil", {}),
                )
            ),
        ],
    )
    return rest


def names(people, where, order="LastName"):
    return [each["LastName"] for each in people.records(f"SELECT LastName FROM Contact WHERE {where} ORDER BY {order}")]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Email = 'ada@X.co'", ["Ada"]),
        ("Title = 'CTO'", ["Ada", "Bob"]),
        ("Title != 'CTO'", ["Cyd", "O'Neil"]),
        ("Title NOT IN ('CTO')", ["Cyd", "O'Neil"]),
        ("Title = null", ["Cyd", "O'Neil"]),
        ("Title != null AND LastName > 'ada'", ["Bob"]),
        ("Email IN ('ada@x.co', 'cyd_1@x.co')", ["Ada", "Cyd"]),
        ("LastName = 'O\\'Neil'", ["O'Neil"]),
        ("Email LIKE 'cyd\\_%'", ["Cyd"]),
        ("LastName LIKE '_d%'", ["Ada"]),
        ("NOT (LastName LIKE 'a%' OR LastName LIKE 'b%')", ["Cyd", "O'Neil"]),
        ("Account.Name = 'nordwerk'", ["Ada"]),
        ("Account.Name = null", ["Bob", "Cyd", "O'Neil"]),
        ("Owner.Email = 'ana@acme.com' AND HasOptedOutOfEmail = TRUE", ["Cyd"]),
        ("CreatedDate < 2026-02-01T00:00:00Z", ["Bob"]),
        ("CreatedDate = TODAY", ["Ada", "Cyd", "O'Neil"]),
        ("SystemModstamp >= LAST_N_DAYS:3 AND Birthdate = 1990-05-01", ["Ada"]),
        ("Birthdate < 1990-05-02", ["Ada"]),
    ],
)
def test_conditions_mean_what_they_mean_in_an_org(people, where, found):
    assert names(people, where) == found


def test_order_puts_nulls_first_unless_told_and_limit_and_offset_cut(people):
    assert names(people, "IsDeleted = false", "Title, LastName DESC") == ["O'Neil", "Cyd", "Bob", "Ada"]
    assert names(people, "IsDeleted = false", "Title NULLS LAST, LastName LIMIT 2 OFFSET 1") == ["Bob", "Cyd"]


def test_a_parent_is_an_object_of_its_own_and_null_where_there_is_none(people):
    found = people.query("SELECT Id, Account.Name, Owner.Email FROM Contact WHERE LastName IN ('Ada', 'Bob')")["records"]

    assert [each["Account"] and each["Account"]["Name"] for each in found] == ["Nordwerk", None]
    assert found[0]["Account"]["attributes"]["type"] == "Account"
    assert found[0]["Owner"]["Email"] == "ana@acme.com"


def test_count_answers_a_size_and_no_records(people):
    assert people.query("SELECT COUNT() FROM Contact WHERE Title = 'cto'") == {"totalSize": 2, "done": True, "records": []}


def test_pages_follow_each_other_and_a_strange_cursor_is_refused(rest):
    rest.org.seed(records=[{"object": "Lead", "properties": {"LastName": str(n), "Company": "B"}} for n in range(450)])
    page = rest.query("SELECT LastName FROM Lead", **{"Sforce-Query-Options": "batchSize=200"})
    seen = [each["LastName"] for each in page["records"]]
    sizes = [len(seen)]
    while not page["done"]:
        page = rest.call("GET", page["nextRecordsUrl"], headers={"Sforce-Query-Options": "batchSize=200"}).body
        seen += [each["LastName"] for each in page["records"]]
        sizes.append(len(page["records"]))

    assert sizes == [200, 200, 50]
    assert seen == [str(n) for n in range(450)]
    assert page["totalSize"] == 450
    assert rest.get("query/01g5g0000000099AAA-200").body[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_query_all_shows_the_deleted_and_query_does_not(rest):
    record = rest.create("Lead", LastName="A", Company="B")
    rest.call("DELETE", f"sobjects/Lead/{record}")

    assert rest.query("SELECT Id FROM Lead")["totalSize"] == 0
    shown = rest.get("queryAll", q="SELECT Id, IsDeleted FROM Lead").body["records"]
    assert [(each["Id"], each["IsDeleted"]) for each in shown] == [(record, True)]


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT Nope__c FROM Lead", "INVALID_FIELD", "No such column 'Nope__c' on entity 'Lead'"),
        ("SELECT Boss.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("SELECT Id FROM Deal", "INVALID_TYPE", "sObject type 'Deal' is not supported."),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Lead WHERE Company = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD", "should not be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Lead WHERE City = 'a' AND City = 'b' OR City = 'c'", "MALFORMED_QUERY", "brackets"),
        ("SELECT Id, Id FROM Lead", "INVALID_FIELD", "duplicate field selected"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT COUNT(Id) FROM Lead", "NOT_IN_THIS_SANDBOX", "COUNT"),
        ("SELECT City FROM Lead GROUP BY City", "NOT_IN_THIS_SANDBOX", "GROUP"),
        ("SELECT Id, (SELECT Id FROM Tasks) FROM Lead", "NOT_IN_THIS_SANDBOX", "subquery"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_the_words_of_an_org_or_by_name(rest, soql, code, words):
    answer = rest.get("query", q=soql)

    assert answer.body[0]["errorCode"] == code
    assert words in answer.body[0]["message"]


def test_an_address_longer_than_16_kb_is_refused(rest):
    many = ", ".join(f"'person{n}@x.co'" for n in range(1000))

    assert rest.get("query", q=f"SELECT Id FROM Lead WHERE Email IN ({many})").status == 414


@given(st.text())
def test_any_text_survives_being_quoted(text):
    quoted = re.sub(r"(['\\])", r"\\\1", text).replace("\n", "\\n").replace("\r", "\\r")

    assert split(f"'{quoted}'")[0].value == text


@given(st.text(alphabet="SELECTFROMWHEREANDORNOTIN()'=<>, .1a", max_size=40))
def test_a_broken_query_is_a_refusal_and_never_a_crash(text):
    try:
        parse(text)
    except Fault as fault:
        assert fault.code in ("MALFORMED_QUERY", "NOT_IN_THIS_SANDBOX", "INVALID_FIELD", "NUMBER_OUTSIDE_VALID_RANGE")  # noqa: PT017  both outcomes are right


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)))
def test_date_words_cover_their_days_without_gap(today):
    words = [
        covered(DateWord(f"{which}_{unit}"), today)
        for unit in ("WEEK", "MONTH", "YEAR")
        for which in ("LAST", "THIS", "NEXT")
    ]

    for last, this, following in (words[:3], words[3:6], words[6:]):
        assert last[1] == this[0] <= today < this[1] == following[0]
    assert covered(DateWord("LAST_N_DAYS", 3), datetime(2026, 11, 22, tzinfo=UTC).date())[0] == date(2026, 11, 19)
