"""What differs between two tables: wanted against acknowledged, column by column, null-safe."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any


def changed(wanted: Any, acknowledged: Any, keys: Sequence[str], columns: Sequence[str]) -> Any:
    """
    The wanted rows that are new or differ in any of the columns.

    Each comes with `is_new` and, per column, what stands in `was_<column>` (null for a new row).
    """
    held = acknowledged.select(**{f"was_{name}": acknowledged[name] for name in (*keys, *columns)})
    both = wanted.left_join(held, [wanted[key] == held[f"was_{key}"] for key in keys])
    new = both[f"was_{keys[0]}"].isnull()
    differs = (~both[name].identical_to(both[f"was_{name}"]) for name in columns)
    found = both.filter(functools.reduce(operator.or_, differs, new))
    marked = found.mutate(is_new=found[f"was_{keys[0]}"].isnull())
    return marked.drop(*(f"was_{key}" for key in keys))


def gone(wanted: Any, acknowledged: Any, keys: Sequence[str]) -> Any:
    """The acknowledged rows that are no longer wanted."""
    return acknowledged.anti_join(wanted, [acknowledged[key] == wanted[key] for key in keys])
