"""Size budgets: what keeps files and functions readable is counted, not hoped for."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_LINES = 400
FUNCTION_LINES = 40
FLOORS = ("settings", "connectors", "worker")
# Alembic writes migrations in one function; they are never edited again.
EXEMPT = "worker/store/migrations/versions"


def _sources(*folders: str) -> list[Path]:
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return [file for file in files if EXEMPT not in file.as_posix()]


def test_no_file_is_longer_than_its_budget() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in _sources(*FLOORS, "tests", "bench", "examples")}

    assert {str(file.relative_to(ROOT)): lines for file, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_its_budget() -> None:
    long = {}
    for file in _sources(*FLOORS, "bench", "examples"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long[f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"] = lines

    assert long == {}
