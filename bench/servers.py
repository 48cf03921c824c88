"""The servers that the tests start, for measuring: both databases, Redis, the sandbox CRMs in a process of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.figures import Figure, skipped
from worker.store.schema import migrate

ROOT = Path(__file__).parents[1]


def on_both(area: str, measure: Callable[[str, str], list[Figure]]) -> list[Figure]:
    """The same on SQLite, and on a Postgres that is started for it; `measure` takes a name and an empty store's address."""
    with tempfile.TemporaryDirectory(prefix="pql-bench-") as folder:
        url = f"sqlite:///{folder}/store.db"
        migrate(url)
        figures = measure("SQLite", url)
    try:
        with postgres() as url:
            migrate(url)
            return figures + measure("Postgres", url)
    except LookupError as problem:
        return figures + skipped(area, str(problem))


@contextmanager
def postgres() -> Iterator[str]:
    """A Postgres as the tests start it; LookupError where there is none."""
    fixtures = _fixtures()
    # What the fixture decorator wraps is a generator that starts the server and, at its end, stops it.
    opened = contextmanager(inspect.unwrap(fixtures.postgres_server))()
    try:
        address = opened.__enter__()
    except (pytest.fail.Exception, OSError, RuntimeError) as problem:
        raise LookupError(f"no Postgres could be started: {problem}") from None
    with contextlib.ExitStack() as stack:
        stack.push(opened.__exit__)
        yield f"{address}/postgres"


@contextmanager
def redis() -> Iterator[str]:
    """A Redis as the tests start it; LookupError where there is none."""
    try:
        opened = _fixtures().redis_process()
        running = opened.__enter__()
    except (pytest.fail.Exception, OSError, RuntimeError) as problem:
        raise LookupError(f"no Redis could be started: {problem}") from None
    with contextlib.ExitStack() as stack:
        stack.push(opened.__exit__)
        yield running.url


def _fixtures() -> Any:
    spec = importlib.util.spec_from_file_location("fixtures_servers", ROOT / "tests" / "fixtures_servers.py")
    if spec is None or spec.loader is None:
        raise LookupError("the tests are not here, and they know how to start servers")
    if spec.name not in sys.modules:
        sys.modules[spec.name] = fixtures = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(fixtures)
    return sys.modules[spec.name]


@contextmanager
def sandbox(data: Path | None = None) -> Iterator[dict[str, dict[str, str]]]:
    """Both CRMs in another process, so that their work is not counted as ours; addresses and tokens."""
    words = [sys.executable, "-m", "connectors.sandbox", *(["--data", str(data)] if data else [])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("The sandbox has no output.")
            yield dict[str, Any](json.loads(process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(30)
