"""
Queries that are compiled once and run again with other rows and at another moment.

Building an expression of some hundred columns and compiling it to SQL takes longer than many a query runs. Decided here: a
query is used again only where everything it was made from is the same. A recipe is given tables without rows and a moment
without a value, so that nothing else can get into its query; what it is about, its form and the columns of its tables are
compared each time. Nothing is kept on disk, and of each recipe only the last query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis
from ibis.expr import datatypes as dt

MOMENT = "moment"
"""DuckDB's variable of this name holds the moment while a query runs, and a query reads it as a constant."""


@ibis.udf.scalar.builtin(name="getvariable", signature=((dt.string,), dt.Timestamp(timezone="UTC", scale=6)))
def _variable(variable: str) -> Any:
    """DuckDB's own function."""


Make = Callable[[Any, Any, Mapping[str, Any], Any], Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    How a table is made of others: `make(about, form, tables, moment)`, a function of these and of nothing else.

    `about` never changes and is compared by identity, as settings are; `form` is a small value, compared by what it says.
    """

    make: Make
    about: object
    form: object = None


@dataclass(frozen=True, slots=True)
class Query:
    """A recipe's query for tables of these columns; `columns` are those of its answer, known once it has run."""

    recipe: Recipe
    given: Mapping[str, Any]
    sql: str
    columns: Any = None

    def serves(self, recipe: Recipe, given: Mapping[str, Any]) -> bool:
        """Whether the recipe would make the same query for tables of the columns `given`."""
        mine = self.recipe
        return mine.make is recipe.make and mine.about is recipe.about and mine.form == recipe.form and self.given == given

    def over(self, tables: Mapping[str, str]) -> str:
        """The SQL over tables of these names."""
        given = ", ".join(f"{_stand_in(name)} AS NOT MATERIALIZED (FROM {table})" for name, table in tables.items())
        return f"WITH {given} FROM ({self.sql})"


def expression(recipe: Recipe, given: Mapping[str, Any]) -> Any:
    """What the recipe says of tables without rows, at a moment without a value."""
    tables = {name: ibis.table(columns, name=_stand_in(name)) for name, columns in given.items()}
    return recipe.make(recipe.about, recipe.form, tables, _variable(MOMENT))


def _stand_in(name: str) -> str:
    return f"given_{name}"
