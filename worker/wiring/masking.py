"""
What is never shown: tokens, passwords, authorization headers, and the values of variables that are named like a secret.

Decided here: one rule for error messages and for logs. It is the last thing done to a line, tracebacks included.
"""

from __future__ import annotations

import os
import re

from settings.secret import named_like_a_secret

SHORTEST = 8
"""A value that is shorter than this could be an ordinary word."""
_SECRETS = re.compile(
    r"(?i)(authorization\\?['\"]?\s*[:=]\s*\\?['\"]?(?:bearer\s+)?|bearer\s+|(?:access_|refresh_|id_)?token\\?['\"]?\s*[:=]\s*\\?['\"]?"
    r"|client_secret\\?['\"]?\s*[:=]\s*\\?['\"]?|password\\?['\"]?\s*[:=]\s*\\?['\"]?|[?&]code=|://[^:/@\s]*:)[^\s'\"&@,}\\]+"
)
_TOKENS = re.compile(
    r"pat-[a-z]{2,}\d?-[0-9A-Za-z-]{8,}|00D\w{12,15}![\w.]+|(?<=hooks\.slack\.com/)[^\s'\"]+|(?<=hc-ping\.com/)[^\s'\"]+"
)


def masked(text: str) -> str:
    """
    The text without anything that is or looks like a secret.

    >>> masked("Authorization: Bearer abc.def")
    'Authorization: Bearer ***'
    >>> masked("rediss://:hunter2@redis.example:6380/0")
    'rediss://:***@redis.example:6380/0'
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and value in text and named_like_a_secret(name):
            text = text.replace(value, "***")
    return _TOKENS.sub("***", _SECRETS.sub(lambda match: match[1] + "***", text))
