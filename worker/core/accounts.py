"""
The account rows: one row per account with a lead, in the columns of the lead frame.

An account's row is the row of its **likely buyer**, the lead to whom the work goes, with what holds for the account laid
over it:

    subject                       the account's key
    <signal> per: lead            the most that any lead taking part has; null where all are null
    <signal> per: account         as it is
    why_<dimension>_<i>           the most that any lead taking part gets from the line, of negative points the mildest
    cap_<dimension>, usage, fit, intent, tier      from these parts, as `scoring` makes them for a lead
    crm.is_customer               any lead's
    crm.open_deals                the highest
    crm.days_since_sales_activity the least of the leads of whom the CRM knows anything, for it says 0 of the others
    last_active                   the newest of any lead
    active_users, leads           leads seen within 28 days, and all leads
    applies_<d>, must_<d> ...     per definition d of the grain `account`

Decided here: who takes part (excluded leads do not, unless all are excluded; then the account is, under the name of its
buyer's exclusion), who the likely buyer is, and that the most counts and not the sum: neither five hundred idle seats nor
a second keen colleague changes the picture. Whoever wants totals declares the signal `per: account`. Nothing here runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from settings.score import DIMENSIONS
from worker.core import conditions, frame, matching, scoring
from worker.core.instants import AsOf, moment

if TYPE_CHECKING:
    from settings.root import Settings

SEEN_WITHIN = 28 * 86_400
"""Seconds: who was seen since counts as an active user."""


def accounts(settings: Settings, leads: Any, as_of: AsOf, named: Any | None = None) -> Any:
    """
    The account rows at an instant.

    `leads` is the judged lead frame with lead_key, account_key, match_status, crm_id and crm_company; `named` has
    account_key and buyer (a lead key) of the accounts whose open episode names one already.
    """
    lists = conditions.list_keys(settings)
    there = leads.filter(leads.account_key.notnull())
    taking = _taking_part(there)
    most = _most(taking, settings)
    every = _of_everyone(there, as_of)
    gates = {column for one in settings.of_grain("lead").values() for column in frame.gates(one)}
    dimensions = {name for dimension in DIMENSIONS for name in (dimension, f"cap_{dimension}")}
    laid_over = ({*most.columns, *every.columns} - {"account_key"}) | gates | dimensions | {"tier", "subject"}
    buyers = leads.inner_join(_buyers(taking, named), "lead_key").drop(*(laid_over & set(leads.columns)))
    rows = buyers.inner_join(most, "account_key").inner_join(every, "account_key")
    rows = scoring.add_tier(scoring.add_sums(rows, settings.score), settings.tiers, lists)
    return frame.add_gates(rows.mutate(subject=rows.account_key), settings.of_grain("account"), lists)


def _taking_part(leads: Any) -> Any:
    """The leads that are not excluded; of an account whose leads all are, every one."""
    free = leads.group_by("account_key").aggregate(free=leads.excluded.isnull().sum())
    counted = leads.inner_join(free, "account_key")
    return counted.filter(counted.excluded.isnull() | (counted.free == 0)).drop("free")


def _buyers(leads: Any, named: Any | None) -> Any:
    """lead_key of the likely buyer of each account."""
    import ibis

    rows = leads.select("account_key", "lead_key", "match_status", *DIMENSIONS)
    if named is not None:
        chosen = named.select(named_of="account_key", buyer="buyer")
        rows = rows.left_join(chosen, [rows.account_key == chosen.named_of, rows.lead_key == chosen.buyer])
        rows = rows.mutate(first=ibis.ifelse(rows.buyer.notnull(), 0, 1)).drop("named_of", "buyer")
    else:
        rows = rows.mutate(first=ibis.literal(1))
    reach = ibis.cases((rows.match_status == matching.MATCHED, 0), (rows.match_status == matching.NEEDS_REVIEW, 2), else_=1)
    order = [rows.first, reach, rows.intent.desc(), rows.fit.desc(), rows.usage.desc(), rows.lead_key]
    ranked = rows.mutate(nth=ibis.row_number().over(group_by=rows.account_key, order_by=order))
    return ranked.filter(ranked.nth == 0).select("lead_key")


def _most(leads: Any, settings: Settings) -> Any:
    """By account, the most that any of these leads has of each signal of a lead, and gets from each line."""
    of_leads = [name for name, signal in settings.signals.items() if signal.per == "lead"]
    columns = (*of_leads, *scoring.parts(settings.score))
    return leads.group_by("account_key").aggregate(**{name: leads[name].max() for name in columns})


def _of_everyone(leads: Any, as_of: AsOf) -> Any:
    """By account, what any lead tells of it, whether it takes part or not."""
    import ibis

    known = leads.crm_id.notnull() | leads.crm_company.notnull()
    quiet = leads["crm.days_since_sales_activity"].min(where=known)
    age = moment(as_of).epoch_seconds() - leads.last_active.epoch_seconds()
    return leads.group_by("account_key").aggregate(
        **{
            "crm.is_customer": leads["crm.is_customer"].any(),
            "crm.open_deals": leads["crm.open_deals"].max(),
            "crm.days_since_sales_activity": ibis.coalesce(quiet, conditions.real(0.0)),
            "last_active": leads.last_active.max(),
            "active_users": leads.count(where=age < SEEN_WITHIN),
            "leads": leads.count(),
        }
    )
