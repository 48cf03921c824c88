"""Matching: one record is a match, several are a person's to judge, and the set road agrees with the road lead by lead."""

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core.matching import Candidate, Matched, Mirror, NeedsReview, Unmatched, choose, companies, people, subjects

BY = ("stored_id", "pql_key", "email")
OBJECTS = ("contact", "lead")
RECORDS = pa.schema([(name, pa.string()) for name in ("object", "id", "account", "domain", "key")])
EMAILS = pa.schema([(name, pa.string()) for name in ("object", "id", "email")])
LINKS = pa.schema([(name, pa.string()) for name in ("record_key", "object", "crm_id")])
LEADS = pa.schema([(name, pa.string()) for name in ("lead_key", "account_id", "email")])
ACCOUNTS = pa.schema([(name, pa.string()) for name in ("account_key", "account_id", "domain")])


@pytest.fixture(scope="module")
def duck():
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


def table(rows, schema):
    return ibis.memtable(pa.Table.from_pylist(rows, schema))


def mirror(records=(), emails=(), links=()):
    return Mirror(table(list(records), RECORDS), table(list(emails), EMAILS), table(list(links), LINKS))


def mail(id, email, object="contact"):
    return {"object": object, "id": id, "email": email}


def record(id, object="contact", **more):
    return {"object": object, "id": id, **more}


def link(key, id, object="contact"):
    return {"record_key": key, "object": object, "crm_id": id}


def matched(duck, leads, known, by=BY, objects=OBJECTS):
    asked = table([{"lead_key": key, "account_id": "w1", "email": email} for key, email in leads], LEADS)
    rows = duck.to_pyarrow(people(asked, known, by, objects).order_by("lead_key")).to_pylist()
    return {row["lead_key"]: (row["status"], row["object"], row["crm_id"], row["hits"], row["how"]) for row in rows}


def test_a_lead_is_found_by_its_primary_or_an_additional_address_in_any_case(duck):
    known = mirror(emails=[mail("1", "ana@acme.com"), mail("1", "a@acme.com")])
    found = matched(duck, [("L1", "ANA@Acme.com "), ("L2", "a@acme.com"), ("L3", None), ("L4", "b@acme.com")], known)
    assert found == {
        "L1": ("matched", "contact", "1", 1, "email"),
        "L2": ("matched", "contact", "1", 1, "email"),
        "L3": ("unmatched", None, None, 0, None),
        "L4": ("unmatched", None, None, 0, None),
    }


def test_an_address_with_a_tag_is_another_address(duck):
    found = matched(duck, [("L1", "ana+trial@acme.com")], mirror(emails=[mail("1", "ana@acme.com")]))
    assert found["L1"][0] == "unmatched"


def test_more_than_one_hit_goes_to_review_and_names_no_record(duck):
    known = mirror(emails=[mail("1", "ana@acme.com"), mail("2", "ana@acme.com")])
    assert matched(duck, [("L1", "ana@acme.com")], known)["L1"] == ("needs_review", "contact", None, 2, "email")


def test_a_contact_is_preferred_to_an_open_lead_with_the_same_address(duck):
    known = mirror(
        emails=[mail("q1", "ana@acme.com", "lead"), mail("q2", "ana@acme.com", "lead"), mail("3", "ana@acme.com")]
    )
    assert matched(duck, [("L1", "ana@acme.com")], known)["L1"] == ("matched", "contact", "3", 1, "email")
    only = matched(duck, [("L1", "ana@acme.com")], known, objects=("lead",))
    assert only["L1"] == ("needs_review", "lead", None, 2, "email")


def test_a_stored_link_beats_the_key_and_the_key_beats_the_address(duck):
    known = mirror(
        records=[record("2", key="L1"), record("2b", key="L2")],
        emails=[mail("3", "ana@acme.com")],
        links=[link("L1", "1")],
    )
    found = matched(duck, [("L1", "ana@acme.com"), ("L2", "ana@acme.com"), ("L3", "ana@acme.com")], known)
    assert [found[key][2:] for key in ("L1", "L2", "L3")] == [
        ("1", 1, "stored_id"),
        ("2b", 1, "pql_key"),
        ("3", 1, "email"),
    ]


def test_ways_that_the_settings_leave_out_are_not_tried(duck):
    known = mirror(emails=[mail("3", "ana@acme.com")], links=[link("L1", "1")])
    assert matched(duck, [("L1", "ana@acme.com")], known, by=("email",))["L1"][2] == "3"


def test_a_link_to_a_record_that_is_not_mirrored_yet_holds(duck):
    assert matched(duck, [("L1", None)], mirror(links=[link("L1", "new")]))["L1"][2] == "new"


