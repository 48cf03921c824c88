"""Definitions of a PQL: who may, what they must have, when they enter and leave, how long they wait."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.condition.tree import Condition
from settings.model import Model
from settings.score import Dimension
from settings.terms import Duration


class Exclusion(Model):
    """Beats every score, for every definition; the name is the stored reason."""

    name: str
    """The reason that is stored and shown."""
    when: Condition
    """Who is excluded."""


class MustHave(Model):
    """The gate by family; each given part must hold."""

    use: Condition | None = None
    """Evidence of use."""
    value: Condition | None = None
    """Evidence of value experienced in the product."""
    intent: Condition | None = None
    """Evidence of intent to buy."""
    fit: Condition | None = None
    """Evidence that the company fits."""

    def parts(self) -> tuple[tuple[str, Condition], ...]:
        given = ((name, getattr(self, name)) for name in ("use", "value", "intent", "fit"))
        return tuple((name, condition) for name, condition in given if condition is not None)


class Definition(Model):
    """One definition; several may be active, each with episodes of its own. Its name is the play of its handoffs."""

    name: str
    grain: Literal["lead", "account"] = "lead"
    """What qualifies: a lead, or an account as a whole, whose one task goes to its likely buyer."""
    applies_to: Condition | None = None
    """Who is looked at; left out: everybody."""
    must_have: MustHave = MustHave()
    """The evidence that must be there, by family."""
    score: Dimension = "usage"
    """Which score `enter_at` and `exit_below` are measured on, and pql_score carries."""
    enter_at: float = Field(ge=0, le=100)
    """The score from which a lead qualifies."""
    exit_below: float = Field(ge=0, le=100)
    """The score below which it leaves."""
    runs: int = Field(default=1, ge=1)
    """Consecutive evaluations needed to enter."""
    stay_at_least: Duration = Duration(0)
    """How long it stays qualified at least."""
    grace: Duration = Duration(0)
    """How long it may be below exit before it leaves."""
    expires_after: Duration | None = None
    """When an episode ends by age; left out: never."""
    requalify_after: Duration = Duration(0)
    """How long after an end a new episode may begin."""
    requalify_after_rejection: dict[str, Duration | Literal["never"]] = Field(default_factory=dict)
    """The same after a person's no, by reason; `never` is possible."""
    immediately_when: Condition | None = None
    """Qualifies at once, past must_have and enter_at, never past exclude."""

    filled = frozenset({"name"})
