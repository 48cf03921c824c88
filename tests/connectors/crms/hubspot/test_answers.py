"""What HubSpot's refusals mean, in all dialects."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Outcome
from connectors.crms.hubspot.answers import fault_in, fault_of
from connectors.errors import Moved, Refused, Rejected, TryLater, Unknown

EMBEDDED = (
    'Property values were not valid: [{"isValid":false,"message":"warmer was not one of the allowed options",'
    '"error":"INVALID_OPTION","name":"pql_tier"}]'
)


def said(**doc):
    return orjson.dumps({"status": "error", "correlationId": "c", **doc})


def test_details_inside_the_message_are_found():
    fault = fault_of(400, said(message=EMBEDDED, category="VALIDATION_ERROR"))

    assert (fault.code, fault.field, fault.outcome) == ("INVALID_OPTION", "pql_tier", Outcome.REJECTED)
    assert fault.says == "Property values were not valid: warmer was not one of the allowed options"


def test_details_in_a_list_with_a_context_are_found():
    inner = {"message": "no such option", "code": "INVALID_OPTION", "context": {"propertyName": ["pql_tier"]}}
    fault = fault_of(400, said(message="Property values were not valid", category="VALIDATION_ERROR", errors=[inner]))

    assert (fault.code, fault.field, fault.outcome) == ("INVALID_OPTION", "pql_tier", Outcome.REJECTED)


def test_details_of_the_oldest_dialect_are_found():
    row = {"isValid": False, "message": "asd was not a valid long.", "error": "INVALID_LONG", "name": "closedate"}
    fault = fault_of(400, said(message="Property values were not valid", validationResults=[row]))

    assert (fault.code, fault.field) == ("INVALID_LONG", "closedate")


@pytest.mark.parametrize("code", ["PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"])
def test_a_field_nobody_can_write_is_a_fault_of_the_mapping_not_of_the_row(code):
    inner = {"message": "m", "code": code, "context": {"propertyName": ["pql_tier"]}}
    fault = fault_of(400, said(category="VALIDATION_ERROR", errors=[inner]))

    assert (fault.outcome, fault.wrong_fields) == (Outcome.REFUSED, {"pql_tier": code})


def test_an_existing_record_is_named_by_the_message():
    fault = fault_of(409, said(message="Contact already exists. Existing ID: 123", category="CONFLICT"))
    error = fault.error(writes=True)

    assert isinstance(error, Moved)
    assert (error.to, fault.outcome) == ("123", Outcome.MOVED)


@pytest.mark.parametrize("status", [400, 409])
def test_a_unique_value_that_is_taken_names_its_holder(status):
    sentence = "Cannot set pql_key=k1 on a 0-1 record. 456 already has that value."
    fault = fault_of(status, said(message=sentence, category="VALIDATION_ERROR" if status == 400 else "CONFLICT"))

    assert (fault.taken, fault.existing, fault.field) == (True, "456", "pql_key")


@pytest.mark.fault("F15")
def test_a_missing_scope_is_named():
    inner = {"message": "m", "context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}
    error = fault_of(403, said(message="no", category="MISSING_SCOPES", errors=[inner])).error(writes=True)

    assert isinstance(error, Refused)
    assert error.scope == "crm.objects.contacts.write"


@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    ("status", "writes", "kind"),
    [
        (400, True, Rejected),
        (401, True, Refused),
        (403, True, Refused),
        (404, True, Moved),
        (409, True, Rejected),
        (414, True, Rejected),
        (423, True, TryLater),
        (429, True, TryLater),
        (477, True, TryLater),
        (500, True, Unknown),
        (502, True, Unknown),
        (504, True, Unknown),
        (521, True, Unknown),
        (524, True, Unknown),
        (500, False, TryLater),
        (301, True, Refused),
    ],
)
def test_each_status_is_one_of_our_errors_even_with_a_proxys_page_for_a_body(status, writes, kind):
    assert type(fault_of(status, b"<html>\xff</html>").error(writes=writes)) is kind


def test_a_token_that_hubspot_repeats_is_not_handed_on():
    fault = fault_of(401, said(message="The token pat-eu1-secret-123 is bad: Bearer abc"), ("pat-eu1-secret-123",))

    assert "secret" not in str(fault.error(writes=True))
    assert "abc" not in fault.says


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "message",
        "category",
        "context",
        "errors",
        "validationResults",
        "policyName",
        "objectWriteTraceId",
        "status",
        "ids",
        "code",
    ]
)


@given(doc=st.dictionaries(KEYS, JSON, max_size=6), status=st.integers(300, 599))
def test_no_body_however_odd_breaks_the_reading_of_a_refusal(doc, status):
    fault = fault_in(doc, status)

    assert fault.error(writes=True)
    assert fault.outcome in Outcome
    assert isinstance(fault.code, str)
