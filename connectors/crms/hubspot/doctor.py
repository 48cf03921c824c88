"""
The questions that `pql doctor` asks a portal.

Decided here: which scopes are needed and which are too much, what else must be true before a run. Not decided here: how the
answers are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.crms.hubspot.client import Client
from connectors.crms.hubspot.mirror import Mirror
from connectors.crms.hubspot.schema import Schema
from connectors.errors import ConnectorError, Moved, Refused
from connectors.reach import is_loopback

Check = tuple[str, bool, str]
NEEDED = (
    *(
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.companies.read",
        "crm.objects.companies.write",
    ),
    "crm.objects.owners.read",
)
USEFUL = frozenset({"crm.objects.deals.read", "crm.schemas.contacts.read", "crm.schemas.companies.read", "oauth"})
UNIQUE = (("contact", "pql_key"), ("company", "pql_key"), ("task", "pql_task_key"))
GUARDED = (
    " Until then, and for good where the portal refuses the property, tasks are guarded, not guaranteed: "
    "each is looked for before it is made and after any doubtful answer."
)
LEAST_LEFT = 0.1


@dataclass(frozen=True, slots=True)
class Account:
    """Which portal the token belongs to, and where people look at it."""

    portal: str
    pages: str


def account(client: Client) -> Account:
    """Ask for the account's details; the time zone goes to the allowance, whose day ends at midnight there."""
    said = client.account().good()
    client.allowance.zone = str(said["timeZone"]) if said.get("timeZone") else None
    domain = str(said.get("uiDomain") or "")
    pages = f"https://{domain if domain.endswith('.hubspot.com') else 'app.hubspot.com'}"
    loopback = is_loopback(urlsplit(client.base_url).hostname or "")
    return Account(str(said.get("portalId", "")), client.base_url if loopback else pages)


class Doctor:
    """Asks one portal; a question that cannot be answered is not good."""

    def __init__(self, client: Client, schema: Schema, mirror: Mirror) -> None:
        self._client, self._schema, self._mirror = client, schema, mirror

    def answers(self, account: Callable[[], Account]) -> Sequence[Check]:
        """One line per question. A refused token or an unreachable portal ends the list."""
        try:
            portal = account().portal
        except ConnectorError as problem:
            return [("token" if isinstance(problem, Refused) else "portal", False, str(problem))]
        checks = [("token", True, f"Accepted by portal {portal}.")]
        for ask in (self._scopes, self._owners, self._unique, self._daily):
            checks += ask()
        return checks

    def _scopes(self) -> Iterator[Check]:
        scopes = self._told_scopes()
        if scopes is None:
            yield from self._probed()
            return
        missing = [scope for scope in NEEDED if scope not in scopes]
        yield "scopes", not missing, f"Add these scopes: {', '.join(missing)}." if missing else "All that is needed."
        excess = sorted(scopes - set(NEEDED) - USEFUL)
        said = f"Take these scopes away, or use a token of their own for pql provision: {', '.join(excess)}."
        yield "no scopes beyond need", not excess, said if excess else "None."

    def _told_scopes(self) -> set[str] | None:
        try:
            listed = self._client.token_info().good().get("scopes")
        except (ConnectorError, Moved):
            return None
        return {str(scope) for scope in listed} if isinstance(listed, list) else None

    def _probed(self) -> Iterator[Check]:
        for object in ("contact", "company", "deal", "task"):
            try:
                self._client.page(object, limit=1).good()
            except ConnectorError as problem:
                yield f"{object} readable", False, str(problem)
            else:
                yield (
                    f"{object} readable",
                    True,
                    "HubSpot does not tell this token's scopes; reading was tried, writing was not.",
                )

    def _owners(self) -> Iterator[Check]:
        try:
            active = sum(owner.active for owner in self._mirror.owners())
        except ConnectorError as problem:
            yield "owners readable", False, f"{problem} Owners need the scope crm.objects.owners.read."
            return
        yield (
            "owners readable",
            active > 0,
            f"{active} active owners." if active else "No active owner; invite a user first.",
        )

    def _unique(self) -> Iterator[Check]:
        for object, name in UNIQUE:
            what = f"{object}.{name} is unique"
            try:
                found = self._schema.properties(object).get(name)
            except ConnectorError as problem:
                yield what, False, str(problem)
                continue
            if found is None:
                yield what, False, f"The property is missing. Run pql provision.{GUARDED if object == 'task' else ''}"
            elif not found.get("hasUniqueValue"):
                yield (
                    what,
                    False,
                    "It exists without unique values, which cannot be changed later. Delete it and run pql provision."
                    + (GUARDED if object == "task" else ""),
                )
            else:
                yield what, True, "Yes."

    def _daily(self) -> Iterator[Check]:
        budget = self._client.budget
        if budget.day_calls is None or budget.day_remaining is None:
            yield "daily calls left", True, "HubSpot did not say."
            return
        left = budget.day_remaining / max(1, budget.day_calls)
        said = f"{budget.day_remaining:,} of {budget.day_calls:,}."
        yield (
            "daily calls left",
            left >= LEAST_LEFT,
            said if left >= LEAST_LEFT else f"{said} They come back at midnight there.",
        )
