"""The difference of a million wanted rows and what was acknowledged, against a scan of both."""

from __future__ import annotations

from bench.figures import Figure, at_most, took
from worker.engine import Engine
from worker.engine.difference import changed

ROWS = 1_000_000
COLUMNS = ("flag", "tier", "usage", "fit", "intent")
MADE = """
    SELECT 'L' || n AS lead_key, n % 20 = 0 AS flag, ['hot', 'warm', 'cold'][n % 3 + 1] AS tier,
           (n * 7 % 101)::DOUBLE AS usage, (n * 11 % 101)::DOUBLE AS fit, (n * 13 % 101 + {more})::DOUBLE AS intent
    FROM range({rows}) AS r(n)
"""


def measured() -> list[Figure]:
    """One in a hundred rows differs."""
    with Engine(threads=2, memory="1GB") as engine:
        con = engine.backend.con
        for name, more in (("wanted", "(n % 100 = 0)::INTEGER"), ("known", "0")):
            con.execute(f"CREATE TABLE {name} AS {MADE.format(rows=ROWS, more=more)}")
        hashes = ", ".join(f"bit_xor(hash({column}))" for column in ("lead_key", *COLUMNS))

        def scan() -> None:
            for name in ("wanted", "known"):
                con.execute(f"SELECT {hashes} FROM {name}").fetchall()

        wanted, known = engine.backend.table("wanted"), engine.backend.table("known")
        found = len(engine.run(changed(wanted, known, ["lead_key"], COLUMNS)))
        if found != ROWS // 100:
            raise RuntimeError(f"{found} rows differ, {ROWS // 100} were made to.")
        base, work = took(scan), took(lambda: engine.run(changed(wanted, known, ["lead_key"], COLUMNS)))
    note = f"{work}, scan {base}"
    return [at_most("diff", f"{ROWS:,} rows against a scan of both", work.wall / base.wall, 6, "x", note)]
