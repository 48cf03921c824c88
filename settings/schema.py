"""
The JSON Schema of the language, for editors: `# yaml-language-server: $schema=...`.

Made from the models and `settings.written`; shipped as settings/schema.json, which a test keeps in step. It knows one
file of a folder at a time, so no top-level key is required, and what only the whole picture tells is left to `pql check`.
"""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from settings.condition.tree import Condition
from settings.described import meanings
from settings.model import Model
from settings.reader import keys_of
from settings.root import Settings
from settings.terms import Duration, Secret, Share, Working
from settings.written import FORMS, OFF, REFERRED, Shape, Written

FILE = Path(__file__).with_name("schema.json")
_SINGLE: dict[Any, Shape] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Condition: {"type": "string"},
    Duration: {"type": "string", "pattern": r"^\d+\s+(second|minute|hour|day|week)s?$"},
    Working: {"type": "string", "pattern": r"^\d+\s+business\s+(minute|hour|day)s?$"},
    Share: {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%(\s+of\s+usual)?$"},
    Secret: {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"},
}


def schema() -> Shape:
    """The whole schema as plain data."""
    defs: dict[str, Shape] = {}
    root = _object(Settings, defs)
    root.pop("required", None)
    for kind in REFERRED:
        _model(kind, defs)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "pqlsync settings"}
    return head | root | {"$defs": dict(sorted(defs.items()))}


def text() -> str:
    """The content of schema.json."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _of(kind: Any, defs: dict[str, Shape]) -> Shape:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        arms = [_of(arm, defs) for arm in arguments if arm is not type(None)]
        return arms[0] if len(arms) == 1 else {"anyOf": arms}
    made: dict[Any, Any] = {
        Literal: lambda: {"enum": list(arguments)},
        tuple: lambda: {"type": "array", "items": _of(arguments[0], defs)},
        dict: lambda: {"type": "object", "additionalProperties": _of(arguments[1], defs)},
    }
    if origin in made:
        found: Shape = made[origin]()
        return found
    return _model(kind, defs) if isinstance(kind, type) and issubclass(kind, Model) else dict(_SINGLE[kind])


def _model(kind: type[Model], defs: dict[str, Shape]) -> Shape:
    """A reference to a model, which is described once."""
    name = kind.__name__
    if name not in defs:
        defs[name] = {}
        written = FORMS.get(kind, Written())
        full = written.short if written.only_short and written.short else _object(kind, defs)
        defs[name] = {"anyOf": [written.short, full]} if written.short and not written.only_short else full
    return {"$ref": f"#/$defs/{name}"}


def _object(kind: type[Model], defs: dict[str, Shape]) -> Shape:
    written = FORMS.get(kind, Written())
    properties: dict[str, Shape] = {}
    needed = [extra.key for extra in written.extra if extra.required]
    says = meanings(kind)
    for key, name in keys_of(kind).items():
        if name in written.hidden:
            continue
        shape = _of(kind.model_fields[name].annotation, defs)
        if name in OFF.get(kind, ()):
            shape = {"anyOf": [shape, {"const": "off"}]}
        properties[key] = shape | ({"description": says[name]} if name in says else {})
        if kind.model_fields[name].is_required():
            needed.append(key)
    properties |= {extra.key: extra.shape | {"description": extra.meaning} for extra in written.extra}
    found: Shape = {"type": "object", "properties": properties, "additionalProperties": written.open}
    return found | ({"required": needed} if needed else {})
