"""
What a connector's own options look like, declared as data so that the settings check can judge them with file and line.

The settings floor knows no connector. Each connector declares its options in these words, the registry collects the tables,
and wiring hands them to `settings.check.check` and `settings.load.load`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OptionType = Literal["text", "secret", "flag", "number", "choice"]
Role = Literal["source", "crm", "notifier"]
Place = Literal["table", "file", "query"]


@dataclass(frozen=True, slots=True)
class Option:
    """
    One option of a connector, such as `token` or `base_url`.

    A `secret` must be written as `${NAME}` and arrives as `settings.terms.Secret`. Any other type may be written as
    `${NAME}` too and arrives as plain text, number or flag.
    """

    name: str
    type: OptionType = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class OptionTable:
    """
    The options of one kind.

    `feeds` says of which of table, file and query each stream of a source must name one; empty means none.
    """

    kind: str
    options: tuple[Option, ...] = ()
    role: Role = "crm"
    feeds: tuple[Place, ...] = ()

    def get(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)
