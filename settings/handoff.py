"""The handoff: who gets a task, when, how many a day, and the words of it."""

from __future__ import annotations

from typing import Literal

from settings.condition.tree import Condition
from settings.model import Model
from settings.terms import Duration, Working


class NextStep(Model):
    """First match wins; the last has no condition."""

    when: Condition | None = None
    action: Literal["call", "email", "todo"]
    say: str


class Handoff(Model):
    work_in: str
    """The destination where people get tasks and owners; others get fields only."""
    one_task_per: Literal["account", "lead"] = "account"
    on_first_run: Literal["flag_only", "handoff"] = "flag_only"
    handoff_within: Duration | None = None
    """With flag_only: those who became qualified this recently get a task nevertheless."""
    set_owner: Literal["never", "when_unowned", "always"] = "when_unowned"
    unowned: tuple[str, ...] = ()
    per_rep_per_day: int | None = None
    subject: str = "{tier} PQL: {lead.name}, {account.name} - {top_reason}"
    next_steps: tuple[NextStep, ...]
    due: Working = Working(4, "hour")
    when_cooled: Literal["close_task_if_untouched", "leave"] = "leave"
    when_customer: Literal["close_task_if_untouched", "leave"] = "leave"
