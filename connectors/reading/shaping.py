"""
Values cast and judged as a set: what the source holds becomes the contract's columns, or the row is set aside.

Decided here, for every source alike:
- a value that cannot be read as its declared type sets its row aside and names the column; so does text beyond 65,536
  characters or with a NUL, a number that is NaN or infinite, and a missing id, event name or event time;
- empty text means null; text is kept as NFC, with the invisible controls that turn the writing direction taken out;
  e-mail addresses and domains are trimmed and lower-cased, so matching never depends on how somebody typed them;
- a stamp must carry its zone; one without is read with the declared `naive_tz`, a bare number with the declared `epoch`.
Not decided here: duplicates, late and future stamps (the lake).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import orjson

from connectors.contract import BadRow
from connectors.errors import Refused
from connectors.reading.columns import Column, Stamps

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LONGEST = 65_536
SHOWN = 2_000
ENOUGH_TO_JUDGE = 1_000
_BIDI = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_PER_SECOND = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_LAST_SECOND = 253_402_300_799  # the end of the year 9999
_ZONED = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?(Z|z|UTC|[+-]\d{2}(:?\d{2})?)"
_NO_SECONDS = r"^(.{10}[T ]\d{2}:\d{2})( ?(?:Z|z|UTC|[+-].*))?$"
_NUMERIC = r"-?\d+(\.\d+)?"


class Unreadable(Exception):
    """A whole file or table does not hold what the settings say; the message is for a person."""


def memory(limit: str = "384MB", spill: str = "") -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that thinks in UTC, sees no Python variable, fetches no extension, and spills only into `spill`."""
    import duckdb

    con = duckdb.connect(
        config={"memory_limit": limit, "threads": 2, "python_enable_replacements": False, "temp_directory": spill}
    )
    con.execute("SET TimeZone='UTC'; SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
    return con


class Shaper:
    """Turns tables of the source's columns into the contract's; holds one DuckDB for as long as a pull takes."""

    def __init__(self, columns: Sequence[Column], stamps: Stamps) -> None:
        self.columns = tuple(columns)
        self._stamps = stamps
        self._con = memory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._con.close()

    def shape(self, raw: pa.Table, place: Callable[[int], str]) -> tuple[pa.Table, list[BadRow]]:
        """Rows that can be read, and those that cannot; `place` says where row n stands."""
        import pyarrow.compute as pc

        self._con.register("raw", raw)
        try:
            shaped = self._con.execute(_select(self.columns, raw.schema, self._stamps)).to_arrow_table()
        finally:
            self._con.unregister("raw")
        faults = shaped.column("_fault")
        rows = shaped.drop_columns(["_fault"])
        if faults.null_count == len(faults):
            return rows, []
        at = pc.indices_nonzero(pc.is_valid(faults)).to_pylist()
        shown = raw.take(at).to_pylist()
        bad = [BadRow(place(n), faults[n].as_py(), _shown(row)) for n, row in zip(at, shown, strict=True)]
        return rows.filter(pc.is_null(faults)), bad


def refuse_when_mostly_bad(place: str, good: int, bad: Sequence[BadRow]) -> None:
    """More than half of many rows unreadable is a wrong setting, not bad data: say so instead of setting all aside."""
    if len(bad) >= ENOUGH_TO_JUDGE and len(bad) > good:
        reason, count = Counter(row.reason for row in bad).most_common(1)[0]
        raise Refused(
            f"{count:,} of {good + len(bad):,} rows of {place} cannot be read: {reason}. "
            f"First at {bad[0].where}. Correct the source's settings, then pull again."
        )


def _shown(row: dict[str, object]) -> str:
    return orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS).decode()[:SHOWN]


# ---------------------------------------------------------------------------------------------------- SQL


def _select(columns: Iterable[Column], schema: pa.Schema, stamps: Stamps) -> str:
    inner, middle, outer, faults = [], [], [], []
    for n, column in enumerate(columns):
        source, family = _source(column, schema)
        value, fault = _KINDS[column.kind](f"s{n}", f"v{n}", family, column, stamps)
        inner.append(f"{source} AS s{n}")
        middle.append(f"{value} AS v{n}")
        outer.append(f"v{n} AS {_quoted(column.name)}")
        name = " + ".join(f"`{one}`" for one in column.of)
        if column.required:
            faults.append(f"CASE WHEN v{n} IS NULL AND ({_blank(f's{n}', family)}) THEN {_text(f'{name} is empty')} END")
        faults += [f"CASE WHEN {when} THEN {_text(f'{name} {says}')} END" for when, says in fault]
    first = f"coalesce({', '.join(faults)}, NULL)" if faults else "NULL::VARCHAR"
    return (
        f"SELECT {', '.join(outer)}, {first} AS _fault "  # noqa: S608 (names and words are quoted)
        f"FROM (SELECT *, {', '.join(middle)} FROM (SELECT {', '.join(inner)} FROM raw))"
    )


