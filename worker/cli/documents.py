"""
Every document that `--output json` prints or that an alert's webhook gets, by its name, and their JSON Schemas in
`worker/cli/schemas`.

Decided here: the shapes of the small documents, and which command prints which. The large ones stand where they are made.
A test writes the schemas anew and compares; `python -m worker.cli.documents` writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from worker.steps.mending.audit_report import Audited
from worker.steps.mending.undo_report import Undone
from worker.steps.report import Document, PlanReport, Report, SourceCounts
from worker.steps.telling.explain import Explanation
from worker.steps.telling.standing import Standing
from worker.steps.upkeep.alerting import Notification
from worker.steps.upkeep.doctor import Diagnosis

SCHEMAS = Path(__file__).parent / "schemas"


class Said(Document):
    """A problem of the settings, and where it stands."""

    file: str
    line: int
    col: int
    code: str
    message: str
    try_: str = Field(alias="try")


class Check(Document):
    """`pql check`."""

    schema_: Literal["pqlsync/check/1"] = Field(alias="schema")
    problems: list[Said]


class Activated(Document):
    """`pql activate`."""

    schema_: Literal["pqlsync/activate/1"] = Field(alias="schema")
    hash: str
    changed: bool
    who: str


class Event(Document):
    """A frequent event, with what it was taken for."""

    name: str
    events: int
    users: int
    last_seen: str | None
    family: str
    picked: bool


class Begun(Document):
    """`pql init`. Gates count users, each after the ones before it; matches count them by what was found."""

    schema_: Literal["pqlsync/init/1"] = Field(alias="schema")
    written: list[str]
    kept: list[str]
    streams: dict[str, str]
    notes: list[str]
    events: list[Event]
    problems: list[Said]
    as_of: str | None
    users: int | None
    gates: dict[str, int]
    matches: dict[str, dict[str, int]]
    unreachable: dict[str, str]


class Wish(Document):
    """One step of provisioning; `by_api` false: a person has to do it."""

    object: str
    name: str
    kind: str
    says: str
    by_api: bool


class Fulfilled(Document):
    """What became of a step: done, exists, or a reason."""

    object: str
    name: str
    outcome: str


class Provision(Document):
    """One destination of `pql provision`; `outcome` is there when something was to be done and was done."""

    destination: str
    changes: list[Wish]
    outcome: list[Fulfilled] | None = None


class Provisioned(Document):
    """`pql provision`."""

    schema_: Literal["pqlsync/provision/1"] = Field(alias="schema")
    destinations: list[Provision]


class Pulled(Document):
    """`pql pull`."""

    schema_: Literal["pqlsync/pull/1"] = Field(alias="schema")
    sources: dict[str, SourceCounts]


class Stuck(Document):
    """A row that needs a person."""

    where: str
    what: str
    status: str
    reason: str | None


class Dead(Document):
    """`pql dead`."""

    schema_: Literal["pqlsync/dead/1"] = Field(alias="schema")
    rows: list[Stuck]


class Retried(Document):
    """`pql retry`."""

    schema_: Literal["pqlsync/retry/1"] = Field(alias="schema")
    counts: dict[str, int]


class Refusal(Document):
    """Printed by any command that was refused, beside the two sentences on stderr."""

    schema_: Literal["pqlsync/refused/1"] = Field(alias="schema")
    message: str


DOCUMENTS: dict[str, type[Document]] = {
    "activate": Activated,
    "alert": Notification,
    "audit": Audited,
    "check": Check,
    "dead": Dead,
    "doctor": Diagnosis,
    "explain": Explanation,
    "init": Begun,
    "plan": PlanReport,
    "provision": Provisioned,
    "pull": Pulled,
    "refused": Refusal,
    "retry": Retried,
    "run": Report,
    "status": Standing,
    "undo": Undone,
}


def schemas() -> dict[str, str]:
    """The JSON Schema of every document, as text, by file name."""
    return {f"{name}.json": _text(name, model) for name, model in DOCUMENTS.items()}


def _text(name: str, model: type[Document]) -> str:
    made: dict[str, Any] = model.model_json_schema(by_alias=True, mode="serialization")
    made["properties"]["schema"] = {"const": f"pqlsync/{name}/1", "type": "string"}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"pqlsync/{name}/1"}
    return json.dumps(head | made, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for file, text in schemas().items():
        (SCHEMAS / file).write_text(text, encoding="utf-8")
