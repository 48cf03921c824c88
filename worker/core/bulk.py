"""
The fields that everyone gets, for all leads at once.

Decided here: the same values and the same differences as `wanted` and `planning` give lead by lead, held equal by a property
test, so that only those whose record would change are looked at one by one. Nothing here runs: all are expressions.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from settings.root import Settings
from worker.core.wanted import SCORE_STEP

TEXTS = ("pql_type", "pql_tier", "pql_plan")
SCORES = ("pql_score", "pql_fit_score", "pql_intent_score")
COLUMNS = ("pql_flag", *TEXTS, *SCORES, "pql_trial_ends")
_CLEARED = ("pql_type", "pql_trial_ends")


def wanted(frame: Any, plays: Any, settings: Settings) -> Any:
    """
    user_id and COLUMNS of every lead of the frame.

    `plays` has subject and `play`, the definition under which a lead is a PQL; leads without a row are none.
    """
    import ibis

    named = plays.select(qualified="subject", play="play")
    joined = frame.left_join(named, frame.subject == named.qualified)
    first, *others = settings.qualify.items()
    branches = [(joined.play == name, joined[definition.score]) for name, definition in others]
    score = ibis.cases(*branches, else_=joined[first[1].score]) if branches else joined[first[1].score]
    return joined.select(
        "user_id",
        pql_flag=joined.play.notnull(),
        pql_type=joined.play,
        pql_tier=joined.tier,
        pql_plan=joined["account.plan"],
        pql_score=_whole(score),
        pql_fit_score=_whole(joined.fit),
        pql_intent_score=_whole(joined.intent),
        pql_trial_ends=joined["account.trial_ends"].truncate("s").cast("timestamp('UTC', 6)"),
    )


def differing(wanted: Any, acknowledged: Any) -> Any:
    """
    Whose record is worth a look: never written, or a field of COLUMNS moved enough to be worth a write.

    `acknowledged` has user_id and COLUMNS as the CRM echoed them; a lead without a row was never written. The answer has
    user_id, `fresh` (never written) and `moves` (an acknowledged flag or tier changes).
    """
    joined = wanted.left_join(acknowledged, "user_id", rname="was_{name}")
    moved = [_moved(joined, name) for name in COLUMNS]
    fresh = joined.was_user_id.isnull()
    moves = [_moved(joined, name) & joined[f"was_{name}"].notnull() for name in ("pql_flag", "pql_tier")]
    told = joined.mutate(fresh=fresh, moves=functools.reduce(operator.or_, moves))
    return told.filter(functools.reduce(operator.or_, moved, fresh)).select("user_id", "fresh", "moves")


def standing(wanted: Any, stored: Any) -> Any:
    """The user ids for whom exactly these values stand in the store already, sent or not: `stored` is as `wanted`."""
    joined = wanted.inner_join(stored, "user_id", rname="was_{name}")
    same = [joined[name].identical_to(joined[f"was_{name}"]) for name in COLUMNS]
    return joined.filter(*same).select("user_id")


def _moved(joined: Any, name: str) -> Any:
    now, was = joined[name], joined[f"was_{name}"]
    new = now.notnull() & was.isnull()
    if name in SCORES:
        return new | _true((now - was).abs() >= SCORE_STEP)
    gone = (now.isnull() & was.notnull()) if name in _CLEARED else False
    return new | _true(now != was) | gone


def _true(condition: Any) -> Any:
    return condition.fill_null(False)


def _whole(score: Any) -> Any:
    return (score + 1e-9).floor()
