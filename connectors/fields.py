"""
The standard fields that pqlsync keeps in a CRM: names, types, labels, where they live, who writes them.

One table serves provisioning, planning, the sandbox pages and the docs. HubSpot uses `name`; Salesforce uses
`salesforce_name(name)`, for Lead and Contact alike. A field written by people is never overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FieldType = Literal["text", "long_text", "number", "flag", "moment", "choice"]
PERSON: tuple[str, ...] = ("contact", "lead")
COMPANY: tuple[str, ...] = ("company",)
BOTH = PERSON + COMPANY


@dataclass(frozen=True, slots=True)
class Standard:
    """One standard field. `rides_along` values never cause a write, they go with one."""

    name: str
    type: FieldType
    label: str
    on: tuple[str, ...] = BOTH
    length: int = 255
    choices: tuple[str, ...] = ()
    unique: bool = False
    by_people: bool = False
    hidden: bool = False
    rides_along: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A field of any kind as a CRM shows it; `kind` is the CRM's own word for its type."""

    kind: str
    writable: bool
    several: bool
    """Whether it holds several values with `;` between them: a field of several choices, or text."""


FIELDS: tuple[Standard, ...] = (
    Standard("pql_flag", "flag", "PQL"),
    Standard("pql_type", "text", "PQL type"),
    Standard("pql_tier", "text", "PQL tier"),
    Standard("pql_score", "number", "PQL score"),
    Standard("pql_fit_score", "number", "PQL fit score"),
    Standard("pql_intent_score", "number", "PQL intent score"),
    Standard("pql_reasons", "text", "PQL reasons"),
    Standard("pql_next_step", "text", "PQL next step", on=PERSON),
    Standard("pql_since", "moment", "PQL since"),
    Standard("pql_first_at", "moment", "First PQL at"),
    Standard("pql_last_active", "moment", "Last active in the product"),
    Standard("pql_plan", "text", "Product plan"),
    Standard("pql_trial_ends", "moment", "Trial ends"),
    Standard("pql_respond_by", "moment", "Respond by"),
    Standard("pql_routed_by", "text", "Routed by"),
    Standard("pql_partner", "text", "PQL partner"),
    Standard("pql_partner_status", "text", "PQL partner status"),
    Standard("pql_partner_respond_by", "moment", "Partner responds by"),
    Standard("pql_active_users", "number", "Active users", on=COMPANY),
    Standard("pql_leads", "number", "PQLs in this account", on=COMPANY),
    Standard("pql_champion", "text", "Champion", on=COMPANY),
    Standard(
        "pql_outcome",
        "choice",
        "PQL outcome",
        by_people=True,
        choices=("accepted", "working", "deal_created", "rejected", "no_response"),
    ),
    Standard(
        "pql_reject_reason",
        "choice",
        "PQL reject reason",
        by_people=True,
        choices=("wrong_timing", "not_a_fit", "competitor", "no_budget", "duplicate", "other"),
    ),
    Standard("pql_feedback", "long_text", "PQL feedback", by_people=True, length=2000),
    Standard("pql_key", "text", "PQL key", length=64, unique=True, hidden=True),
    Standard("pql_seq", "number", "PQL sequence", hidden=True, rides_along=True),
    Standard("pql_rules", "text", "PQL rules version", length=64, hidden=True, rides_along=True),
)
OWNER = "owner"
"""The owner as a field: by the CRM's own id of a person or queue."""
IDENTITY: tuple[str, ...] = ("email", "first_name", "last_name", "title", "phone", "company_name", "domain", "name")
"""What a new record is made with, under our names; each connector has its own. Never written to a record that is there."""
TASK_KEY = Standard("pql_task_key", "text", "PQL task key", on=("task",), length=64, unique=True, hidden=True)
BY_NAME = {field.name: field for field in FIELDS}


def fields_on(object: str) -> tuple[Standard, ...]:
    """The standard fields of contact, lead, company or task."""
    return (TASK_KEY,) if object == "task" else tuple(field for field in FIELDS if object in field.on)


def salesforce_name(name: str) -> str:
    """
    The API name in Salesforce: pql_fit_score -> PQL_Fit_Score__c.

    >>> salesforce_name("pql_task_key")
    'PQL_Task_Key__c'
    """
    words = name.removeprefix("pql_").split("_")
    return "PQL_" + "_".join(word.capitalize() for word in words) + "__c"
