"""Owners: the people and queues that records belong to."""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.hubspot import shape
from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.errors import missing
from connectors.sandbox.state import Doc, State, iso
from connectors.sandbox.wire import Reply

FIRST_OWNER = 700_001


class Owners:
    """Answers `/owners` and `/owners/{id}`, with or without a slash at the end."""

    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, call: Call) -> Reply:
        if call.method != "GET" or len(call.rest) > 1:
            raise missing()
        return self._one(call, call.rest[0]) if call.rest else self._list(call)

    def _list(self, call: Call) -> Reply:
        limit, start = call.number("limit", 100, 500), call.start()
        archived, email = call.flag("archived"), call.request.one("email").lower()
        owners = sorted(self._state.docs("owner").values(), key=lambda owner: int(owner["id"]))
        fitting = [one for one in owners if one["archived"] == archived and int(one["id"]) > start]
        if email:
            fitting = [one for one in fitting if one["email"].lower() == email]
        page = fitting[:limit]
        more = page[-1]["id"] if len(fitting) > limit else None
        return Reply(200, shape.page([_shown(one) for one in page], more, call.request.path))

    def _one(self, call: Call, wanted: str) -> Reply:
        by = "userId" if call.request.one("idProperty") == "userId" else "id"
        archived = call.flag("archived")
        for owner in self._state.docs("owner").values():
            if str(owner[by]) == wanted and owner["archived"] == archived:
                return Reply(200, _shown(owner))
        if self._state.switch("lenient"):
            return Reply(200, _shown(self.made({"id": wanted, "email": "owner@example.com"}).body))
        raise missing(f"Owner with id {wanted} does not exist")

    def made(self, doc: Mapping[str, Any]) -> Doc:
        """Return an owner from what a seed says: at least an e-mail."""
        record = str(doc.get("id") or self._state.next("owner", FIRST_OWNER))
        if record.isdecimal():
            self._state.at_least("owner", int(record))
        now = iso(self._state.now())
        archived = not doc.get("active", True) or bool(doc.get("archived"))
        name = str(doc.get("name", "")).partition(" ")
        user = int(record) % 1_000_000 + 5_000_000 if record.isdecimal() else 1
        body = {
            "id": record,
            "email": str(doc["email"]).lower(),
            "type": "QUEUE" if str(doc.get("kind", doc.get("type", ""))).lower() == "queue" else "PERSON",
            "firstName": doc.get("firstName", name[0]),
            "lastName": doc.get("lastName", name[2]),
            "userId": None if archived else user,
            "userIdIncludingInactive": user,
            "teams": doc.get("teams", []),
            "archived": archived,
            "seat": bool(doc.get("seat", True)),
            "createdAt": now,
            "updatedAt": now,
        }
        return Doc("owner", record, body)


def _shown(owner: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in owner.items() if name != "seat"}
    return shown if shown["teams"] else {name: value for name, value in shown.items() if name != "teams"}
