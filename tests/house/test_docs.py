"""The docs are live: generated pages are in step, requirement ids exist."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_page_is_in_step_with_its_source(generate: ModuleType) -> None:
    """`make docs` mends it."""
    behind = [
        name
        for name, text in generate.pages().items()
        if not (ROOT / "docs" / name).exists() or (ROOT / "docs" / name).read_text() != text
    ]

    assert behind == []


def test_tests_name_only_requirements_that_exist(generate: ModuleType) -> None:
    titles = YAML(typ="safe").load((ROOT / "tests/requirements.yaml").read_text())

    assert list(titles) == [f"R-{number:03d}" for number in range(1, 110)]
    assert set(generate.decided()) - set(titles) == set()


def test_every_fault_is_provoked_by_a_test_or_says_why_not(generate: ModuleType) -> None:
    told = {id: one for group in generate.faults().values() for id, one in group.items()}
    marked = generate.marked("fault")

    assert list(told) == [f"F{number}" for number in range(1, 69)]
    assert set(marked) - set(told) == set()
    assert [id for id, one in told.items() if id not in marked and "where" not in one] == []
