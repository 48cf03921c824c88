"""
What the two make-believe CRMs hold before the demo: people, companies, owners, deals, and what reps did by hand.

Decided here: how complete and how untidy they are. A few people are missing, some are known by a second address only, some
addresses stand on two records, some fields and owners were set by hand; each is counted, so that the demo can say what it
left alone and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.cli.demo.company import Company, User, Workspace

REPS = ("ana@acme.com", "tom@acme.com", "eva@acme.com")
STAFF = ("revops@acme.com", "lead-desk@acme.com", "pia@acme.com")
GONE = "max@acme.com"
"""A rep who left: still the owner of accounts."""
INTEGRATION = "integration@acme.com"
Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Untidy:
    """Every n-th user or workspace is so; 0 for nobody."""

    missing: int = 25
    second_address: int = 40
    doubled: int = 90
    edited: int = 60
    by_hand: int = 7
    opted_out: int = 70


UNTIDY = Untidy()


def _is(number: int, every: int, offset: int) -> bool:
    return bool(every) and number % every == offset % every


def hubspot(company: Company) -> Doc:
    """The seed of the portal."""
    owners = [{"email": email} for email in (*REPS, *STAFF, INTEGRATION)] + [{"email": GONE, "active": False}]
    records = [_company(number, place) for number, place in enumerate(company.workspaces)]
    records += [record for number, user in enumerate(company.users) for record in _contacts(number, user)]
    records += list(_deals(company))
    return {"owners": owners, "records": records}


def _company(number: int, place: Workspace) -> Doc:
    facts: Doc = {
        "name": place.name,
        "domain": place.domain,
        "lifecyclestage": "customer" if place.plan in ("team", "business") else "lead",
    }
    if number % 17 == 3:
        facts["hubspot_owner_id"] = REPS[number % 3]
    elif number % 29 == 5:
        facts["hubspot_owner_id"] = GONE
    return {"object": "company", "ref": place.id, "properties": facts}


def _contacts(number: int, user: User) -> Iterator[Doc]:
    if _is(number, UNTIDY.missing, 7):
        return
    facts: Doc = {"email": user.email, "firstname": user.first, "lastname": user.last, "jobtitle": user.title}
    if _is(number, UNTIDY.second_address, 11):
        facts |= {"email": f"private{number}@home.example", "hs_additional_emails": user.email}
    if _is(number, UNTIDY.edited, 13):
        facts["usage_segment"] = "key account"
    if _is(number, UNTIDY.by_hand, 3):
        facts["hubspot_owner_id"] = "eva@acme.com"
    if _is(number, UNTIDY.opted_out, 19):
        facts["hs_email_optout"] = "true"
    if number % 3:
        facts["phone"] = f"+49 30 {5550000 + number}"
    home = [{"ref": user.workspace.id}] if user.email.endswith(user.workspace.domain) else []
    yield {"object": "contact", "properties": facts, "associations": home}
    if _is(number, UNTIDY.doubled, 17):
        twin = {"email": f"old{number}@home.example", "hs_additional_emails": user.email, "lastname": user.last}
        yield {"object": "contact", "properties": twin}


def _deals(company: Company) -> Iterator[Doc]:
    for place in company.workspaces[::40]:
        facts = {"dealname": f"{place.name} upgrade", "dealstage": "appointmentscheduled", "amount": "12000"}
        yield {"object": "deal", "properties": facts, "associations": [{"ref": place.id}]}


def salesforce(company: Company) -> Doc:
    """The seed of the org: leads for most, contacts for people of accounts that are customers."""
    owners: list[Doc] = [{"email": email, "name": email.split("@")[0].title()} for email in (*REPS, *STAFF)]
    owners.append({"email": INTEGRATION, "name": "Integration", "integration": True})
    records: list[Doc] = []
    for place in company.workspaces:
        kind = "Customer - Direct" if place.plan in ("team", "business") else "Prospect"
        records.append(
            {"object": "Account", "ref": place.id, "properties": {"Name": place.name, "Website": place.domain, "Type": kind}}
        )
    for number, user in enumerate(company.users):
        if not _is(number, UNTIDY.missing, 8):
            records.append(_person(user))
    return {"owners": owners, "records": records}


def _person(user: User) -> Doc:
    facts = {"Email": user.email, "FirstName": user.first, "LastName": user.last, "Title": user.title}
    if user.workspace.plan in ("team", "business"):
        return {"object": "Contact", "properties": facts, "associations": {"AccountId": user.workspace.id}}
    return {"object": "Lead", "properties": {**facts, "Company": user.workspace.name}}
