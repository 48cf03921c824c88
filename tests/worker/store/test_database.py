"""Transactions and time, on real SQLite and real Postgres."""

import stat
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from worker.store.database import Store, open_store
from worker.store.errors import BadStoreUrl, StoreUnreachable
from worker.store.tables import lead, pool

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def leads(*names: str) -> list[dict[str, object]]:
    return [{"lead_key": name, "user_id": f"u-{name}", "account_id": None, "first_seen": NOW} for name in names]


def test_what_a_failed_transaction_wrote_is_gone(store: Store):
    with suppress(RuntimeError), store.write() as tx:
        tx.put(lead, leads("a"))
        raise RuntimeError

    with store.read() as tx:
        assert tx.rows(select(lead)) == []


def test_a_moment_comes_back_as_it_was_written(store: Store):
    moment = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=UTC)
    with store.write() as tx:
        tx.put(lead, [{"lead_key": "a", "user_id": "u", "account_id": None, "first_seen": moment}])

    with store.read() as tx:
        assert tx.value(select(lead.c.first_seen)) == moment


def test_a_moment_without_a_zone_is_refused(store: Store):
    naive = datetime(2026, 3, 29)  # noqa: DTZ001  that is the point

    with pytest.raises(Exception, match="no time zone"), store.write() as tx:
        tx.put(lead, [{"lead_key": "a", "user_id": "u", "account_id": None, "first_seen": naive}])


def test_rows_of_another_workspace_are_not_seen(store: Store):
    other = store.of("other")
    with store.write() as tx:
        tx.put(lead, leads("a"))
    with other.write() as tx:
        tx.put(lead, leads("a", "b"))

    with store.read() as tx:
        assert len(tx.rows(select(lead).where(tx.mine(lead)))) == 1


def test_database_time_is_now_and_only_grows(store: Store):
    first, second = store.now(), store.now()

    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)
    assert first <= second


@pytest.mark.fault("F50")
def test_two_writers_that_read_first_lose_no_update(store: Store):
    with store.write() as tx:
        tx.add(pool, [{"name": "smb", "seq": 0}])

    def add_one_hundred() -> None:
        for _ in range(100):
            with store.write() as tx:
                seq = tx.value(select(pool.c.seq).where(tx.mine(pool)).with_for_update())
                tx.run(update(pool).where(tx.mine(pool)).values(seq=seq + 1))

    threads = [threading.Thread(target=add_one_hundred) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as tx:
        assert tx.value(select(pool.c.seq)) == 400


@pytest.mark.fault("F50")
def test_two_processes_worth_of_engines_on_one_sqlite_file_wait_for_each_other(sqlite_url: str):
    with closing(open_store(sqlite_url)) as one, closing(open_store(sqlite_url)) as other:

        def write(store: Store, prefix: str) -> None:
            for number in range(50):
                with store.write() as tx:
                    tx.rows(select(lead.c.lead_key))
                    tx.put(lead, leads(f"{prefix}{number}"))

        threads = [threading.Thread(target=write, args=(store, name)) for store, name in ((one, "a"), (other, "b"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with one.read() as tx:
            assert len(tx.rows(select(lead))) == 100


def test_a_large_answer_comes_column_by_column(store: Store):
    with store.write() as tx:
        tx.put(lead, leads(*(f"L{number:05}" for number in range(12_000))))

    with store.read() as tx:
        columns = tx.columns(select(lead.c.lead_key, lead.c.first_seen).where(tx.mine(lead)))
        nothing = tx.columns(select(lead.c.lead_key).where(lead.c.lead_key == "no such"))

    assert max(columns["lead_key"]) == "L11999"
    assert set(columns["first_seen"]) == {NOW}
    assert nothing == {"lead_key": []}


def test_putting_a_row_again_updates_it_but_keeps_what_was_asked_to_stay(store: Store):
    with store.write() as tx:
        tx.put(lead, leads("a"))
        later = [{"lead_key": "a", "user_id": "u-a", "account_id": "acc", "first_seen": NOW + timedelta(days=1)}]
        tx.put(lead, later, keep=("first_seen",))

    with store.read() as tx:
        assert tx.one(select(lead.c.account_id, lead.c.first_seen)) == ("acc", NOW)


def test_a_new_sqlite_store_can_be_read_by_its_owner_alone(tmp_path: Path):
    with closing(open_store(f"sqlite:///{tmp_path}/deep/er/store.sqlite")) as store:
        store.now()

    assert stat.S_IMODE((tmp_path / "deep/er/store.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url",
    ["mysql://a:s3cret@b/c", "sqlite://", "sqlite:///:memory:", "nonsense s3cret", "postgresql+psycopg2://u:s3cret@h/d"],
)
def test_an_address_that_is_no_store_is_refused_without_repeating_its_secrets(url: str):
    with pytest.raises(BadStoreUrl) as caught:
        open_store(url)

    assert "s3cret" not in str(caught.value)


def test_a_password_never_shows_when_the_server_does_not_answer():
    with closing(open_store("postgres://pql:s3cret@127.0.0.1:1/pql")) as store, pytest.raises(StoreUnreachable) as caught:
        store.now()

    assert "s3cret" not in f"{store!r} {caught.value}"
    assert "Check the address" in str(caught.value)


def test_a_connection_that_is_cut_in_the_middle_of_a_transaction_is_told_as_a_store_that_is_away(postgres_url: str):
    def cut() -> None:
        with store.write() as tx, store.write() as other:
            other.value(select(func.pg_terminate_backend(tx.value(select(func.pg_backend_pid())))))
            tx.value(text("select 1"))

    with closing(open_store(postgres_url)) as store, pytest.raises(StoreUnreachable, match="did not carry out") as caught:
        cut()

    assert "What it had confirmed stands" in str(caught.value)
    assert "select 1" not in str(caught.value)


def test_what_is_wrong_with_a_statement_is_not_blamed_on_the_database(store: Store):
    with pytest.raises(DBAPIError), store.write() as tx:
        tx.value(text("select * from nowhere"))
