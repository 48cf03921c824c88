"""
Secrets: `${NAME}` in the settings, the value from the environment or from the file that `NAME_FILE` names.

Decided here: where the value comes from, and what looks like a secret that somebody wrote out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_WORDS = (
    "token",
    "secret",
    "password",
    "passphrase",
    "api_key",
    "apikey",
    "private_key",
    "jwt_key",
    "webhook",
    "heartbeat",
)
HIDDEN = "***"
_LITERALS = (
    re.compile(r"\bpat-[a-z0-9]+-[0-9a-f-]{16,}", re.IGNORECASE),
    re.compile(r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{20,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."),
    re.compile(r"\bph[cx]_[A-Za-z0-9]{20,}"),
    re.compile(r"\bxox[abpr]-[A-Za-z0-9-]{10,}"),
    re.compile(r"\bsk_(live|test)_[A-Za-z0-9]{16,}"),
    re.compile(r"\bhooks\.slack(-gov)?\.com/(services|workflows|triggers)/[^\s'\"]+", re.IGNORECASE),
    re.compile(r"\bhc-ping\.com/[^\s'\"]{16,}", re.IGNORECASE),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"[a-z][a-z0-9+]*://[^/\s:@{}]*:[^/\s@{}]+@", re.IGNORECASE),
)


def looks_like_a_secret(text: str) -> bool:
    """A token, a key, or a URL with a password in it."""
    return any(pattern.search(text) for pattern in _LITERALS)


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern in _LITERALS:
        text = pattern.sub(HIDDEN, text)
    return text


def named_like_a_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET_WORDS)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where `${NAME}` is looked up. With `wanted` off, a missing variable is no problem: `check` needs no secrets."""

    wanted: bool = True
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def get(self, name: str) -> str | None:
        """The value, without the line break that editors leave at the end of a file; None where nothing is set."""
        if self.variables.get(name):
            return self.variables[name]
        file = self.variables.get(f"{name}_FILE")
        if not file:
            return None
        try:
            return Path(file).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None
