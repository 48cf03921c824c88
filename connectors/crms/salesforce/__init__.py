"""
Salesforce: one org, spoken to through simple-salesforce. The rooms say what each of them decides.

The class is loaded when it is first asked for: `pql check` reads the options and needs no HTTP for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.crms.salesforce.options import OPTIONS, Options

if TYPE_CHECKING:
    from connectors.crms.salesforce.org import Salesforce

__all__ = ["OPTIONS", "Options", "Salesforce"]


def __getattr__(name: str) -> Any:
    if name == "Salesforce":
        from connectors.crms.salesforce.org import Salesforce

        return Salesforce
    raise AttributeError(f"module {__name__} has no attribute {name}")
