"""
What people do in the org while we are not looking: edit, close, delete, merge, convert, opt out. What admins do to us
is in `admins`.

Decided here: each kind of act. They are written under another user than the integration user, and appear in the
ledger under `actor`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connectors.sandbox.salesforce import admins, seeds, writes
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.oauth import Sessions
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.soql.dates import stamp
from connectors.sandbox.salesforce.writes import Given
from connectors.sandbox.state import Change, Row
from connectors.sandbox.wire import Actor, Headers, Request

Doing = Mapping[str, Any]
# A person saves past alerts, and nobody's assignment rule runs on an edit in a page.
BY_HAND = Headers({"Sforce-Auto-Assign": "FALSE", "Sforce-Duplicate-Rule-Header": "allowSave=true"})
KEYED = ("Lead", "Contact", "Account", "Task", "Opportunity")
REPARENTED = (
    ("Task", "WhoId"),
    ("Task", "WhatId"),
    ("Contact", "AccountId"),
    ("Opportunity", "AccountId"),
    ("CampaignMember", "ContactId"),
)


def act(org: Org, sessions: Sessions, doc: Doing) -> dict[str, Any]:
    """Do one act; ValueError says what was wrong with it."""
    kinds: Mapping[str, Callable[[], dict[str, Any]]] = {
        "edit": lambda: _edit(org, _by(org, doc), doc),
        "close": lambda: _close(org, _by(org, doc), doc),
        "delete": lambda: _delete(org, _by(org, doc), doc),
        "merge": lambda: _merge(org, _by(org, doc), doc),
        "convert": lambda: _convert(org, _by(org, doc), doc),
        "opt_out": lambda: _opt_out(org, _by(org, doc), doc),
        "deactivate_owner": lambda: _turn(org, _by(org, doc), doc, active=False),
        "activate_owner": lambda: _turn(org, _by(org, doc), doc, active=True),
        "drop_field": lambda: admins.drop_field(org, _by(org, doc), doc),
        "edit_field": lambda: admins.edit_field(org, _by(org, doc), doc),
        "require_field": lambda: admins.edit_field(org, _by(org, doc), {**doc, "required": True}),
        "validation_rule": lambda: admins.add_rule(org, _by(org, doc), "validation_rules", doc),
        "duplicate_rule": lambda: admins.add_rule(org, _by(org, doc), "duplicate_rules", doc),
        "restrict_record_type": lambda: admins.add_rule(org, _by(org, doc), "record_types", doc),
        "revoke_token": lambda: {"revoked": sessions.revoke(doc.get("token"))},
        "grant_token": lambda: {"granted": sessions.open(str(doc["token"]))},
    }
    kind = str(doc.get("kind"))
    if kind not in kinds:
        raise ValueError(f"There is no act {kind!r}. Known: {', '.join(sorted(kinds))}.")
    try:
        with org.state.lock:
            return kinds[kind]()
    except Fault as fault:
        raise ValueError(f"{fault.code}: {fault.message}") from fault


def _by(org: Org, doc: Doing) -> Call:
    """Return the call of the person who acts: `by` names a user by e-mail or id, else any active colleague."""
    actor = Actor(str(doc.get("actor", doc.get("by", "person"))))
    return Call(Request("PATCH", "/", headers=BY_HAND), actor, "v67.0", (), _colleague(org, doc.get("by")))


def _colleague(org: Org, by: Any) -> str:
    if by is not None:
        return _user(org, by).id
    for row in org.state.scan("User"):
        if row.id != org.integration_user and row.properties.get("IsActive"):
            return row.id
    return seeds.put(
        org, "User", {"Username": "admin@example.com", "Email": "admin@example.com", "LastName": "Admin", "IsActive": True}
    )


def _user(org: Org, named: Any) -> Row:
    users = org.sobject("User")
    found = org.row(str(named)) if whole(named) else next(iter(org.find(users, users.fields["Email"], named)), None)
    if found is None:
        raise ValueError(f"There is no user {named!r}.")
    return found


def _row(org: Org, named: Any) -> Row:
    row = org.row(str(named)) if whole(named) else None
    if row is None or row.archived:
        raise ValueError(f"There is no record {named!r}.")
    return row


def _target(org: Org, doc: Doing) -> Row:
    """Return the record an act names: by `id`, or by `key` (an external id) or `email`, in `object` or where one has it."""
    if "id" in doc:
        return _row(org, doc["id"])
    wanted = doc.get("key", doc.get("email"))
    kinds = [org.sobject(str(doc["object"]))] if "object" in doc else [org.sobject(name) for name in KEYED]
    for sobject in kinds:
        for field in sobject.fields.values():
            if field.external_id if "key" in doc else field.type == "email" and field.id_lookup:
                found = org.find(sobject, field, wanted)
                if found:
                    return found[0]
    raise ValueError(f"There is no record with {wanted!r}.")


def _edit(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    row = _target(org, doc)
    writes.update(org, call, Given(org.for_people(row.object), doc["properties"]), row.id)
    return {"id": row.id}


def _close(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    """Complete a task, win or lose (`won: false`) an opportunity, close a lead unconverted."""
    row = _target(org, doc)
    news: dict[str, dict[str, Any]] = {
        "Task": {"Status": "Completed"},
        "Opportunity": {"StageName": "Closed Won" if doc.get("won", True) else "Closed Lost"},
        "Lead": {"Status": "Closed - Not Converted"},
    }
    if row.object not in news:
        raise ValueError(f"A {row.object} cannot be closed.")
    writes.update(org, call, Given(org.for_people(row.object), {**news[row.object], **doc.get("properties", {})}), row.id)
    return {"id": row.id}


def _delete(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    row = _target(org, doc)
    writes.delete(org, call, row.id)
    return {"id": row.id}


def _opt_out(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    row = _target(org, doc)
    name = "PersonHasOptedOutOfEmail" if row.object == "Account" else "HasOptedOutOfEmail"
    writes.update(org, call, Given(org.for_people(row.object), {name: True}), row.id)
    return {"id": row.id}


# merges and conversions


def _merge(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    """Merge `into_it` (one id, or two) into the record named: a loser is deleted and names its master."""
    winner = _target(org, doc)
    named = doc["into_it"] if isinstance(doc["into_it"], list) else [doc["into_it"]]
    losers = [_row(org, each) for each in named]
    if len(losers) > 2 or any(each.object != winner.object or each.id == winner.id for each in losers):
        raise ValueError("One or two other records of the same object are merged into the winner.")
    now = org.state.now()
    changes: list[Change] = []
    for loser in losers:
        gone = replace(loser, properties={**loser.properties, "MasterRecordId": winner.id}, archived=True, modified=now)
        changes.append(
            Change("merge", loser.object, loser.id, loser.properties, {"MasterRecordId": winner.id}, row=gone, lookups=())
        )
        changes += _moved(org, loser.id, winner.id)
    touched = replace(
        winner, properties={**winner.properties, **doc.get("properties", {}), "LastModifiedById": call.user}, modified=now
    )
    changes.append(writes.changed(org, "update", winner, touched))
    org.state.apply(changes, call.actor)
    return {"id": winner.id, "merged": [each.id for each in losers]}


def _moved(org: Org, old: str, new: str) -> list[Change]:
    """Return the changes that hang the children of one record on another."""
    found = []
    for name, reference in REPARENTED:
        sobject = org.sobject(name)
        for child in org.find(sobject, sobject.fields[reference], old):
            row = replace(child, properties={**child.properties, reference: new}, modified=org.state.now())
            found.append(writes.changed(org, "update", child, row))
    return found


def _convert(org: Org, call: Call, doc: Doing) -> dict[str, Any]:
    """Convert a lead: `account` and `contact` may name existing records, `opportunity` is the name of a new one."""
    lead = _target(org, doc)
    if lead.object != "Lead" or lead.properties.get("IsConverted"):
        raise ValueError("Only a lead that is not converted can be converted.")
    given = lead.properties
    owner = str(given["OwnerId"]) if str(given.get("OwnerId", "")).startswith("005") else call.user
    account = doc.get("account") or _new(
        org, call, "Account", {"Name": given.get("Company"), "OwnerId": owner, "Industry": given.get("Industry")}
    )
    person = {name: given.get(name) for name in ("FirstName", "LastName", "Email", "Phone", "Title", "LeadSource")}
    contact = doc.get("contact") or _new(org, call, "Contact", {**person, "AccountId": account, "OwnerId": owner})
    deal = None
    if doc.get("opportunity"):
        close = stamp(org.state.now() + 90 * 86_400_000)[:10]
        facts = {
            "Name": doc["opportunity"],
            "AccountId": account,
            "StageName": "Prospecting",
            "CloseDate": close,
            "OwnerId": owner,
        }
        deal = _new(org, call, "Opportunity", facts)
    told = {
        "IsConverted": True,
        "ConvertedAccountId": account,
        "ConvertedContactId": contact,
        "Status": "Closed - Converted",
    }
    told |= {"ConvertedDate": stamp(org.state.now())[:10], "LastModifiedById": call.user} | (
        {"ConvertedOpportunityId": deal} if deal else {}
    )
    row = replace(lead, properties={**given, **told}, modified=org.state.now())
    org.state.apply([writes.changed(org, "convert", lead, row), *_moved(org, lead.id, contact)], call.actor)
    return {"lead": lead.id, "account": account, "contact": contact, "opportunity": deal}


def _new(org: Org, call: Call, name: str, properties: dict[str, Any]) -> str:
    return writes.create(org, call, Given(org.sobject(name), properties))


# owners


def _turn(org: Org, call: Call, doc: Doing, *, active: bool) -> dict[str, Any]:
    row = _user(org, doc.get("owner") or doc.get("email") or doc["id"])
    told = {"IsActive": active, "LastModifiedById": call.user}
    turned = replace(row, properties={**row.properties, **told}, modified=org.state.now())
    org.state.apply([writes.changed(org, "update", row, turned)], call.actor)
    return {"id": row.id, "active": active}
