"""What a person asked for on the command line, and the errors that they may read without a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from worker.wiring.places import Places

DONE, WITH_HELD, REFUSED, INTERRUPTED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Global options. `output` is `text` or `json`."""

    settings: str | None = None
    store: str | None = None
    output: str = "text"
    debug: bool = False

    @property
    def json(self) -> bool:
        return self.output == "json"

    def places(self) -> Places:
        """Where things are, after environment and defaults."""
        from worker.wiring.places import find

        return find(self.settings, self.store)


def moment(text: str | None) -> datetime | None:
    """An instant in ISO form; a date alone means its midnight, no zone means UTC."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not an instant. Write it like 2026-11-22 or 2026-11-22T09:00:00Z.") from error
    return value if value.tzinfo else value.replace(tzinfo=UTC)


@contextmanager
def told(asked: Asked) -> Iterator[None]:
    """Turn what may go wrong into two sentences on stderr and an exit code; a traceback only with --debug."""
    from worker.cli.refusals import refusal

    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Nothing is lost: run the same command again to go on.\n")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        message = refusal(error)
        if asked.debug or message is None:
            if message is None and not asked.debug:
                sys.stderr.write(
                    f"Something unforeseen went wrong: {type(error).__name__}. Run it again with --debug to see where.\n"
                )
                raise typer.Exit(REFUSED) from None
            raise
        sys.stderr.write(message.rstrip() + "\n")
        if asked.json:
            from worker.cli.output import print_json

            print_json({"schema": "pqlsync/refused/1", "message": message.rstrip()})
        raise typer.Exit(REFUSED) from None


def colourful() -> bool:
    """Whether stdout is a terminal that wants colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
