"""
Landing of events.

Decided here:
- arrival: the source's own arrival column; without one the event's time in a first pull or backfill, else the landing time;
  never later than the landing;
- an event stamped more than ten minutes after its arrival counts as having happened when it arrived;
- an event older than the source allows, or stamped at the beginning of 1970, does not land;
- one event per id of the source, within the piece and against all that landed: the one that arrived first stays. A 64-bit
  part of the id's MD5 finds candidates quickly, the id itself decides.
- a visitor seen together with a user is a link; each pair lands once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import BadRow, Pulled
from worker.lake.arrival import Arrival, Brought
from worker.lake.files import Lake, LakeFile, ask, listed, quoted, session

SHOWN = 100
OURS = frozenset({"source", "event_id", "id_hash", "user_id", "anonymous_id", "account_id", "name", "at", "arrived"})
FIXED = ("event_id", "user_id", "anonymous_id", "account_id", "name")
_FIRST = 86_400_000_000  # a stamp of 1970-01-01 means that somebody had none

_STAMPED = """
CREATE TEMP TABLE stamped AS
SELECT * EXCLUDE (happened), CASE WHEN happened > arrived + INTERVAL 10 MINUTE THEN arrived ELSE happened END AS "at",
       happened > arrived + INTERVAL 10 MINUTE AS clamped
FROM (SELECT * EXCLUDE (received, "at"), "at" AS happened, row_number() OVER () AS nr,
             least(coalesce(received, CASE WHEN $first THEN "at" ELSE $now END), $now) AS arrived
      FROM pulled WHERE epoch_us("at") >= $oldest)
