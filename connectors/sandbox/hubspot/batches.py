"""
The batch verbs: create, read, update, upsert, archive.

Decided here: when one bad row refuses the batch and when it is one of the `errors`, and which status says so. Rows
themselves are drafted by the desk. Partial results need a unique trace id on every input; an upsert by e-mail has none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.hubspot import shape
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.automation import Automation
from connectors.sandbox.hubspot.call import Call
from connectors.sandbox.hubspot.desk import Desk, Draft, Writing
from connectors.sandbox.hubspot.errors import Refusal, invalid, missing, not_found, wrong_values
from connectors.sandbox.hubspot.errors import Wrong as WrongValue
from connectors.sandbox.hubspot.kinds import Kind
from connectors.sandbox.wire import Reply

Input = Mapping[str, Any]
Outcome = Draft | Refusal


@dataclass(frozen=True, slots=True)
class Batch:
    """What the rows of one call share."""

    call: Call
    kind: Kind
    verb: str
    inputs: Sequence[Input]
    writing: Writing
    started: int

    @property
    def traced(self) -> bool:
        traces = [one.get("objectWriteTraceId") for one in self.inputs]
        return all(traces) and len(set(traces)) == len(traces)


class Batches:
    """Answers `/{type}/batch/{verb}`."""

    def __init__(self, desk: Desk, associations: Associations, automation: Automation) -> None:
        self._desk = desk
        self._state = desk.state
        self._associations = associations
        self._automation = automation

    def answer(self, call: Call, kind: Kind, verb: str) -> Reply:
        """Carry out one verb."""
        verbs: Mapping[str, Callable[[Batch], Reply]] = {
            "create": lambda batch: self._write(batch, self._create),
            "update": lambda batch: self._write(batch, self._update),
            "upsert": lambda batch: self._write(batch, self._upsert),
            "read": self._read,
            "archive": self._archive,
        }
        if verb not in verbs or call.method != "POST":
            raise missing(f"Unable to find {call.request.path}")
        writing = Writing(kind, call.version, call.actor)
        return verbs[verb](Batch(call, kind, verb, call.inputs(), writing, self._state.now()))

    # drafting, one outcome per input

    def _create(self, batch: Batch) -> list[Outcome]:
        for name in self._desk.unique(batch.kind.name):
            values = [str(one["properties"][name]).lower() for one in batch.inputs if _properties(one).get(name)]
            _refuse_twins(values, "Duplicate unique property values found in batch input")
        return [self._tried(self._created, batch, one) for one in batch.inputs]

    def _created(self, batch: Batch, one: Input) -> Draft:
        links = self._associations.asked(batch.kind, one.get("associations") or [])
        return self._desk.create(batch.writing, _properties(one), links)

    def _update(self, batch: Batch) -> list[Outcome]:
        rows = self._named(batch)
        _refuse_twins(
            [rows[str(one["id"])].id for one in batch.inputs if str(one["id"]) in rows], "Duplicate IDs found in batch input"
        )

        def updated(batch: Batch, one: Input) -> Draft:
            row = rows.get(str(one.get("id")))
            if row is None:
                raise not_found(batch.kind.name, [str(one.get("id"))])
            return self._desk.update(batch.writing, row, _properties(one))

        return [self._tried(updated, batch, one) for one in batch.inputs]

    def _upsert(self, batch: Batch) -> list[Outcome]:
        rows = self._named(batch)
        ids = [
            rows[str(one["id"])].id if str(one["id"]) in rows else f"new {str(one['id']).lower()}" for one in batch.inputs
        ]
        _refuse_twins(ids, "Duplicate IDs found in batch input")

        def upserted(batch: Batch, one: Input) -> Draft:
            named, row = one.get("idProperty"), rows.get(str(one["id"]))
            if row is not None:
                return self._desk.update(batch.writing, row, _properties(one))
            if not named and not self._state.switch("lenient"):
                raise not_found(batch.kind.name, [str(one["id"])])
            return self._desk.create(batch.writing, {str(named or "id"): str(one["id"]), **_properties(one)}, [])

        return [self._tried(upserted, batch, one) for one in batch.inputs]

    def _named(self, batch: Batch) -> dict[str, Any]:
        """Return the `id` of an input -> record, by id or by the unique property the inputs name."""
        if any(not one.get("id") for one in batch.inputs):
            raise invalid("Some required fields were not set: [id]")
        properties = {one.get("idProperty") for one in batch.inputs}
        found: dict[str, Any] = {}
        for name in properties:
            ids = [str(one["id"]) for one in batch.inputs if one.get("idProperty") == name]
            found |= self._desk.lookup(batch.kind, str(name), ids) if name else self._desk.rows(batch.kind, ids)
        return found

    def _tried(self, draft: Callable[[Batch, Input], Draft], batch: Batch, one: Input) -> Outcome:
        try:
            return draft(batch, one)
        except Refusal as refusal:
            return refusal

    # writing

    def _write(self, batch: Batch, drafting: Callable[[Batch], list[Outcome]]) -> Reply:
        outcomes = drafting(batch)
        forced = self._strike(batch, outcomes)
        bad = next((one for one in outcomes if isinstance(one, Refusal)), None)
        if bad is not None and not forced and not self._partial(batch, outcomes):
            raise bad
        drafts = [one for one in outcomes if isinstance(one, Draft)]
        self._desk.apply([draft.change for draft in drafts], batch.call.actor)
        self._automation.follow(batch.kind, drafts, batch.call.actor)
        return self._reply(batch, outcomes)

    def _strike(self, batch: Batch, outcomes: list[Outcome]) -> bool:
        """Fail the row that a fault names; say whether the rest goes on."""
        fault, args = batch.call.actor.fault, batch.call.actor.args
        if fault not in ("row_error", "partial_as_200") or not outcomes:
            return False
        code = str(args.get("code", "INVALID_OPTION"))
        name = str(args.get("property", "pql_tier"))
        wrong = wrong_values([WrongValue(name, code, str(args.get("message", f"{name} was not accepted")))])
        outcomes[int(args.get("index", 0)) % len(outcomes)] = wrong
        return not args.get("whole")

    def _partial(self, batch: Batch, outcomes: Sequence[Outcome]) -> bool:
        if self._state.switch("whole_batch_refusal"):
            return False
        if batch.verb == "update" and all(one.status == 404 for one in outcomes if isinstance(one, Refusal)):
            return True
        by_email = any(one.get("idProperty") == "email" for one in batch.inputs)
        if by_email and batch.verb == "upsert" and not self._state.switch("partial_email_upserts"):
            return False
        return batch.traced

    def _reply(self, batch: Batch, outcomes: Sequence[Outcome]) -> Reply:
        results, errors = [], []
        dialect = dialect_of(self._desk, batch.call)
        for one, outcome in zip(batch.inputs, outcomes, strict=True):
            trace = one.get("objectWriteTraceId")
            if isinstance(outcome, Refusal):
                errors.append(outcome.entry(dialect, trace))
                continue
            item = shape.record(outcome.row, outcome.echo)
            if batch.verb == "upsert":
                item["new"] = outcome.new
            if trace and self._state.switch("echo_trace_ids"):
                item["objectWriteTraceId"] = trace
            results.append(item)
        return self._answered(batch, results, errors, 201 if batch.verb == "create" else 200)

    def _answered(self, batch: Batch, results: list[dict[str, Any]], errors: list[dict[str, Any]], good: int) -> Reply:
        body = shape.batch(shape.shuffled(self._desk, results), batch.started, self._state.now())
        if not errors:
            return Reply(good, body)
        plain = batch.call.actor.fault == "partial_as_200" or partial_status(self._desk, batch.call) == "plain"
        return Reply(good if plain else 207, {**body, "numErrors": len(errors), "errors": errors})

    # reading and archiving

    def _read(self, batch: Batch) -> Reply:
        body = batch.call.body()
        ids = [str(one.get("id", "")) for one in batch.inputs]
        batch.call.refuse_history(body.get("propertiesWithHistory"))
        named = body.get("idProperty")
        archived = batch.call.flag("archived")
        if named:
            found = self._desk.lookup(batch.kind, str(named), ids)
        else:
            found = self._desk.rows(batch.kind, ids, archived=archived)
        asked = [str(name) for name in body.get("properties") or ()]
        rows = {row.id: row for row in found.values()}
        results = [shape.read(self._desk, batch.kind, row, asked) for row in rows.values()]
        lacking = list(dict.fromkeys(one for one in ids if one not in found))
        errors = [not_found(batch.kind.name, lacking).entry("listed")] if lacking else []
        return self._answered(batch, results, errors, 200)

    def _archive(self, batch: Batch) -> Reply:
        ids = [str(one.get("id", "")) for one in batch.inputs]
        rows = {row.id: row for row in self._desk.rows(batch.kind, ids).values()}
        self._desk.apply([self._desk.archive(row) for row in rows.values()], batch.call.actor)
        return Reply(204)


def _properties(one: Input) -> Mapping[str, Any]:
    properties = one.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Some required fields were not set: [properties]")
    return properties


def _refuse_twins(values: Sequence[str], says: str) -> None:
    twins = sorted({value for value in values if values.count(value) > 1})
    if twins:
        raise invalid(f"{says}: [{', '.join(twins)}]. Values must be unique.", ids=twins)


def dialect_of(desk: Desk, call: Call) -> str:
    """Return how details are written: embedded in the message (v3) or listed (dated versions)."""
    wanted = desk.state.switch("error_dialect", "by_version")
    if wanted != "by_version":
        return str(wanted)
    return "listed" if call.dated else "embedded"


def partial_status(desk: Desk, call: Call) -> str:
    """Return how a partial result is told: 207, or plain success with `errors` as 2026-09 declares."""
    wanted = str(desk.state.switch("partial_status", "by_version"))
    if wanted != "by_version":
        return wanted
    return "plain" if call.version == "2026-09" else "207"
