"""Laws of the sandbox Salesforce: no body breaks it, no race doubles a key, the ledger adds up to the records."""

from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from salesforce_rest import key_field, lead

from connectors.sandbox.salesforce.app import open_app
from connectors.sandbox.state import State
from connectors.sandbox.wire import Actor, Headers, Request

TOKEN = "t"
FIELDS = (
    "LastName",
    "Company",
    "Email",
    "OwnerId",
    "Status",
    "AnnualRevenue",
    "HasOptedOutOfEmail",
    "Id",
    "PQL_Key__c",
    "Owner",
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just({"Email": "a@b.co"})
)
records = st.fixed_dictionaries(
    {"attributes": st.just({"type": "Lead"}) | st.dictionaries(st.just("type"), scalars)},
    optional=dict.fromkeys(FIELDS, scalars),
)
bodies = st.fixed_dictionaries({"records": st.lists(records | scalars, max_size=4)}, optional={"allOrNone": scalars})
calls = st.tuples(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    st.sampled_from(
        [
            "sobjects/Lead",
            "sobjects/Lead/PQL_Key__c/k",
            "sobjects/Task/x",
            "composite",
            "composite/sobjects",
            "composite/sobjects/Lead",
            "composite/sobjects/Lead/PQL_Key__c",
            "jobs/ingest",
            "tooling/sobjects/CustomField",
            "sobjects/Lead/updated",
            "query",
        ]
    ),
    bodies | scalars | st.dictionaries(st.sampled_from([*FIELDS, "compositeRequest", "ids", "fields", "Metadata"]), scalars),
)


@pytest.fixture(scope="module")
def org():
    state = State()
    app = open_app(state, TOKEN)
    app.install()
    app.seed({"fields": [key_field("Lead")]})
    yield app
    state.close()


def ask(app, method, path, body=None):
    headers = Headers({"Authorization": f"Bearer {TOKEN}"})
    request = Request(method, f"/services/data/v59.0/{path}", headers=headers, body=orjson.dumps(body))
    return app.answer(request, Actor("law"))


@settings(max_examples=400)
@given(call=calls)
def test_whatever_is_sent_is_answered_in_the_shape_of_an_org(org, call):
    reply = ask(org, *call)

    assert reply.status < 500 or reply.body[0]["errorCode"] == "NOT_IN_THIS_SANDBOX"
    orjson.dumps(reply.body)


def test_eight_creates_of_one_key_at_once_make_one_record(rest):
    rest.org.seed(fields=[key_field("Lead")])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rest.collect("POST", [lead(PQL_Key__c="k")])[0], range(8)))

    refused = [answer["errors"][0] for answer in answers if not answer["success"]]
    holder = next(answer["id"] for answer in answers if answer["success"])
    assert [each["statusCode"] for each in refused] == ["DUPLICATE_VALUE"] * 7
    assert all(each["message"].endswith(holder[:15]) for each in refused)


titles = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["CTO", "CFO", None])), max_size=12)


@given(steps=titles)
def test_the_ledger_adds_up_to_the_records(steps):
    state = State()
    try:
        app = open_app(state, TOKEN)
        app.install()
        app.seed({"fields": [key_field("Lead")]})
        for key, title in steps:
            body = {"records": [lead(PQL_Key__c=key, Title=title)]}
            assert ask(app, "PATCH", "composite/sobjects/Lead/PQL_Key__c", body).body[0]["success"]
        summed = {}
        for entry in state.ledger():
            summed.setdefault(entry["id"], {}).update(entry["after"])
        stored = {row.id: row.properties for row in state.scan("Lead")}
        assert {key: {n: v for n, v in each.items() if v is not None} for key, each in summed.items()} == stored
        assert len(stored) == len({key for key, _ in steps})
    finally:
        state.close()
