"""The servers that the tests start, for measuring: one Postgres, one sandbox in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


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
