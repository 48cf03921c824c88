"""Files of the lake as the store lists them, and back: the two rooms do not know each other, a step carries between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from worker.lake import LakeFile
from worker.store import landing


def as_lake_files(files: Iterable[landing.File]) -> list[LakeFile]:
    names = [name for name in LakeFile.__dataclass_fields__ if name != "facts"]
    return [LakeFile(**{name: getattr(file, name) for name in names}, facts=file.facts or {}) for file in files]


def as_listed(files: Iterable[LakeFile], run_id: str | None) -> list[landing.File]:
    return [landing.File(**asdict(file), run_id=run_id) for file in files]
