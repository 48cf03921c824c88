"""
The demo company's settings: what `pql init` and the demo write, and the examples of the documentation.

Decided here: how the files reach a folder of their own, with the schema for editors beside them.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
_SCHEMA = "$schema=../schema.json"


def files(usage: str = "data") -> dict[str, str]:
    """Every file by its name below the folder; `usage` is where the usage files stand, relative to where `pql` runs."""
    found = {}
    for path in sorted([*HERE.glob("*.yaml"), *HERE.rglob("*.csv")]):
        text = path.read_text(encoding="utf-8").replace(_SCHEMA, "$schema=schema.json")
        found[path.relative_to(HERE).as_posix()] = text.replace("file: data/", f"file: {usage}/")
    return found


def write(folder: Path, usage: str = "data") -> tuple[Path, ...]:
    """Write the starter into a folder; a file that is there already is kept. Names what was written."""
    wanted = files(usage) | {"schema.json": HERE.with_name("schema.json").read_text(encoding="utf-8")}
    written = []
    for name, text in wanted.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return tuple(written)
