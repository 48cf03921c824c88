"""
Errors a person may read: each turned into what happened and what to try. Unforeseen ones are not listed here.

An exception counts as foreseen when its class is named below or it comes from our own floors with a written message.
"""

from __future__ import annotations

import os
import re

from settings.secret import named_like_a_secret

SHORTEST = 8
"""A value that is shorter than this could be an ordinary word of the message."""
_SECRET = re.compile(r"(?i)(bearer\s+|token[=:]\s*|password[=:]\s*|://[^:/@\s]+:)[^\s@&]+")


def refusal(error: BaseException) -> str | None:
    """The text for stderr, or None when nobody foresaw this error."""
    from connectors.errors import ConnectorError
    from settings.problem import Problems, render
    from worker.wiring.places import NoSettings

    if isinstance(error, Problems):
        return render(error.problems, error.files)
    if isinstance(error, ConnectorError):
        code = f" ({error.code})" if error.code else ""
        return masked(f"{error}{code}")
    if isinstance(error, NoSettings) or type(error).__module__.split(".")[0] in {"worker", "connectors", "settings"}:
        return masked(str(error))
    if isinstance(error, OSError):
        return masked(f"{error.strerror or error}: {error.filename or ''}. Check the path and its permissions.")
    if type(error).__module__.startswith("sqlalchemy"):
        return masked(
            f"The store could not be used: {str(getattr(error, 'orig', error)).splitlines()[0]}. Check --store or PQL_STORE."
        )
    return None


def masked(text: str) -> str:
    """Without anything that looks like a password or a token, and without the value of any variable named like one."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and named_like_a_secret(name):
            text = text.replace(value, "***")
    return _SECRET.sub(lambda match: match[1] + "***", text)
