"""
Which CRM record is which lead, which company is which account.

Decided here: the ways are tried in the order of the settings and the first that finds anything decides; among objects the
earlier one of the destination wins (in Salesforce a Contact before an open Lead); one record left is a match, more than one
is a person's to judge, never ours. E-mail addresses compare whole, in lower case, as written: `ana+trial@` is not `ana@`,
for nobody but the mail's owner knows whether they are one. A company is found by link, key, domain (without `www.`), or
through its matched people where they agree. One record claimed by several leads is one subject, and the strongest shows.

A stored link is trusted as it stands: the store ends it when the mirror sees its record merged, converted or deleted, and
a record made a moment ago is linked before it is mirrored. Nothing here runs: tables are expressions.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from settings.destinations import MatchBy

How = Literal["stored_id", "pql_key", "email", "domain", "person"]
MATCHED, UNMATCHED, NEEDS_REVIEW = "matched", "unmatched", "needs_review"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be the one, and how it was found."""

    object: str
    id: str
    how: How


@dataclass(frozen=True, slots=True)
class Matched:
    object: str
    id: str
    how: How


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The CRM knows nobody like this. It waits visibly and is tried again when the mirror changes."""


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """Several records may be the one."""

    candidates: tuple[Candidate, ...]
    why: str


def choose(candidates: Sequence[Candidate], by: Sequence[How], objects: Sequence[str]) -> Matched | Unmatched | NeedsReview:
    """The decision for one lead or account, from all that was found."""
    known = [one for one in candidates if one.how in by and one.object in objects]
    for how in by:
        for object in objects:
            here = {one.id: one for one in known if one.how == how and one.object == object}
            if len(here) == 1:
                return Matched(object, next(iter(here)), how)
            if here:
                found = tuple(here[id] for id in sorted(here))
                return NeedsReview(found, f"{len(found)} records of {object} have the same {_SAID[how]}")
    return Unmatched()


_SAID: dict[How, str] = {
    "stored_id": "link",
    "pql_key": "pql_key",
    "email": "e-mail address",
    "domain": "domain",
    "person": "people",
}


@dataclass(frozen=True, slots=True)
class Mirror:
    """
    Tables of one destination, live records only.

    records  object, id, account, domain, key
    emails   object, id, email (lower case, primary and additional)
    links    record_key, object, crm_id: the active ones
    """

    records: Any
    emails: Any
    links: Any


def people(leads: Any, mirror: Mirror, by: Sequence[MatchBy], objects: Sequence[str]) -> Any:
    """
    The table `leads` (lead_key, email, and whatever else) with object, crm_id, status, hits and how.

    `objects` are those that carry a lead, best first. crm_id is null unless status is matched.
    """
    ways = {
        "stored_id": lambda: _linked(leads, "lead_key", mirror),
        "pql_key": lambda: _keyed(leads, "lead_key", mirror),
        "email": lambda: _mailed(leads, mirror),
    }
    found = [_placed(ways[how](), how, place, objects) for place, how in enumerate(by)]
    return _decided(leads, "lead_key", functools.reduce(lambda one, other: one.union(other), found))


def companies(accounts: Any, mirror: Mirror, persons: Any) -> Any:
    """
    The table `accounts` (account_key, account_id, domain ...) with object, crm_id, status, hits and how.

    `persons` is what `people` gave for leads that carry an account_id.
    """
    found = (
        _linked(accounts, "account_key", mirror),
        _keyed(accounts, "account_key", mirror),
        _at_home(accounts, mirror),
        _through_people(accounts, mirror, persons),
    )
    hows = ("stored_id", "pql_key", "domain", "person")
    placed = [_placed(one, how, place, ("company",)) for place, (how, one) in enumerate(zip(hows, found, strict=True))]
    return _decided(accounts, "account_key", functools.reduce(lambda one, other: one.union(other), placed))


def subjects(matched: Any, order: Sequence[Any]) -> Any:
    """
    `matched` with `subject` and `shows`: leads of one record share a subject, and the first of them by `order` shows.

    `order` are columns such as `ibis._.usage.desc()`, the strongest first. A lead without a record is a subject of its own.
    """
    import ibis

    lone = matched.crm_id.isnull()
    group = ibis.ifelse(lone, matched.lead_key, matched.object + ":" + matched.crm_id)
    grouped = matched.mutate(shared=group)
    ranked = ibis.row_number().over(group_by="shared", order_by=[*order, ibis._.lead_key])
    named = grouped.mutate(subject=grouped.lead_key.min().over(group_by="shared"), nth=ranked)
    return named.mutate(shows=named.nth == 0).drop("shared", "nth")


# -------------------------------------------------------------------------------------- candidates


def _linked(ours: Any, key: str, mirror: Mirror) -> Any:
    links = mirror.links
    return ours.inner_join(links, ours[key] == links.record_key).select(key=ours[key], object=links.object, id=links.crm_id)


def _keyed(ours: Any, key: str, mirror: Mirror) -> Any:
    records = mirror.records
    return ours.inner_join(records, ours[key] == records.key).select(key=ours[key], object=records.object, id=records.id)


def _mailed(leads: Any, mirror: Mirror) -> Any:
    emails = mirror.emails
    same = leads.email.strip().lower() == emails.email
    return leads.inner_join(emails, same).select(key=leads.lead_key, object=emails.object, id=emails.id)


def _at_home(accounts: Any, mirror: Mirror) -> Any:
    records = mirror.records.filter(mirror.records.object == "company")
    same = _bare(accounts.domain) == _bare(records.domain)
    return accounts.inner_join(records, same).select(key=accounts.account_key, object=records.object, id=records.id)


def _bare(domain: Any) -> Any:
    lower = domain.strip().lower()
    return lower.startswith("www.").ifelse(lower.substr(4), lower).nullif("")


def _through_people(accounts: Any, mirror: Mirror, persons: Any) -> Any:
    """The companies to which the account's matched people belong."""
    here = persons.filter(persons.status == MATCHED).select("account_id", person="crm_id", kind="object")
    records = mirror.records.filter(mirror.records.account.notnull())
    homes = here.inner_join(records, [here.person == records.id, here.kind == records.object])
    homes = homes.select(home_of=homes.account_id, home=homes.account)
    joined = accounts.inner_join(homes, accounts.account_id == homes.home_of)
    import ibis

    return joined.select(key=joined.account_key, object=ibis.literal("company"), id=joined.home)


def _placed(found: Any, how: str, place: int, objects: Sequence[str]) -> Any:
    import ibis

    rank = ibis.cases(*((found.object == name, n) for n, name in enumerate(objects)), else_=len(objects))
    ranked = found.mutate(how=ibis.literal(how), place=ibis.literal(place, type="int64") * 100 + rank.cast("int64"))
    return ranked.filter(ranked.object.isin(list(objects)))


def _decided(ours: Any, key: str, found: Any) -> Any:
    import ibis

    best = found.mutate(best=found.place.min().over(ibis.window(group_by=found.key)))
    best = best.filter(best.place == best.best)
    summed = best.group_by("key").aggregate(
        hits=best.id.nunique(), object=best.object.min(), crm_id=best.id.min(), how=best.how.min()
    )
    summed = summed.rename(matched_key="key")
    joined = ours.left_join(summed, ours[key] == summed.matched_key)
    hits = ibis.coalesce(joined.hits, 0)
    status = ibis.cases((hits == 1, MATCHED), (hits > 1, NEEDS_REVIEW), else_=UNMATCHED)
    return joined.mutate(hits=hits, status=status, crm_id=(hits == 1).ifelse(joined.crm_id, None)).drop("matched_key")
