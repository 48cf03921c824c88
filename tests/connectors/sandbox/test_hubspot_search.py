"""Search of the sandbox HubSpot: operators, paging, the cap, and an index that lags."""

import pytest

CONTACTS = "/crm/v3/objects/contacts"


def search(call, *filters, **more):
    body = {"filterGroups": [{"filters": list(filters)}] if filters else [], "limit": 100, **more}
    return call("POST", f"{CONTACTS}/search", body)


def where(name, operator, value=None, **more):
    one = {"propertyName": name, "operator": operator, **more}
    return one if value is None else {**one, "value": value}


@pytest.fixture
def people(hubspot):
    """Four people; their addresses begin with a letter each."""
    rows = [
        {"email": "a@b.co", "associatedcompanyid": "2", "lastmodifieddate": "2026-01-01T00:00:00Z", "firstname": "Ada"},
        {"email": "b@b.co", "associatedcompanyid": "10", "lastmodifieddate": "2026-02-01T00:00:00Z"},
        {"email": "c@c.io", "associatedcompanyid": "100", "lastmodifieddate": "2026-03-01T00:00:00Z"},
        {"email": "d@d.io", "lastmodifieddate": "2026-04-01T00:00:00Z", "hs_additional_emails": "old@d.io;older@d.io"},
    ]
    return hubspot.seed(records=[{"object": "contact", "properties": one} for one in rows])


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (where("email", "EQ", "B@b.co"), "b"),
        (where("email", "NEQ", "a@b.co"), "bcd"),
        (where("email", "IN", values=["a@b.co", "d@d.io"]), "ad"),
        (where("email", "NOT_IN", values=["a@b.co", "d@d.io"]), "bc"),
        (where("firstname", "HAS_PROPERTY"), "a"),
        (where("firstname", "NOT_HAS_PROPERTY"), "bcd"),
        (where("associatedcompanyid", "GT", "9"), "bc"),
        (where("associatedcompanyid", "LTE", "10"), "ab"),
        (where("associatedcompanyid", "BETWEEN", "3", highValue="50"), "b"),
        (where("email", "CONTAINS_TOKEN", "*@b.co"), "ab"),
        (where("hs_additional_emails", "CONTAINS_TOKEN", "older@d.io"), "d"),
        (where("lastmodifieddate", "GTE", "1772323200000"), "cd"),
        (where("lastmodifieddate", "LT", "2026-02-01T00:00:00Z"), "a"),
    ],
)
def test_an_operator_finds_what_it_says(call, people, condition, found):
    answer = search(call, condition, properties=["email"])

    assert "".join(one["properties"]["email"][0] for one in answer.body["results"]) == found
    assert answer.body["total"] == len(found)


def test_groups_are_alternatives_and_filters_of_a_group_hold_together(call, people):
    groups = [
        {"filters": [where("email", "EQ", "a@b.co"), where("firstname", "EQ", "ada")]},
        {"filters": [where("email", "EQ", "b@b.co"), where("firstname", "EQ", "ada")]},
        {"filters": [where("email", "EQ", "c@c.io")]},
    ]

    assert call("POST", f"{CONTACTS}/search", {"filterGroups": groups, "limit": 10}).body["total"] == 2


def test_results_are_sorted_and_paged(call, people):
    sorts = [{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}]
    first = search(call, sorts=sorts, limit=3).body
    rest = search(call, sorts=sorts, limit=3, after=first["paging"]["next"]["after"]).body

    assert [one["properties"]["email"][0] for one in first["results"] + rest["results"]] == ["d", "c", "b", "a"]
    assert (first["total"], "paging" in rest) == (4, False)


def test_records_are_found_by_what_they_are_associated_with(call, hubspot, people):
    contact = people["records"][0]["id"]
    company = call("POST", "/crm/v3/objects/companies", {"properties": {"domain": "b.co"}, "associations": []}).body["id"]
    call("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{company}")

    assert [one["id"] for one in search(call, where("associations.company", "EQ", company)).body["results"]] == [contact]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 100, "after": "9901"},
        {"filterGroups": [{"filters": [where("nonsense", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [where("email", "LIKE", "1")]}]},
        {"filterGroups": [{}] * 6},
    ],
)
def test_what_the_vendor_refuses_is_refused(call, body):
    assert call("POST", f"{CONTACTS}/search", body).status == 400


def test_a_lagging_index_matches_by_old_values_and_shows_new_ones(call, hubspot):
    hubspot.switch(search_lag_s=30)
    record = call("POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []}).body["id"]
    assert search(call, where("email", "EQ", "a@b.co")).body == {"total": 0, "results": []}

    hubspot.advance(31)
    assert search(call, where("email", "EQ", "a@b.co")).body["total"] == 1

    call("PATCH", f"{CONTACTS}/{record}", {"properties": {"email": "new@b.co"}})
    stale = search(call, where("email", "EQ", "a@b.co")).body
    assert [one["properties"]["email"] for one in stale["results"]] == ["new@b.co"]
    assert search(call, where("email", "EQ", "new@b.co")).body["total"] == 0


def test_while_an_index_settles_the_total_is_larger_than_the_results(call, hubspot):
    hubspot.switch(search_lag_s=30)
    record = call("POST", CONTACTS, {"properties": {"email": "a@b.co"}, "associations": []}).body["id"]
    hubspot.advance(31)
    call("DELETE", f"{CONTACTS}/{record}")

    assert search(call, where("email", "EQ", "a@b.co")).body == {"total": 1, "results": []}
    hubspot.advance(31)
    assert search(call, where("email", "EQ", "a@b.co")).body == {"total": 0, "results": []}


def test_search_answers_carry_no_window_headers_and_with_oauth_none_at_all(call, hubspot):
    def limits(answer):
        return {name for name in answer.headers if "ratelimit" in name.lower()}

    assert limits(search(call)) == {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"}
    assert len(limits(call("GET", CONTACTS))) == 7
    hubspot.switch(oauth=True)
    assert limits(search(call)) == set()


def test_too_many_searches_in_a_second_are_refused_without_retry_after(call, hubspot):
    hubspot.switch(enforce_limits=True, search_limit=3, retry_after_s=7)
    refused = [answer for answer in (search(call) for _ in range(6)) if answer.status == 429]

    assert refused[0].body["category"] == "RATE_LIMITS"
    assert refused[0].body["message"] == "You have reached your secondly limit."
    assert "Retry-After" not in refused[0].headers


def test_the_ten_second_window_and_the_day_are_enforced_only_when_switched_on(call, hubspot):
    assert {call("GET", CONTACTS).status for _ in range(30)} == {200}
    hubspot.switch(enforce_limits=True, ten_second_limit=31, retry_after_s=7)
    statuses = [call("GET", CONTACTS) for _ in range(3)]
    hubspot.switch(ten_second_limit=190, daily_limit=10)
    day = call("GET", CONTACTS)

    assert [one.status for one in statuses] == [200, 429, 429]
    assert (statuses[1].body["policyName"], statuses[1].body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert statuses[1].headers["Retry-After"] == "7"
    assert (day.status, day.body["policyName"]) == (429, "DAILY")
