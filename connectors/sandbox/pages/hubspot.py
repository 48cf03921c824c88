"""The sandbox HubSpot as a book: which property is which fact."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from connectors.sandbox.hubspot.desk import Desk
from connectors.sandbox.hubspot.kinds import BY_WORD
from connectors.sandbox.pages.book import LABELS, Ours, Owner, Record, Todo, inside, moment, plain
from connectors.sandbox.state import Row

FACTS: Mapping[str, Mapping[str, str]] = {
    "contact": {
        "email": "E-mail",
        "hs_additional_emails": "More e-mails",
        "phone": "Phone",
        "jobtitle": "Job title",
        "company": "Company",
        "lifecyclestage": "Lifecycle stage",
        "hs_lead_status": "Lead status",
        "city": "City",
        "state": "State",
        "country": "Country",
        "hs_email_optout": "Opted out of e-mail",
    },
    "company": {
        "domain": "Domain",
        "industry": "Industry",
        "numberofemployees": "Employees",
        "country": "Country",
        "city": "City",
        "phone": "Phone",
        "lifecyclestage": "Lifecycle stage",
        "type": "Type",
    },
    "deal": {"dealstage": "Stage", "amount": "Amount", "closedate": "Close date", "pipeline": "Pipeline"},
    "task": {"hs_task_status": "Status", "hs_task_type": "Type", "hs_task_priority": "Priority", "hs_timestamp": "Due"},
    "lead": {"hs_lead_type": "Type", "hs_lead_label": "Label", "hs_pipeline_stage": "Stage"},
}
VENDOR_PAGE = re.compile(r"/contacts/[^/]+/(?:record/([^/]+)/([^/]+)|objects/([^/]+)/views/all/list)/?")


class HubSpotBook:
    """Reads the desk of one portal."""

    crm = "HubSpot"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._state = desk.state

    @property
    def zone(self) -> str:
        return str(self._state.switch("time_zone", "Europe/Berlin"))

    def objects(self) -> Sequence[tuple[str, int]]:
        return [(name, self._state.count(name)) for name in LABELS]

    def first(self, object: str, limit: int) -> Sequence[Record]:
        return [_record(row) for row in self._state.listing(object, limit=limit)]

    def mentioning(self, object: str, words: str) -> Sequence[Record]:
        found = self.one(object, words)
        return [found] if found else [_record(row) for row in self._state.holding(object, inside(words))]

    def flagged(self, object: str) -> Sequence[Record]:
        return self._having(object, "pql_flag", "true")

    def owned(self, object: str, owner: str) -> Sequence[Record]:
        return self._having(object, "hubspot_owner_id", owner)

    def offered(self, object: str, partner: str) -> Sequence[Record]:
        return self._having(object, "pql_partner", partner)

    def _having(self, object: str, name: str, value: str) -> Sequence[Record]:
        rows = self._state.holding(object, f'"{name}":"{inside(value)}"')
        return [_record(row) for row in rows if row.properties[name] == value]

    def one(self, object: str, id: str) -> Record | None:
        row = self._state.row(object, self._desk.survivor(object, id))
        return None if row is None or row.archived else _record(row)

    def related(self, record: Record, object: str) -> Sequence[Record]:
        ids = [link.to_id for link in self._state.links(record.object, [record.id], object)]
        rows = self._state.rows(object, list(dict.fromkeys(ids))).values()
        return [_record(row) for row in rows if not row.archived]

    def owners(self) -> Sequence[Owner]:
        return [
            Owner(one["id"], _name(one), one["email"], one["type"] == "QUEUE", not one["archived"])
            for one in self._state.docs("owner").values()
        ]

    def located(self, path: str) -> tuple[str, str] | None:
        found = VENDOR_PAGE.fullmatch(path)
        kind = BY_WORD.get(found[1] or found[3]) if found else None
        return (kind.name, found[2] or "") if kind and found else None


def _name(owner: Mapping[str, str]) -> str:
    return f"{owner['firstName']} {owner['lastName']}".strip() or owner["email"]


def _record(row: Row) -> Record:
    values = row.properties
    titles = {
        "contact": f"{values.get('firstname', '')} {values.get('lastname', '')}".strip() or values.get("email"),
        "company": values.get("name") or values.get("domain"),
        "deal": values.get("dealname"),
        "task": values.get("hs_task_subject"),
        "lead": values.get("hs_lead_name"),
    }
    below = {
        "contact": " · ".join(one for one in (values.get("jobtitle"), values.get("company"), values.get("email")) if one),
        "company": values.get("domain", ""),
        "deal": values.get("dealstage", ""),
    }
    facts = tuple((label, values[name]) for name, label in FACTS.get(row.object, {}).items() if values.get(name))
    return Record(
        row.object,
        row.id,
        titles.get(row.object) or f"{row.object} {row.id}",
        below.get(row.object, ""),
        values.get("hubspot_owner_id", ""),
        Ours({name.removeprefix("pql_"): value for name, value in values.items() if name.startswith("pql_") and value}),
        facts,
        tuple(sorted(values.items())),
        _todo(values) if row.object == "task" else None,
        datetime.fromtimestamp(row.modified / 1000, UTC),
    )


def _todo(values: Mapping[str, str]) -> Todo:
    status = values.get("hs_task_status", "NOT_STARTED")
    return Todo(
        plain(values.get("hs_task_body", "")),
        moment(values.get("hs_timestamp", "")),
        status.replace("_", " ").capitalize(),
        status != "COMPLETED",
        values.get("hs_task_type", "").capitalize(),
        values.get("hs_task_priority", "").capitalize(),
    )
