"""
Channel partners: whether a lead may be offered to one, and to whom in turn.

Decided here: without a recorded yes nobody's data go to a partner, a paused partner and one at its monthly cap are passed
over, and the others take turns by the same credit ledger as reps. The lead belongs to the partner's manager, one of our own
people, who makes the offer: what we write on a record is the partner's name and that it is assigned, and a partner reads
neither record nor task. Not built here: accepting, declining and recalling an offer, and its clocks.
"""

from __future__ import annotations

from settings.partners import Partner, Partners
from worker.core.conditions import Values, interpret
from worker.core.office import Office, State

ASSIGNED = "assigned"
"""The status of a lead that is to be offered by the partner's manager."""


def ledger_name(pool: str) -> str:
    """Partner pools and pools of people may share a name, never a ledger."""
    return f"partners:{pool}"


def has_consent(partners: Partners, values: Values, office: Office) -> bool:
    """Whether the lead has said yes. A missing answer is a no, and so is a missing question."""
    return partners.consent is not None and interpret(partners.consent, values, office.lists) is True


def passed_over(partner: Partner, office: Office, state: State) -> str | None:
    """Why this partner gets no offer now, None when it may."""
    if partner.paused:
        return "paused"
    if not partner.contact.strip():
        return "no_contact"
    if partner.per_month is not None and state.this_month.get(partner.name, 0) >= partner.per_month:
        return "cap_per_month"
    missing = office.missing(partner.manager.lower())
    return f"manager_{missing}" if missing else None
