"""
What every company's record should hold after an evaluation.

Decided here: companies are looked at that have a PQL, are in an episode themselves, or were written before. A company shows
the scores and tier of its account. Its own episode speaks before its strongest PQL; of several accounts of one company the
one in an episode, then the one with the strongest PQL. Not decided here: values and modes (core). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from worker.core.planning import difference
from worker.core.wanted import mapped, of_company, standing
from worker.core.wording import lead_name, reasons, reasons_text
from worker.steps.deciding.qualify import Row
from worker.steps.planning.asking import Asking, Wish, observation, record_of

PQLs = Mapping[str, list[Row]]
"""Account key -> the frame rows of its PQLs, the strongest first."""


def accounts(ask: Asking) -> list[Wish]:
    """The wishes for companies that are matched, one for each company."""
    qualified = _qualified(ask)
    rows = _rows(ask, {*qualified, *ask.buyers.values(), *ask.known.keys("company")})
    ask = ask.holding(row["account_key"] for row in rows)
    return [_company(ask, row, qualified.get(row["account_key"], [])) for row in _speaking(ask, rows, qualified)]


def _qualified(ask: Asking) -> PQLs:
    found: dict[str, list[Row]] = {}
    pqls = (ask.qualified.rows[subject] for subject in ask.plays if ask.qualified.is_lead(subject))
    for row in sorted(pqls, key=_strength):
        if row["account_key"] is not None:
            found.setdefault(row["account_key"], []).append(row)
    return found


def _strength(row: Row) -> tuple[float, str]:
    return -row["usage"], str(row["subject"])


def _rows(ask: Asking, keys: Iterable[str]) -> list[Row]:
    """The account rows of those of these accounts that are matched, with the company's id."""
    engine, companies, known = ask.tools.engine, ask.found.companies, ask.scored.accounts
    asked = engine.table(pa.table({"asked": pa.array(sorted(keys), pa.string())}))
    matched = companies.filter(companies.status == "matched").select("account_key", company_id="crm_id")
    matched = matched.semi_join(asked, matched.account_key == asked.asked)
    return engine.run(known.inner_join(matched, "account_key")).to_pylist()


def _speaking(ask: Asking, rows: Iterable[Row], qualified: PQLs) -> list[Row]:
    """One row per company, of several accounts the one that comes first."""
    best: dict[str, Row] = {}

    def rank(row: Row) -> tuple[bool, bool, tuple[float, str]]:
        pqls = qualified.get(row["account_key"])
        return row["subject"] not in ask.plays, not pqls, _strength(pqls[0] if pqls else row)

    for row in sorted(rows, key=rank):
        best.setdefault(row["company_id"], row)
    return sorted(best.values(), key=lambda row: str(row["account_key"]))


def _company(ask: Asking, row: Row, qualified: list[Row]) -> Wish:
    key, settings = row["account_key"], ask.tools.settings
    # Who is spoken of: the account in an episode of its own, else its strongest PQL, else the account again.
    told = row if key in ask.plays or not qualified else qualified[0]
    play = ask.plays.get(told["subject"])
    state = ask.qualified.open[told["subject"], play] if play else None
    more = {
        "active_users": row["active_users"],
        "qualified_leads": len(qualified),
        "champion": lead_name(told) if play else None,
        "reasons": reasons_text(reasons(settings, told, settings.timezone)) if play else None,
        "since": state.entered_at if state else None,
        "first_at": state.first_at if state else None,
        "handed": ask.handing.handed.get(told["subject"]),
    }
    stand = standing(key, play, row, settings, **more)
    wants = (*of_company(stand, settings), *mapped(ask.spec, "company", row))
    record = record_of(ask, key, "company", {"crm_id": row["company_id"], "seen_id": None})
    seen = observation(ask, told, record, flagged=play is not None)
    return Wish(row, wants, difference(wants, record, seen), "due", row["company_id"])
