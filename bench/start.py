"""How long `pql --help` takes, beside Python itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.figures import Figure, at_most, took

PQL = Path(sys.executable).parent / "pql"


def measured() -> list[Figure]:
    """Each in a process of its own."""
    bare = took(lambda: _ran([sys.executable, "-c", "pass"]), 9)
    help_ = took(lambda: _ran([str(PQL), "--help"]), 9)
    note = f"bare Python {1000 * bare.wall:.0f} ms"
    return [at_most("start", "`pql --help`", 1000 * help_.wall, 150, "ms", note)]


def _ran(words: list[str]) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
