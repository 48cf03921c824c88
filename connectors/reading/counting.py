"""The most frequent events of a pull: the list that `pql init` shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.contract import EventCount, Pulled
from connectors.reading.shaping import memory

ROWS = 1_000_000
_FIXED = 7  # the contract's own columns of an event; what follows was kept


def frequent(pieces: Iterable[Pulled], most: int) -> Sequence[EventCount]:
    """Count over the first million rows of `pieces`; users are counted exactly there."""
    import pyarrow as pa

    tables, rows = [], 0
    for piece in pieces:
        tables.append(piece.rows)
        rows += len(piece.rows)
        if rows >= ROWS:
            break
    if not tables:
        return ()
    table = pa.concat_tables(tables)
    kept = table.column_names[_FIXED:]
    seen = "".join(f", count({_quoted(name)}) AS p{n}" for n, name in enumerate(kept))
    with memory() as con:
        con.register("events", table)
        found = con.execute(
            'SELECT name, count(*) AS events, count(DISTINCT user_id) AS users, max("at") AS last_seen'  # noqa: S608 (quoted)
            f"{seen} FROM events GROUP BY name ORDER BY 2 DESC, 1 LIMIT {int(most)}"
        ).to_arrow_table()  # as Arrow: a moment with zone as a Python value would ask for pytz
    return tuple(_count(row, kept) for row in found.to_pylist())


def _count(row: dict[str, Any], kept: Sequence[str]) -> EventCount:
    properties = tuple(name for n, name in enumerate(kept) if row[f"p{n}"])
    return EventCount(row["name"], row["events"], row["users"], row["last_seen"], properties)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
