"""
What the fields of the models mean, read from the text below each field in their source.

Pydantic can do this while it builds the classes, which costs every command 0.4 seconds at start; here it is read when
asked for.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache

from settings.model import Model


@cache
def meanings(kind: type[Model]) -> dict[str, str]:
    """Field -> its text, the fields of the classes above included."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if issubclass(one, Model) and one is not Model:
            found |= _of(one)
    return found


def _of(kind: type[Model]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    found: dict[str, str] = {}
    field = ""
    for part in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            field = part.target.id
        elif (
            isinstance(part, ast.Expr)
            and isinstance(part.value, ast.Constant)
            and isinstance(part.value.value, str)
            and field
        ):
            found[field] = " ".join(part.value.value.split())
        else:
            field = ""
    return found


def meaning(kind: type[Model], field: str) -> str:
    """The text of one field, or of its class where the field has none."""
    return meanings(kind).get(field, "")
