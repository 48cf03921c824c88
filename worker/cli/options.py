"""Options that several commands have, each with its one help."""

from __future__ import annotations

from typing import Annotated

import typer

Settings = Annotated[str | None, typer.Option("--settings", help="Folder or file of settings.", show_default=False)]
Store = Annotated[str | None, typer.Option("--store", help="URL of the store.", show_default=False)]
Output = Annotated[str | None, typer.Option("--output", help="text or json.", show_default=False)]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="The instant to pretend to be at, in ISO form.", show_default=False)
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=0, help="Write at most this many records and tasks.", show_default=False)
]
Where = Annotated[str | None, typer.Option("--destination", help="One destination; all if absent.")]
