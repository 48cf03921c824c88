"""Rules that imports cannot show: what the core must not call, what nobody may call, and how modules are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("settings", "connectors", "worker")
IMPURE_MODULES = {"time", "random", "secrets", "os", "socket", "subprocess", "threading", "uuid", "tempfile", "shutil"}
IMPURE_CALLS = {"open", "input", "print", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
EVIL_CALLS = {"eval", "exec", "pickle.loads", "pickle.load", "yaml.load", "os.system"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}


def _trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text())


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def impurities(source: str) -> list[str]:
    """What in this source reads a clock, chance, the disk or the environment."""
    tree = ast.parse(source)
    found = [f"{line}: import {name}" for line, name in _imports(tree) if name in IMPURE_MODULES]
    return found + [f"{line}: {name}()" for line, name in _calls(tree) if name in IMPURE_CALLS]


def test_the_core_reads_no_clock_no_chance_and_no_disk() -> None:
    found = {path: impurities(ast.unparse(tree)) for path, tree in _trees("worker/core")}

    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize("planted", ["import time", "from random import random", "open('x')", "datetime.now()", "import os"])
def test_the_purity_rule_would_notice(planted: str) -> None:
    assert impurities(planted)


def test_nobody_evaluates_text_or_unpickles() -> None:
    found = [f"{path}:{line} {name}" for path, tree in _trees(*FLOORS) for line, name in _calls(tree) if name in EVIL_CALLS]

    assert found == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path for path, _ in _trees(*FLOORS) if Path(path).stem in VAGUE_NAMES or Path(path).parent.name in VAGUE_NAMES}

    assert names == set()


def test_every_module_says_what_is_decided_in_it() -> None:
    mute = [path for path, tree in _trees(*FLOORS) if tree.body and not ast.get_docstring(tree)]

    assert mute == []


# In pieces, so that this file does not hold what it looks for.
SHAPES = (
    "pa" + r"t-(na|eu)\d-[0-9a-f]{8}-",
    "00" + r"D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{20,}",
    "sk_" + "live_",
    "xo" + r"x[bap]-[0-9]{8}",
    "ph" + r"x_[A-Za-z0-9]{20}",
    "AK" + "IA[0-9A-Z]{16}",
)
TOKENS = re.compile("|".join(SHAPES))


def test_no_tracked_file_holds_a_token() -> None:
    suspects = [
        str(file.relative_to(ROOT))
        for folder in (*FLOORS, "tests", "docs", "examples", "bench")
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
        and file.suffix in {".py", ".md", ".yaml", ".yml", ".json", ".toml", ".csv"}
        and TOKENS.search(file.read_text(errors="ignore"))
    ]

    assert suspects == []


PUBLIC = ("settings", "connectors/contract.py", "connectors/errors.py", "connectors/fields.py", "worker/cli")


def _undocumented(path: str, tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ):
            yield f"{path}:{node.lineno} {node.name}"


def test_public_surfaces_are_documented_where_the_name_does_not_say_it_all() -> None:
    """Functions of the command line and the records that cross floors carry a sentence."""
    mute = [
        name
        for path, tree in _trees(*FLOORS)
        if path.startswith(("connectors/contract", "worker/cli"))
        for name in _undocumented(path, tree)
    ]

    assert [name for name in mute if not name.endswith((" Mirror", " Notifier"))] == []
