"""
Logging: lines for people on a terminal, JSON elsewhere (PQL_LOG=json or plain), on stderr, without secrets.

Decided here: our own lines and those of every library take one form, and what is masked in both.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from worker.wiring.masking import masked

QUIET = ("hubspot", "urllib3", "requests", "simple_salesforce", "kombu", "amqp", "alembic", "sqlalchemy")
BELLS = ("celery.app.trace", "celery.worker.strategy")  # two lines for each bell; we say what it did


class _Masked(structlog.stdlib.ProcessorFormatter):
    """Whatever was put into a line, tracebacks too, is masked as the last thing."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _mask(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: masked(value) if isinstance(value, str) else value for key, value in event.items()}


def configure(level: int = logging.INFO) -> None:
    """Set up logging of this process."""
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masked(foreign_pre_chain=first, processors=_last()))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in (*QUIET, *BELLS):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *first,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _last() -> list[Any]:
    without = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if os.environ.get("PQL_LOG", "plain" if sys.stderr.isatty() else "json") == "json":
        return [without, structlog.processors.format_exc_info, _mask, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [without, _mask, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
