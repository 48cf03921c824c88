"""The settings of every example pass the check without a word, on any machine."""

import re
from pathlib import Path

import pytest
from settings_samples import said

from connectors.registry import tables
from settings import starter
from settings.check import check

EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*/settings.d"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_passes_the_check_without_a_warning(folder, monkeypatch):
    monkeypatch.delenv("EVENTS", raising=False)
    checked = check(folder, tables())

    assert (checked.problems, checked.warnings) == ((), ())


def test_the_samples_on_accounts_pass_the_check_beside_the_starters_other_files():
    page = (Path(__file__).parents[2] / "docs/accounts.md").read_text()
    samples = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)

    for sample in samples:
        exclude = starter.files()["qualify.yaml"].partition("qualify:\n")[0]
        assert said(starter.files() | {"qualify.yaml": exclude + sample}).codes == []
    assert samples
