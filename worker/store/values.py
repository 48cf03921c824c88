"""
How field values are kept as JSON, and when two of them are equal.

Decided here: a moment is `{"at": "2026-11-22T08:00:00Z"}`, so that reading gives back what was written; all else is
JSON's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson

Plain = str | int | float | bool | datetime | None


def packed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The form in which fields stand in a JSON column."""
    return {name: _packed(value) for name, value in fields.items()}


def unpacked(doc: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields as they were before `packed`."""
    return {name: _unpacked(value) for name, value in (doc or {}).items()}


def digest(doc: Mapping[str, Any], without: Iterable[str] = ()) -> str:
    """A hash of packed fields that does not depend on their order, the ones in `without` left out."""
    left_out = set(without)
    kept = {name: _canonical(value) for name, value in doc.items() if name not in left_out}
    return sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _packed(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone. Pass an aware moment.")
        return {"at": value.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    if isinstance(value, Decimal):
        return float(value)
    return value


def _unpacked(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) and set(value) == {"at"} else value


def _canonical(value: Any) -> Any:
    # 71 and 71.0 are one value
    return int(value) if isinstance(value, float) and value.is_integer() else value
