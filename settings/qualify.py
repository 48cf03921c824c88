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
    when: Condition


class MustHave(Model):
    """The gate by family; each given part must hold."""

    use: Condition | None = None
    value: Condition | None = None
    intent: Condition | None = None
    fit: Condition | None = None

    def parts(self) -> tuple[tuple[str, Condition], ...]:
        given = ((name, getattr(self, name)) for name in ("use", "value", "intent", "fit"))
        return tuple((name, condition) for name, condition in given if condition is not None)


class Definition(Model):
    """One definition; several may be active, each with episodes of its own. Its name is the play of its handoffs."""

    name: str
    grain: Literal["lead", "account"] = "lead"
    applies_to: Condition | None = None
    must_have: MustHave = MustHave()
    score: Dimension = "usage"
    enter_at: float
    exit_below: float
    runs: int = Field(default=1, ge=1)
    stay_at_least: Duration = Duration(0)
    grace: Duration = Duration(0)
    expires_after: Duration | None = None
    requalify_after: Duration = Duration(0)
    requalify_after_rejection: dict[str, Duration | Literal["never"]] = Field(default_factory=dict)
    immediately_when: Condition | None = None
