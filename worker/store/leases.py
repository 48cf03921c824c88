"""
Owner of lease: one holder per name (a fold, a token refresh), with a fence that grows at each change of hands.

Decided here: times are database time, a lease that ran out may be taken over, and only its holder may extend or release it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from worker.store.database import Tx
from worker.store.tables import lease as table


def take(tx: Tx, name: str, owner: str, seconds: float) -> int | None:
    """Take the lease if it is free, ran out or is ours; its fence, None where somebody else holds it."""
    now = tx.now()
    row = {
        "workspace": tx.workspace,
        "name": name,
        "owner": owner,
        "fence": 1,
        "expires_at": now + timedelta(seconds=seconds),
    }
    insert = tx.insert(table).values(**row)
    free = or_(table.c.expires_at <= now, table.c.owner == owner)
    news = {"owner": owner, "fence": table.c.fence + 1, "expires_at": row["expires_at"]}
    taken = insert.on_conflict_do_update(index_elements=["workspace", "name"], set_=news, where=free)
    fence: int | None = tx.value(taken.returning(table.c.fence))
    return fence


def extend(tx: Tx, name: str, fence: int, seconds: float) -> bool:
    """Hold it longer; False where it was lost meanwhile."""
    until = tx.now() + timedelta(seconds=seconds)
    held = update(table).where(tx.mine(table), table.c.name == name, table.c.fence == fence, table.c.expires_at > tx.now())
    return tx.run(held.values(expires_at=until)) == 1


def release(tx: Tx, name: str, fence: int) -> bool:
    """Give it back; another holder's lease is left alone."""
    held = update(table).where(tx.mine(table), table.c.name == name, table.c.fence == fence)
    return tx.run(held.values(expires_at=tx.now(), owner=None)) == 1


def drop(tx: Tx, name: str, fence: int) -> bool:
    """Give back a lease whose name is never used again."""
    return tx.run(delete(table).where(tx.mine(table), table.c.name == name, table.c.fence == fence)) == 1


def holders(tx: Tx) -> dict[str, str]:
    """All leases that are held now, by name."""
    asked = select(table.c.name, table.c.owner).where(tx.mine(table), table.c.expires_at > tx.now())
    return {row[0]: row[1] for row in tx.rows(asked.order_by(table.c.name)) if row[1]}


def holder(tx: Tx, name: str) -> str | None:
    """Who holds it now."""
    asked = select(table.c.owner).where(tx.mine(table), table.c.name == name, table.c.expires_at > tx.now())
    owner: str | None = tx.value(asked)
    return owner
