"""
Scopes of the token: which one a call needs, and what a portal says where it is missing.

Decided here: the scope of each path. Tokens have all scopes until an act takes one away; only a private app's token tells
them (switch `tells_scopes`).
"""

from connectors.sandbox.hubspot.errors import ordered
from connectors.sandbox.state import State
from connectors.sandbox.wire import Reply, Request

ALL = (
    *(f"crm.objects.{name}.{verb}" for name in ("contacts", "companies", "deals") for verb in ("read", "write")),
    *("crm.objects.owners.read", "crm.schemas.contacts.write", "crm.schemas.companies.write"),
)
TOLD_AT = "/oauth/v2/private-apps/get/access-token-info"
_OBJECTS = {"contacts": "contacts", "companies": "companies", "deals": "deals", "tasks": "contacts", "notes": "contacts"}
_READING = ("/read", "/search", "/batch/read")


def refusal(state: State, request: Request) -> Reply | None:
    """Return the 403 for a call whose scope is missing."""
    missing = state.doc("account", "missing_scopes") or ()
    scope = needed(request) if missing else None
    return ordered(403, {"scope": scope}) if scope in missing else None


def needed(request: Request) -> str | None:
    """Return the scope that a call needs, None where any token may make it."""
    parts = request.path.strip("/").split("/")
    if "owners" in parts:
        return "crm.objects.owners.read"
    object = next((_OBJECTS[part] for part in parts if part in _OBJECTS), None)
    if object is None:
        return None
    reads = request.method == "GET" or request.path.endswith(_READING)
    if "properties" in parts and not reads:
        return f"crm.schemas.{object}.write"
    return f"crm.objects.{object}.{'read' if reads else 'write'}"


def told(state: State, request: Request) -> Reply | None:
    """Return the scopes of the token where it tells them."""
    if request.path != TOLD_AT or not state.switch("tells_scopes"):
        return None
    missing = state.doc("account", "missing_scopes") or ()
    scopes = [scope for scope in ALL if scope not in missing]
    return Reply(200, {"userId": 1, "hubId": state.doc("account", "portal"), "appId": 1, "scopes": scopes})
