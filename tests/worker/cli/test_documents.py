"""Every document of the command line has a shipped schema that says what it is."""

import json

import pytest

from worker.cli.documents import DOCUMENTS, SCHEMAS, schemas


def test_the_shipped_schemas_are_those_of_the_documents():
    shipped = {path.name: path.read_text() for path in SCHEMAS.glob("*.json")}

    assert shipped == schemas(), "run `python -m worker.cli.documents`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_schema_asks_for_the_name_of_the_document_and_knows_every_key(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())

    assert schema["properties"]["schema"]["const"] == f"pqlsync/{name}/1"
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", ["run", "plan"])
def test_counts_are_whole_numbers(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    parts = ("Calls", "LeadCounts", "AccountCounts")
    kinds = {key: one["type"] for part in parts for key, one in schema["$defs"][part]["properties"].items()}

    assert set(kinds.values()) == {"integer"}
