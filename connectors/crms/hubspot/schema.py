"""
The property definitions of a portal, read once and kept until something says they changed.

Decided here: when they are asked for. Not decided here: which properties we want (`provisioning`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.crms.hubspot.client import Client
from connectors.crms.hubspot.values import BUILT_IN, OURS, THEIR_NAMES
from connectors.errors import TryLater
from connectors.fields import Shown


class Schema:
    """Definitions by object and name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, Mapping[str, Mapping[str, Any]]] = {}

    def properties(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        if object not in self._known:
            listed = self._client.properties(object).good().get("results")
            some = listed if isinstance(listed, list) else ()
            named = {str(one["name"]): one for one in some if isinstance(one, dict) and one.get("name")}
            if not named:  # every object has properties of HubSpot's own; believed, this would say that tasks have no key
                raise TryLater("HubSpot answered without a list of properties. Ask again later.", code="EMPTY_ANSWER")
            self._known[object] = named
        return self._known[object]

    def forget(self) -> None:
        self._known.clear()

    def is_unique(self, object: str, name: str) -> bool:
        return bool(self.properties(object).get(name, {}).get("hasUniqueValue"))

    def shown(self, object: str, name: str) -> Shown | None:
        """A property as people know it: its type, and the form in which they fill it in."""
        found = self.properties(object).get(THEIR_NAMES.get(name, name))
        if found is None:
            return None
        kind, form = str(found.get("type")), found.get("fieldType")
        read_only = bool((found.get("modificationMetadata") or {}).get("readOnlyValue"))
        return Shown(kind, not read_only, several=form == "checkbox" or kind == "string")

    def forms(self, object: str, names: Iterable[str]) -> dict[str, str]:
        """The form of each property; the portal is asked only for names that are neither ours nor built in."""
        return {name: self._form(object, name, THEIR_NAMES.get(name, name)) for name in names}

    def form(self, object: str, name: str) -> str:
        return str(self.properties(object).get(name, {}).get("type", "string"))

    def _form(self, object: str, ours: str, theirs: str) -> str:
        return OURS.get(ours) or BUILT_IN.get(theirs) or self.form(object, theirs)
