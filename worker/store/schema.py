"""
Versions of the tables: bring a database up to date, and refuse to work on one that is too old.

Decided here: a migration first adds and a later release takes away, so that old and new workers can run side by side; a
store that is newer than this program is no problem, unless its version says that something was taken away. Not decided
here: the steps (`migrations/versions`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

from worker.store.database import Store, open_store
from worker.store.errors import ProgramTooOld, SchemaTooOld

HEAD = "0008"
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the tables at this address up to date; the versions before and after."""
    from alembic import command

    store = open_store(url)
    try:
        before = version(store)
        command.upgrade(config(store), "head")
        return before, HEAD
    finally:
        store.close()


def config(store: Store) -> Any:
    """What Alembic needs to know; it gets our engine, so that no address with a password is passed on."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["engine"] = store.engine
    return made


def version(store: Store) -> str | None:
    """The version of the tables, None where there are none."""
    with store.read() as tx:
        if not inspect(tx.connection).has_table("alembic_version"):
            return None
        found: str | None = tx.value(text("select version_num from alembic_version"))
        return found


def oldest(version: str) -> str:
    """
    The oldest program that may use tables of a version: any, unless the version's name says since which.

    A migration that only adds leaves older programs at work, so that a deploy can roll. One that takes something away is
    called `0009-since-0008`, and so is each later one: programs older than 0008 stop taking up work.

    >>> [oldest("0009"), oldest("0010-since-0008")]
    ['', '0008']
    """
    return version.partition("-since-")[2]


def check(store: Store) -> None:
    """Raise SchemaTooOld where the tables are missing or older than this program, ProgramTooOld where it must not go on."""
    found = version(store)
    if found is not None and oldest(found) > HEAD:
        where = store.engine.url.render_as_string(hide_password=True)
        said = f"The store {where} was migrated to version {found}, which this program (version {HEAD}) does not understand."
        raise ProgramTooOld(f"{said} Update it and start it again; nothing was taken up.")
    if found is None or found < HEAD:
        have = "has no tables" if found is None else f"has tables of version {found}"
        where = store.engine.url.render_as_string(hide_password=True)
        raise SchemaTooOld(f"The store {where} {have}, and this program needs version {HEAD}. Run `pql migrate`.")
