"""HubSpot: one portal, spoken to through its official client. The rooms say what each of them decides."""

from __future__ import annotations

from connectors.crms.hubspot.options import OPTIONS, Options
from connectors.crms.hubspot.portal import HubSpot

__all__ = ["OPTIONS", "HubSpot", "Options"]
