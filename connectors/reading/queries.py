"""
The SQL that a source's `query:` may say, checked before anything runs.

Decided here: one SELECT, nothing that writes, attaches or reaches elsewhere; over files, only DuckDB's readers of Parquet,
CSV and JSON on local paths written out. Not decided here: what the SQL means (the database that runs it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.errors import Refused

if TYPE_CHECKING:
    from sqlglot import exp

READERS = frozenset(
    {"read_parquet", "parquet_scan", "read_csv", "read_csv_auto", "read_json", "read_json_auto", "read_ndjson"}
)
_REACHING = frozenset({"read_text", "read_blob", "glob", "getenv", "sniff_csv", "query", "query_table", "sqlite_scan"})


def one_select(sql: str, dialect: Any) -> exp.Expression:
    """The parsed query, or Refused with what to change."""
    import sqlglot
    from sqlglot import errors, exp

    try:
        parsed = [one for one in sqlglot.parse(sql, dialect=dialect) if one is not None]
    except errors.SqlglotError as problem:
        raise Refused(f"The query cannot be read: {str(problem).splitlines()[0]}. Write one SELECT.") from None
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        raise Refused("A query must be one SELECT, with or without WITH. Take everything else out.")
    forbidden = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.DDL, exp.Command, exp.Into, exp.Lock)
    found = next(
        (node for node in parsed[0].walk() if isinstance(node, forbidden) and not isinstance(node, exp.Query)), None
    )
    if found is not None:
        raise Refused(f"A query only reads, but this one says {found.key.upper()}. Take it out.")
    return parsed[0]


def files_in(sql: str) -> tuple[str, ...]:
    """The local paths and globs that a query over files reads."""
    from sqlglot import exp

    parsed = one_select(sql, "duckdb")
    named = {cte.alias for cte in parsed.find_all(exp.CTE)}
    paths: list[str] = []
    for table in parsed.find_all(exp.Table):
        function = table.this
        if isinstance(function, exp.Func):
            if _name(function) not in READERS:
                raise Refused(f"`{_name(function)}` is no reader of local files. Use read_parquet, read_csv or read_json.")
            paths += _literals(function)
        elif table.name not in named:
            raise Refused(f"There is no table `{table.name}` in a query over files. Name a file: read_parquet('...').")
    reaching = next((_name(node) for node in parsed.find_all(exp.Func) if _name(node) in _REACHING), None)
    if reaching:
        raise Refused(f"`{reaching}` is not allowed in a query over files. Take it out.")
    if not paths:
        raise Refused("The query reads no file. Name one: read_parquet('usage/*.parquet').")
    return tuple(dict.fromkeys(paths))


def _name(function: exp.Expression) -> str:
    from sqlglot import exp

    if isinstance(function, exp.ReadParquet | exp.ReadCSV):
        return "read_csv" if isinstance(function, exp.ReadCSV) else "read_parquet"
    return (function.name if isinstance(function, exp.Anonymous) else function.key).lower()


def _literals(function: exp.Expression) -> list[str]:
    from sqlglot import exp

    arguments = [function.this, *function.expressions] if not isinstance(function, exp.Anonymous) else function.expressions
    first = next((argument for argument in arguments if isinstance(argument, exp.Expression)), None)
    listed = list(first.expressions) if isinstance(first, exp.Array) else [first]
    if not all(isinstance(one, exp.Literal) and one.is_string for one in listed):
        raise Refused("The path of a reader must be written out in quotes. Nothing is computed in its place.")
    paths = [one.name for one in listed if one is not None]
    remote = next((path for path in paths if "://" in path), None)
    if remote:
        raise Refused(f"{remote} is not a local path. Copy the files to a folder first, or use `kind: warehouse`.")
    return paths
