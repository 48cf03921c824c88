"""
What every company's record should hold after an evaluation.

Decided here: companies are looked at that have a PQL, or that were written before; the strongest PQL speaks for its
company, and of several accounts of one company the one with the strongest.
Not decided here: values and modes (core). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from worker.core.planning import difference
from worker.core.wanted import mapped, of_company, standing
from worker.core.wording import lead_name, reasons, reasons_text
from worker.steps.asking import Asking, Wish, observation, record_of
from worker.steps.qualify import Row

PQLs = Mapping[str, list[Row]]
"""Account key -> the frame rows of its PQLs, the strongest first."""


def accounts(ask: Asking) -> list[Wish]:
    """The wishes for companies that are matched, one for each company."""
    qualified = _qualified(ask)
    rows = _rows(ask, qualified.keys() | ask.known.keys("company"))
    ask = ask.holding(row["account_key"] for row in rows)
    return [_company(ask, row, qualified.get(row["account_key"], [])) for row in _speaking(rows, qualified)]


def _qualified(ask: Asking) -> PQLs:
    found: dict[str, list[Row]] = {}
    for row in sorted((ask.qualified.rows[user] for user in ask.plays), key=_strength):
        if row["account_key"] is not None:
            found.setdefault(row["account_key"], []).append(row)
    return found


def _strength(row: Row) -> tuple[float, str]:
    return -row["usage"], str(row["lead_key"])


def _rows(ask: Asking, keys: Iterable[str]) -> list[Row]:
    """The best lead's row of each of these accounts that is matched."""
    engine, companies = ask.tools.engine, ask.found.companies
    asked = engine.table(pa.table({"asked": pa.array(sorted(keys), pa.string())}))
    matched = companies.filter(companies.status == "matched").select("account_key", crm_id="crm_id")
    matched = matched.semi_join(asked, matched.account_key == asked.asked)
    return engine.run(_best_of_accounts(ask).inner_join(matched, "account_key")).to_pylist()


def _speaking(rows: Iterable[Row], qualified: PQLs) -> list[Row]:
    """One row per company: of several accounts the one with the strongest PQL, else the strongest lead."""
    best: dict[str, Row] = {}

    def rank(row: Row) -> tuple[bool, tuple[float, str]]:
        pqls = qualified.get(row["account_key"])
        return not pqls, _strength(pqls[0] if pqls else row)

    for row in sorted(rows, key=rank):
        best.setdefault(row["crm_id"], row)
    return sorted(best.values(), key=lambda row: str(row["account_key"]))


def _best_of_accounts(ask: Asking) -> Any:
    """One row per account: its best lead's scores and tier, who is active, how many leads it has."""
    import ibis

    frame = ask.scored.frame
    rows = frame.filter(frame.account_key.notnull())
    ranked = rows.mutate(
        nth=ibis.row_number().over(
            group_by=rows.account_key, order_by=[rows.usage.desc(), rows.intent.desc(), rows.lead_key]
        )
    )
    active = ibis.literal(ask.scored.as_of).epoch_seconds() - rows.last_active.epoch_seconds() < 28 * 86400
    counts = rows.group_by("account_key").aggregate(active_users=active.sum(), last_seen=rows.last_active.max())
    return ranked.filter(ranked.nth == 0).drop("nth", "crm_id").inner_join(counts, "account_key")


def _company(ask: Asking, row: Row, qualified: list[Row]) -> Wish:
    key, settings = row["account_key"], ask.tools.settings
    best = qualified[0] if qualified else row
    play = ask.plays[best["user_id"]] if qualified else None
    state = ask.qualified.open[best["user_id"], play] if play else None
    more = {
        "active_users": row["active_users"],
        "qualified_leads": len(qualified),
        "champion": lead_name(best) if qualified else None,
        "reasons": reasons_text(reasons(settings, best, settings.timezone)) if qualified else None,
        "since": state.entered_at if state else None,
        "first_at": state.first_at if state else None,
        "handed": ask.handing.handed.get(best["lead_key"]),
    }
    stand = standing(key, play, best, settings, **more)
    wants = (*of_company(stand, settings), *mapped(ask.spec, "company", best))
    record = record_of(ask, key, "company", {"crm_id": row["crm_id"], "seen_id": None})
    return Wish(best, wants, difference(wants, record, observation(ask, best)), "due", row["crm_id"])
