"""What all tests share: the sandbox CRMs, real Postgres and Redis servers, stores."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode puts no test folder on the path

# A busy machine is slow at times; that says nothing about a law.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

pytest_plugins = [
    "fixtures_sandbox",
    "fixtures_servers",
    "fixtures_push",
    "fixtures_salesforce",
    "fixtures_bulk",
    "fixtures_office",
    "fixtures_undo",
    "fixtures_channels",
]
