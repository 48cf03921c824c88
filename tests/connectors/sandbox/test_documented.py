"""The sandbox's page in the documentation names all it can do."""

from pathlib import Path

import pytest

from connectors.sandbox.hubspot.app import SWITCHES
from connectors.sandbox.weather import FAULTS

TEXT = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()


@pytest.mark.parametrize("name", sorted({*FAULTS, *SWITCHES}))
def test_every_fault_and_switch_is_documented(name):
    assert f"`{name}`" in TEXT


def test_every_act_is_documented(hubspot):
    with pytest.raises(ValueError, match="Known: ") as refused:
        hubspot.act("dance")

    for act in str(refused.value).partition("Known: ")[2].rstrip(".").split(", "):
        assert f"`{act}`" in TEXT
