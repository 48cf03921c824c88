"""The one way in which every topic's model is built: frozen, nothing unknown accepted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen piece of settings. `where` is filled by the loader: path inside the document -> file:line:col."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)
