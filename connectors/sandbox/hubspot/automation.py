"""What HubSpot does by itself after a write: workflows that overwrite, companies made from a domain, blanks it fills."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.desk import Desk, Draft, Writing
from connectors.sandbox.hubspot.kinds import FREE_MAIL, Kind
from connectors.sandbox.state import Change
from connectors.sandbox.wire import Actor


class Automation:
    """All are off in a new portal; switches turn them on."""

    def __init__(self, desk: Desk, associations: Associations) -> None:
        self._desk = desk
        self._associations = associations

    def follow(self, kind: Kind, drafts: Sequence[Draft], actor: Actor) -> None:
        """Apply what follows from these writes, under names of their own in the ledger."""
        state = self._desk.state
        if kind.name == "contact" and state.switch("create_companies"):
            for draft in drafts:
                self._company(draft, actor)
        if kind.name == "company":
            self._insights(drafts, actor)
        for workflow in state.switch("workflows", ()):
            if workflow["object"] == kind.name:
                self._run(workflow, drafts, actor)

    def _company(self, draft: Draft, actor: Actor) -> None:
        desk, state = self._desk, self._desk.state
        domain = draft.row.properties.get("hs_email_domain", "")
        contact, company = desk.kind("contact"), desk.kind("company")
        if not draft.new or not domain or domain in FREE_MAIL:
            return
        by_itself = Actor("hubspot", actor.request)
        found = state.find("company", "domain", [domain]).get(domain)
        if found:
            target = found[0]
        else:
            made = desk.create(
                Writing(company, "v3", by_itself), {"domain": domain, "name": domain.partition(".")[0].title()}, []
            )
            desk.apply([made.change], by_itself)
            target = made.row.id
        links = self._associations.default(contact, draft.row.id, company, target)
        desk.apply([self._associations.linked(links)], by_itself)

    def _insights(self, drafts: Sequence[Draft], actor: Actor) -> None:
        """Fill blanks of new companies with what HubSpot knows about their domains."""
        known: Mapping[str, Mapping[str, str]] = self._desk.state.switch("company_insights", {})
        for draft in drafts:
            have = draft.row.properties
            told = next((says for domain, says in known.items() if have.get("domain", "").endswith(domain)), {})
            blanks = {name: value for name, value in told.items() if not have.get(name)}
            if draft.new and blanks:
                change = self._desk.rewritten("update", draft.row, blanks, self._desk.state.now()).change
                self._desk.apply([change], Actor("hubspot", actor.request))

    def _run(self, workflow: Mapping[str, Any], drafts: Sequence[Draft], actor: Actor) -> None:
        changes: list[Change] = []
        for draft in drafts:
            if workflow["on"] in (draft.change.after or {}):
                row = self._desk.state.row(draft.row.object, draft.row.id) or draft.row
                changes.append(self._desk.rewritten("update", row, dict(workflow["set"]), self._desk.state.now()).change)
        if changes:
            self._desk.apply(changes, Actor("workflow", actor.request))
