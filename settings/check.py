"""What `pql check` asks: all problems and warnings of a folder, file or text, without raising and without a secret."""

from __future__ import annotations

from pathlib import Path

from settings import bundle as bundles
from settings.load import Checked, Options, read
from settings.problem import Problems

__all__ = ["Checked", "Problems", "check", "check_text"]


def check(path: str | Path, options: Options | None = None, *, secrets: bool = False) -> Checked:
    """Check a folder or file; `options` are the connectors' tables."""
    return read(bundles.from_path(Path(path)), options, secrets=secrets)


def check_text(text: str, options: Options | None = None, *, secrets: bool = False) -> Checked:
    """The same for text: one YAML document, or the text of a stored version."""
    return read(bundles.from_text(text), options, secrets=secrets)
