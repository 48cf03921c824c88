"""A fresh sandbox for each test that asks for one; state in memory, real HTTP on loopback."""

from collections.abc import Iterator

import pytest

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
