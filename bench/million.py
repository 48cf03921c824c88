"""
An evaluation of a million leads: seconds and peak memory of the first one, which changes every record, and of the next.

Users, accounts and events are made up here; the mirror is filled directly, since reading a million contacts from a sandbox
would measure the sandbox. Nothing is pushed: `store` and `hubspot` measure that.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

import duckdb

from bench.figures import Figure, at_most
from bench.servers import ROOT
from connectors.contract import Mirrored, MirrorPage, Owner
from settings import starter
from worker.steps.tools import Tools
from worker.store import leads, mirror, records
from worker.wiring import open, opening

LEADS = int(os.environ.get("LEADS") or 1_000_000)
AT_ONCE = 20_000
MEGABYTE = 1024 * 1024
SOURCES = """sources:
  product:
    kind: files
    events: {file: data/events.parquet, id: event_id, user: user_id, account: account_id, name: event, at: occurred_at,
             received: loaded_at, keep: [integration, pages]}
    users: {file: data/users.parquet, id: user_id, email: email, account: account_id, signed_up: created_at,
            columns: [first_name, last_name, title, language, partner_consent]}
    accounts: {file: data/accounts.parquet, id: account_id, name: name, domain: domain, trial_ends: trial_end,
               plan: {column: plan_name, free: [starter], trial: [trial_14], paid: [team, business]},
               columns: [employees, industry, country, state, storage_used, storage_limit]}
"""
DESTINATIONS = """destinations:
  hubspot: {kind: hubspot, token: "${HUBSPOT_TOKEN}", base_url: "http://127.0.0.1:9", create: never}
