"""
The keys we make ourselves: of a lead, of an account, of an effect.

Decided here: how a key is computed. All are a hash of what they stand for, so that a retry, a second worker or a plan made
again after data loss arrives at the same key and the CRM's unique field refuses a second effect. They appear in the CRM:
letters and the digits 2 to 7 only, nothing personal readable. A lead's key comes from the user id of its source, never from
a CRM id, so merges and conversions in the CRM leave it alone.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256
from urllib.parse import quote

LENGTH = 26  # characters of 5 bits: 130 bits


def lead_key(workspace: str, user_id: str) -> str:
    """The key of a product user, made when first seen and kept for good."""
    return "L" + _hashed(workspace, "lead", user_id)


def account_key(workspace: str, account_id: str) -> str:
    """The key of a workspace or company of the product."""
    return "A" + _hashed(workspace, "account", account_id)


# the six parts are the key; a record would only repeat their names
def effect_key(workspace: str, crm: str, lead_key: str, play: str, episode: int, hop: int = 0) -> str:
    """
    The key of one task, note or offer: per lead (or account, whoever is its buyer), play and episode.

    `hop` is 0 for the first handoff of an episode and counts the reassignments that opened a new task.
    """
    return _hashed(workspace, crm, lead_key, play, str(episode), *([str(hop)] if hop else []))


def _hashed(*parts: str) -> str:
    # Quoting keeps a separator inside a part from making two inputs equal.
    text = "|".join(quote(part, safe="") for part in parts)
    return b32encode(sha256(text.encode()).digest()).decode()[:LENGTH]
