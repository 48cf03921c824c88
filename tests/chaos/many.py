"""
Many random schedules in several processes, with progress and a report: what `make chaos` runs.

PQL_SCHEDULES says how many (20,000), PQL_SEED from which seed on (1,000), PQL_PROCESSES in how many processes (five for
each core, because a schedule mostly waits for slots and answers). Ends with 1 where anything went wrong, and names the
seeds.
"""

import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import report
from chaos.schedules import run, schedule
from chaos.stage import Stage

from worker.store.schema import migrate

OUT = Path(os.environ.setdefault("PQL_CHAOS_OUT", "bench/out/chaos"))
EVERY = 50
Found = tuple[int, str]


def work(seeds: range) -> list[Found]:
    """Run these schedules; the seeds that went wrong, with the story of each."""
    wrong: list[Found] = []
    with tempfile.TemporaryDirectory() as folder, Stage.opened() as stage:
        url = f"sqlite:///{folder}/store.sqlite"
        migrate(url)
        for seed in seeds:
            plan = schedule(seed)
            try:
                outcome = run(stage, url, plan)
            except Exception:  # noqa: BLE001  a defect of one schedule is told with the others
                wrong.append((seed, traceback.format_exc()))
                continue
            report.note(plan.faults, plan.crm, outcome.judgement, outcome.late, seed=seed)
            if outcome.wrong:
                wrong.append((seed, outcome.told()))
    return wrong


def parts(first: int, count: int) -> Iterator[range]:
    for start in range(first, first + count, EVERY):
        yield range(start, min(start + EVERY, first + count))


def main() -> int:
    """Run them all, tell how far it is, add up."""
    count, first = int(os.environ.get("PQL_SCHEDULES", "20000")), int(os.environ.get("PQL_SEED", "1000"))
    processes = int(os.environ.get("PQL_PROCESSES", str(5 * (os.cpu_count() or 1))))
    started, done, wrong, sums = time.monotonic(), 0, list[Found](), {}
    print(f"{count:,} schedules, seeds {first} to {first + count - 1}, {processes} processes", flush=True)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for found in pool.imap_unordered(work, parts(first, count)):
            done, wrong = min(done + EVERY, count), wrong + found
            each = (time.monotonic() - started) / done
            told = {"seeds": f"{first} to {first + count - 1}", "seconds": round(time.monotonic() - started)}
            sums = report.write(OUT, **told, done=done, wrong=[seed for seed, _ in wrong])
            print(f"{done:,} of {count:,}, {len(wrong)} wrong, {(count - done) * each / 60:.0f} min left", flush=True)
            for seed, story in found:
                print(f"seed {seed}: repeat it with `.venv/bin/python tests/chaos/schedules.py {seed}`\n{story}", flush=True)
    print(report.table(sums) + f"written to {OUT.parent}/chaos.md and chaos.json")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
