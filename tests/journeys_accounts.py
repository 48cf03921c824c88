"""A definition of accounts for the journeys, and three people who together do what one PQL does."""

from datetime import timedelta
from typing import Any

from worker.store import leads

DAY = timedelta(days=1)
TEAM = ("anna", "ben", "cara")
PQA = """
  pqa:
    grain: account
    applies_to: account.plan in ('free', 'trial') and not crm.is_customer
    must_have: {use: team >= 3, value: projects >= 3 and integrations >= 1}
    score: usage
    enter_at: 60
    exit_below: 45
    stay_at_least: 3 days
    grace: 2 days
    requalify_after: 90 days
"""


def qualifying_accounts(stage: Any) -> None:
    """Beside the starter's definition of leads, one of accounts."""
    path = stage.folder / "settings.d" / "qualify.yaml"
    stage.settings(qualify=path.read_text() + PQA)


def team(stage: Any, account: str = "a1", **more: Any) -> dict[str, str]:
    """The three, by name, at work; their e-mail addresses."""
    emails = {name: stage.user(f"{name}_{account}", account, **more) for name in TEAM}
    at_work(stage, account)
    return emails


def at_work(stage: Any, account: str = "a1") -> None:
    """Anna makes projects, Ben looks at reports, Cara connects integrations and alone looks at prices."""
    anna, ben, cara = (f"{name}_{account}" for name in TEAM)
    stage.did(anna, "project_created", 1.2, times=5, pages=3)
    for ago in range(10):
        stage.did(ben, "report_viewed", ago + 0.1)
    for name in ("slack", "jira"):
        stage.did(cara, "integration_connected", 2.2, integration=name)
    stage.did(cara, "pricing_viewed", 0.2)


def account_state(stage: Any, account: str) -> dict[str, Any]:
    """The stored state of an account in the definition of accounts."""
    subject = stage.explain(account).subject
    with stage.worker.tools.store.read() as tx:
        return next(iter(leads.states_of(tx, subject)))
