"""
A worker that goes on for SOAK_MINUTES (30 unless said): `pql up` against the sandbox HubSpot while usage keeps arriving.

Its schedule goes fifteen times faster than usual, so that half an hour holds what a day brings: a pull, an evaluation and a
push each minute, a watch every twenty seconds. Memory counts after the first third, when everything has been used once; all
samples are in bench/out/soak.csv.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import requests

from bench import million
from bench.figures import Figure, at_most, skipped
from bench.servers import ROOT, sandbox
from connectors.registry import crm
from settings.destinations import DestinationSpec
from settings.terms import Secret

MINUTES = float(os.environ.get("SOAK_MINUTES") or 30)
LEADS, HURRY, EVERY, LOOK = 2_000, 15, 20.0, 5.0
DESTINATIONS = """destinations:
  hubspot: {{kind: hubspot, token: "${{HUBSPOT_TOKEN}}", base_url: "{url}", create: never}}
"""
NEWS = """
    COPY (SELECT 'n{number}-' || n AS event_id, 'u' || (n * 7 + {number}) % {leads} AS user_id,
        'w' || ((n * 7 + {number}) % {leads}) // 4 AS account_id, TIMESTAMPTZ '{now}' AS occurred_at,
        TIMESTAMPTZ '{now}' AS loaded_at, {names}[1 + n % 6] AS event, 'slack' AS integration, n % 5 AS pages
    FROM range(400) AS numbers(n)) TO '{file}' (FORMAT parquet)"""
OUT = Path(__file__).parent / "out"
PEOPLE = ("ana", "tom", "revops", "lead-desk", "integration")


def measured() -> list[Figure]:
    """Resident memory of the worker, and what it did meanwhile."""
    if not Path("/proc/self/status").exists():
        return skipped("soak", "memory of another process is read from /proc, which is not here")
    with tempfile.TemporaryDirectory(prefix="pql-soak-") as name, sandbox() as addresses:
        folder, hubspot = Path(name), addresses["hubspot"]
        _prepare(folder, hubspot)
        with (folder / "log").open("w") as log:
            words = [str(Path(sys.executable).parent / "pql"), "up"]
            process = subprocess.Popen(words, env=_environment(folder, hubspot), cwd=ROOT, stdout=log, stderr=log)
        try:
            samples = _watched(process, folder)
        finally:
            process.terminate()
            process.wait(60)
        return _figures(samples, _calls(hubspot["url"]))


def _prepare(folder: Path, hubspot: dict[str, str]) -> None:
    """A portal that knows all of the company's people, and their usage so far."""
    people = [
        {"object": "contact", "properties": {"email": f"u{n}@w{n // 4}.example", "firstname": f"P{n}"}} for n in range(LEADS)
    ]
    owners = [{"email": f"{one}@acme.com", "firstName": one, "lastName": "A"} for one in PEOPLE]
    answer = requests.post(f"{hubspot['url']}/_sandbox/seed", json={"records": people, "owners": owners}, timeout=120)
    answer.raise_for_status()
    options = {"token": Secret("TOKEN", hubspot["token"]), "base_url": hubspot["url"]}
    list(crm(DestinationSpec(name="hubspot", kind="hubspot", options=options)).provisioning.apply())
    million.write(folder, LEADS, DESTINATIONS.format(url=hubspot["url"]))
    sources = folder / "settings.d" / "sources.yaml"
    sources.write_text(sources.read_text().replace("data/events.parquet", "data/events*.parquet"))


def _environment(folder: Path, hubspot: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PQL_")}
    places = {
        "PQL_SETTINGS": str(folder / "settings.d"),
        "PQL_STORE": f"sqlite:///{folder}/pql.db",
        "PQL_LAKE": f"{folder}/lake",
        "HUBSPOT_TOKEN": hubspot["token"],
    }
    return kept | places | {"PQL_TESTING": "1", "PQL_HURRY": str(HURRY)}


def _watched(process: subprocess.Popen[bytes], folder: Path) -> list[tuple[float, float]]:
    """(minutes since the start, megabytes), while new usage arrives."""
    begun, news, samples = time.monotonic(), 0, []
    while (passed := time.monotonic() - begun) < MINUTES * 60:
        if process.poll() is not None:
            raise RuntimeError(f"The worker ended: {(folder / 'log').read_text()[-2000:]}")
        if passed >= news * EVERY:
            news += 1
            _arrive(folder, news)
        samples.append((passed / 60, _resident(process.pid)))
        time.sleep(LOOK)
    return samples


def _arrive(folder: Path, number: int) -> None:
    file = folder / "settings.d" / "data" / f"events-{number:05}.parquet"
    said = {"number": number, "leads": LEADS, "now": datetime.now(UTC).isoformat(), "names": million.NAMES}
    duckdb.sql(NEWS.format(file=f"{file}.part", **said))
    Path(f"{file}.part").rename(file)


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _calls(url: str) -> int:
    rows = requests.get(f"{url}/_sandbox/requests", timeout=60).json()
    return sum(1 for row in rows if row["writes"])


def _figures(samples: list[tuple[float, float]], writing: int) -> list[Figure]:
    OUT.mkdir(exist_ok=True)
    (OUT / "soak.csv").write_text("\n".join(["minutes,megabytes", *(f"{at:.2f},{size:.1f}" for at, size in samples), ""]))
    warm = [one for one in samples if one[0] >= MINUTES / 3]
    slope = statistics.linear_regression([at for at, _ in warm], [size for _, size in warm]).slope
    middle = len(warm) // 2
    halves = [statistics.median(size for _, size in part) for part in (warm[:middle], warm[middle:])]
    note = f"{halves[0]:.0f} MB, later {halves[1]:.0f} MB; peak {max(size for _, size in samples):.0f} MB"
    return [
        at_most("soak", f"growth of the worker in {MINUTES:g} min", slope, 0.1, "MB a minute", note),
        Figure("soak", "calls that wrote meanwhile", f"{writing}", note=f"a schedule {HURRY} times as fast as usual"),
    ]
