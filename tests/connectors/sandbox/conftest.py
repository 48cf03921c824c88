"""A client for the sandbox Salesforce."""

from collections.abc import Iterator

import pytest
from salesforce_rest import Rest

from connectors.sandbox.serve import Endpoint


@pytest.fixture
def rest(salesforce: Endpoint) -> Iterator[Rest]:
    client = Rest(salesforce)
    with client.session:
        yield client
