"""
What HubSpot adds, ignores and insists on when a record is written.

Decided here: computed properties, the lifecycle that only moves forward, required properties. Values alone are judged in
`values`.
"""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.hubspot.errors import VALIDATION, Refusal, invalid
from connectors.sandbox.hubspot.kinds import Kind
from connectors.sandbox.hubspot.schema import STAGES
from connectors.sandbox.state import Link, State, iso

Values = Mapping[str, str]


def computed(kind: Kind, sent: Values, record: str | None, now: int) -> dict[str, str]:
    """Return what HubSpot derives from the values sent; `record` is the id of a new record, None for an update."""
    derived: dict[str, str] = {}
    if kind.name == "contact":
        derived |= _of_contact(sent, record)
    elif kind.name == "company" and record and sent.get("domain") and "website" not in sent:
        derived["website"] = sent["domain"]
    elif kind.name == "deal" and "dealstage" in sent:
        derived["hs_is_closed"] = _word(sent["dealstage"] in ("closedwon", "closedlost"))
        derived["hs_is_closed_won"] = _word(sent["dealstage"] == "closedwon")
    elif kind.name == "task":
        derived |= _of_task(sent, record, now)
    if sent.get("hubspot_owner_id"):
        derived["hubspot_owner_assigneddate"] = iso(now)
    return derived


def _of_contact(sent: Values, record: str | None) -> dict[str, str]:
    derived = {"hs_email_domain": sent["email"].partition("@")[2]} if "email" in sent else {}
    if record:
        derived |= {
            "hs_all_contact_vids": record,
            "hs_is_contact": "true",
            "hs_is_unworked": "true",
            "hs_pipeline": "contacts-lifecycle-pipeline",
        }
    return derived


def _of_task(sent: Values, record: str | None, now: int) -> dict[str, str]:
    status = sent.get("hs_task_status", "NOT_STARTED" if record else None)
    if status is None:
        return {}
    done = status == "COMPLETED"
    derived = {"hs_task_status": status, "hs_task_is_completed": _word(done)}
    return {**derived, "hs_task_completion_date": iso(now) if done else ""}


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def goes_back(old: Values, sent: Values) -> bool:
    """A lifecycle stage only moves forward; clearing it first allows any."""
    before, after = old.get("lifecyclestage", ""), sent.get("lifecyclestage", "")
    if before not in STAGES or after not in STAGES:
        return False
    return STAGES.index(after) < STAGES.index(before)


def insist_on_creation(kind: Kind, sent: Values, links: list[Link], state: State) -> None:
    """Raise where a new record lacks what its object cannot be without, whatever the version."""
    if kind.name == "contact" and not any(sent.get(name) for name in ("email", "firstname", "lastname")):
        raise invalid("Creating a contact needs one of email, firstname or lastname.")
    needed = {"task": ("hs_timestamp",), "note": ("hs_timestamp",), "lead": ("hs_lead_name",)}.get(kind.name, ())
    lacking = [name for name in needed if not sent.get(name)]
    if lacking:
        raise _lacking(kind, lacking)
    if kind.name == "lead":
        _insist_on_lead(sent, links, state)


def _insist_on_lead(sent: Values, links: list[Link], state: State) -> None:
    if not any(link.type in (578, 580) for link in links):
        raise invalid("A lead must be created with an association to an existing contact or company (primary).")
    owner = state.doc("owner", sent.get("hubspot_owner_id", ""))
    if owner is None or owner["archived"] or not owner.get("seat", True):
        raise invalid("A lead needs an owner with an assigned sales seat.", propertyName=["hubspot_owner_id"])


def insist_as_admin(kind: Kind, old: Values | None, sent: Values, state: State) -> None:
    """Raise where a rule of the portal's admin is broken; only the version 2026-09 asks this."""
    merged = {**(old or {}), **sent}
    lacking = []
    if old is None:
        lacking = [name for name in state.switch("required_properties", {}).get(kind.name, ()) if not sent.get(name)]
    for rule in state.switch("conditional_required", ()):
        if rule["object"] == kind.name and merged.get(rule["property"]) == rule["value"]:
            lacking += [name for name in rule["then"] if not merged.get(name)]
    if lacking:
        raise _lacking(kind, lacking)


def _lacking(kind: Kind, names: list[str]) -> Refusal:
    message = f"Error creating {kind.name.upper()}. Some required properties were not set."
    context: dict[str, Any] = {"properties": names}
    return Refusal(400, VALIDATION, message, context, sub_category="ObjectCreationError.REQUIRED_PROPERTY")
