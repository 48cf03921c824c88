"""What counts as a person's touch of a task that we made."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import SeenTask
from worker.steps.intake.touch import touched

DUE = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "what"),
    [
        (DUE, None),
        (DUE + timedelta(seconds=30), None),
        (DUE.replace(hour=0), None),  # Salesforce keeps the day alone
        (DUE.replace(hour=0) + timedelta(days=1), "edited"),
        (DUE + timedelta(hours=2), "edited"),
    ],
)
def test_a_task_is_as_we_left_it_where_it_is_due_then_or_on_that_day_without_a_time(due: datetime, what: str | None):
    seen = SeenTask("1", "k", "ana", "Call", open=True, status="NOT_STARTED", due=due)

    assert touched(seen, {"subject": "Call", "due": DUE}, "ana") == what
