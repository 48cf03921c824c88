"""
Fair turns: a credit ledger in whole units.

Decided here: whose turn it is among those present, and what membership and weights do to the ledger. Not decided here: who
is present (`routing`), and where the ledger is kept (the store, one row per member, locked per pool).

Each lead is worth UNIT. Those present are credited their share of it by weight, the one with the most credit takes the lead
and pays for all of it. Credits therefore always sum to zero, nobody strays far from what their weight and presence entitle
them to, and who was away neither gains nor loses. Whole numbers keep all of it exact and repeatable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

UNIT = 10**9


@dataclass(frozen=True, slots=True)
class Seat:
    """One member's place in a pool. `last_seq` is the pool's sequence number of the last lead they took, 0 for none."""

    weight: int = 1
    credit: int = 0
    received: int = 0
    last_seq: int = 0


Seats = Mapping[str, Seat]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A pool's seats and the number of its last pick."""

    seq: int
    seats: Seats


def pick(seats: Seats, present: Sequence[str], seq: int, cost: int = UNIT) -> tuple[str, dict[str, Seat]]:
    """Return whose turn it is among `present`, and the ledger after the pick."""
    dues = shares({member: seats[member].weight for member in present}, cost)
    paid = {member: replace(seat, credit=seat.credit + dues.get(member, 0)) for member, seat in seats.items()}
    chosen = min(dues, key=lambda member: (-paid[member].credit, paid[member].last_seq, member))
    taken = paid[chosen]
    paid[chosen] = replace(taken, credit=taken.credit - cost, received=taken.received + 1, last_seq=seq)
    return chosen, paid


def shares(weights: Mapping[str, int], amount: int) -> dict[str, int]:
    """Split `amount` by weight in whole units; the largest remainders take the units left over."""
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError("Nothing to share among: at least one weight must be above zero and none below.")
    whole = {member: amount * weight // total for member, weight in weights.items()}
    left = amount - sum(whole.values())
    for member in sorted(weights, key=lambda m: (-(amount * weights[m] % total), m))[:left]:
        whole[member] += 1
    return whole


def allocate(seats: Seats, turns: Iterable[Sequence[str]], seq: int = 0) -> tuple[list[str], dict[str, Seat]]:
    """Pick for each turn in order (a turn is who is present); `seq` is the number of the last pick before these."""
    picks, ledger = [], dict(seats)
    for number, present in enumerate(turns, start=seq + 1):
        chosen, ledger = pick(ledger, present, number)
        picks.append(chosen)
    return picks, ledger


def reseat(seats: Seats, weights: Mapping[str, int]) -> dict[str, Seat]:
    """
    The ledger under a new list of members: weights count from now on, a newcomer starts at zero credit.

    What a removed member was owed, or owed, is spread over the rest by weight, so that credits still sum to zero.
    """
    ledger = {member: replace(seats.get(member, Seat()), weight=weight) for member, weight in weights.items()}
    left_over = sum(seat.credit for member, seat in seats.items() if member not in weights)
    takers = {member: weight for member, weight in weights.items() if weight > 0}
    if not left_over or not takers:
        return ledger
    for member, part in shares(takers, left_over).items():
        ledger[member] = replace(ledger[member], credit=ledger[member].credit + part)
    return ledger
