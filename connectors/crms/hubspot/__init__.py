"""
HubSpot: one portal, spoken to through its official client. The rooms say what each of them decides.

The class is loaded when it is first asked for: `pql check` reads the options and needs no HTTP for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.crms.hubspot.options import OPTIONS, Options

if TYPE_CHECKING:
    from connectors.crms.hubspot.portal import HubSpot

__all__ = ["OPTIONS", "HubSpot", "Options"]


def __getattr__(name: str) -> Any:
    if name == "HubSpot":
        from connectors.crms.hubspot.portal import HubSpot

        return HubSpot
    raise AttributeError(f"module {__name__} has no attribute {name}")
