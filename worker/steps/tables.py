"""
Rows of the store as tables of the engine, some thousands at a time: a million leads never stand in Python at once.

Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from worker.steps.tools import Tools

Kinds = Mapping[str, pa.DataType]


def gathered(tools: Tools, kinds: Kinds, batches: Iterable[Mapping[str, Sequence[Any]]]) -> Any:
    """Batches of columns as one table of the engine; columns that `kinds` does not name are left out."""
    return tools.engine.gathered(pa.schema(list(kinds.items())), (_arrow(batch, kinds) for batch in batches))


def _arrow(columns: Mapping[str, Sequence[Any]], kinds: Kinds) -> pa.Table:
    return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})
