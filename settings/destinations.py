"""Destinations: the CRMs, how records are matched and made, which fields are written and in what mode."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.model import Model

Mode = Literal["own", "fill_empty", "create_only", "respect_human", "append"]
MatchBy = Literal["stored_id", "pql_key", "email"]


class Also(Model):
    """One more CRM field: `value` is a column, signal, score or tier. Key in the settings: `contact.usage_segment`."""

    object: str
    field: str
    value: str
    mode: Mode = "respect_human"
    clear: bool = False


class DestinationSpec(Model):
    """One CRM. `options` are the connector's own (token, base_url, api_version ...), checked by the connector's declaration."""

    name: str
    kind: str
    match: tuple[MatchBy, ...] = ("stored_id", "pql_key", "email")
    create: Literal["never", "when_qualified", "always"] = "never"
    fields: Literal["standard"] = "standard"
    also: tuple[Also, ...] = ()
    options: dict[str, object] = Field(default_factory=dict)
