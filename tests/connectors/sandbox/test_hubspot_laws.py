"""Laws of the sandbox HubSpot: whatever is sent, nothing breaks, no address doubles, and the ledger adds up."""

import json
from collections import Counter

import orjson
import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CONTACTS = "/crm/v3/objects/contacts"
EMAILS = st.sampled_from([f"{name}@b.co" for name in "abcd"])
NUMBERS = st.sampled_from(["", "1", "2"])
STAGES = st.sampled_from(["", "lead", "customer"])
GOOD = st.fixed_dictionaries({}, optional={"phone": NUMBERS, "lifecyclestage": STAGES})
MOVING = st.fixed_dictionaries({"email": EMAILS}, optional={"phone": NUMBERS})
BAD = st.sampled_from([{"nonsense": "1"}, {"lifecyclestage": "moon"}, {"email": "nowhere"}])
PROPERTIES = st.one_of(GOOD, GOOD, MOVING, BAD)
PLACES = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(
        st.just("create"), st.lists(st.tuples(EMAILS, PROPERTIES), min_size=1, max_size=4, unique_by=lambda row: row[0])
    ),
    st.tuples(
        st.just("update"), st.lists(st.tuples(PLACES, PROPERTIES), min_size=1, max_size=3, unique_by=lambda row: row[0])
    ),
    st.tuples(
        st.just("upsert"), st.lists(st.tuples(EMAILS, PROPERTIES), min_size=1, max_size=4, unique_by=lambda row: row[0])
    ),
    st.tuples(st.just("archive"), st.lists(st.tuples(PLACES, st.just({})), min_size=1, max_size=2)),
    st.tuples(st.just("merge"), st.tuples(PLACES, PLACES)),
)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)


@pytest.fixture
def send(hubspot):
    headers = {"Authorization": f"Bearer {hubspot.token}"}
    with urllib3.PoolManager(retries=False) as pool:

        def ask(path, body, method="POST"):
            data = json.dumps(body)  # takes every number, unlike orjson
            answer = pool.request(method, hubspot.url + path, body=data, headers=headers)
            return answer.status, orjson.loads(answer.data) if answer.data else None

        yield ask


def inputs(verb, rows, ids):
    for number, (named, properties) in enumerate(rows):
        one = {"properties": dict(properties), "objectWriteTraceId": str(number)}
        if verb == "create":
            yield {**one, "properties": {**properties, "email": named}, "associations": []}
        elif verb == "upsert":
            one["properties"].pop("email", None)
            yield {**one, "id": named, "idProperty": "email"}
        else:
            yield {**one, "id": ids[named % len(ids)] if ids else "7"}


def carry_out(send, step, ids):
    verb, rows = step
    if verb == "merge":
        if ids:
            send(
                f"{CONTACTS}/merge", {"primaryObjectId": ids[rows[0] % len(ids)], "objectIdToMerge": ids[rows[1] % len(ids)]}
            )
        return
    sent = list(inputs(verb, rows, ids))
    status, body = send(f"{CONTACTS}/batch/{verb}", {"inputs": sent})
    assert status < 500, body
    if status in (200, 201, 207) and verb != "archive":
        failed = {trace for one in body.get("errors", []) for trace in one["context"]["objectWriteTraceId"]}
        assert len(body["results"]) + len(failed) == len(sent), "each input has a result or an error"
        ids += [one["id"] for one in body["results"] if one["id"] not in ids]


def told(ledger):
    """Fold the ledger into the records it says there are."""
    records = {}
    for one in ledger:
        if one["op"] in ("create", "merge"):
            records[one["id"]] = {name: value for name, value in one["after"].items() if isinstance(value, str)}
        elif one["op"] == "update":
            assert {name: records[one["id"]].get(name, "") for name in one["before"]} == one["before"]
            records[one["id"]] |= one["after"]
        else:
            del records[one["id"]]
    return {record: {name: value for name, value in values.items() if value} for record, values in records.items()}


@relaxed
@given(steps=st.lists(STEPS, max_size=12))
def test_the_ledger_adds_up_to_the_records_and_no_address_is_held_twice(hubspot, send, steps):
    hubspot.control.reset()
    ids: list[str] = []
    for step in steps:
        carry_out(send, step, ids)
    rows = hubspot.state.scan("contact")
    addresses = Counter(
        one
        for row in rows
        for one in {row.properties.get("email"), *row.properties.get("hs_additional_emails", "").split(";")}
        if one
    )

    assert told(hubspot.ledger()) == {
        row.id: {name: value for name, value in row.properties.items() if value} for row in rows
    }
    assert all(count == 1 for count in addresses.values())
    for free in {"a@b.co", "b@b.co", "c@b.co", "d@b.co"} - set(addresses):
        assert send(CONTACTS, {"properties": {"email": free}, "associations": []})[0] == 201


WORDS = [
    *("inputs", "properties", "associations", "id", "idProperty", "to", "from", "types", "associationTypeId"),
    *("associationCategory", "filterGroups", "filters", "propertyName", "operator", "value", "values", "sorts", "limit"),
    *("after", "name", "label", "type", "fieldType", "groupName", "options", "email", "query"),
    *("primaryObjectId", "objectIdToMerge", "objectId"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**20) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
PATHS = [
    CONTACTS,
    *(f"{CONTACTS}/batch/{verb}" for verb in ("create", "read", "update", "upsert", "archive")),
    *(f"{CONTACTS}/{verb}" for verb in ("search", "merge", "gdpr-delete", "1")),
    "/crm/v3/properties/contacts",
    "/crm/v3/properties/contacts/batch/create",
    "/crm/v3/properties/contacts/groups",
    *(
        f"/crm/v4/associations/contacts/companies/{verb}"
        for verb in ("batch/create", "batch/read", "batch/archive", "labels")
    ),
    "/crm/v4/objects/contacts/1/associations/companies/2",
]


@relaxed
@given(
    path=st.sampled_from(PATHS),
    body=st.dictionaries(st.sampled_from(WORDS), JSON, max_size=4) | JSON,
    method=st.sampled_from(["POST", "PATCH", "PUT"]),
)
def test_no_body_whatever_its_shape_makes_the_server_fail(send, path, body, method):
    assert send(path, body, method)[0] < 500
