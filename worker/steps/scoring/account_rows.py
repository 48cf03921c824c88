"""
Account rows: what the core makes of the leads of an account, with the buyers that open episodes name.

Decided here: where an open episode's buyer is read, and whose counts where several definitions name one: the oldest
episode's. Not decided here: what an account's row is (core). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from worker.core import accounts
from worker.core.instants import Instant, day_number
from worker.core.qualify import OPEN
from worker.engine import Recipe
from worker.steps.tools import Tools
from worker.store import leads

if TYPE_CHECKING:
    from settings.root import Settings


def account_rows(tools: Tools, frame: Any, as_of: datetime) -> Any:
    """One row per account with a lead, kept in the engine."""
    tables = {"frame": frame, "named": tools.engine.table(_named(tools, as_of))}
    return tools.engine.made(Recipe(_rows, tools.settings, day_number(as_of)), tables, as_of)


def _rows(settings: Settings, day: int, tables: Mapping[str, Any], moment: Any) -> Any:
    named = tables["named"] if settings.of_grain("account") else None
    return accounts.accounts(settings, tables["frame"], Instant(day, moment), named)


def rows_of(tools: Tools, table: Any, subjects: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of these subjects, of leads or accounts."""
    asked = sorted(set(subjects))
    if not asked:
        return []
    keys = tools.engine.table(pa.table({"asked": pa.array(asked, pa.string())}))
    return tools.engine.run(table.semi_join(keys, table.subject == keys.asked)).to_pylist()


def _named(tools: Tools, as_of: datetime) -> pa.Table:
    """account_key and buyer of the open episodes of accounts."""
    found: dict[str, tuple[datetime, str]] = {}
    for definition in sorted(tools.settings.of_grain("account")):
        with tools.store.read() as tx:
            states = leads.states(tx, definition)
        given = (states[name] for name in ("lead_key", "state", "entered_at", "facts"))
        for account, state, entered, facts in zip(*given, strict=True):
            buyer = orjson.loads(facts or "{}").get("buyer") if state in OPEN and entered <= as_of else None
            if buyer:
                found[account] = min(found.get(account, (entered, buyer)), (entered, buyer), key=lambda one: one[0])
    pairs = {account: buyer for account, (_, buyer) in found.items()}
    columns = {"account_key": pa.array(list(pairs), pa.string()), "buyer": pa.array(list(pairs.values()), pa.string())}
    return pa.table(columns)
