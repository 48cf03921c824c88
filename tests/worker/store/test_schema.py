"""Migrations make exactly the tables that the code describes."""

from contextlib import closing, nullcontext

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from worker.store import schema
from worker.store.database import open_store
from worker.store.errors import ProgramTooOld, SchemaTooOld
from worker.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path) -> str:
    return (
        request.getfixturevalue("empty_postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path}/new.sqlite"
    )


def test_the_migrations_lead_to_the_tables_of_the_code(store_url: str):
    with closing(open_store(store_url)) as store, store.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert differences == []


def test_a_store_without_tables_is_refused_with_the_way_out(empty_url: str):
    with closing(open_store(empty_url)) as store, pytest.raises(SchemaTooOld, match=r"has no tables.*pql migrate"):
        schema.check(store)


def test_migrating_says_from_where_to_where_and_may_be_repeated(empty_url: str):
    assert schema.migrate(empty_url) == (None, schema.HEAD)
    assert schema.migrate(empty_url) == (schema.HEAD, schema.HEAD)

    with closing(open_store(empty_url)) as store:
        schema.check(store)


@pytest.mark.fault("F53")
def test_a_store_of_an_older_version_is_refused_and_a_newer_one_is_not(sqlite_url: str):
    with closing(open_store(sqlite_url)) as store:
        with store.write() as tx:
            tx.connection.exec_driver_sql("update alembic_version set version_num = '0001'")
        with pytest.raises(SchemaTooOld, match=r"version 0001.*needs version"):
            schema.check(store)
        with store.write() as tx:
            tx.connection.exec_driver_sql("update alembic_version set version_num = '9999'")
        schema.check(store)


@pytest.mark.fault("F53")
def test_a_store_from_which_something_was_taken_away_stops_the_programs_that_are_too_old_for_it(sqlite_url: str):
    with closing(open_store(sqlite_url)) as store:
        for version, refused in (("9999", False), (f"9999-since-{schema.HEAD}", False), ("9999-since-9998", True)):
            with store.write() as tx:
                tx.connection.exec_driver_sql(f"update alembic_version set version_num = '{version}'")
            with pytest.raises(ProgramTooOld, match="Update it and start it again") if refused else nullcontext():
                schema.check(store)


def test_the_version_this_program_needs_is_the_last_migration(sqlite_url: str):
    with closing(open_store(sqlite_url)) as store:
        assert ScriptDirectory.from_config(schema.config(store)).get_current_head() == schema.HEAD
