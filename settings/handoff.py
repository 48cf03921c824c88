"""The handoff: who gets a task, when, how many a day, and the words of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.condition.tree import Condition
from settings.model import Model
from settings.terms import Duration, Working


class NextStep(Model):
    """First match wins; the last has no condition."""

    when: Condition | None = None
    """Left out in the last one."""
    action: Literal["call", "email", "todo"]
    """The kind of task."""
    say: str
    """The words of the next step; `{name}` is replaced by what is known of the lead."""


class Handoff(Model):
    work_in: str
    """The destination where people get tasks and owners; others get fields only."""
    one_task_per: Literal["account", "lead"] = "account"
    """With `account`, colleagues who qualify later join the account's task."""
    on_first_run: Literal["flag_only", "handoff"] = "flag_only"
    """What becomes of those who are qualified already when a definition runs for the first time."""
    handoff_within: Duration | None = None
    """With flag_only: those who became qualified this recently get a task nevertheless."""
    set_owner: Literal["never", "when_unowned", "always"] = "when_unowned"
    """Whether the CRM record's owner is set."""
    unowned: tuple[str, ...] = ()
    """Owners who stand for nobody, such as an integration user."""
    per_rep_per_day: int | None = Field(default=None, ge=1)
    """Most tasks for one person and day; the rest waits in rank order."""
    subject: str = "{tier} PQL: {lead.name}, {account.name} - {top_reason}"
    """The task's subject."""
    next_steps: tuple[NextStep, ...]
    """First match wins."""
    due: Working = Working(4, "hour")
    """When the task is due, in working time of the pool's calendar."""
    when_cooled: Literal["close_task_if_untouched", "leave"] = "leave"
    """What becomes of the task when the lead is no longer qualified."""
    when_customer: Literal["close_task_if_untouched", "leave"] = "leave"
    """What becomes of the task when the account buys."""
