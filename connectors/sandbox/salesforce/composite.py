"""
`composite`: up to 25 calls in one, each with its own status, later ones able to name what earlier ones answered.

Decided here: references such as @{lead.id}, and what allOrNone undoes.
"""

import re
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import orjson

from connectors.sandbox.salesforce import errors
from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.wire import Headers, Reply, Request

MOST = 25
REFERENCE = re.compile(r"@\{([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")
Route = Callable[[Call], Reply]


class RolledBack(Exception):
    """One subrequest failed where all were wanted."""


def answer(org: Org, call: Call, route: Route) -> Reply:
    if call.method != "POST":
        raise errors.bad_method(call.method)
    body = call.object_body()
    asked = body.get("compositeRequest")
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise errors.bad_body("`compositeRequest` is not a list of objects at [line:1, column:1]")
    if len(asked) > MOST:
        raise Fault("LIMIT_EXCEEDED", f"The limit of {MOST} subrequests in a composite request has been exceeded")
    names = [one.get("referenceId") for one in asked]
    if None in names or len(set(names)) < len(names):
        raise Fault("INVALID_INPUT", "Each subrequest needs a referenceId of its own.")
    together = body.get("allOrNone") is True
    answers: list[dict[str, Any]] = []
    scope: AbstractContextManager[Any] = org.state.whole() if together else nullcontext()
    try:
        with scope:
            for one in asked:
                answers.append(_one(call, one, {each["referenceId"]: each for each in answers}, route))
                if together:
                    _all_done(answers)
    except RolledBack:
        org.forget_fields()
        call.actor.writes = 0
        answers = _undone(asked, answers)
    return Reply(200, {"compositeResponse": answers})


def _all_done(answers: list[dict[str, Any]]) -> None:
    if answers[-1]["httpStatusCode"] >= 400:
        raise RolledBack


def _one(call: Call, asked: Mapping[str, Any], before: Mapping[str, Any], route: Route) -> dict[str, Any]:
    try:
        path, _, query = _filled(str(asked.get("url", "")), before).partition("?")
        parts = _parts(path)
        body = b"" if asked.get("body") is None else orjson.dumps(_deep(asked["body"], before))
        headers = Headers(asked.get("httpHeaders") or {})
        inner = Request(
            str(asked.get("method", "")), path, urllib.parse.parse_qs(query, keep_blank_values=True), headers, body
        )
        reply = route(call.inner(inner, parts[3:]))
    except Fault as fault:
        reply = fault.reply()
    return {
        "body": reply.body,
        "httpHeaders": dict(reply.headers),
        "httpStatusCode": reply.status,
        "referenceId": asked["referenceId"],
    }


def _parts(path: str) -> tuple[str, ...]:
    parts = tuple(urllib.parse.unquote(part) for part in path.strip("/").split("/"))
    if parts[:2] != ("services", "data") or len(parts) < 4 or parts[3:] == ("composite",):
        raise Fault("INVALID_INPUT", f"The url of a subrequest is not supported: {path}")
    return parts


def _deep(value: Any, before: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _filled(value, before)
    if isinstance(value, list):
        return [_deep(one, before) for one in value]
    return {name: _deep(one, before) for name, one in value.items()} if isinstance(value, dict) else value


def _filled(text: str, before: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        here = before.get(found[1], {}).get("body")
        try:
            for name, index in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", found[2]):
                here = here[name] if name else here[int(index)]
        except (KeyError, IndexError, TypeError):
            here = None
        if here is None:
            raise Fault("PROCESSING_HALTED", f"Invalid reference specified. No value for {found[0]} found")
        return str(here)

    return REFERENCE.sub(value, text)


def _undone(asked: list[dict[str, Any]], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    halted = Fault(
        "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."
    )
    failed = answers[-1]
    return [
        failed
        if one["referenceId"] == failed["referenceId"]
        else {"body": [halted.top()], "httpHeaders": {}, "httpStatusCode": 400, "referenceId": one["referenceId"]}
        for one in asked
    ]
