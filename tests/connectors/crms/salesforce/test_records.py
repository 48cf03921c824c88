"""Leads, contacts and accounts are written: what leaves, what does not, and what became of each row."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from connectors.contract import Change, Outcome
from connectors.crms.salesforce.answers import fault_in
from connectors.crms.salesforce.batches import Row, refusal
from connectors.errors import Rejected, TryLater

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def lead(org, **more):
    return org.add("lead", **{"Email": "ana@nordwerk.example", "LastName": "Huber", "Company": "Nordwerk", **more})


def write(org, object, id, fields, key="L1", **more):
    (receipt,) = org.crm.records.write(object, [Change(key, object, id, fields, **more)], "t")
    return receipt


# ------------------------------------------------------------------ converted leads


@pytest.mark.fault("F20")
@pytest.mark.parametrize("mode", ["refuse", "accept"])
def test_a_converted_lead_is_never_written_whether_the_org_refuses_or_accepts_it(org, mode):
    """An org that accepts would keep the score on a record that nobody looks at any more."""
    org.sandbox.switch(converted_leads=mode)
    gone, here = lead(org), lead(org, Email="b@nordwerk.example")
    contact = org.sandbox.act("convert", id=gone)["contact"]
    before = org.writes()

    changes = [Change("L1", "lead", gone, {"pql_score": 9}), Change("L2", "lead", here, {"pql_score": 9})]
    moved, written = org.crm.records.write("lead", changes, "t")

    assert (moved.outcome, moved.moved_to, moved.code) == (Outcome.MOVED, contact, "CANNOT_UPDATE_CONVERTED_LEAD")
    assert written.outcome is Outcome.APPLIED
    assert org.held("lead", gone, "pql_score") is None
    assert org.writes() == before + 1


def test_a_lead_converted_between_the_question_and_the_write_is_moved_all_the_same(org, monkeypatch):
    gone = lead(org)
    org.sandbox.act("convert", id=gone)
    monkeypatch.setattr(type(org.crm.records), "_converted", lambda *_: {})

    receipt = write(org, "lead", gone, {"pql_score": 9})

    assert (receipt.outcome, receipt.moved_to) == (Outcome.MOVED, None)


def test_which_leads_are_converted_is_one_question_for_a_batch(org):
    ids = [lead(org, Email=f"p{n}@nordwerk.example") for n in range(200)]
    write(org, "lead", ids[0], {"pql_score": 1})
    before = org.crm.calls

    org.crm.records.write("lead", [Change(id, "lead", id, {"pql_score": 2}) for id in ids], "t")

    assert org.crm.calls == before + 2


# ------------------------------------------------------------------ new records


def test_a_new_lead_without_a_name_shows_where_it_came_from(org):
    receipt = write(org, "lead", None, {"email": "maria.huber@nordwerk.example", "pql_key": "k1"})

    made = org.row("lead", receipt.crm_id)
    assert (made["LastName"], made["Company"], made["Email"]) == (
        "maria.huber",
        "nordwerk.example",
        "maria.huber@nordwerk.example",
    )


def test_what_is_known_of_a_person_is_used_and_what_the_object_has_no_field_for_is_left_out(org):
    person = {
        "email": "m@nordwerk.example",
        "first_name": "Maria",
        "last_name": "Huber",
        "title": "CTO",
        "phone": "+49 30 1",
    }
    known = person | {"company_name": "Nordwerk", "domain": "nordwerk.example", "name": "Maria Huber"}

    made = org.row("lead", write(org, "lead", None, known, "L1").crm_id)
    person = org.row("contact", write(org, "contact", None, known, "L2").crm_id)

    assert (made["FirstName"], made["LastName"], made["Company"], made["Title"]) == ("Maria", "Huber", "Nordwerk", "CTO")
    assert (person["FirstName"], person["LastName"], person["Phone"]) == ("Maria", "Huber", "+49 30 1")


def test_an_account_is_made_by_its_name_or_its_domain(org):
    named = write(org, "company", None, {"name": "Nordwerk", "domain": "nordwerk.example", "pql_key": "a1"}, "A1")
    bare = write(org, "company", None, {"domain": "bare.example", "pql_key": "a2"}, "A2")

    assert (org.row("company", named.crm_id)["Name"], org.row("company", named.crm_id)["Website"]) == (
        "Nordwerk",
        "nordwerk.example",
    )
    assert org.row("company", bare.crm_id)["Name"] == "bare.example"


def test_a_key_that_is_there_already_is_an_earlier_send_and_names_its_record(org):
    first = write(org, "lead", None, {"email": "a@x.example", "pql_key": "Key-1"})

    again = write(org, "lead", None, {"email": "a@x.example", "pql_key": "Key-1"})
    other = write(org, "lead", None, {"email": "b@x.example", "pql_key": "key-1"})

    assert (again.outcome, again.crm_id, again.field) == (Outcome.EXISTS, first.crm_id, "pql_key")
    assert other.outcome is Outcome.APPLIED  # keys tell capitals apart


@pytest.mark.fault("F26")
def test_two_workers_creating_one_key_make_one_record(org):
    org.crm.mirror.owners()
    sends = [org.connect() for _ in range(4)]

    def send(crm):
        return crm.records.write("lead", [Change("L1", "lead", None, {"email": "a@x.example", "pql_key": "k"})], "t")[0]

    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(send, sends))

    assert sorted(one.outcome for one in receipts) == [Outcome.APPLIED, *[Outcome.EXISTS] * 3]
    assert len({one.crm_id for one in receipts}) == 1
    for crm in sends:
        crm.close()


def test_somebody_elses_unique_value_is_for_people_to_judge(org):
    org.sandbox.seed(fields=[{"object": "Lead", "name": "Tax_Id__c", "type": "string", "length": 20, "unique": True}])
    holder = lead(org, Tax_Id__c="DE1")

    receipt = write(org, "lead", lead(org, Email="b@x.example"), {"Tax_Id__c": "DE1"})

    assert (receipt.outcome, receipt.field) == (Outcome.NEEDS_REVIEW, "Tax_Id__c")
    assert holder in receipt.message


# ------------------------------------------------------------------ values


def test_salesforce_echoes_nothing_so_a_receipt_tells_only_what_we_rounded_or_trimmed(org):
    id = lead(org)
    fields = {"pql_score": 71.456, "pql_fit_score": 80, "pql_tier": " hot ", "pql_since": NOON.replace(microsecond=5)}

    receipt = write(org, "lead", id, fields)

    assert receipt.echoed == {"pql_score": 71.46, "pql_tier": "hot", "pql_since": NOON}
    assert org.crm.mirror.read("lead", [id], [])[id].fields.items() >= receipt.echoed.items()


def test_fields_of_the_org_go_by_their_own_names_and_types(org):
    fields = [("Trial_Day__c", "date"), ("Note__c", "string"), ("Agreed__c", "boolean")]
    org.sandbox.seed(fields=[{"object": "Contact", "name": name, "type": type, "length": 80} for name, type in fields])
    id = org.add_person("ana@nordwerk.example")

    receipt = write(org, "contact", id, {"Trial_Day__c": NOON, "Note__c": 71.0, "Agreed__c": True})

    assert receipt.outcome is Outcome.APPLIED
    names = [name for name, _ in fields]
    read = org.crm.mirror.read("contact", [id], names)[id].fields
    assert [read[name] for name in names] == [NOON.replace(hour=0), "71", True]


def test_a_value_of_the_wrong_type_stays_here_because_it_would_spoil_the_whole_call(org):
    one, two = lead(org), lead(org, Email="b@x.example")
    changes = [Change("L1", "lead", one, {"pql_score": "many"}), Change("L2", "lead", two, {"pql_score": 5})]

    bad, good = org.crm.records.write("lead", changes, "t")

    assert (bad.outcome, bad.code, bad.field) == (Outcome.REJECTED, "UNSENDABLE", "pql_score")
    assert good.outcome is Outcome.APPLIED


def test_a_checkbox_is_cleared_to_false(org):
    id = lead(org)
    write(org, "lead", id, {"pql_flag": True})

    assert write(org, "lead", id, {}, clear=("pql_flag", "pql_tier")).outcome is Outcome.APPLIED
    assert org.crm.mirror.read("lead", [id], [])[id].fields["pql_flag"] is False


# ------------------------------------------------------------------ refusals of single rows


@pytest.mark.fault("F24")
def test_a_row_lock_is_tried_later_and_the_others_go_on(org):
    busy, free = org.add_company("Nordwerk", "nordwerk.example"), org.add_company("Sued", "sued.example")
    org.sandbox.switch(row_locks={busy: 1})
    changes = [Change("A1", "company", busy, {"pql_leads": 2}), Change("A2", "company", free, {"pql_leads": 3})]

    locked, written = org.crm.records.write("company", changes, "t")

    assert (locked.outcome, locked.code, written.outcome) == (Outcome.TRY_LATER, "UNABLE_TO_LOCK_ROW", Outcome.APPLIED)
    assert write(org, "company", busy, {"pql_leads": 2}).outcome is Outcome.APPLIED


def test_a_lock_of_the_whole_call_wrote_nothing(org):
    id = org.add_person("a@x.example")
    org.strike("row_error", whole=True, code="UNABLE_TO_LOCK_ROW")

    with pytest.raises(TryLater):
        write(org, "contact", id, {"pql_score": 1})


@pytest.mark.fault("F23")
def test_an_owner_who_left_is_named_under_our_name(org):
    left = org.add_owner("old@acme.example", active=False)

    receipt = write(org, "lead", lead(org), {"owner": left, "pql_score": 5})

    assert (receipt.outcome, receipt.code, receipt.field) == (Outcome.REJECTED, "INACTIVE_OWNER_OR_USER", "owner")


def test_a_queue_owns_leads_and_no_contacts(org):
    queue = org.add_queue("Desk", "Lead")

    assert write(org, "lead", lead(org), {"owner": queue}).outcome is Outcome.APPLIED
    refused = write(org, "contact", org.add_person("a@x.example"), {"owner": queue}, "L2")
    assert (refused.outcome, refused.field) == (Outcome.REJECTED, "owner")


def test_an_owner_who_is_gone_is_no_record_that_is_gone():
    """Both carry one code; the field named tells them apart."""
    error = {
        "statusCode": "INVALID_CROSS_REFERENCE_KEY",
        "message": "Owner ID: owner cannot be blank",
        "fields": ["OwnerId"],
    }
    row = Row("L1", "lead", {"OwnerId": "0055g0000000009AAA"}, "00Q5g0000000001EAA")

    receipt = refusal(row, fault_in(error))

    assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, "owner")


@pytest.mark.fault("F21")
def test_a_rule_of_the_orgs_admin_is_a_reason_for_this_row(org):
    org.sandbox.switch(
        validation_rules=[{"object": "Lead", "refuse_when": "PQL_Score__c > 90", "message": "Not above 90", "field": None}]
    )

    receipt = write(org, "lead", lead(org), {"pql_score": 95})

    assert (receipt.outcome, receipt.message.partition(" That is")[0]) == (Outcome.REJECTED, "Not above 90.")


@pytest.mark.fault("F25")
@pytest.mark.parametrize("action", ["block", "alert"])
def test_a_duplicate_rule_is_never_bypassed(org, action):
    lead(org)
    org.sandbox.switch(duplicate_rules=[{"object": "Lead", "match": ["Email"], "action": action}])

    receipt = write(org, "lead", None, {"email": "ana@nordwerk.example", "pql_key": "k2"})

    assert (receipt.outcome, receipt.code) == (Outcome.NEEDS_REVIEW, "DUPLICATES_DETECTED")


@pytest.mark.fault("F55")
def test_too_long_a_text_names_its_field(org):
    receipt = write(org, "lead", lead(org), {"pql_reasons": "x" * 300})

    assert (receipt.outcome, receipt.code, receipt.field) == (Outcome.REJECTED, "STRING_TOO_LONG", "pql_reasons")


def test_the_contact_of_a_person_account_is_refused_in_plain_words(org):
    org.sandbox.switch(person_accounts=True)
    account = org.add("company", LastName="Huber", PersonEmail="a@x.example")
    contact = org.row("company", account)["PersonContactId"]

    receipt = write(org, "contact", contact, {"pql_score": 5})

    assert (receipt.outcome, receipt.code) == (Outcome.REJECTED, "INVALID_PERSON_ACCOUNT_OPERATION")


# ------------------------------------------------------------------ fields that are not there


@pytest.mark.fault("F16")
def test_a_field_dropped_in_mid_run_is_named_under_our_name(org):
    one, two = lead(org), lead(org, Email="b@x.example")
    write(org, "lead", one, {"pql_plan": "team", "pql_flag": True})
    org.sandbox.act("drop_field", object="Lead", name="PQL_Plan__c")

    changes = [
        Change("L1", "lead", one, {"pql_plan": "free", "pql_flag": False}),
        Change("L2", "lead", two, {"pql_score": 5}),
    ]
    bad, good = org.crm.records.write("lead", changes, "t")

    assert (bad.outcome, bad.field) == (Outcome.REFUSED, "pql_plan")
    assert good.outcome is Outcome.APPLIED
    assert org.crm.mirror.read("lead", [one], [])[one].fields["pql_flag"] is True


def test_fields_that_nobody_granted_are_refused_one_by_one_without_spoiling_the_call(bare):
    """A checkbox and a number in their own types, though the org does not show us that they are."""
    id = bare.add("lead", LastName="Huber", Company="Nordwerk")

    receipt = write(bare, "lead", id, {"pql_flag": True, "pql_score": 5, "pql_since": NOON})

    assert (receipt.outcome, receipt.code) == (Outcome.REFUSED, "INVALID_FIELD")
    assert receipt.field in ("pql_flag", "pql_score", "pql_since")


def test_a_call_refused_for_one_field_blames_the_rows_that_carry_it_and_holds_the_others_back(org):
    one, two = org.add_person("a@x.example"), org.add_person("b@x.example")
    said = "No such column 'PQL_Plan__c' on sobject of type Contact"
    org.strike("row_error", whole=True, code="INVALID_FIELD", message=said)
    changes = [Change("L1", "contact", one, {"pql_plan": "free"}), Change("L2", "contact", two, {"pql_score": 5})]

    bad, held = org.crm.records.write("contact", changes, "t")

    assert (bad.outcome, bad.field) == (Outcome.REFUSED, "pql_plan")
    assert (held.outcome, held.code) == (Outcome.TRY_LATER, "BATCH_REFUSED")


def test_a_call_that_is_refused_without_naming_a_field_is_raised_so_that_it_can_be_halved(org):
    id = org.add_person("a@x.example")
    org.strike("row_error", whole=True, code="JSON_PARSER_ERROR", message="Cannot deserialize instance of boolean")

    with pytest.raises(Rejected):
        write(org, "contact", id, {"pql_score": 5})


# ------------------------------------------------------------------ batches


@pytest.mark.fault("F10")
def test_creates_in_a_short_answer_are_unknown_because_nothing_says_which_is_which(org):
    org.strike("drop_item", index=0)
    changes = [Change(f"L{n}", "contact", None, {"email": f"p{n}@x.example", "pql_key": f"k{n}"}) for n in range(3)]

    with pytest.raises(Exception, match="does not answer for every row") as caught:
        org.crm.records.write("contact", changes, "t")

    assert type(caught.value).__name__ == "Unknown"
    assert set(org.crm.mirror.read_by_key("contact", ["k0", "k1", "k2"], [])) == {"k0", "k1", "k2"}


def test_two_creates_with_one_address_or_key_are_not_sent(org):
    changes = [
        Change("L1", "lead", None, {"email": "Ana@x.example", "pql_key": "k1"}),
        Change("L2", "lead", None, {"email": "ana@X.example", "pql_key": "k2"}),
        Change("L3", "lead", None, {"email": "b@x.example", "pql_key": "k3"}),
        Change("L4", "lead", None, {"email": "c@x.example", "pql_key": "k3"}),
    ]
    before = org.writes()

    assert {one.outcome for one in org.crm.records.write("lead", changes, "t")} == {Outcome.NEEDS_REVIEW}
    assert org.writes() == before


def test_updates_and_creates_do_not_share_a_call_nor_more_than_two_hundred_rows(org):
    mixed = [Change("L1", "lead", None, {"pql_score": 1}), Change("L2", "lead", "00Q1", {"pql_score": 1})]
    many = [Change(f"L{n}", "lead", None, {"pql_score": 1}) for n in range(201)]

    for changes in (mixed, many):
        with pytest.raises(ValueError, match="batch"):
            org.crm.records.write("lead", changes, "t")


def test_one_record_named_by_its_short_and_its_full_id_is_one_record(org):
    id = lead(org)
    changes = [Change("L1", "lead", id, {"pql_score": 1}), Change("L2", "lead", id[:15], {"pql_score": 2})]

    assert {one.outcome for one in org.crm.records.write("lead", changes, "t")} == {Outcome.NEEDS_REVIEW}
