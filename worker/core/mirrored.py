"""
What the mirror of a CRM tells about a lead: the `crm.*` columns.

Decided here: which record speaks for which column. A person's own record and the company's both count: either of them a
customer makes a customer. Someone whose records hold no sales activity was last touched when the older record was made.
Nothing here runs: the facts are an expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from worker.core.instants import AsOf, moment


@dataclass(frozen=True, slots=True)
class Mirror:
    """
    Tables of one destination.

    persons    user_id, account_id, object, crm_id (null where unmatched)
    companies  account_id, company (its CRM id), for matched accounts
    records    object, id, name, phone, account, owner, is_customer, do_not_contact, open, last_activity, created
    owners     id, email, active, kind
    """

    persons: Any
    companies: Any
    records: Any
    owners: Any


def facts(mirror: Mirror, as_of: AsOf) -> Any:
    """One row per user: user_id, every `crm.*` column, and what routing needs of the records (crm_id, crm_owner ...)."""
    import ibis

    both = _companies(_persons(mirror), mirror)
    deals = mirror.records.filter(mirror.records.object == "deal", mirror.records.open)
    counted = deals.group_by("account").aggregate(open_deals=deals.count()).rename(deals_of="account")
    both = both.left_join(counted, both.crm_company == counted.deals_of)
    activity = ibis.greatest(*(ibis.coalesce(both[name], both[other]) for name, other in _PAIRS))
    days = (moment(as_of).epoch_seconds() - activity.epoch_seconds()) // 86400
    return both.select(
        "user_id",
        "crm_object",
        "crm_id",
        "crm_company",
        "crm_owner",
        "crm_phone",
        "crm_name",
        "company_owner",
        **{
            "crm.is_customer": ibis.coalesce(both.person_customer, False) | ibis.coalesce(both.company_customer, False),
            "crm.open_deals": ibis.coalesce(both.open_deals, 0).cast("float64"),
            "crm.account_owner": ibis.coalesce(both.owner_email, "none"),
            "crm.account_owner_active": ibis.coalesce(both.owner_active, False),
            "crm.do_not_contact": ibis.coalesce(both.do_not_contact, False),
            "crm.days_since_sales_activity": ibis.coalesce(days, 0).cast("float64"),
        },
    )


_PAIRS = (("person_activity", "company_activity"), ("company_activity", "person_activity"))


def _persons(mirror: Mirror) -> Any:
    """Matched persons with what their own record says; unmatched ones with nothing, for their company may be known."""
    import ibis

    said = mirror.records.filter(mirror.records.object.isin(["contact", "lead"])).select(
        said_object=mirror.records.object,
        said_id=mirror.records.id,
        person_company=mirror.records.account,
        crm_owner=mirror.records.owner,
        crm_phone=mirror.records.phone,
        crm_name=mirror.records.name,
        person_customer=mirror.records.is_customer,
        do_not_contact=mirror.records.do_not_contact,
        person_activity=ibis.coalesce(mirror.records.last_activity, mirror.records.created),
    )
    people = mirror.persons.rename(crm_object="object")
    return people.left_join(said, [people.crm_object == said.said_object, people.crm_id == said.said_id])


def _companies(people: Any, mirror: Mirror) -> Any:
    import ibis

    homes = mirror.companies.rename(home_of="account_id", home="company")
    placed = people.left_join(homes, people.account_id == homes.home_of)
    placed = placed.mutate(crm_company=ibis.coalesce(placed.home, placed.person_company))
    owners = mirror.owners.filter(mirror.owners.kind == "person")
    firms = mirror.records.filter(mirror.records.object == "company").select(
        firm=mirror.records.id,
        company_owner=mirror.records.owner,
        company_customer=mirror.records.is_customer,
        company_activity=ibis.coalesce(mirror.records.last_activity, mirror.records.created),
    )
    named = owners.select(owner_id=owners.id, owner_email=owners.email, owner_active=owners.active)
    known = firms.left_join(named, firms.company_owner == named.owner_id)
    return placed.left_join(known, placed.crm_company == known.firm)
