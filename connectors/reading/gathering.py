"""
Small pieces gathered into pieces worth landing: large enough that the lake holds few files, small enough for memory.

Decided here: how large; that rows set aside travel with the piece they stood next to. Not decided here: where pieces come
from, when so many rows are bad that a setting must be wrong (`shaping`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.contract import BadRow, Pulled, Stream
from connectors.reading.shaping import refuse_when_mostly_bad

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 200_000
BYTES = 96 * 1024 * 1024


class Gathered:
    """The pieces of one file, table or answer on their way to a `Pulled`."""

    def __init__(self, stream: Stream, origin: str, expected: int | None = None) -> None:
        self._stream = stream
        self._origin = origin
        self._expected = expected
        self._tables: list[pa.Table] = []
        self._bad: list[BadRow] = []

    def add(self, rows: pa.Table, bad: list[BadRow], cursor: str) -> Iterator[Pulled]:
        """Take a piece; yield what is ready to land under `cursor`."""
        self._tables.append(rows)
        self._bad += bad
        if self._rows + len(self._bad) >= ROWS or sum(table.nbytes for table in self._tables) >= BYTES:
            yield self._out(cursor, rows.schema.empty_table())

    def last(self, nothing: pa.Table, cursor: str) -> Pulled:
        """What is left, under the cursor that holds once all of it has landed."""
        return self._out(cursor, nothing)

    def set_aside(self, bad: BadRow, nothing: pa.Table, cursor: str) -> Pulled:
        """Nothing of what is left, because the whole turned out to be bad."""
        self._tables, self._bad = [], []
        return Pulled(self._stream, nothing, cursor, self._origin, (bad,), self._expected)

    @property
    def _rows(self) -> int:
        return sum(len(table) for table in self._tables)

    def _out(self, cursor: str, nothing: pa.Table) -> Pulled:
        import pyarrow as pa

        refuse_when_mostly_bad(self._origin, self._rows, self._bad)
        rows = pa.concat_tables(self._tables) if self._tables else nothing
        pulled = Pulled(self._stream, rows, cursor, self._origin, tuple(self._bad), self._expected)
        self._tables, self._bad = [], []
        return pulled
