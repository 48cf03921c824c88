"""One call of the interface, taken apart once: version, area, path, body."""

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.hubspot.errors import invalid, missing
from connectors.sandbox.wire import Actor, Request

VERSIONS = ("v3", "v4", "2026-03", "2026-09")
AREAS = ("objects", "properties", "owners", "associations", "schemas", "object-schemas")


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its meaning; `rest` is the path after the area."""

    request: Request
    actor: Actor
    version: str
    area: str
    rest: tuple[str, ...]
    lenient: bool = False

    @property
    def dated(self) -> bool:
        return self.version.startswith("20")

    @property
    def method(self) -> str:
        return self.request.method

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the body; anything else is refused."""
        try:
            body = self.request.json()
        except ValueError as problem:
            raise invalid("Invalid input JSON on line 1, column 1: the body is not JSON") from problem
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON on line 1, column 1: expected an object")
        return body

    def inputs(self, most: int = 100) -> list[Mapping[str, Any]]:
        """Return the inputs of a batch; too many or malformed ones are refused."""
        inputs = self.body().get("inputs") or []
        if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
            raise invalid("Invalid input JSON on line 1, column 12: inputs must be a list of objects")
        if len(inputs) > most:
            says = f"The maximum number of inputs supported in a batch request is {most}, but {len(inputs)} were sent."
            raise invalid(says)
        self.actor.inputs = len(inputs)
        return inputs

    def refuse_history(self, asked: object) -> None:
        """Refuse the history of properties: the sandbox keeps a ledger, not that."""
        if asked and not self.lenient:
            raise invalid("The sandbox keeps no history of properties; leave propertiesWithHistory empty.")

    def number(self, name: str, default: int, most: int) -> int:
        text = self.request.one(name, str(default))
        if self.lenient and not (text.isdecimal() and int(text)):
            return default
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise invalid(f"{name} must be between 1 and {most}, but was {text}.")
        return int(text)

    def flag(self, name: str) -> bool:
        """Return a query value that is true or false; the Python client writes True."""
        return self.request.one(name).lower() == "true"

    def start(self) -> int:
        """Return where the page begins: what the page before gave as `after`."""
        after = self.request.one("after", "0")
        if not after.isdecimal() and not self.lenient:
            raise invalid(f"after must be what the page before gave, but was {after}.")
        return int(after) if after.isdecimal() else 0

    def words(self, name: str) -> list[str]:
        """Return a query value that is a list, with commas or repeated."""
        return [word for text in self.request.query.get(name, []) for word in text.split(",") if word]


def parsed(request: Request, actor: Actor, *, lenient: bool = False) -> Call:
    """Take the path apart, wherever the version stands in it; an unknown one is a 404."""
    parts = [urllib.parse.unquote(part) for part in request.path.split("/") if part]
    place = next((i for i, part in enumerate(parts[:3]) if part in VERSIONS), None)
    if place is None or not parts or not re.fullmatch(r"crm|account-info", parts[0]):
        raise missing(f"Unable to find {request.path}")
    version = parts.pop(place)
    if parts[0] == "account-info":
        return Call(request, actor, version, "account-info", tuple(parts[1:]), lenient)
    if len(parts) < 2 or parts[1] not in AREAS:
        raise missing(f"Unable to find {request.path}")
    return Call(request, actor, version, parts[1], tuple(parts[2:]), lenient)
