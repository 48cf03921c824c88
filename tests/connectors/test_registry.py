"""From a kind in the settings to a class."""

import subprocess
import sys

import pytest

from connectors import registry
from connectors.crms.hubspot import HubSpot
from connectors.errors import Refused
from settings.destinations import DestinationSpec
from settings.options import OptionTable
from settings.terms import Secret

KINDS = [(role, kind) for role in ("source", "crm", "notifier") for kind in registry.kinds(role)]


@pytest.mark.parametrize(("role", "kind"), KINDS)
def test_each_kind_declares_its_options_beside_its_class(role, kind):
    table = registry.table(role, kind)

    assert isinstance(table, OptionTable)
    assert (table.kind, table.role) == (kind, role)
    assert all(option.says for option in table.options)


def test_the_tables_are_those_of_all_kinds():
    assert [(table.role, table.kind) for table in registry.tables()] == KINDS


def test_a_kind_that_nobody_built_is_refused_with_those_there_are():
    with pytest.raises(Refused, match=r"hubspot"):
        registry.crm(DestinationSpec(name="x", kind="pipedrive"))


def test_a_destination_opens_its_crm_with_its_options(sandbox):
    options = {
        "token": Secret("HUBSPOT_TOKEN", sandbox.hubspot.token),
        "base_url": sandbox.hubspot.url,
        "api_version": "2026-03",
    }

    crm = registry.crm(DestinationSpec(name="hubspot", kind="hubspot", options=options))

    assert isinstance(crm, HubSpot)
    assert crm.mirror.owners() == []
    assert sandbox.hubspot.requests()[-1]["path"].startswith("/crm/owners/2026-03")
    crm.close()


def test_the_option_tables_are_read_without_loading_http_or_a_vendors_package():
    """`pql check` needs the tables and should start fast."""
    asked = "import sys; from connectors import registry; registry.tables(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout

    assert not {
        name
        for name in ("hubspot", "simple_salesforce", "requests", "urllib3", "duckdb", "pyarrow")
        if f"'{name}'" in loaded
    }


def test_every_source_class_fulfils_the_contract():
    for kind in registry.kinds("source"):
        place = registry._class("source", kind)
        assert {"pull", "frequent_events"} <= set(dir(place)), kind
