"""`pql` as a person starts it: a process of its own, with the places and tokens of a test in its environment."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PQL = Path(sys.executable).parent / "pql"
OURS = ("PQL_", "HUBSPOT_", "SALESFORCE_", "POSTHOG_", "WAREHOUSE_", "DATABASE_URL", "REDIS_URL")


@dataclass
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return dict(json.loads(self.out))

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Commands:
    """Runs `pql` in a folder."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return kept | {"PYTHONWARNINGS": "ignore", "COLUMNS": "200"} | self.variables | more

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Begin a command and go on; the caller waits for it."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([PQL, *words], cwd=self.folder, env=self.environment(**more), text=True, **pipes)

    def __call__(self, *words: str, **more: str) -> Answer:
        return ended(self.start(*words, **more))


def ended(process: subprocess.Popen[str]) -> Answer:
    """Wait for a command to end; never a traceback."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err, err
    return Answer(process.returncode, out, err)
