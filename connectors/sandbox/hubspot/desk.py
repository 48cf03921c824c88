"""
Where records are found and written: identity, uniqueness, merges, and the memory that a lagging search index needs.

Decided here: what one record becomes. How a batch answers is decided in `batches`, which values fit in `values` and `rules`.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.sandbox.hubspot import rules
from connectors.sandbox.hubspot.errors import Refusal, Wrong, conflict, invalid, wrong_values
from connectors.sandbox.hubspot.kinds import BY_WORD, Kind
from connectors.sandbox.hubspot.schema import standard
from connectors.sandbox.hubspot.values import kept
from connectors.sandbox.state import Change, Doc, Link, Row, State
from connectors.sandbox.wire import Actor

FIRST_ID = 10_000_000_001
STRICTEST = "2026-09"


@dataclass(frozen=True, slots=True)
class Draft:
    """One record as it will be after the call, and the change that makes it so. `echo` is what the answer repeats."""

    row: Row
    change: Change
    echo: dict[str, str]
    new: bool = False


@dataclass(slots=True)
class Writing:
    """One writing call: its version and person, and the unique values it has given away so far."""

    kind: Kind
    version: str
    actor: Actor
    claimed: dict[tuple[str, str], str] = field(default_factory=dict)


class Desk:
    """All reading and writing of records in one portal."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.versions: list[tuple[int, str, str, Row | None]] = []  # (when, object, id, what the search index still shows)
        self._standard: dict[str, dict[str, Any]] = {}

    # what there is

    def kind(self, word: str) -> Kind:
        """Return the object type by name, plural or id, in any case."""
        lowered = word.lower()
        known = BY_WORD.get(lowered)
        if known is not None:
            return known
        for type_id, body in self.state.docs("object_type").items():
            if lowered in (type_id, body["name"], body["fullyQualifiedName"]):
                return Kind(type_id, type_id, type_id, body["labels"]["singular"], ())
        if self.state.switch("lenient"):
            return Kind(lowered, lowered, lowered, word, ())
        raise invalid(f"Unable to infer object type from: {word}")

    def definitions(self, kind: str) -> Mapping[str, Any]:
        """Return the properties of an object, the portal's own first."""
        if kind not in self._standard:
            self._standard[kind] = standard(kind)
        return ChainMap(dict(self.state.docs(f"property:{kind}")), self._standard[kind])

    def unique(self, kind: str) -> list[str]:
        own = [name for name, body in self.state.docs(f"property:{kind}").items() if body["hasUniqueValue"]]
        return [*own, "email"] if kind == "contact" else own

    # finding

    def survivor(self, kind: str, record: str) -> str:
        """Return the id that answers for this one: itself, or what it was merged into."""
        while (merged := self.state.doc("merged", f"{kind}:{record}")) is not None:
            record = merged
        return record

    def rows(self, kind: Kind, ids: Sequence[str], *, archived: bool = False) -> dict[str, Row]:
        """Return asked id -> record; a merged id answers with its survivor."""
        standing = {record: self.survivor(kind.name, record) for record in ids}
        found = self.state.rows(kind.name, list(dict.fromkeys(standing.values())))
        return {asked: found[now] for asked, now in standing.items() if now in found and found[now].archived == archived}

    def lookup(self, kind: Kind, name: str, values: Sequence[str]) -> dict[str, Row]:
        """Return value -> record by a unique property; an e-mail matches secondary addresses too."""
        if name not in self.unique(kind.name) and not self.state.switch("lenient"):
            portal = self.state.doc("account", "portal")
            message = f"Unable to perform update/upsert by non-unique {kind.type_id} property {name} in portal ID {portal}"
            raise invalid(message)
        wanted = {value: value.strip().lower() if name == "email" else value for value in values}
        found = self.state.find(kind.name, name, list(set(wanted.values())))
        rows = self.state.rows(kind.name, [ids[0] for ids in found.values()])
        return {value: rows[found[folded][0]] for value, folded in wanted.items() if folded in found}

    # writing

    def create(self, writing: Writing, properties: Mapping[str, Any], links: list[Link]) -> Draft:
        """Draft a new record, or raise the refusal."""
        kind, now = writing.kind, self.state.now()
        sent = self._judged(kind, properties)
        if not self.state.switch("lenient"):
            rules.insist_on_creation(kind, sent, links, self.state)
            if writing.version == STRICTEST:
                rules.insist_as_admin(kind, None, sent, self.state)
        self._claim(writing, sent, None)
        record = str(self.state.next("record", FIRST_ID))
        self._give(writing, sent, record)
        values = {**sent, **rules.computed(kind, sent, record, now)}
        stored = {name: value for name, value in values.items() if value != ""}
        row = Row(kind.name, record, stored, now, now)
        outward = [replace(link, from_id=record) if link.from_id == "" else link for link in links]
        outward = [replace(link, to_id=record) if link.to_id == "" else link for link in outward]
        change = Change(
            "create",
            kind.name,
            record,
            after=self.noted(stored, outward),
            key=self.key(kind.name, stored),
            row=row,
            lookups=self.lookups(kind.name, stored),
            link=outward,
        )
        return Draft(row, change, {**values, **self.stamps(kind, row, whole=True)}, new=True)

    def update(self, writing: Writing, row: Row, properties: Mapping[str, Any]) -> Draft:
        """Draft the record with these values, or raise the refusal."""
        kind, now = writing.kind, self.state.now()
        sent = self._judged(kind, properties)
        if rules.goes_back(row.properties, sent):
            sent["lifecyclestage"] = row.properties["lifecyclestage"]
        if writing.version == STRICTEST and not self.state.switch("lenient"):
            rules.insist_as_admin(kind, row.properties, sent, self.state)
        self._claim(writing, sent, row.id)
        self._give(writing, sent, row.id)
        values = {**sent, **rules.computed(kind, sent, None, now)}
        if values.get("hubspot_owner_id") == row.properties.get("hubspot_owner_id"):
            values.pop("hubspot_owner_assigneddate", None)
        draft = self.rewritten("update", row, values, now)
        return Draft(draft.row, draft.change, {**values, **self.stamps(kind, draft.row, whole=kind.echoes_id)})

    def rewritten(self, op: str, row: Row, values: Mapping[str, str], now: int) -> Draft:
        """Draft a record with some values replaced; only what differs is noted."""
        old = row.properties
        before = {name: old.get(name, "") for name, value in values.items() if old.get(name, "") != value}
        after = {name: values[name] for name in before}
        stored = {**old, **values}
        changed = replace(row, properties=stored, modified=now if before else row.modified)
        lookups = self.lookups(row.object, stored) if set(before) & {*self.unique(row.object), "domain"} else None
        key = self.key(row.object, stored)
        change = Change(op, row.object, row.id, before, after, key, changed, lookups)
        return Draft(changed, change, {})

    def archive(self, row: Row) -> Change:
        """The record leaves every list and gives its unique values back, unless the portal keeps them."""
        names = [(f"archived:{name}", value) for name, value in self.lookups(row.object, row.properties)]
        gone = replace(row, archived=True, modified=self.state.now())
        return Change("archive", row.object, row.id, row.properties, None, self.key(row.object, row.properties), gone, names)

    def apply(self, changes: Sequence[Change], actor: Actor) -> None:
        """Write the changes, and remember what a search index that lags still shows."""
        with self.state.lock:
            if self.state.switch("search_lag_s", 0):
                now = self.state.now()
                for change in changes:
                    if change.row is not None or change.purge:
                        self.versions.append((now, change.object, change.id, self.state.row(change.object, change.id)))
            self.state.apply(changes, actor)

    def stamps(self, kind: Kind, row: Row, *, whole: bool) -> dict[str, str]:
        """Return the time properties, and the id where HubSpot repeats it."""
        from connectors.sandbox.state import iso

        stamps = {kind.modified: iso(row.modified)}
        return {kind.created: iso(row.created), "hs_object_id": row.id, **stamps} if whole else stamps

    def key(self, kind: str, values: Mapping[str, str]) -> str | None:
        """Return the unique value that stands for this record in the ledger."""
        return next((values[name] for name in self.unique(kind) if values.get(name)), None)

    def lookups(self, kind: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
        found = [(name, values[name]) for name in self.unique(kind) if values.get(name)]
        found += [("email", other) for other in values.get("hs_additional_emails", "").split(";") if other]
        return [*found, ("domain", values["domain"])] if values.get("domain") else found

    @staticmethod
    def noted(values: Mapping[str, str], links: Sequence[Link]) -> dict[str, Any]:
        """Return what the ledger shows of a new record."""
        to = [{"object": link.to_object, "id": link.to_id, "type": link.type} for link in links[::2]]
        return {**values, "associations": to} if to else dict(values)

    def _judged(self, kind: Kind, properties: Mapping[str, Any]) -> dict[str, str]:
        lenient = bool(self.state.switch("lenient"))
        known = self.definitions(kind.name)
        values: dict[str, str] = {}
        wrongs: list[Wrong] = []
        for name, value in properties.items():
            definition = known.get(name)
            if lenient:
                judged: str | Wrong = "" if value is None else str(value)
            elif definition is None:
                judged = Wrong(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
            elif definition.get("modificationMetadata", {}).get("readOnlyValue"):
                judged = Wrong(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set')
            else:
                judged = self._owned(name, kept(value, definition), definition)
            if isinstance(judged, Wrong):
                wrongs.append(judged)
            else:
                values[name] = judged
        if wrongs:
            raise wrong_values(wrongs)
        return values

    def _owned(self, name: str, value: str | Wrong, definition: Mapping[str, Any]) -> str | Wrong:
        if isinstance(value, Wrong) or not value or definition.get("referencedObjectType") != "OWNER":
            return value
        owner = self.state.doc("owner", value)
        if owner is None or (owner["archived"] and self.state.switch("refuse_inactive_owner", True)):
            return Wrong(name, "INVALID_OWNER_ID", f"{value} is not the id of an active owner.")
        return value

    def _claim(self, writing: Writing, sent: Mapping[str, str], own: str | None) -> None:
        """Raise if another record, stored or drafted in this call, holds one of the unique values."""
        kind = writing.kind
        for name in self.unique(kind.name):
            value = sent.get(name)
            if not value:
                continue
            held = self.state.find(kind.name, name, [value]).get(value, [])
            if self.state.switch("archived_holds_unique"):
                held = held + self.state.find(kind.name, f"archived:{name}", [value]).get(value, [])
            drafted = writing.claimed.get((name, value))
            holder = next((other for other in [*held, drafted] if other not in (None, own)), None)
            if holder is not None:
                raise self._taken(kind, name, value, holder)

    def _give(self, writing: Writing, sent: Mapping[str, str], record: str) -> None:
        writing.claimed |= {(name, sent[name]): record for name in self.unique(writing.kind.name) if sent.get(name)}

    def _taken(self, kind: Kind, name: str, value: str, holder: str) -> Refusal:
        if name == "email":
            return conflict(kind.label, holder)
        said = f"Cannot set {name}={value} on a {kind.type_id} record. {holder} already has that value."
        if self.state.switch("unique_conflict_status", 400) == 409:
            return Refusal(409, "CONFLICT", said)
        return wrong_values([Wrong(name, "CONFLICTING_UNIQUE_VALUE", said)])

    # merging

    def merge(self, kind: Kind, primary: Row, other: Row) -> list[Change]:
        """Two records become one under a new id; the old ids answer for it."""
        now = self.state.now()
        record = str(self.state.next("record", FIRST_ID))
        values = {**other.properties, **{name: value for name, value in primary.properties.items() if value}}
        old = [
            one for row in (primary, other) for one in [*row.properties.get("hs_merged_object_ids", "").split(";"), row.id]
        ]
        values["hs_merged_object_ids"] = ";".join(dict.fromkeys(one for one in old if one))
        emails = [one for row in (primary, other) for one in self._emails(row)]
        if len(emails) > 1:
            values["hs_additional_emails"] = ";".join(dict.fromkeys(one for one in emails if one != values.get("email")))
        row = Row(kind.name, record, values, min(primary.created, other.created), now)
        links = [link for one in (primary, other) for link in self._moved(one, record)]
        gone = [Change("purge", kind.name, one.id, one.properties, None, purge=True) for one in (primary, other)]
        docs = [Doc("merged", f"{kind.name}:{one.id}", record) for one in (primary, other)]
        key = self.key(kind.name, values)
        after = {**values, "merged": [primary.id, other.id]}
        lookups = self.lookups(kind.name, values)
        return [*gone, Change("merge", kind.name, record, None, after, key, row, lookups, link=links, docs=docs)]

    @staticmethod
    def _emails(row: Row) -> list[str]:
        values = [row.properties.get("email", ""), *row.properties.get("hs_additional_emails", "").split(";")]
        return [value for value in values if value]

    def _moved(self, row: Row, record: str) -> list[Link]:
        out = self.state.links(row.object, [row.id])
        back = [
            one for link in out for one in self.state.links(link.to_object, [link.to_id], row.object) if one.to_id == row.id
        ]
        return [replace(link, from_id=record) for link in out] + [replace(link, to_id=record) for link in back]
