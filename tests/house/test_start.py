"""Starting: the command line answers before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {
    "ibis",
    "duckdb",
    "pyarrow",
    "pandas",
    "sqlalchemy",
    "alembic",
    "redis",
    "celery",
    "hubspot",
    "simple_salesforce",
    "sqlglot",
    "requests",
}

PROGRAM = """
import sys, json
sys.argv = ["pql", "--help"]
from worker.cli.main import entry
try:
    entry()
except SystemExit:
    pass
print()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_help_loads_nothing_heavy() -> None:
    """Exact and independent of the clock; the time itself is measured in bench/."""
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    loaded = set(json.loads(answer.stdout.splitlines()[-1]))
    assert loaded & HEAVY == set()
    assert "plan" in answer.stdout
