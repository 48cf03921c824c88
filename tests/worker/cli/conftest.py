"""What the tests of the command line share."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import Commands


@pytest.fixture
def pql(tmp_path) -> Commands:
    """`pql` in an empty folder, with nothing in its environment."""
    return Commands(tmp_path)


@pytest.fixture
def usage(tmp_path) -> Path:
    """A product's export: two parts of events, users, accounts with plans; everything happened lately."""
    folder = tmp_path / "usage"
    folder.mkdir()
    now = datetime.now(UTC)
    names = ["project_created", "report_viewed", "integration_connected", "integration_removed", "contact_sales_clicked"]
    for part in (1, 2):
        with (folder / f"events-2026-{part:02d}.jsonl").open("w") as file:
            for n in range(60):
                row = {"event_id": f"{part}-{n}", "user_id": f"u{n % 12}", "account_id": f"a{n % 3}", "event": names[n % 5]}
                more = {"occurred_at": (now - timedelta(hours=n)).isoformat(), "integration": f"i{n % 4}", "ip": "192.0.2.1"}
                file.write(json.dumps(row | more) + "\n")
    _csv(
        folder / "users.csv",
        [{"user_id": f"u{n}", "email": f"u{n}@firm{n % 3}.example", "account_id": f"a{n % 3}"} for n in range(12)],
    )
    plans = ["free", "trial_14", "business"]
    _csv(
        folder / "accounts.csv",
        [{"account_id": f"a{n}", "name": f"Firm {n}", "domain": f"firm{n}.example", "plan": plans[n]} for n in range(3)],
    )
    return folder


def _csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        lines = csv.DictWriter(file, list(rows[0]))
        lines.writeheader()
        lines.writerows(rows)
