"""The one way in which every topic's model is built: frozen, nothing unknown accepted."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen piece of settings. Where each value stood is kept by the reader, not here."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        populate_by_name=True,
    )

    filled: ClassVar[frozenset[str]] = frozenset()
    """Fields that the loader fills in and nobody writes."""
