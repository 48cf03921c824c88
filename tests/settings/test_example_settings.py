"""The settings of every example pass the check without a word, on any machine."""

from pathlib import Path

import pytest

from connectors.registry import tables
from settings.check import check

EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*/settings.d"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_passes_the_check_without_a_warning(folder, monkeypatch):
    monkeypatch.delenv("EVENTS", raising=False)
    checked = check(folder, tables())

    assert (checked.problems, checked.warnings) == ((), ())
