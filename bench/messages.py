"""
What Celery costs: a real worker hears bells for sweeps, and the same sweeps are done without it.

The difference is the price of a message: sending, hearing and acknowledging it, in the worker's processes. A run needs few:
a bell each for pull, evaluation and push, and one more for each minute that a push goes on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench import million
from bench.figures import Figure, at_most, skipped
from bench.servers import ROOT, redis
from bench.soak import DESTINATIONS

BELLS, LEADS = 100, 200
RECORDS, A_SECOND = 100_000, 1_840
"""A run, and how many of its records HubSpot takes in a second."""
BIN = Path(sys.executable).parent


def measured() -> list[Figure]:
    """CPU of all processes of the worker, and the share of a run of 100,000 changed leads."""
    try:
        with tempfile.TemporaryDirectory(prefix="pql-bench-") as folder, redis() as broker:
            environment = _environment(Path(folder), broker)
            subprocess.run([BIN / "pql", "activate"], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            without = json.loads(_said("embedded", environment))
            return _figures(_heard(environment, broker), without)
    except LookupError as problem:
        return skipped("messages", str(problem))


def _environment(folder: Path, broker: str) -> dict[str, str]:
    million.write(folder, LEADS, DESTINATIONS.format(url="http://127.0.0.1:9"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PQL_")}
    places = {"PQL_SETTINGS": str(folder / "settings.d"), "PQL_STORE": f"sqlite:///{folder}/pql.db"}
    return kept | places | {"PQL_LAKE": f"{folder}/lake", "PQL_BROKER": broker, "HUBSPOT_TOKEN": "not-used"}


def _said(what: str, environment: dict[str, str]) -> str:
    words = [sys.executable, "-m", "bench.messages", what]
    return subprocess.run(words, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _heard(environment: dict[str, str], broker: str) -> dict[str, float]:
    """What the worker's processes spent on so many bells."""
    words = [str(BIN / "celery"), "-A", "worker", "worker", "--concurrency", "1", "--loglevel", "ERROR"]
    silent: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, env=environment, cwd=ROOT, **silent) as worker:
        try:
            _ring(environment, 5)
            _until_heard(broker)
            cpu, wall = _cpu(worker.pid), time.monotonic()
            _ring(environment, BELLS)
            _until_heard(broker)
            return {"cpu": _cpu(worker.pid) - cpu, "wall": time.monotonic() - wall}
        finally:
            worker.terminate()
            worker.wait(60)


def _ring(environment: dict[str, str], number: int) -> None:
    program = f"from worker.celery import ring\nfor _ in range({number}): ring('sweep')"
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, check=True)


def _until_heard(broker: str) -> None:
    from redis import Redis

    client: Any = Redis.from_url(broker)
    while client.llen("pql:sweep") or client.hlen("pql:unacked"):
        time.sleep(0.02)
    client.close()


def _cpu(pid: int) -> float:
    root = psutil.Process(pid)
    times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def embedded() -> dict[str, float]:
    """The same sweeps in one process without a broker."""
    from worker.wiring import process
    from worker.wiring.duties import perform

    perform(process.worker, "sweep")
    cpu = time.process_time()
    for _ in range(BELLS):
        perform(process.worker, "sweep")
    return {"cpu": time.process_time() - cpu}


def _figures(heard: dict[str, float], without: dict[str, float]) -> list[Figure]:
    message = max(heard["cpu"] - without["cpu"], 0.0) / BELLS
    seconds = RECORDS / A_SECOND
    bells = 4 + int(seconds // 60)
    note = f"{1000 * heard['cpu'] / BELLS:.1f} ms a bell with Celery, {1000 * without['cpu'] / BELLS:.1f} ms without"
    share = f"{bells} bells for {RECORDS:,} changed leads, whose push takes {seconds:.0f} s at 190 calls in 10 s"
    return [
        Figure("messages", "CPU of one message", f"{1000 * message:.1f} ms", note=note),
        at_most("messages", "Celery's share of a run", 100 * bells * message / seconds, 1, "%", share),
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"embedded": embedded}[sys.argv[1]]()))
