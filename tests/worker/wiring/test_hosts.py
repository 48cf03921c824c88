"""Which hosts may work on which store and lake."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from worker.lake import Lake
from worker.store import beats, landing
from worker.store.database import Store
from worker.wiring import hosts


def tools(store: Store, lake: Path) -> Any:
    return SimpleNamespace(store=store, lake=Lake(lake, "acme"))


def sign(store: Store, worker: str) -> None:
    with store.write() as tx:
        beats.beat(tx, worker, "push hubspot")


def land(store: Store, path: str) -> None:
    with store.write() as tx:
        landing.add_files(tx, [landing.File("product", "events", path, 1, 1)])


def test_a_second_host_on_sqlite_is_refused_with_words(sqlite_store: Store, tmp_path: Path) -> None:
    sign(sqlite_store, "elsewhere:42")

    with pytest.raises(hosts.WrongPlace, match=r"elsewhere works on it too .* PQL_STORE"):
        hosts.check(tools(sqlite_store, tmp_path))


def test_other_processes_of_this_host_are_welcome(sqlite_store: Store, tmp_path: Path) -> None:
    sign(sqlite_store, f"{hosts.HOST}:1")

    hosts.check(tools(sqlite_store, tmp_path))


def test_a_host_that_was_refused_itself_keeps_nobody_out(sqlite_store: Store, tmp_path: Path) -> None:
    sign(sqlite_store, f"{hosts.REFUSED} elsewhere:42")

    hosts.check(tools(sqlite_store, tmp_path))


def test_a_host_that_has_been_silent_is_gone(sqlite_store: Store, tmp_path: Path) -> None:
    sign(sqlite_store, "elsewhere:42")
    with sqlite_store.write() as tx:
        tx.connection.exec_driver_sql("update heartbeat set at = '2026-01-01 00:00:00.000000'")

    hosts.check(tools(sqlite_store, tmp_path))


def test_several_hosts_on_postgres_are_fine(postgres_url: str, tmp_path: Path) -> None:
    from contextlib import closing

    from worker.store.database import open_store

    with closing(open_store(postgres_url, "acme")) as store:
        sign(store, "elsewhere:42")
        hosts.check(tools(store, tmp_path))


def test_a_lake_that_lacks_what_landed_last_is_not_the_shared_one(sqlite_store: Store, tmp_path: Path) -> None:
    land(sqlite_store, "acme/events/product/1.parquet")
    with pytest.raises(hosts.WrongPlace, match="PQL_LAKE"):
        hosts.check(tools(sqlite_store, tmp_path))

    (tmp_path / "acme/events/product").mkdir(parents=True)
    (tmp_path / "acme/events/product/1.parquet").touch()
    hosts.check(tools(sqlite_store, tmp_path))