"""
_ONCE = """
CREATE TEMP TABLE once AS
SELECT *, md5_number_lower(event_id) AS id_hash FROM stamped
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY arrived, "at", nr) = 1
"""
_FRESH = """
CREATE TEMP TABLE fresh AS
SELECT $source AS source, event_id, id_hash, user_id, anonymous_id, account_id, name, "at", arrived{kept}
FROM once WHERE event_id NOT IN (SELECT event_id FROM seen) ORDER BY "at", event_id
"""


def land(lake: Lake, pulled: Pulled, arrival: Arrival, known: Sequence[LakeFile]) -> Brought:
    """Write the events that are new, and the links they show."""
    read = len(pulled.rows)
    if not read:
        return Brought()
    with session() as con:
        con.register("pulled", pulled.rows)
        oldest = max(_FIRST, int((arrival.now - arrival.oldest).timestamp() * 1_000_000))
        ask(con, _STAMPED, first=arrival.first, now=arrival.now, oldest=oldest)
        kept_back = read - _count(con, "stamped")
        bad = _too_old(con, pulled.origin, arrival, oldest) if kept_back else ()
        ask(con, _ONCE)
        _find_seen(con, lake.paths(_of("events", known)))
        kept = "".join(f", {quoted(name)}" for name in pulled.rows.column_names[len(FIXED) + 2 :])
        ask(con, _FRESH.format(kept=kept), source=arrival.source)
        fresh = ask(con, "FROM fresh")
        clamped = _count(con, "once WHERE clamped AND event_id NOT IN (SELECT event_id FROM seen)")
        links = _links(con, lake.paths(_of("links", known)), arrival.source)
        files = (*_events_file(con, lake, fresh, arrival.source), *_links_file(lake, links, arrival.source))
    newest = {"newest_event": _most(fresh, "at"), "newest_arrival": _most(fresh, "arrived")}
    return Brought(files, len(fresh), read - kept_back - len(fresh), kept_back, clamped, bad, **newest)


def _of(kind: str, files: Sequence[LakeFile]) -> list[LakeFile]:
    return [file for file in files if file.kind == kind]


def _count(con: duckdb.DuckDBPyConnection, what: str) -> int:
    return int(ask(con, f"SELECT count(*) AS n FROM {what}").column("n")[0].as_py())  # noqa: S608 (written in this file)


def _too_old(con: duckdb.DuckDBPyConnection, origin: str, arrival: Arrival, oldest: int) -> tuple[BadRow, ...]:
    shown = ask(
        con,
        'SELECT event_id, user_id, name, "at"::VARCHAR AS "at" FROM pulled WHERE epoch_us("at") < $oldest LIMIT $shown',
        oldest=oldest,
        shown=SHOWN,
    )
    reason = f"older than the {arrival.oldest.days:,} days that `oldest` allows"
    return tuple(BadRow(f"{origin}, event {row['event_id']}", reason, str(row)) for row in shown.to_pylist())


def _find_seen(con: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    """Make `seen`: ids of this piece that have landed before."""
    ask(con, "CREATE TEMP TABLE seen (event_id VARCHAR NOT NULL)")
    if not paths:
        return
    files = f"read_parquet({listed(paths)})"
    ask(
        con,
        f"CREATE TEMP TABLE alike AS SELECT DISTINCT id_hash FROM {files} "  # noqa: S608 (paths are quoted)
        "WHERE id_hash IN (SELECT id_hash FROM once)",
    )
    if _count(con, "alike"):
        ask(
            con,
            f"INSERT INTO seen SELECT DISTINCT event_id FROM {files} "  # noqa: S608 (paths are quoted)
            "WHERE id_hash IN (SELECT id_hash FROM alike) AND event_id IN (SELECT event_id FROM once)",
        )


def _links(con: duckdb.DuckDBPyConnection, paths: Sequence[str], source: str) -> pa.Table:
    known = (
        f"SELECT anonymous_id, user_id, arrived FROM read_parquet({listed(paths)})"  # noqa: S608 (paths are quoted)
        if paths
        else "SELECT NULL::VARCHAR AS anonymous_id, NULL::VARCHAR AS user_id, NULL::TIMESTAMPTZ AS arrived LIMIT 0"
    )
    return ask(
        con,
        f"""
        SELECT $source AS source, anonymous_id, user_id, min("at") AS "at", arrived
        FROM (SELECT *, min(arrived) OVER (PARTITION BY anonymous_id, user_id) AS earliest FROM fresh
              WHERE anonymous_id IS NOT NULL AND user_id IS NOT NULL) AS pairs
        WHERE arrived = earliest AND NOT EXISTS (
            FROM ({known}) AS old WHERE old.anonymous_id = pairs.anonymous_id AND old.user_id = pairs.user_id
                                    AND old.arrived <= pairs.arrived)
        GROUP BY anonymous_id, user_id, arrived ORDER BY anonymous_id, user_id
        """,  # noqa: S608 (paths are quoted)
        source=source,
    )


def _events_file(con: duckdb.DuckDBPyConnection, lake: Lake, fresh: pa.Table, source: str) -> tuple[LakeFile, ...]:
    if not len(fresh):
        return ()
    days = ask(con, 'SELECT epoch_us("at") // 86400000000 AS day, epoch_us(max(arrived)) AS last FROM fresh GROUP BY 1')
    touched = {str(row["day"]): row["last"] for row in days.to_pylist()}
    kept = {field.name: str(field.type) for field in fresh.schema if field.name not in OURS}
    facts: dict[str, Any] = {"days": touched, "columns": kept}
    path, size = lake.write(fresh, "events", source)
    return (LakeFile(source, "events", path, len(fresh), size, facts=facts, **_span(fresh)),)


def _links_file(lake: Lake, links: pa.Table, source: str) -> tuple[LakeFile, ...]:
    if not len(links):
        return ()
    path, size = lake.write(links, "links", source)
    return (LakeFile(source, "links", path, len(links), size, **_span(links)),)


def _span(rows: pa.Table) -> dict[str, Any]:
    ends = {
        f"{end}_{name}": getattr(pc, end)(rows.column(name)).as_py() for name in ("at", "arrived") for end in ("min", "max")
    }
    return {name: moment and moment.astimezone(UTC) for name, moment in ends.items()}


def _most(rows: pa.Table, name: str) -> datetime | None:
    newest = pc.max(rows.column(name)).as_py()
    return newest.astimezone(UTC) if newest else None
