"""What a refusal is, in each of its three shapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Outcome
from connectors.crms.salesforce.answers import fault_in, fault_of
from connectors.crms.salesforce.limits import Allowance
from connectors.errors import ConnectorError, Moved, Refused, Rejected, TryLater, Unknown

LOCKED = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record", "fields": []}


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("UNABLE_TO_LOCK_ROW", Outcome.TRY_LATER),
        ("REQUEST_RUNNING_TOO_LONG", Outcome.TRY_LATER),
        ("TOO_MANY_APEX_REQUESTS", Outcome.TRY_LATER),
        ("UNKNOWN_EXCEPTION", Outcome.TRY_LATER),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Outcome.REJECTED),
        ("STRING_TOO_LONG", Outcome.REJECTED),
        ("INVALID_EMAIL_ADDRESS", Outcome.REJECTED),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Outcome.REJECTED),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Outcome.REJECTED),
        ("INACTIVE_OWNER_OR_USER", Outcome.REJECTED),
        ("INSUFFICIENT_ACCESS_OR_READONLY", Outcome.REJECTED),
        ("INVALID_FIELD", Outcome.REFUSED),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", Outcome.REFUSED),
        ("ENTITY_IS_DELETED", Outcome.MOVED),
        ("INVALID_CROSS_REFERENCE_KEY", Outcome.MOVED),
        ("CANNOT_UPDATE_CONVERTED_LEAD", Outcome.MOVED),
        ("DUPLICATES_DETECTED", Outcome.NEEDS_REVIEW),
        ("SOMETHING_SALESFORCE_INVENTED_LAST_NIGHT", Outcome.REJECTED),
        ("", Outcome.UNKNOWN),
    ],
)
def test_each_code_of_a_row_says_what_to_do_and_an_unknown_one_refuses_the_row(code, outcome):
    fault = fault_in({"statusCode": code, "message": "Said so", "fields": []})

    assert (fault.outcome, fault.code) == (outcome, code)


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("status", "content", "writes", "raised"),
    [
        (400, [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}], True, TryLater),
        (400, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}], False, Refused),
        (400, [{"errorCode": "INVALID_FIELD", "message": "No such column 'X__c' on entity 'Lead'"}], True, Refused),
        (400, [{"errorCode": "JSON_PARSER_ERROR", "message": "Cannot deserialize"}], True, Rejected),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], True, TryLater),
        (403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "API is not enabled"}], False, Refused),
        (403, [{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "no"}], True, Refused),
        (404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}], False, Moved),
        (
            404,
            [
                {
                    "errorCode": "NOT_FOUND",
                    "message": "Provided external ID field does not exist or is not accessible: PQL_Key__c",
                }
            ],
            False,
            Refused,
        ),
        (404, [{"errorCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}], True, Moved),
        (300, ["/services/data/v67.0/sobjects/Lead/00Q5g0000000001EAA"], False, Moved),
        (500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}], True, Unknown),
        (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "maintenance"}], True, Unknown),
        (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "maintenance"}], False, TryLater),
        (502, "<html>bad gateway</html>", True, Unknown),
        (414, "<h1>URI Too Long</h1>", False, Rejected),
    ],
)
def test_a_whole_call_ends_in_one_of_our_errors(status, content, writes, raised):
    assert type(fault_of(status, content).error(writes=writes)) is raised


@pytest.mark.fault("F7")
def test_the_limit_of_the_day_costs_no_attempt_and_that_of_long_calls_does():
    day = fault_of(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])
    now = fault_of(
        403,
        [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded."}],
    )

    assert (day.error(writes=True).limited, day.error(writes=True).after) == (True, 900.0)
    assert (now.error(writes=True).limited, now.error(writes=True).after) == (False, 10.0)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("api-usage=18/5000", (5000, 4982)),
        ("api-usage=5200/5000", (5000, 0)),
        ("per-app-api-usage=17/250(appName=x); api-usage=18/5000", (5000, 4982)),
        ("per-app-api-usage=17/250(appName=x)", (None, None)),
        ("nonsense", (None, None)),
    ],
)
def test_the_allowance_is_what_the_org_has_left_not_what_one_app_has(text, day):
    allowance = Allowance()

    allowance.hear({"Sforce-Limit-Info": text})
    allowance.hear({"Content-Type": "text/html"})

    assert (allowance.budget.day_calls, allowance.budget.day_remaining) == day


def test_the_field_is_named_by_the_list_or_by_the_message():
    assert fault_in({"statusCode": "REQUIRED_FIELD_MISSING", "message": "", "fields": ["Name"]}).fields == ("Name",)
    assert fault_in(
        {"statusCode": "INVALID_FIELD", "message": "No such column 'PQL_X__c' on sobject of type Lead"}
    ).fields == ("PQL_X__c",)


def test_the_holder_of_a_unique_value_is_named_by_its_full_id():
    said = "duplicate value found: PQL_Key__c duplicates value on record with id: 00Q5g0000000001"

    fault = fault_in({"statusCode": "DUPLICATE_VALUE", "message": said, "fields": []})

    assert (fault.fields, fault.existing) == (("PQL_Key__c",), ("00Q5g0000000001EAA",))


def test_an_unnamed_holder_is_nobody():
    said = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"

    assert fault_in({"statusCode": "DUPLICATE_VALUE", "message": said}).existing == ()


@pytest.mark.fault("F25")
def test_the_matches_of_a_duplicate_rule_are_listed():
    records = [{"record": {"attributes": {"type": "Lead"}, "Id": "00Q5g0000000002EAA"}}]
    doc = {
        "errorCode": "DUPLICATES_DETECTED",
        "message": "Use one of these records?",
        "duplicateResut": {"matchResults": [{"matchRecords": records}]},
    }

    assert fault_of(400, [doc]).existing == ("00Q5g0000000002EAA",)


def test_a_refusal_of_the_token_endpoint_is_an_object():
    fault = fault_of(400, {"error": "invalid_grant", "error_description": "authentication failure"})

    assert (fault.code, fault.says) == ("invalid_grant", "authentication failure.")


def test_a_session_that_salesforce_repeats_is_not_handed_on():
    said = "Session 00D5g0000000001!AQEAQ.secret-of-the-org is over"

    fault = fault_of(403, [{"errorCode": "X", "message": said}], ("my-own-secret",))

    assert "secret-of-the-org" not in f"{fault.message}{fault.error(writes=True)}"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["errorCode", "statusCode", "message", "fields", "error", "duplicateResut", "matchResults", "matchRecords"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(content=ODD, status=st.sampled_from([300, 400, 401, 403, 404, 405, 409, 414, 500, 503]), writes=st.booleans())
def test_no_body_however_odd_breaks_the_reading_of_a_refusal(content, status, writes):
    fault = fault_of(status, content)

    assert isinstance(fault.error(writes=writes), ConnectorError)
    assert isinstance(fault.message, str)
