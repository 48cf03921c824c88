"""What all tests share: the sandbox CRMs, real Postgres and Redis servers, stores."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode puts no test folder on the path

pytest_plugins = ["fixtures_sandbox", "fixtures_servers", "fixtures_push", "fixtures_office"]
