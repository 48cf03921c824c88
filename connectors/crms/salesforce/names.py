"""
Our names of objects and fields, and Salesforce's.

Decided here: which object is called what, which of our names each object has. A name that is nobody's here (`also`
fields) is Salesforce's own and goes as it is written. An identity value that an object has no field for is left out: a
Contact's company is its Account, a Lead's is text.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.fields import BY_NAME, IDENTITY, OWNER, TASK_KEY, salesforce_name

OBJECTS: Mapping[str, str] = {
    "lead": "Lead",
    "contact": "Contact",
    "company": "Account",
    "deal": "Opportunity",
    "task": "Task",
}
KEY = "pql_key"
_PERSON = {
    "email": "Email",
    "first_name": "FirstName",
    "last_name": "LastName",
    "phone": "Phone",
    "title": "Title",
    OWNER: "OwnerId",
}
_OWN: Mapping[str, Mapping[str, str]] = {
    "lead": {**_PERSON, "company_name": "Company", "domain": "Website"},
    "contact": _PERSON,
    "company": {"name": "Name", "domain": "Website", "phone": "Phone", OWNER: "OwnerId"},
    "deal": {"name": "Name", OWNER: "OwnerId"},
    "task": {OWNER: "OwnerId"},
}
_STANDARD = {name: salesforce_name(name) for name in (*BY_NAME, TASK_KEY.name)}
_BACK = {theirs: ours for ours, theirs in _STANDARD.items()}


def theirs(object: str, name: str) -> str | None:
    """Salesforce's name of a field; None where this object has none for it."""
    if name in IDENTITY or name == OWNER:
        return _OWN[object].get(name)
    return _STANDARD.get(name, name)


def ours(object: str, name: str) -> str:
    """Our name of a field that Salesforce names."""
    own = {api: canonical for canonical, api in _OWN[object].items()}
    return _BACK.get(name) or own.get(name, name)
