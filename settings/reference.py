"""docs/settings.md, written from the models: every key with its type, default and meaning. A test keeps the page in step."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from settings import notyet
from settings.catalogue import CRM, FOLLOWS
from settings.condition.build import FUNCTIONS
from settings.condition.tree import Condition
from settings.described import meanings
from settings.model import Model
from settings.reader import keys_of
from settings.root import Settings
from settings.terms import Duration, Secret, Share, Working
from settings.written import FORMS, Written

_SINGLE: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Condition: "condition",
    Duration: "duration",
    Working: "working time",
    Share: "share",
    Secret: "secret",
}
HEAD = """# Settings

Written from the models in `settings/`; change it there. A folder of YAML files, or one file; each top-level key stands in
one file. `settings/starter/` is a complete example, `settings/schema.json` the schema for editors, and
`docs/settings-problems.md` lists what `pql check` reports.

Durations are written `14 days`, `2 hours`; working time `4 business hours`, `1 business day`; shares `20%`. Secrets are
written `${NAME}` and come from the environment variable NAME, or from the file that NAME_FILE names. In the `file` and
`query` of a stream `${NAME}` stands for a path, and for nothing that is named like a secret.

## Conditions

A condition is a SQL boolean expression: `and`, `or`, `not`, `=`, `<>`, `<`, `<=`, `>`, `>=`, `in (...)`, `in list_name`,
`between`, `like`, `ilike`, `is null`, arithmetic, brackets, and the functions <functions>.
`and` mixed with `or` wants brackets. Text stands in single quotes, moments too, in ISO form. A comparison with a blank
column is no match.

Columns are `user.x` and `account.x` as the sources declare them; besides them there are <follows>.
From the CRM come <crm>.

Signals, the scores `usage`, `fit`, `intent` and `tier` stand by their own name, where they are known: a signal's `where`
sees kept properties of the event, scores see columns and signals, tiers also scores, everything after them sees all.
`crm.x` is known after scoring.
"""


def settings_page() -> str:
    """The whole page."""
    words = {
        "functions": ", ".join(f"`{name}`" for name in FUNCTIONS),
        "follows": ", ".join(f"`{name}`" for name in FOLLOWS),
        "crm": ", ".join(f"`{name}`" for name in CRM),
    }
    head = HEAD
    for place, listed in words.items():
        head = head.replace(f"<{place}>", listed)
    parts = [head]
    seen: set[type[Model]] = set()
    for key, name in keys_of(Settings).items():
        info = Settings.model_fields[name]
        parts.append(f"## {key}\n\n{_sentence(Settings, name)} {_line(info)}\n")
        parts += _models(info.annotation, seen)
    parts.append(_not_yet())
    return "\n".join(parts)


def _line(info: FieldInfo) -> str:
    default = _default(info)
    return f"{_words(info.annotation)[0].upper()}{_words(info.annotation)[1:]}{f', default {default}' if default else ''}."


def _models(kind: Any, seen: set[type[Model]]) -> Iterator[str]:
    """The tables of every model that a type leads to, each once."""
    for one in _inside(kind):
        if one in seen:
            continue
        seen.add(one)
        yield _table(one)
        for name in keys_of(one).values():
            yield from _models(one.model_fields[name].annotation, seen)


def _inside(kind: Any) -> Iterator[type[Model]]:
    if isinstance(kind, type) and issubclass(kind, Model):
        yield kind
    for argument in get_args(kind):
        yield from _inside(argument)


def _table(kind: type[Model]) -> str:
    written = FORMS.get(kind, Written())
    lines = [f"### {kind.__name__}\n", _first_line(kind) + "\n"]
    if written.short_words:
        lines.append(f"{'Written' if written.only_short else 'Short form'}: {written.short_words}.\n")
    if written.only_short:
        return "\n".join(lines)
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| {one.key} | {one.words} | {'needed' if one.required else ''} | {one.meaning} |" for one in written.extra]
    for key, name in keys_of(kind).items():
        if name not in written.hidden:
            info = kind.model_fields[name]
            default = "needed" if info.is_required() else _default(info)
            lines.append(f"| {key} | {_words(info.annotation)} | {default} | {_sentence(kind, name)} |")
    return "\n".join(lines) + "\n"


def _first_line(kind: type[Model]) -> str:
    text = (kind.__doc__ or "").strip().split("\n\n", maxsplit=1)[0]
    return " ".join(text.split())


def _sentence(kind: type[Model], name: str) -> str:
    return meanings(kind).get(name, "").replace("|", "\\|")


def _words(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(arm) for arm in arguments if arm is not type(None))
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is dict:
        return f"{_words(arguments[1])} by name"
    return f"[{kind.__name__}](#{kind.__name__.lower()})" if issubclass(kind, Model) else _SINGLE[kind]


def _default(info: FieldInfo) -> str:
    value = info.default
    if value is PydanticUndefined or value is None or value == () or isinstance(value, Model):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(str(one) for one in value)}]`"
    if isinstance(value, Share):
        return f"`{100 * value.of:g}%`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _not_yet() -> str:
    rows = [f"| `{entry.path}` | {f'`{entry.value}`' if entry.value else ''} | {entry.says} |" for entry in notyet.KEYS]
    head = "## Not yet\n\nPlanned and refused until they are built.\n\n| key | value | what |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"
