"""
Recorded traffic of a real org, replayed: does the sandbox answer with the same statuses, keys, types and error codes?

Each scenario starts from a new org with its preconditions: the org's own fields as its describes tell them, the standard
fields its security hides, and the records it meets without having made them, under their recorded ids. Ids made on the way
are translated; ids, times and texts are not compared. SOAP logins are out of scope: the sandbox has no SOAP.
"""

import gzip
import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connectors.sandbox.salesforce.schema.catalog import OBJECTS
from connectors.sandbox.serve import Endpoint, Sandbox

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "recordings" / "salesforce.jsonl.gz"
pytestmark = [
    pytest.mark.needs_shared_data,
    pytest.mark.skipif(not RECORDINGS.parent.parent.exists(), reason="the shared data set is not beside this checkout"),
]
GROUPS = ("composite", "query", "sobjects")
WANTED = 0.95
SAME = ("errorCode", "statusCode", "success", "done", "totalSize", "type", "name", "fields")  # compared by value
# A field as a describe tells it -> as a seed takes it.
FACTS = {
    "name": "name",
    "label": "label",
    "type": "type",
    "length": "length",
    "nillable": "nillable",
    "createable": "createable",
    "updateable": "updateable",
    "defaultedOnCreate": "defaulted",
    "defaultValue": "default",
    "unique": "unique",
    "externalId": "external_id",
    "caseSensitive": "case_sensitive",
    "idLookup": "id_lookup",
    "restrictedPicklist": "restricted",
    "custom": "custom",
    "precision": "precision",
    "scale": "scale",
    "extraTypeInfo": "extra",
    "relationshipName": "relationship",
}


def scenarios():
    """Return name -> its exchanges in order."""
    found = {}
    with gzip.open(RECORDINGS, "rt") as lines:
        for line in lines:
            exchange = json.loads(line)
            found.setdefault(exchange["file"].partition("fixtures/")[2], []).append(exchange)
    return {name: sorted(each, key=lambda one: one["i"]) for name, each in found.items()}


def group_of(exchange):
    path = exchange["path"]
    if "/composite" in path:
        return "composite"
    if "/query" in path:
        return "query"
    return "sobjects" if "/sobjects" in path else None


def query_of(exchange):
    """Return the parameters; the recording kept them percent-encoded."""
    return {name: urllib.parse.unquote(str(value)) for name, value in (exchange.get("query") or {}).items()}


# preconditions


def described_fields(exchanges):
    """Return what the org's own describes add to, and hide from, the standard objects."""
    for name, fields in _describes(exchanges).items():
        standard = OBJECTS[name].fields
        for told in fields.values():
            if told["name"] not in standard:
                facts = {ours: told[theirs] for theirs, ours in FACTS.items()}
                values = [each["value"] for each in told["picklistValues"]]
                yield {"object": name, **facts, "values": values, "refers": told["referenceTo"]}
        yield from ({"object": name, "name": each, "hidden": True} for each in standard if each not in fields)


def _describes(exchanges):
    found = {}
    for exchange in exchanges:
        if exchange["path"].endswith("/describe"):
            body = exchange["response"]
            found.setdefault(body["name"], {}).update({each["name"]: each for each in body["fields"]})
    return found


def earlier_records(exchanges):
    """Return the records that appear before the scenario has made them."""
    made, met = set(), {}
    for exchange in exchanges:
        if exchange["method"] == "POST" and group_of(exchange):
            answers = exchange["response"] if isinstance(exchange["response"], list) else [exchange["response"]]
            made |= {item.get("id") for item in answers}
        for record in exchange["response"].get("records", []) if group_of(exchange) == "query" else []:
            key = record["attributes"]["url"].rpartition("/")[2]
            if key not in made:
                met.setdefault(key, {}).update(record, **_equality(exchange))
    return [_seeded(key, record) for key, record in met.items()]


def _equality(exchange):
    found = re.search(r"WHERE (\w+) = '([^']*)'$", query_of(exchange)["q"])
    return {found[1]: found[2]} if found else {}


def _seeded(key, record):
    kind = record["attributes"]["type"]
    needed = {"Contact": {"LastName": "Seeded"}, "Account": {"Name": "Seeded"}}.get(kind, {"Name": "Seeded"})
    return {"object": kind, "properties": {**needed, **record, "Id": key, "attributes": None}}


def seed(salesforce: Endpoint, exchanges):
    salesforce.control.reset()
    records = earlier_records(exchanges)
    for record in records:
        record["properties"].pop("attributes")
    salesforce.seed(fields=list(described_fields(exchanges)), records=records)


# replay


