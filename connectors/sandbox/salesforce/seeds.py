"""
What a new org has, and what a seed puts there as if it had always been: users, queues, fields and records.

Decided here: the shape of a seed. A new org holds itself, a profile and the integration user; it invents no other
owners. The ledger lists a seed under its own name, so that it is told from what a caller changes.
"""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.salesforce import persons
from connectors.sandbox.salesforce.coerce import coerce
from connectors.sandbox.salesforce.errors import Fault
from connectors.sandbox.salesforce.ids import DIGITS, INSTANCE, whole
from connectors.sandbox.salesforce.org import Org, lookups
from connectors.sandbox.salesforce.schema.catalog import holder
from connectors.sandbox.salesforce.schema.field import Field, SObject, from_doc, words
from connectors.sandbox.salesforce.soql.dates import moment
from connectors.sandbox.state import Change, Doc, Row
from connectors.sandbox.wire import Actor

INTEGRATION_EMAIL = "integration@example.com"
STAMPS = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted")
SEED = Actor("seed")


def install(org: Org) -> None:
    """Make a new org: its own row, a profile, the integration user."""
    about = {"Name": "Sandbox", "OrganizationType": "Developer Edition", "IsSandbox": False}
    organization = put(org, "Organization", about, listed=False)
    profile = put(org, "Profile", {"Name": "System Administrator"}, listed=False)
    org.state.keep(Doc("account", "organization", organization), Doc("account", "profile", profile))
    person = {"email": INTEGRATION_EMAIL, "first_name": "Integration", "last_name": "User"}
    user = put(org, "User", _person(org, person), listed=False)
    org.state.keep(Doc("account", "integration_user", user), Doc("account", "installed", True))


def seed(org: Org, doc: Mapping[str, Any]) -> dict[str, Any]:
    """Store {fields, owners, records}; return the ids in the order given."""
    unknown = set(doc) - {"fields", "owners", "records"}
    if unknown:
        raise ValueError(f"A seed has the keys fields, owners and records, not {', '.join(sorted(unknown))}.")
    try:
        with org.state.whole():
            for each in doc.get("fields", ()):
                _field(org, each)
            owners = {str(each.get("email") or each.get("name")): _owner(org, each) for each in doc.get("owners", ())}
            labels: dict[str, str] = {}
            records = [_record(org, each, labels) for each in doc.get("records", ())]
    except Fault as fault:
        raise ValueError(f"{fault.code}: {fault.message}") from fault
    finally:
        org.forget_fields()
    return {"owners": owners, "records": records}


def put(org: Org, name: str, properties: Mapping[str, Any], record: str | None = None, *, listed: bool = True) -> str:
    """Store a record as it is and return its id; the ledger lists it as a seed, or not at all."""
    sobject = org.sobject(name)
    now = org.state.now()
    modified = _ms(properties.get("SystemModstamp") or properties.get("LastModifiedDate"), now)
    created = _ms(properties.get("CreatedDate"), min(now, modified))
    gone = bool(properties.get("IsDeleted"))
    kept = {key: one for key, one in properties.items() if key not in STAMPS and one is not None}
    row = Row(sobject.name, record or org.mint(sobject), kept, created, max(created, modified), gone)
    index = () if gone else lookups(sobject, kept)
    # An update without a difference is stored and not listed: what a new org has was always there.
    op, after = ("seed", kept) if listed else ("update", None)
    org.state.apply([Change(op, row.object, row.id, None, after, row=row, lookups=index)], SEED)
    return row.id


def _ms(given: Any, default: int) -> int:
    return int(moment(str(given)).timestamp() * 1000) if given else default


# fields


def _field(org: Org, doc: Mapping[str, Any]) -> None:
    """A custom field everybody sees, or with `hidden` a standard field that nobody does."""
    name, owner = str(doc["name"]), holder(str(doc["object"]))
    given = {key: one for key, one in doc.items() if key != "object"}
    shown = "Task" if owner == "Activity" else owner
    base = org.sobject(shown).fields.get(name)
    whole_doc = base.to_doc() if base else {"label": words(name), "custom": True}
    if given.get("type", whole_doc.get("type")) == "boolean":
        whole_doc = {"nillable": False, "defaulted": True, "default": False, **whole_doc}
    field: Field = from_doc({**whole_doc, **given})
    org.state.keep(Doc("field", f"{owner}.{name}", {"field": field.to_doc()}))
    org.forget_fields()


# owners


def _owner(org: Org, doc: Mapping[str, Any]) -> str:
    if str(doc.get("kind", doc.get("type", ""))).lower() == "queue":
        return _queue(org, doc)
    if doc.get("integration"):
        record = org.integration_user
        return put(org, "User", _person(org, doc), record)
    return put(org, "User", _person(org, doc), _given_id(org, "User", doc.get("id")))


