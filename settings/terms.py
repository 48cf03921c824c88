"""
Small typed words of the language: durations, working time, shares, secrets.

Decided here: how they are written and what they mean. Each type parses its own text and raises ValueError with a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Unit = Literal["seconds", "minutes", "hours", "days"]
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_DURATION = re.compile(r"(\d+)\s+(second|minute|hour|day|week)s?")
_WORKING = re.compile(r"(\d+)\s+business\s+(minute|hour|day)s?")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%(?:\s+of\s+usual)?")


class _Word:
    """A value written as one piece of text; pydantic validates it through `parse`."""

    @classmethod
    def parse(cls, text: object) -> Self:
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(value),
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )


@dataclass(frozen=True, slots=True)
class Duration(_Word):
    """
    Elapsed time: `14 days`, `2 hours`, `90 seconds`.

    >>> Duration.parse("14 days").days
    14
    """

    seconds: int

    @classmethod
    def parse(cls, text: object) -> Self:
        match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
        if not match:
            raise ValueError(f"`{text}` is not a duration. Write a number and a unit, such as `14 days` or `2 hours`.")
        return cls(int(match[1]) * _SECONDS[match[2]])

    @property
    def days(self) -> int:
        """Whole days; windows count UTC days."""
        return self.seconds // 86400

    @property
    def delta(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        for unit in ("day", "hour", "minute"):
            amount, rest = divmod(self.seconds, _SECONDS[unit])
            if not rest and amount:
                return f"{amount} {unit}{'s' if amount != 1 else ''}"
        return f"{self.seconds} seconds"


@dataclass(frozen=True, slots=True)
class Working(_Word):
    """Working time of a calendar: `4 business hours`, `1 business day`."""

    amount: int
    unit: Literal["minute", "hour", "day"]

    @classmethod
    def parse(cls, text: object) -> Self:
        match = _WORKING.fullmatch(text.strip()) if isinstance(text, str) else None
        if not match:
            raise ValueError(f"`{text}` is not working time. Write it like `4 business hours` or `1 business day`.")
        return cls(int(match[1]), match[2])  # type: ignore[arg-type]  # the pattern admits these three units only

    def __str__(self) -> str:
        return f"{self.amount} business {self.unit}{'s' if self.amount != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Share(_Word):
    """A part of a whole: `20%`, `50% of usual`. `of` is 0.2, 0.5."""

    of: float

    @classmethod
    def parse(cls, text: object) -> Self:
        match = _SHARE.fullmatch(text.strip()) if isinstance(text, str) else None
        if not match:
            raise ValueError(f"`{text}` is not a share. Write it like `20%`.")
        return cls(float(match[1]) / 100)

    def __str__(self) -> str:
        return f"{self.of:.4g}"


class Secret:
    """A value from the environment. It never shows itself; `reveal()` where it is used."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret(${{{self.name}}})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.name == self.name and other._value == self._value

    def __hash__(self) -> int:
        return hash(self.name)
