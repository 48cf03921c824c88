"""
Logging: plain lines on a terminal, JSON elsewhere (PQL_LOG=json or plain), on stderr, without secrets.

Decided here: what is masked, for our own lines and for every library that logs through the root handler.
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
    r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer\s+)?|bearer\s+|(?:access_|refresh_)?token['\"]?\s*[:=]\s*['\"]?"
    r"|client_secret['\"]?\s*[:=]\s*['\"]?|password['\"]?\s*[:=]\s*['\"]?|://[^:/@\s]+:)[^\s'\"&@,}]+"
)
_TOKENS = re.compile(r"pat-[a-z]{2}\d-[0-9a-f-]{8,}|00D\w{12,15}![\w.]+")
QUIET = ("hubspot", "urllib3", "requests", "simple_salesforce", "kombu", "amqp")


def masked(text: str) -> str:
    """
    The text without tokens, passwords and authorization headers.

    >>> masked("Authorization: Bearer abc.def")
    'Authorization: Bearer ***'
    """
    return _TOKENS.sub("***", _SECRETS.sub(lambda match: match[1] + "***", text))


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = masked(message)
        if hidden != message:
            record.msg, record.args = hidden, ()
        return True


def _mask(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: masked(value) if isinstance(value, str) else value for key, value in event.items()}


def configure(level: int = logging.INFO) -> None:
    """Set up logging of this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Masking())
    logging.basicConfig(level=level, handlers=[handler], format="%(message)s", force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    as_json = os.environ.get("PQL_LOG", "plain" if sys.stderr.isatty() else "json") == "json"
    last: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