Fault = list[tuple[str, str]]


def _as_text(s: str, v: str, family: str, column: Column, _stamps: Stamps) -> tuple[str, Fault]:
    text = s if family == "text" else f"CAST({s} AS VARCHAR)"
    clean = _clean(text)
    value = f"lower(trim({clean}))" if column.kind == "email" else clean
    if family != "text":
        return value, []
    return value, [
        (f"length({v}) > {LONGEST}", f"is longer than {LONGEST:,} characters"),
        (f"contains({v}, chr(0))", "holds a NUL character"),
    ]


def _as_number(s: str, v: str, family: str, column: Column, _stamps: Stamps) -> tuple[str, Fault]:
    if family == "flag":
        return f"CAST(CAST({s} AS INTEGER) AS DOUBLE)", []
    if family not in ("text", "number", "none"):
        raise Unreadable(f"`{column.of[0]}` holds no numbers. Give `{column.name}` another type.")
    value = f"TRY_CAST(trim({s}) AS DOUBLE)" if family == "text" else f"CAST({s} AS DOUBLE)"
    return value, [
        (f"{v} IS NULL AND NOT ({_blank(s, family)})", "is not a number"),
        (f"NOT isfinite({v})", "is NaN or infinite, not a number"),
    ]


def _as_flag(s: str, v: str, family: str, column: Column, _stamps: Stamps) -> tuple[str, Fault]:
    if family in ("flag", "none"):
        return f"CAST({s} AS BOOLEAN)", []
    if family not in ("text", "number"):
        raise Unreadable(f"`{column.of[0]}` holds no flags. Give `{column.name}` another type.")
    word = f"lower(trim({s}))" if family == "text" else f"CAST({s} AS VARCHAR)"
    value = f"CASE WHEN {word} IN ('true','t','yes','y','1','1.0') THEN true"
    value += f" WHEN {word} IN ('false','f','no','n','0','0.0') THEN false END"
    return value, [(f"{v} IS NULL AND NOT ({_blank(s, family)})", "is neither true nor false")]


def _as_moment(s: str, v: str, family: str, column: Column, stamps: Stamps) -> tuple[str, Fault]:
    name = column.of[0] if column.of else column.name
    if family in ("aware", "none"):
        return f"CAST({s} AS TIMESTAMPTZ)", _outside(v)
    if family == "naive":
        if not stamps.zone:
            raise Unreadable(f"`{name}` has no time zone. Say which one with `naive_tz: UTC` at the source.")
        return _zoned_by(f"CAST({s} AS TIMESTAMP)", stamps.zone), _outside(v)
    if family == "number":
        if not stamps.epoch:
            raise Unreadable(f"`{name}` is a bare number. Say `epoch: seconds`, `milliseconds` or `microseconds`.")
        says = f"gives a year outside 1970 to 9999 with `epoch: {stamps.epoch}`"
        return _from_epoch(s, stamps.epoch), [(f"{v} IS NULL AND {s} IS NOT NULL", says)]
    if family != "text":
        raise Unreadable(f"`{name}` holds no stamps. Give `{column.name}` another type.")
    return _moment_in_text(s, v, stamps)


def _moment_in_text(s: str, v: str, stamps: Stamps) -> tuple[str, Fault]:
    text = f"trim({s})"
    zoned = f"regexp_full_match({text}, '{_ZONED}')"
    numeric = f"regexp_full_match({text}, '{_NUMERIC}')"
    full = rf"regexp_replace({text}, '{_NO_SECONDS}', '\1:00\2')"
    epoch = _from_epoch(f"TRY_CAST({text} AS DOUBLE)", stamps.epoch) if stamps.epoch else "NULL"
    naive = _zoned_by(f"TRY_CAST({full} AS TIMESTAMP)", stamps.zone) if stamps.zone else "NULL"
    value = (
        f"CASE WHEN {zoned} THEN TRY_CAST({full} AS TIMESTAMPTZ) WHEN {numeric} THEN {epoch} ELSE {naive} END"
        if stamps.zone or stamps.epoch
        else f"CASE WHEN {zoned} THEN TRY_CAST({full} AS TIMESTAMPTZ) END"
    )
    lost = f"{v} IS NULL AND NOT ({_blank(s, 'text')})"
    number = (
        f"gives a year outside 1970 to 9999 with `epoch: {stamps.epoch}`"
        if stamps.epoch
        else "is a bare number and the source declares no `epoch`"
    )
    without = f"TRY_CAST({full} AS TIMESTAMP) IS NOT NULL AND NOT {zoned}"
    says = "has no time zone and the source declares no `naive_tz`"
    return value, [
        (f"{lost} AND {numeric}", number),
        *([] if stamps.zone else [(f"{lost} AND {without}", says)]),
        (lost, "is not a date and time"),
        *_outside(v),
    ]