def replay(salesforce: Endpoint, exchanges) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (group, call, differences) of each exchange."""
    ids = {}
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {salesforce.token}"
        for exchange in exchanges:
            group = group_of(exchange)
            if group is None:
                continue
            reply = _send(session, salesforce.url, exchange, ids)
            body = reply.json() if reply.content else None
            _learn(exchange, body, ids)
            wanted = (exchange["status"], exchange["response"] or None)
            yield (
                group,
                f"{exchange['i']} {exchange['method']} {exchange['path']}",
                differences(wanted, (reply.status_code, body)),
            )


def _send(session, url, exchange, ids):
    path, query = _translated(exchange["path"], ids), {n: _translated(v, ids) for n, v in query_of(exchange).items()}
    sent = exchange.get("request")
    body = json.loads(_translated(json.dumps(sent), ids)) if sent else None
    return session.request(exchange["method"], url + path, params=query, json=body, timeout=10)


def _translated(text, ids):
    return re.sub(r"\b[0-9A-Za-z]{18}\b", lambda found: ids.get(found[0], found[0]), text)


def _learn(exchange, body, ids):
    """Remember which of our ids stands for which recorded one."""
    if exchange["method"] == "POST" and isinstance(body, type(exchange["response"])):
        pairs = zip(exchange["response"], body, strict=False) if isinstance(body, list) else [(exchange["response"], body)]
        ids.update({theirs["id"]: ours["id"] for theirs, ours in pairs if "id" in theirs and "id" in ours})


# comparison


def differences(wanted, found):
    """Return where status, keys, types or the values of `SAME` differ."""
    if wanted[0] != found[0]:
        return [f"status {found[0]} instead of {wanted[0]}"]
    return list(_compare(wanted[1], found[1], ""))


def _compare(wanted, found, at):
    kinds = _kind(wanted), _kind(found)
    if kinds[0] != kinds[1]:
        yield f"{at or '/'}: {kinds[1]} instead of {kinds[0]}"
    elif isinstance(wanted, dict):
        for name in sorted(set(wanted) ^ set(found)):
            yield f"{at}/{name}: {'missing' if name in wanted else 'too much'}"
        for name in sorted(set(wanted) & set(found)):
            yield from _compare(wanted[name], found[name], f"{at}/{name}")
    elif isinstance(wanted, list):
        yield from _compare_lists(wanted, found, at)
    elif at.rpartition("/")[2] in SAME and wanted != found:
        yield f"{at}: {found!r} instead of {wanted!r}"


def _compare_lists(wanted, found, at):
    name = at.rpartition("/")[2]
    if name == "fields" and wanted and isinstance(wanted[0], dict):  # of a describe: by name, in no order
        ours, theirs = ({each["name"]: each for each in many} for many in (found, wanted))
        yield from _compare(theirs, ours, f"{at}[]")
    elif name in ("picklistValues", "childRelationships", "referenceTo", "recordTypeInfos", "supportedScopes"):
        if wanted and found:  # what an org's admin or edition decides: the shape of an entry is compared
            yield from ((f"{at}: entries of another shape") for one in found[:1] if _shape(one) != _shape(wanted[0]))
    elif len(wanted) != len(found):
        yield f"{at or '/'}: {len(found)} items instead of {len(wanted)}"
    else:
        for place, (theirs, ours) in enumerate(zip(wanted, found, strict=True)):
            yield from _compare(theirs, ours, f"{at}[{place}]")


def _kind(value):
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def _shape(value):
    return {name: _kind(one) for name, one in value.items()} if isinstance(value, dict) else _kind(value)


# the tests


@pytest.fixture(scope="module")
def outcome():
    """Return group -> [(scenario, call, differences)] over all scenarios."""
    found = {group: [] for group in GROUPS}
    with Sandbox.start() as sandbox:
        for name, exchanges in scenarios().items():
            seed(sandbox.salesforce, exchanges)
            for group, call, differing in replay(sandbox.salesforce, exchanges):
                found[group].append((name, call, differing))
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_recorded_calls_are_answered_as_a_real_org_answered_them(outcome, group, capsys):
    calls = outcome[group]
    differing = [each for each in calls if each[2]]
    with capsys.disabled():
        print(f"\n{group}: {len(calls) - len(differing)} of {len(calls)} recorded calls answered alike")
        for text, times in Counter(re.sub(r"\[\d+\]", "[]", one) for each in differing for one in each[2]).most_common(40):
            print(f"  {times} x {text}")

    assert (len(calls) - len(differing)) / len(calls) >= WANTED, differing[:5]


def test_every_recorded_exchange_but_soap_logins_is_replayed(outcome):
    total = sum(len(exchanges) for exchanges in scenarios().values())
    soap = sum("/Soap/" in each["path"] for exchanges in scenarios().values() for each in exchanges)

    assert sum(len(calls) for calls in outcome.values()) == total - soap
