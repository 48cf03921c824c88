"""Makes the suite that every CRM subscribes to importable, with pytest's own assertion messages."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("contract_account", "contract_records", "contract_tasks", "contract_world")