keys = st.sampled_from(["L1", "L2", "L3"])
addresses = st.sampled_from(["a@x.example", "b@x.example", None])
ids = st.sampled_from(["1", "2", "3"])
kinds = st.sampled_from(["contact", "lead", "company"])


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(keys, addresses, min_size=1),
    st.lists(st.tuples(kinds, ids, st.one_of(st.none(), keys)), max_size=5, unique_by=lambda one: one[:2]),
    st.lists(st.tuples(kinds, ids, addresses.filter(bool)), max_size=6, unique=True),
    st.lists(st.tuples(keys, st.sampled_from(OBJECTS), ids), max_size=2, unique_by=lambda one: one[0]),
    st.permutations(BY),
)
def test_the_set_decides_as_one_by_one(duck, leads, records, emails, links, by):
    known = mirror(
        [record(id, kind, key=key) for kind, id, key in records],
        [mail(id, email, kind) for kind, id, email in emails],
        [link(key, id, kind) for key, kind, id in links],
    )
    found = matched(duck, list(leads.items()), known, tuple(by))
    for key, email in leads.items():
        candidates = [Candidate(kind, id, "stored_id") for owner, kind, id in links if owner == key]
        candidates += [Candidate(kind, id, "pql_key") for kind, id, owner in records if owner == key]
        candidates += [Candidate(kind, id, "email") for kind, id, address in emails if address == email]
        answer = choose(candidates, by, OBJECTS)
        if isinstance(answer, Matched):
            assert found[key] == ("matched", answer.object, answer.id, 1, answer.how)
        elif isinstance(answer, NeedsReview):
            assert found[key][0] == "needs_review"
            assert found[key][3] == len(answer.candidates)
        else:
            assert answer == Unmatched()
            assert found[key] == ("unmatched", None, None, 0, None)


def test_a_review_says_why_and_which():
    answer = choose([Candidate("contact", "2", "email"), Candidate("contact", "1", "email")], BY, OBJECTS)
    assert answer.why == "2 records of contact have the same e-mail address"
    assert [one.id for one in answer.candidates] == ["1", "2"]


# ---------------------------------------------------------------------------------------- companies


def homes(duck, accounts, known, leads=()):
    asked = table([{"lead_key": key, "account_id": account, "email": email} for key, account, email in leads], LEADS)
    persons = people(asked, known, BY, OBJECTS)
    ours = table([{"account_key": f"A{id}", "account_id": id, "domain": domain} for id, domain in accounts], ACCOUNTS)
    rows = duck.to_pyarrow(companies(ours, known, persons)).to_pylist()
    return {row["account_id"]: (row["status"], row["crm_id"], row["hits"], row["how"]) for row in rows}


def test_an_account_is_found_by_link_key_domain_or_through_its_people(duck):
    known = mirror(
        records=[
            record("c2", "company", key="Aw2", domain="two.example"),
            record("c3", "company", domain="WWW.three.example"),
            record("c4", "company"),
            record("1", account="c4"),
        ],
        emails=[mail("1", "ana@four.example")],
        links=[link("Aw1", "c1", "company")],
    )
    accounts = [("w1", "two.example"), ("w2", None), ("w3", "Three.example"), ("w4", ""), ("w5", "five.example")]
    assert homes(duck, accounts, known, [("L1", "w4", "ana@four.example"), ("L2", "w5", "no@five.example")]) == {
        "w1": ("matched", "c1", 1, "stored_id"),
        "w2": ("matched", "c2", 1, "pql_key"),
        "w3": ("matched", "c3", 1, "domain"),
        "w4": ("matched", "c4", 1, "person"),
        "w5": ("unmatched", None, 0, None),
    }


def test_two_companies_of_one_domain_or_people_of_two_companies_go_to_review(duck):
    known = mirror(
        records=[
            record("c1", "company", domain="one.example"),
            record("c2", "company", domain="one.example"),
            record("1", account="c8"),
            record("2", account="c9"),
        ],
        emails=[mail("1", "a@x.example"), mail("2", "b@x.example")],
    )
    leads = [("L1", "w2", "a@x.example"), ("L2", "w2", "b@x.example")]
    assert homes(duck, [("w1", "one.example"), ("w2", None)], known, leads) == {
        "w1": ("needs_review", None, 2, "domain"),
        "w2": ("needs_review", None, 2, "person"),
    }


# ----------------------------------------------------------------------------------------- subjects


def test_leads_of_one_record_are_one_subject_and_the_strongest_of_them_shows(duck):
    rows = pa.table(
        {
            "lead_key": ["L1", "L2", "L3", "L4", "L5"],
            "object": ["contact", "contact", "lead", None, None],
            "crm_id": ["1", "1", "1", None, None],
            "score": [40.0, 70.0, 10.0, 5.0, 5.0],
        }
    )
    asked = ibis.memtable(rows)
    found = duck.to_pyarrow(subjects(asked, [ibis._.score.desc()]).order_by("lead_key")).to_pylist()
    assert [(row["lead_key"], row["subject"], row["shows"]) for row in found] == [
        ("L1", "L1", False),
        ("L2", "L1", True),
        ("L3", "L3", True),
        ("L4", "L4", True),
        ("L5", "L5", True),
    ]
