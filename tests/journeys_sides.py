"""
One way to act in either CRM, so that a story is told once and lived in both.

Decided here: names. A *side* is the CRM in which people work; its people are contacts in HubSpot, and contacts or leads in
Salesforce. Values are read through the connector, in canonical form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.contract import SeenTask

HUBSPOT = {"first": "firstname", "last": "lastname", "owner": "hubspot_owner_id", "stage": "lifecyclestage"}
SALESFORCE = {"first": "FirstName", "last": "LastName", "owner": "OwnerId", "email": "Email"}
TASK = {
    "hubspot": {"subject": "hs_task_subject", "owner": "hubspot_owner_id"},
    "salesforce": {"subject": "Subject", "owner": "OwnerId"},
}


@dataclass
class Side:
    """The CRM where people work, on a stage."""

    stage: Any
    name: str

    @property
    def portal(self) -> Any:
        return self.stage.portal if self.name == "hubspot" else self.stage.org

    @property
    def crm(self) -> Any:
        return self.stage.worker.tools.crms[self.name]

    @property
    def ids(self) -> dict[str, str]:
        found: dict[str, str] = self.portal.ids
        return found

    def theirs(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Our short names and pql_* as this CRM calls them."""
        if self.name == "hubspot":
            return {HUBSPOT.get(name, name): value for name, value in properties.items()}
        return {SALESFORCE.get(name) or _api(name): value for name, value in properties.items()}

    # ------------------------------------------------------------------------------ what people have

    def person(self, user: str, account: str, *, object: str = "contact", **properties: Any) -> str:
        """A user of the product who stands in the CRM; the e-mail address."""
        email = self.stage.user(user, account, contact=False)
        given = {"first": user.title(), "last": "Berg", "email": email, **properties}
        if self.name == "hubspot":
            self.portal.add("contact", **self.theirs(given))
            return str(email)
        more = {"Company": f"Firm {account}"} if object == "lead" else {}
        users = self.portal.endpoint.state.scan("User")
        nobody = next(row.id for row in users if row.properties.get("Email") == "integration@acme.com")
        doc = {"object": object.title(), "properties": {"OwnerId": nobody, **self.theirs(given), **more}}
        self.ids[email] = self.portal.endpoint.seed(records=[doc])["records"][0]["id"]
        return str(email)

    def choices(self, name: str, *values: str) -> str:
        """A field of several values on people; its name in the settings."""
        if self.name == "hubspot":
            definition = {"object": "contact", "name": name, "type": "enumeration", "fieldType": "checkbox"}
            self.portal.endpoint.seed(properties=[{**definition, "options": list(values)}])
            return name
        field = {"name": _api(name), "type": "multipicklist", "length": 4099, "values": values, "restricted": True}
        for owner in ("Contact", "Lead"):
            self.portal.endpoint.seed(fields=[{"object": owner, **field}])
        return _api(name)

    # ------------------------------------------------------------------------------ what is there

    def fields(self, email: str, *more: str, object: str = "contact") -> dict[str, Any]:
        """What the record holds, canonical; {} where it is gone."""
        found = self.crm.mirror.read(object, [self.ids[email]], more).get(self.ids[email])
        return {} if found is None else {"owner": found.owner, "id": found.id, **found.fields}

    def tasks(self, name: str) -> list[SeenTask]:
        """The tasks about this person, oldest first, those that were deleted left out."""
        kind, subject = ("task", "hs_task_subject") if self.name == "hubspot" else ("Task", "Subject")
        rows = [row for row in self.portal.endpoint.state.scan(kind) if not row.archived]
        ids = [row.id for row in rows if f" {name} Berg" in str(row.properties.get(subject))]
        found = self.crm.tasks.read(ids)
        return [found[id] for id in ids]

    def task(self, name: str) -> SeenTask:
        (one,) = self.tasks(name)
        return one

    def owner(self, id: str | None) -> str:
        """The name of an owner."""
        owners = {one.id: one.email for one in self.crm.mirror.owners()}
        return owners.get(str(id), "nobody").partition("@")[0]

    def made(self, object: str) -> list[dict[str, Any]]:
        """Every record of a kind that the integration made."""
        kind = object if self.name == "hubspot" else object.title()
        rows = self.portal.endpoint.ledger(0)
        return [row for row in rows if row["op"] == "create" and row["object"] == kind and row["actor"] == "integration"]

    # ------------------------------------------------------------------------------ what people do

    def edit(self, email: str, **properties: Any) -> None:
        doc = {} if self.name == "salesforce" else {"object": "contact"}
        self.portal.act("edit", id=self.ids[email], properties=self.theirs(properties), **doc)

    def rename(self, task: SeenTask) -> None:
        """Touch a task."""
        properties = {TASK[self.name]["subject"]: f"Rang up: {task.subject}"}
        self.portal.act("edit", **self._task(task), properties=properties)

    def close(self, task: SeenTask) -> None:
        self.portal.act("close", **self._task(task))

    def throw_away(self, task: SeenTask) -> None:
        self.portal.act("delete", **self._task(task))

    def delete(self, email: str) -> None:
        self.portal.act("delete", **self._person(email))

    def opt_out(self, email: str) -> None:
        self.portal.act("opt_out", **self._person(email))

    def merge(self, stays: str, goes: str) -> None:
        """Two people are one record from now on."""
        merged = self.portal.act("merge", **self._person(stays), into_it=self.ids[goes])["id"]
        self.ids[stays] = self.ids[goes] = merged

    def leaves(self, who: str) -> None:
        self.portal.act("deactivate_owner", email=f"{who}@acme.com")

    def comes_back(self, who: str) -> None:
        self.portal.act("activate_owner", email=f"{who}@acme.com")

    def buys(self, email: str, account: str) -> None:
        """The person is a customer's from now on."""
        if self.name == "hubspot":
            self.edit(email, stage="customer")
            return
        doc = {"object": "Account", "properties": {"Name": account, "Type": "Customer - Direct"}}
        firm = self.portal.endpoint.seed(records=[doc])["records"][0]["id"]
        self.portal.act("edit", id=self.ids[email], properties={"AccountId": firm})

    def _person(self, email: str) -> dict[str, Any]:
        return {"id": self.ids[email], **({"object": "contact"} if self.name == "hubspot" else {})}

    def _task(self, task: SeenTask) -> dict[str, Any]:
        return {"id": task.id, **({"object": "task"} if self.name == "hubspot" else {})}


def _api(name: str) -> str:
    """The name of a field of ours, or of one that the customer made, in Salesforce."""
    if name.startswith("pql_"):
        return "PQL_" + "_".join(part.title() for part in name.removeprefix("pql_").split("_")) + "__c"
    return "_".join(part.title() for part in name.split("_")) + "__c"


def opened_at(opened: Any, name: str) -> Side:
    """A stage whose work goes on in this CRM, which alone is there."""
    stage = opened(salesforce=name == "salesforce")
    if name == "salesforce":
        stage.rewrite("handoff", "work_in: hubspot", "work_in: salesforce")
    stage.rewrite("pql", "changed_leads: 20%", "changed_leads: off")
    return Side(stage, name)
