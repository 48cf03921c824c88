"""
What people answered in the CRM where they work, and for whom a no counts.

Decided here: an answer on a person's record counts for that lead's own episode; where the lead has none and is the buyer of
its account's episode, for the account. An answer on a company's record counts for the account. Of two for an account the
newest counts. Not decided here: what a no does (core). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.core.qualify import Rejection, State
from worker.steps.tools import Tools
from worker.store import outcomes

REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """The newest answer on one record."""

    outcome: str
    reason: str | None
    at: datetime

    @property
    def no(self) -> Rejection | None:
        return Rejection(self.reason or "other", self.at) if self.outcome == REJECTED else None


def answers(tools: Tools) -> dict[str, Answer]:
    """Record key (of a lead or an account) -> the newest answer on its record."""
    with tools.store.read() as tx:
        told = outcomes.columns(tx)
    said: dict[str, dict[str, tuple[str | None, datetime]]] = {}
    for place, key in enumerate(told["record_key"]):
        if told["destination"][place] == tools.settings.handoff.work_in:
            when = told["at"][place] or told["seen_at"][place]
            said.setdefault(key, {})[told["name"][place]] = (told["value"][place], when)
    found = {}
    for key, one in said.items():
        outcome, at = one.get("pql_outcome", (None, None))
        if outcome and at:
            found[key] = Answer(outcome, one.get("pql_reject_reason", (None, None))[0], at)
    return found


def of_leads(told: Mapping[str, Answer], stored: Mapping[str, State], accounts: Iterable[State]) -> dict[str, Rejection]:
    """The noes that count for leads in one definition, by lead key; `accounts` are the states of accounts."""
    episodes: dict[str, list[State]] = {}
    for state in accounts:
        if state.buyer:
            episodes.setdefault(state.buyer, []).append(state)
    return {
        key: one.no
        for key, one in told.items()
        if one.no and (_owns(stored.get(key), one) or not any(_owns(state, one) for state in episodes.get(key, ())))
    }


def of_accounts(
    told: Mapping[str, Answer], stored: Mapping[str, State], own: Mapping[str, Iterable[State]]
) -> dict[str, Rejection]:
    """The noes that count for accounts in one definition, by account key; `own` are the states of buyers as leads."""
    found = {}
    for account, state in stored.items():
        given = [told[account]] if account in told else []
        by_buyer = told.get(state.buyer) if state.buyer else None
        if by_buyer and not any(_owns(one, by_buyer) for one in own.get(state.buyer or "", ())):
            given.append(by_buyer)
        newest = max(given, key=lambda one: one.at, default=None)
        if newest and newest.no:
            found[account] = newest.no
    return found


def _owns(state: State | None, answer: Answer) -> bool:
    """Whether the answer was said of this state's open episode, or was counted for it already."""
    if state is None:
        return False
    begun = state.is_open and state.entered_at is not None and state.entered_at < answer.at
    return begun or (state.rejected_at is not None and state.rejected_at >= answer.at)