def _person(org: Org, doc: Mapping[str, Any]) -> dict[str, Any]:
    email = str(doc["email"])
    first, _, last = str(doc.get("name", "")).rpartition(" ")
    return {
        "Username": doc.get("username", email),
        "Email": email,
        "FirstName": doc.get("first_name", doc.get("firstName", first)) or None,
        "LastName": doc.get("last_name", doc.get("lastName", last)) or email.partition("@")[0],
        "Alias": email[:8],
        "IsActive": bool(doc.get("active", True)),
        "UserType": doc.get("user_type", "Standard"),
        "TimeZoneSidKey": doc.get("timezone", "GMT"),
        "LocaleSidKey": "en_US",
        "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US",
        "ProfileId": org.state.doc("account", "profile"),
    }


def _queue(org: Org, doc: Mapping[str, Any]) -> str:
    """A queue owns leads and tasks unless `objects` says otherwise."""
    name = str(doc.get("name") or doc["email"])
    developer = "".join(letter if letter.isalnum() else "_" for letter in name)
    properties = {"Name": name, "DeveloperName": developer, "Type": "Queue", "Email": doc.get("email")}
    queue = put(org, "Group", properties, _given_id(org, "Group", doc.get("id")))
    for each in doc.get("objects", ("Lead", "Task")):
        put(org, "QueueSobject", {"QueueId": queue, "SobjectType": each})
    for member in doc.get("members", ()):
        put(org, "GroupMember", {"GroupId": queue, "UserOrGroupId": _reference(org, member, {})})
    return queue


# records


def _record(org: Org, doc: Mapping[str, Any], labels: dict[str, str]) -> dict[str, str]:
    """
    Store {object, properties, associations, ref}.

    Associations name a reference field and an id, the `ref` of an earlier record of this seed, or an owner's e-mail.
    """
    sobject = org.sobject(str(doc["object"]))
    given = dict(doc.get("properties", {}))
    for name, target in (doc.get("associations") or {}).items():
        given[name] = _reference(org, target, labels)
    properties: dict[str, Any] = {
        each.name: each.default for each in sobject.fields.values() if each.default not in (None, False) and not each.hidden
    }
    for name in ("OwnerId", "CreatedById", "LastModifiedById"):
        if name in sobject.fields and "User" in sobject.fields[name].refers:
            properties[name] = org.integration_user
    for name, value in given.items():
        field = sobject.find(name)
        if field is None:
            raise ValueError(f"{sobject.name} has no field {name!r}; seed it under `fields` first.")
        if field.refers and value is not None:
            value = _reference(org, value, labels)  # noqa: PLW2901  the rest of the loop wants the id
        properties[field.name] = value if field.name in STAMPS else coerce(field, value)
    if persons.is_person(sobject.name, properties):
        properties |= persons.marks(org, properties)
    record = put(org, sobject.name, properties, _given_id(org, sobject.name, doc.get("id", given.get("Id"))))
    if persons.is_person(sobject.name, properties) and (row := org.row(record)):
        contact = persons.mirror(org, row)[1]
        put(org, contact.object, contact.properties, contact.id)
    if "ref" in doc:
        labels[str(doc["ref"])] = record
    return {"object": sobject.name, "id": record}


def _reference(org: Org, target: Any, labels: Mapping[str, str]) -> str:
    """Return the id meant by an id, a label of this seed, a user's e-mail or a queue's name."""
    text = str(target)
    if text in labels:
        return labels[text]
    if "@" in text:
        users = org.sobject("User")
        found = org.find(users, users.fields["Email"], text)
        if found:
            return found[0].id
    for row in org.state.scan("Group"):
        if text in (row.properties.get("Name"), row.properties.get("DeveloperName"), row.properties.get("Email")):
            return row.id
    key = whole(text)
    if key is None:
        raise ValueError(f"{text!r} is no id, no `ref` of this seed and no owner.")
    return key


def _given_id(org: Org, name: str, given: Any) -> str | None:
    if given is None:
        return None
    sobject: SObject = org.sobject(name)
    key = whole(given)
    if key is None or not key.startswith(sobject.prefix):
        raise ValueError(f"{given!r} is no id of {name}: those begin with {sobject.prefix} and carry a checksum.")
    if key[3:6] == INSTANCE:
        number = 0
        for digit in key[6:15]:
            number = number * len(DIGITS) + DIGITS.index(digit)
        org.state.at_least(f"id {sobject.prefix}", number)
    return key
