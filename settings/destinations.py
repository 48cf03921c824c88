"""Destinations: the CRMs, how records are matched and made, which fields are written and in what mode."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.model import Model
from settings.terms import Share

Mode = Literal["own", "fill_empty", "create_only", "respect_human", "append"]
MatchBy = Literal["stored_id", "pql_key", "email"]


class Also(Model):
    """One more CRM field: `value` is a column, signal, score or tier. Key in the settings: `contact.usage_segment`."""

    object: str
    """contact, lead or company, from the key."""
    field: str
    """The CRM's own name of the field, from the key."""
    value: str
    """What is written: a column, a signal, a score or `tier`."""
    mode: Mode = "respect_human"
    """
    own: ours, always written. respect_human: until a person edits it. fill_empty: only where blank. create_only: only on
    new records. append: added to a field of several values (HubSpot: multiple checkboxes, Salesforce: multi-select
    picklist); what stands there stays.
    """
    clear: bool = False
    """Empty the field when the value is missing."""

    filled = frozenset({"object", "field"})


class DestinationSpec(Model):
    """
    One CRM. Every key that is not named here is an option of its connector (token, base_url, api_version ...) and is checked
    against what the connector declares.
    """

    name: str
    kind: str
    """Which CRM: hubspot, salesforce."""
    match: tuple[MatchBy, ...] = ("stored_id", "pql_key", "email")
    """How a lead finds its record, best first. More than one hit goes to review."""
    create: Literal["never", "when_qualified", "always"] = "never"
    """Whether a lead without a record gets one."""
    fields: Literal["standard"] = "standard"
    """The provisioned pql_* set."""
    reserve: Share | None = None
    """
    The share of the CRM's allowance, of each window and of the day, that is left to your other tools. Blank: 3% of HubSpot,
    20% of Salesforce. Of the day's reserve handoffs may take; flags and scores wait until the allowance returns.
    """
    also: tuple[Also, ...] = ()
    """Further fields, by object and field: `contact.usage_segment: {value: tier, mode: respect_human}`."""
    options: dict[str, object] = Field(default_factory=dict)

    filled = frozenset({"name", "options"})