def _outside(v: str) -> Fault:
    return [
        (
            f"{v} NOT BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59+00'",
            "lies outside the years 1 to 9999",
        )
    ]


def _zoned_by(naive: str, zone: str) -> str:
    return f"timezone({_text(zone)}, {naive})"


def _from_epoch(number: str, epoch: str) -> str:
    per = _PER_SECOND[epoch]
    micros = 1_000_000 // per
    inside = f"{number} BETWEEN 0 AND {_LAST_SECOND * per}"
    return f"CASE WHEN {inside} THEN timezone('UTC', make_timestamp(CAST(round({number} * {micros}) AS BIGINT))) END"


_KINDS = {
    "id": _as_text,
    "text": _as_text,
    "email": _as_text,
    "number": _as_number,
    "flag": _as_flag,
    "moment": _as_moment,
}


def _clean(text: str) -> str:
    # Bytes equal characters in plain ASCII, where nothing can need normalising.
    return (
        f"nullif(CASE WHEN strlen({text}) = length({text}) THEN {text} "
        f"ELSE nfc_normalize(translate({text}, '{_BIDI}', '')) END, '')"
    )


def _blank(s: str, family: str) -> str:
    return f"{s} IS NULL OR trim({s}) = ''" if family == "text" else f"{s} IS NULL"


# ---------------------------------------------------------------------------------------------------- where a column stands


def _source(column: Column, schema: pa.Schema) -> tuple[str, str]:
    """The expression that reads a column, and the family of its type."""
    if not column.of:
        return "NULL", "none"
    if len(column.of) == 1:
        return _found(column.of[0], schema)
    parts = []
    for name in column.of:
        expression, family = _found(name, schema)
        text = _clean(expression if family == "text" else f"CAST({expression} AS VARCHAR)")
        parts.append(rf"replace(replace({text}, '\', '\\'), '|', '\|')")
    some = " OR ".join(f"({part}) IS NOT NULL" for part in parts)
    joined = " || '|' || ".join(f"coalesce({part}, '')" for part in parts)
    return f"CASE WHEN {some} THEN {joined} END", "text"


def _found(name: str, schema: pa.Schema) -> tuple[str, str]:
    if name in schema.names:
        return _typed(_quoted(name), schema.field(name).type)
    first, *rest = name.split(".")
    if not rest or first not in schema.names:
        known = ", ".join(schema.names[:12]) + (" ..." if len(schema.names) > 12 else "")
        raise Unreadable(f"there is no column `{name}`. It has: {known}.")
    return _inside(_quoted(first), schema.field(first).type, rest, name)


def _inside(expression: str, kind: pa.DataType, path: Sequence[str], name: str) -> tuple[str, str]:
    from pyarrow import types

    for n, step in enumerate(path):
        if types.is_string(kind) or types.is_large_string(kind):
            inner = _text("$" + "".join(f'."{one}"' for one in path[n:]))
            return f"CASE WHEN json_valid({expression}) THEN json_extract_string({expression}, {inner}) END", "text"
        if not types.is_struct(kind) or kind.get_field_index(step) < 0:
            raise Unreadable(f"there is no `{step}` in the column of `{name}`.")
        expression, kind = f"{expression}[{_text(step)}]", kind.field(step).type
    return _typed(expression, kind)


def _typed(expression: str, kind: pa.DataType) -> tuple[str, str]:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_nested(kind):
        return f"CAST(to_json({expression}) AS VARCHAR)", "text"
    if types.is_timestamp(kind):
        return expression, "aware" if kind.tz else "naive"
    families = (
        (types.is_null, "none"),
        (types.is_boolean, "flag"),
        (types.is_date, "naive"),
        (lambda one: types.is_integer(one) or types.is_floating(one) or types.is_decimal(one), "number"),
        (lambda one: types.is_string(one) or types.is_large_string(one) or types.is_string_view(one), "text"),
    )
    family = next((family for fits, family in families if fits(kind)), None)
    return (expression, family) if family else (f"CAST({expression} AS VARCHAR)", "text")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
