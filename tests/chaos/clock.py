"""
The time of a store and of a sandbox, moved forward at will, so that hours of waiting cost a test nothing.

Only database time is moved, which all leases and waits of the product are judged by, and the sandbox's clock with it. On
SQLite the database asks this process for the time; on Postgres a schema that is searched before the built-in functions
answers it, so that processes of their own see the same time.
"""

import sqlite3
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, text

from connectors.sandbox.serve import Endpoint
from worker.store.database import Store

POSTGRES = (
    "create schema chaos",
    "create table chaos.moved (ahead interval not null)",
    "insert into chaos.moved values (interval '0')",
    """create function chaos.clock_timestamp() returns timestamptz language sql volatile as
    $$ select pg_catalog.clock_timestamp() + (select ahead from chaos.moved) $$""",
)


class Clock:
    """So many seconds ahead of the machine."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead
        self._followers: list[Store | Endpoint] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def start_over(self, endpoint: Endpoint) -> None:
        """From the machine's time on, with the clock of this sandbox moving along from now on."""
        self._followers = [one for one in self._followers if isinstance(one, Store)]
        self.advance(-self.ahead)
        self._followers.append(endpoint)

    def rule(self, store: Store) -> None:
        """The store's time is this one from now on; to be said before its first connection."""
        if not store.on_postgres:
            event.listen(store.engine, "connect", self._rule_sqlite)
            return
        with store.engine.begin() as connection:
            for statement in POSTGRES:
                connection.execute(text(statement))
            name = connection.dialect.identifier_preparer.quote(str(store.engine.url.database))
            connection.execute(text(f"alter database {name} set search_path = chaos, public, pg_catalog"))
        store.engine.dispose()  # a path holds for new connections
        self._followers.append(store)

    def advance(self, seconds: float) -> None:
        self.ahead += seconds
        for one in self._followers:
            if isinstance(one, Store):
                with one.engine.begin() as connection:
                    connection.execute(text("update chaos.moved set ahead = make_interval(secs => :s)"), {"s": self.ahead})
            else:
                one.advance(seconds)

    def _rule_sqlite(self, connection: sqlite3.Connection, _: object) -> None:
        connection.create_function("strftime", 2, self._strftime)

    def _strftime(self, form: str, moment: str) -> str:
        assert (form, moment) == ("%Y-%m-%d %H:%M:%f", "now"), "the store asks for nothing else"
        return f"{self.now():%Y-%m-%d %H:%M:%S.%f}"[:-3]
