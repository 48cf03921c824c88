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
_AS_IT_IS = frozenset({str, int, bool, type(None)})
_AS_JSON = _AS_IT_IS | {float}


def packed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The form in which fields stand in a JSON column."""
    if _AS_JSON.issuperset(map(type, fields.values())):
        return dict(fields)
    return {name: _packed(value) for name, value in fields.items()}


def unpacked(doc: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields as they were before `packed`."""
    fields = dict(doc or {})
    return {name: _unpacked(value) for name, value in fields.items()} if dict in map(type, fields.values()) else fields


def digest(doc: Mapping[str, Any], without: Iterable[str] = ()) -> str:
    """A hash of packed fields that does not depend on their order, the ones in `without` left out."""
    kept = dict(doc)
    for name in without:
        kept.pop(name, None)
    if not _AS_IT_IS.issuperset(map(type, kept.values())):
        kept = {name: _canonical(value) for name, value in kept.items()}
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
