"""
Landing of users and accounts, as versions.

Decided here: a row lands only when a declared column differs from the version before it in time; a version arrived when the
source's arrival column says so, without one when it landed (a row is what it is now; when it became so is not known). A row
that changed under an unchanged arrival stamp counts as arrived at its landing. Of several rows in one piece for the same
key and moment the last stands. Not decided here: which version counts at an instant (the core).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Pulled
from worker.lake.arrival import Arrival, Brought
from worker.lake.files import Lake, LakeFile, ask, listed, quoted, session

_KEYS = {"users": "user_id", "accounts": "account_id"}

_STAMPED = """
CREATE TEMP TABLE stamped AS
SELECT * EXCLUDE (received), least(coalesce(received, $now), $latest) AS arrived FROM pulled
QUALIFY row_number() OVER (PARTITION BY {key}, coalesce(received, $now) ORDER BY nr DESC) = 1
"""
_CHANGED = """
SELECT $source AS source, {columns}, CASE WHEN arrived = before THEN $now ELSE arrived END AS arrived
FROM (SELECT *, lag(content) OVER earlier AS previous, lag(arrived) OVER earlier AS before,
             row_number() OVER earlier AS place
      FROM (SELECT *, struct_pack({packed}) AS content
            FROM (SELECT {columns}, arrived, false AS fresh FROM known
                  UNION ALL SELECT {columns}, arrived, true FROM stamped))
      WINDOW earlier AS (PARTITION BY {key} ORDER BY arrived, fresh))
WHERE fresh AND (place = 1 OR content IS DISTINCT FROM previous)
ORDER BY {key}, arrived
"""


def land(lake: Lake, pulled: Pulled, arrival: Arrival, known: Sequence[LakeFile]) -> Brought:
    """Write the versions that differ from what was known."""
    read = len(pulled.rows)
    if not read:
        return Brought()
    key = _KEYS[pulled.stream]
    columns = [name for name in pulled.rows.column_names if name != "received"]
    paths = lake.paths(file for file in known if file.kind == pulled.stream)
    with session() as con:
        con.register("pulled", pulled.rows.append_column("nr", pa.array(range(read), pa.int64())))
        ask(con, _STAMPED.format(key=key), now=arrival.now, latest=arrival.latest)
        ask(con, "ALTER TABLE stamped DROP COLUMN nr")
        _make_known(con, paths, pulled.rows.schema, columns, key)
        names = ", ".join(map(quoted, columns))
        packed = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in columns)
        changed = ask(con, _CHANGED.format(key=key, columns=names, packed=packed), now=arrival.now, source=arrival.source)
    if not len(changed):
        return Brought(duplicate=read)
    path, size = lake.write(changed, pulled.stream, arrival.source)
    ends = pc.min_max(changed.column("arrived")).as_py()
    first, last = ends["min"].astimezone(UTC), ends["max"].astimezone(UTC)
    facts = {"columns": {field.name: str(field.type) for field in changed.schema}}
    file = LakeFile(arrival.source, pulled.stream, path, len(changed), size, None, None, None, first, last, facts)
    return Brought((file,), len(changed), read - len(changed), newest_arrival=last)


def _make_known(
    con: duckdb.DuckDBPyConnection, paths: Sequence[str], schema: pa.Schema, columns: Sequence[str], key: str
) -> None:
    """Make `known`: all versions of the keys in this piece, under the columns declared now."""
    if not paths:
        ask(con, "CREATE TEMP TABLE known AS SELECT * FROM stamped LIMIT 0")
        return
    files = f"read_parquet({listed(paths)}, union_by_name = true)"
    there = ask(con, f"SELECT * FROM {files} LIMIT 0").column_names  # noqa: S608 (paths are quoted)
    kinds = {"double": "DOUBLE", "bool": "BOOLEAN", "string": "VARCHAR"}
    casts = ", ".join(
        f"TRY_CAST({quoted(name) if name in there else 'NULL'} AS {kinds.get(str(schema.field(name).type), 'TIMESTAMPTZ')}) "
        f"AS {quoted(name)}"
        for name in columns
    )
    ask(
        con,
        f"CREATE TEMP TABLE known AS SELECT {casts}, arrived FROM {files} "  # noqa: S608 (names and paths are quoted)
        f"WHERE {quoted(key)} IN (SELECT {quoted(key)} FROM stamped)",
    )
