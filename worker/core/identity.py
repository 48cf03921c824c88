"""
Who a visitor turned out to be.

Decided here: an event that carries both an anonymous id and a user id links them; the first link by arrival wins, then the
earliest event, then the lesser user id. Links are resolved when the roll-up is read, so that history follows the person
without being folded again. Not decided here: where links are stored (the lake).
"""

from __future__ import annotations

from typing import Any

from worker.core.instants import AsOf, moment


def visitor(table: Any) -> Any:
    """The name of whoever is known by the source's anonymous id alone."""
    import ibis

    return ibis.literal("~") + table.source + ":" + table.anonymous_id


def links(events: Any, as_of: AsOf) -> Any:
    """The winning link of every visitor: visitor, user_id."""
    import ibis

    instant = moment(as_of)
    both = events.filter(
        events.user_id.notnull(), events.anonymous_id.notnull(), events.at <= instant, events.arrived <= instant
    ).select("user_id", "arrived", "at", visitor=visitor(events))
    order = [both.arrived, both.at, both.user_id]
    ranked = both.mutate(nth=ibis.row_number().over(group_by="visitor", order_by=order))
    return ranked.filter(ranked.nth == 0).select("visitor", "user_id")


def resolve(rows: Any, identity: Any | None) -> Any:
    """The rows of a roll-up under the users that visitors turned out to be; those still unknown keep their `~` name."""
    import ibis

    if identity is None:
        return rows
    known = identity.select("visitor", is_user="user_id")
    joined = rows.left_join(known, rows.user == known.visitor)
    return joined.mutate(user=ibis.coalesce(joined.is_user, joined.user)).drop("visitor", "is_user")


def is_user(user: Any) -> Any:
    """Whether a roll-up's `user` is a person with an account of the product, not a visitor."""
    return ~user.startswith("~")
