"""
Logging: lines for people on a terminal, JSON elsewhere (PQL_LOG=json or plain), on stderr, without secrets.

Decided here: our own lines and those of every library take one form, and what is masked in both.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRETS = re.compile(
    r"(?i)(authorization\\?['\"]?\s*[:=]\s*\\?['\"]?(?:bearer\s+)?|bearer\s+|(?:access_|refresh_|id_)?token\\?['\"]?\s*[:=]\s*\\?['\"]?"
    r"|client_secret\\?['\"]?\s*[:=]\s*\\?['\"]?|password\\?['\"]?\s*[:=]\s*\\?['\"]?|[?&]code=|://[^:/@\s]*:)[^\s'\"&@,}\\]+"
)
_TOKENS = re.compile(r"pat-[a-z]{2,}\d?-[0-9A-Za-z-]{8,}|00D\w{12,15}![\w.]+")
QUIET = ("hubspot", "urllib3", "requests", "simple_salesforce", "kombu", "amqp", "alembic", "sqlalchemy")
BELLS = ("celery.app.trace", "celery.worker.strategy")  # two lines for each bell; we say what it did


def masked(text: str) -> str:
    """
    The text without tokens, passwords and authorization headers.

    >>> masked("Authorization: Bearer abc.def")
    'Authorization: Bearer ***'
    >>> masked("rediss://:hunter2@redis.example:6380/0")
    'rediss://:***@redis.example:6380/0'
    """
    return _TOKENS.sub("***", _SECRETS.sub(lambda match: match[1] + "***", text))


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
