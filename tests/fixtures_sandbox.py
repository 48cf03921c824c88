"""A fresh sandbox for each test that asks for one; state in memory, real HTTP on loopback."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import urllib3

from connectors.sandbox.serve import Endpoint, Sandbox


@pytest.fixture
def hubspot() -> Iterator[Endpoint]:
    """The sandbox HubSpot alone."""
    with Sandbox.start(only=("hubspot",)) as running:
        yield running.hubspot


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


@pytest.fixture
def salesforce() -> Iterator[Endpoint]:
    """The sandbox Salesforce alone."""
    with Sandbox.start(only=("salesforce",)) as running:
        yield running.salesforce


@dataclass(frozen=True)
class Answer:
    """A status, the parsed body, the headers."""

    status: int
    body: Any
    headers: Any


@pytest.fixture
def call(hubspot) -> Iterator[Callable[..., Answer]]:
    """Return a function that calls the sandbox HubSpot as an integration: method, path, body."""
    with urllib3.PoolManager(retries=False, timeout=10, maxsize=16) as pool:

        def ask(method: str, path: str, body: Any = None, token: str = hubspot.token) -> Answer:
            data = body if isinstance(body, bytes | None) else orjson.dumps(body)
            answer = pool.request(method, hubspot.url + path, body=data, headers={"Authorization": f"Bearer {token}"})
            return Answer(answer.status, orjson.loads(answer.data) if answer.data else None, answer.headers)

        yield ask
