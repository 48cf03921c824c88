"""Owner of settings_version: which settings were active when, by hash. Only activation changes what workers read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, select

from worker.store.database import Tx
from worker.store.tables import settings_version as table


@dataclass(frozen=True, slots=True)
class Version:
    """Settings as text, secrets still as `${NAME}`, with who activated them and when."""

    hash: str
    text: str
    who: str
    at: datetime


def fingerprint(text: str) -> str:
    """The hash under which this text is kept."""
    return sha256(text.encode()).hexdigest()


def activate(tx: Tx, text: str, who: str) -> tuple[str, bool]:
    """Make this text the active one; its hash, and whether it is another than before."""
    hash = fingerprint(text)
    now_active = active(tx)
    if now_active is not None and now_active.hash == hash:
        return hash, False
    tx.add(table, [{"hash": hash, "text": text, "who": who, "at": tx.now()}])
    return hash, True


def active(tx: Tx) -> Version | None:
    """The version activated last."""
    return _first(tx, select(*_COLUMNS).where(tx.mine(table)).order_by(table.c.id.desc()).limit(1))


def workspaces(tx: Tx) -> list[str]:
    """Every workspace of this store that ever had settings."""
    return [row[0] for row in tx.rows(select(table.c.workspace).distinct().order_by(table.c.workspace))]


def by_hash(tx: Tx, hash: str) -> Version | None:
    """The newest version whose hash begins so: a run stores the hash it used."""
    asked = select(*_COLUMNS).where(tx.mine(table), table.c.hash.startswith(hash, autoescape=True))
    return _first(tx, asked.order_by(table.c.id.desc()).limit(1))


def history(tx: Tx, most: int = 50) -> list[Version]:
    """The last versions, newest first."""
    asked = select(*_COLUMNS).where(tx.mine(table)).order_by(table.c.id.desc()).limit(most)
    return [Version(**row) for row in tx.dicts(asked)]


_COLUMNS = (table.c.hash, table.c.text, table.c.who, table.c.at)


def _first(tx: Tx, asked: Select[Any]) -> Version | None:
    row = tx.first(asked)
    return Version(**row) if row else None
