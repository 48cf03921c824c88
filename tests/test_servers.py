"""The servers that tests rely on are real and empty."""

from contextlib import closing

import psycopg
import redis


def test_a_test_gets_a_postgres_database_with_the_tables_of_the_store(postgres_url: str):
    with closing(psycopg.connect(postgres_url)) as connection:
        assert connection.execute("select count(*) from record_sync").fetchone() == (0,)


def test_a_test_gets_an_empty_redis(redis_url: str):
    with closing(redis.Redis.from_url(redis_url)) as client:
        assert client.dbsize() == 0
        client.set("a", 1)


def test_what_another_test_left_in_redis_is_gone(redis_url: str):
    with closing(redis.Redis.from_url(redis_url)) as client:
        assert client.get("a") is None