"""
HEAVY = 20
"""One user in so many makes half of the events."""
NAMES = "['report_viewed', 'project_created', 'integration_connected', 'pricing_viewed', 'file_opened', 'file_shared']"
# numbers that look like chance and are the same on every machine
EVENTS = f"""
    SELECT 'e' || n AS event_id, 'u' || user AS user_id, 'w' || (user // 4) AS account_id, moment AS occurred_at,
        moment AS loaded_at, {NAMES}[1 + CAST(hash(n) % 6 AS BIGINT)] AS event,
        ['slack', 'jira', 'drive'][1 + CAST(hash(n + 7) % 3 AS BIGINT)] AS integration,
        CAST(hash(n + 3) % 5 AS BIGINT) AS pages
    FROM (
        SELECT n, CASE n % 2 WHEN 0 THEN n % {{leads}} ELSE n % ({{leads}} // {HEAVY}) * {HEAVY} END AS user,
            TIMESTAMPTZ '{{now}}' - to_seconds(CAST(hash(n + 1) % (28 * 86400) AS BIGINT) + 3600) AS moment
        FROM range({{leads}} * 6) AS numbers(n)
    )"""
USERS = """
    SELECT 'u' || n AS user_id, 'u' || n || '@w' || (n // 4) || '.example' AS email, 'w' || (n // 4) AS account_id,
        TIMESTAMPTZ '{now}' - INTERVAL 60 DAY AS created_at, 'Maria' AS first_name, 'Huber' AS last_name,
        'Engineer' AS title, 'de' AS language, 'yes' AS partner_consent
    FROM range({leads}) AS numbers(n)"""
ACCOUNTS = """SELECT 'w' || n AS account_id, 'Nordwerk ' || n AS name, 'w' || n || '.example' AS domain,
    NULL::TIMESTAMPTZ AS trial_end, 'starter' AS plan_name, 10 + n % 900 AS employees, 'software' AS industry,
    ['FR', 'DE', 'US'][1 + n % 3] AS country, '' AS state, n % 100 AS storage_used, 100 AS storage_limit
    FROM range(({leads} + 3) // 4) AS t(n)"""


def measured() -> list[Figure]:
    """The figures of the report."""
    with tempfile.TemporaryDirectory(prefix="pql-bench-") as folder:
        environment = _environment(Path(folder))
        write(Path(folder))
        for part in ("fill", "evaluate"):
            words = [sys.executable, "-m", "bench.million", part]
            said = run(words, env=environment, cwd=ROOT, stdout=PIPE, text=True, check=True).stdout
    found = json.loads(said)
    return [figure for name in ("first", "next") for figure in _figures(name, found[name])]


def _figures(name: str, found: dict[str, Any]) -> list[Figure]:
    note = f"{found['cpu']:.0f} s CPU; {found['changed']:,} records wanted anew, {found['pqls']:,} PQLs"
    return [
        Figure("million", f"{name} evaluation of {LEADS:,} leads", f"{found['wall']:.0f} s", note=note),
        at_most("million", f"peak memory of the {name} evaluation", found["rss"] / MEGABYTE, 2_000, "MB"),
    ]


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PQL_")}
    places = {
        "PQL_SETTINGS": str(folder / "settings.d"),
        "PQL_STORE": f"sqlite:///{folder}/pql.db",
        "PQL_LAKE": f"{folder}/lake",
        "HUBSPOT_TOKEN": "not-used",
    }
    return kept | places


def write(folder: Path, leads: int = LEADS, destinations: str = DESTINATIONS) -> None:
    """Settings and usage of a company."""
    settings = folder / "settings.d"
    starter.write(settings)
    (settings / "sources.yaml").write_text(SOURCES)
    (settings / "destinations.yaml").write_text(destinations)
    (settings / "data").mkdir()
    policy = settings / "pql.yaml"
    policy.write_text(policy.read_text().replace("tasks_per_run: 200", "tasks_per_run: off"))
    now = datetime.now(UTC).isoformat()
    for name, query in (("events", EVENTS), ("users", USERS), ("accounts", ACCOUNTS)):
        rows = query.format(leads=leads, now=now)
        duckdb.sql(f"COPY ({rows}) TO '{settings}/data/{name}.parquet' (FORMAT parquet)")


def fill() -> None:
    """Pull everything, and fill the mirror as if the CRM had been read."""
    with _opened() as tools, tools.store.write() as tx:
        owners = ("ana", "tom", "revops", "lead-desk", "integration")
        mirror.put_owners(tx, "hubspot", [Owner(str(n), f"{name}@acme.com", name) for n, name in enumerate(owners)])
        for object in ("contact", "company", "deal", "task"):
            pages = list(_pages(object)) or [[]]
            for number, rows in enumerate(pages, start=1):
                page = MirrorPage(tuple(rows), "end", last=number == len(pages))
                mirror.put_page(tx, mirror.Place("hubspot", object), page, complete=page.last)


def _pages(object: str) -> Iterator[list[Mirrored]]:
    if object == "contact":
        for start in range(0, LEADS, AT_ONCE):
            yield [_contact(n) for n in range(start, min(start + AT_ONCE, LEADS))]


def _contact(n: int) -> Mirrored:
    return Mirrored(str(n), "contact", (f"u{n}@w{n // 4}.example",), f"Maria Huber {n}", modified=datetime.now(UTC))


@contextmanager
def _opened() -> Iterator[Tools]:
    places = opening.find()
    with open(opening.read_settings(places), places) as worker:
        worker.pull()
        yield worker.tools


def evaluate() -> dict[str, Any]:
    """The first evaluation and one an hour later."""
    places = opening.find()
    with open(opening.read_settings(places), places) as worker:
        found = {}
        for name in ("first", "next"):
            wall, cpu = time.perf_counter(), time.process_time()
            worker.evaluate()
            took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            with worker.tools.store.read() as tx:
                due = sum(n for status, n in records.counts(tx, "hubspot").get("hubspot", {}).items() if status == "due")
                pqls = sum(counts.get("QUALIFIED", 0) for counts in leads.count_states(tx).values())
            found[name] = {**took, "rss": _rss(), "changed": due, "pqls": pqls}
            print(name, found[name], file=sys.stderr)
        return found


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"fill": fill, "evaluate": evaluate}[sys.argv[1]]()))
