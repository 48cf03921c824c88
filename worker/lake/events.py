"""
Landing of events.

Decided here:
- arrival: the source's own arrival column; without one the event's time in a first pull or backfill, else the landing time;
  never later than the landing, nor, where a run pretends to be earlier, than the real time;
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
from worker.lake.files import Lake, LakeFile, ask, listed, session

SHOWN = 100
OURS = frozenset({"source", "event_id", "id_hash", "user_id", "anonymous_id", "account_id", "name", "at", "arrived"})
FIXED = ("event_id", "user_id", "anonymous_id", "account_id", "name")
_FIRST = 86_400_000_000  # a stamp of 1970-01-01 means that somebody had none

_STAMPED = """
CREATE TEMP TABLE stamped AS
SELECT nr, event_id, md5_number_lower(event_id) AS id_hash, arrived, happened > arrived + INTERVAL 10 MINUTE AS clamped,
       CASE WHEN happened > arrived + INTERVAL 10 MINUTE THEN arrived ELSE happened END AS "at"
FROM (SELECT nr, event_id, "at" AS happened,
             least(coalesce(received, CASE WHEN $first THEN "at" WHEN "at" <= $latest THEN greatest("at", $now)
                                           ELSE $now END), $latest) AS arrived
      FROM pulled WHERE epoch_us("at") >= $oldest)
"""
_ONCE = """
DELETE FROM stamped WHERE nr NOT IN (
    SELECT nr FROM stamped QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY arrived, "at", nr) = 1)
"""
_FRESH = """
SELECT nr, id_hash, "at", arrived, clamped FROM stamped
WHERE event_id NOT IN (SELECT event_id FROM seen) ORDER BY "at", event_id
"""
_LINKS = """
SELECT $source AS source, anonymous_id, user_id, first."at", first.arrived
FROM (SELECT anonymous_id, user_id, min(struct_pack(arrived := arrived, "at" := "at")) AS first
      FROM pairs GROUP BY anonymous_id, user_id) AS news
WHERE NOT EXISTS (FROM known WHERE known.anonymous_id = news.anonymous_id AND known.user_id = news.user_id
                               AND known.arrived <= news.first.arrived)
ORDER BY anonymous_id, user_id
"""

_DAYS = """
SELECT epoch_us("at") // 86400000000 AS day, count(*) AS rows, max(epoch_us(arrived)) AS last FROM fresh GROUP BY 1
"""


def land(lake: Lake, pulled: Pulled, arrival: Arrival, known: Sequence[LakeFile]) -> Brought:
    """Write the events that are new, and the links they show."""
    read = len(pulled.rows)
    if not read:
        return Brought()
    oldest = max(_FIRST, int((arrival.now - arrival.oldest).timestamp() * 1_000_000))
    with session() as con:
        con.register("pulled", pulled.rows.append_column("nr", pa.array(range(read), pa.int64())))
        ask(con, _STAMPED, first=arrival.first, now=arrival.now, latest=arrival.latest, oldest=oldest)
        too_old = read - _count(con, "stamped")
        bad = _too_old(con, pulled.origin, arrival, oldest) if too_old else ()
        if _count(con, "(SELECT DISTINCT id_hash FROM stamped)") < read - too_old:
            ask(con, _ONCE)
        _find_seen(con, lake.paths(_of("events", known)))
        order = ask(con, _FRESH)
        fresh = _assembled(pulled.rows, order, arrival.source)
        links = _links(con, fresh, lake.paths(_of("links", known)), arrival.source)
        files = (*_events_file(con, lake, fresh, arrival.source), *_links_file(lake, links, arrival.source))
    return Brought(
        files,
        new=len(fresh),
        duplicate=read - too_old - len(fresh),
        too_old=too_old,
        clamped=pc.sum(order.column("clamped")).as_py() or 0,
        bad=bad,
        newest_event=_most(fresh, "at"),
        newest_arrival=_most(fresh, "arrived"),
    )


def _assembled(rows: pa.Table, order: pa.Table, source: str) -> pa.Table:
    """The rows to land in the order they land in. Only ids and stamps went through the database, which is much faster."""
    chosen = rows.combine_chunks().take(order.column("nr").combine_chunks())
    named = pa.array([source], pa.string()).take(pa.array([0] * len(order), pa.int64()))
    columns = {"source": named, "event_id": chosen.column("event_id"), "id_hash": order.column("id_hash")}
    columns |= {name: chosen.column(name) for name in FIXED[1:]}
    columns |= {"at": order.column("at"), "arrived": order.column("arrived")}
    return pa.table(columns | {name: chosen.column(name) for name in rows.column_names[len(FIXED) + 2 :]})


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
        "WHERE id_hash IN (SELECT id_hash FROM stamped)",
    )
    if _count(con, "alike"):
        ask(
            con,
            f"INSERT INTO seen SELECT DISTINCT event_id FROM {files} "  # noqa: S608 (paths are quoted)
            "WHERE id_hash IN (SELECT id_hash FROM alike) AND event_id IN (SELECT event_id FROM stamped)",
        )


def _links(con: duckdb.DuckDBPyConnection, fresh: pa.Table, paths: Sequence[str], source: str) -> pa.Table:
    """Pairs of visitor and user that are new, or that arrived earlier than was known."""
    pairs = fresh.select(["anonymous_id", "user_id", "at", "arrived"])
    pairs = pairs.filter(pc.and_(pc.is_valid(pairs.column("anonymous_id")), pc.is_valid(pairs.column("user_id"))))
    con.register("pairs", pairs)
    ask(con, "CREATE TEMP TABLE known (anonymous_id VARCHAR, user_id VARCHAR, arrived TIMESTAMPTZ)")
    if paths and len(pairs):
        ask(
            con,
            f"INSERT INTO known SELECT anonymous_id, user_id, arrived FROM read_parquet({listed(paths)}) "  # noqa: S608 (quoted)
            "WHERE anonymous_id IN (SELECT anonymous_id FROM pairs)",
        )
    return ask(con, _LINKS, source=source)


def _events_file(con: duckdb.DuckDBPyConnection, lake: Lake, fresh: pa.Table, source: str) -> tuple[LakeFile, ...]:
    if not len(fresh):
        return ()
    con.register("fresh", fresh.select(["at", "arrived"]))
    days = ask(con, _DAYS)
    touched = {str(row["day"]): [row["rows"], row["last"]] for row in days.to_pylist()}
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
