"""
A store, a CRM with some people, and everything that can happen to them; all of it goes through the real push and HTTP.

Decided here: what a plan wants again after people merged, converted or deleted records, and when all is quiet. Time is the
scene's own, so the shipped periods (lease 120 s, sweep 30 s, 60 s before an unproved write is repeated) hold in every test.
"""

import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from chaos.checker import Judgement, judge, late
from chaos.clock import Clock
from chaos.evidence import Evidence, gather
from chaos.stage import Stage
from pusher import opened
from sqlalchemy import select

from connectors.errors import ConnectorError
from worker.steps.intake.watch import watch
from worker.steps.mending.undo import Asked, CannotUndo, undo
from worker.steps.pacing.limiter import LocalLimiter
from worker.steps.pacing.periods import Periods
from worker.steps.planning.effects import Wishes, commit
from worker.steps.sending.desk import PushReport, Writing
from worker.steps.sending.push import Pushing, push
from worker.steps.sending.sweep import sweep
from worker.store import intents, links, records, runs
from worker.store.database import Store
from worker.store.intents import Planned
from worker.store.records import Want
from worker.store.tables import intent, record_sync

PEOPLE = 6
"""People who are in the CRM from the start; a higher number is somebody new."""
COMPANIES = (100, 101)
"""Companies, by numbers of their own."""
DUE = datetime(2026, 11, 23, 10, tzinfo=UTC)
OWNERS = ("ana", "tom", "eva")
"""Eva is nobody whom we ever want: she is only where people put her."""
PERIODS = Periods()
WITHIN = PERIODS.lease + PERIODS.sweep + 2
"""Seconds after the last fault within which everything is settled: what is promised."""
SLICE = 1.0
DELAY = 0.1
"""Real seconds after which a request that is applied late is applied."""


class Scene:
    """One CRM and an empty store, whose time the clock rules."""

    def __init__(self, stage: Stage, kind: str, store: Store, clock: Clock) -> None:
        self.kind, self.store, self.clock, self.stage = kind, store, clock, stage
        self.place, self.endpoint, self.crm = stage.set(kind)
        self.clock.start_over(self.endpoint)
        self._since = (_last(self.endpoint.ledger()), _last(self.endpoint.requests()))
        made = self.endpoint.seed(owners=[{"email": f"{who}@acme.com", "name": who.title()} for who in OWNERS])
        self.owners = {who: made["owners"][f"{who}@acme.com"] for who in OWNERS}
        there = {number: self.place.seed(number) for number in range(PEOPLE)}
        there |= {number: self.place.company(number) for number in COMPANIES}
        seeded = self.endpoint.seed(records=list(there.values()))["records"]
        self.ids = {number: one["id"] for number, one in zip(there, seeded, strict=True)}
        self.rules = Writing(
            kind,
            {
                **{(one, self.place.title): "respect_human" for one in self._persons},
                **{(one, self.place.several): "append" for one in self._persons},
            },
            "when_unowned",
            self.place.names.unowned,
        )
        self.limiter = LocalLimiter(self.clock.monotonic)
        self.wanted: dict[int, dict[str, Any]] = {}
        self.tasks: dict[str, Planned] = {}
        self.merged: dict[int, int] = {}
        self.totals: Counter[str] | None = Counter()
        self.calm_since = self.clock.now()
        self.dropped: set[str] = set()
        self.killed = 0
        self._struck = self._landed = 0

    @property
    def _persons(self) -> tuple[str, ...]:
        return tuple(name for name in self.place.names.objects.values() if name not in ("task", "company"))

    # ------------------------------------------------------------------------------- what is wanted

    def key(self, number: int) -> str:
        return f"A{number}" if number in COMPANIES else f"L{number}"

    def _object(self, number: int) -> str:
        return "company" if number in COMPANIES else self.place.person

    def want(self, number: int, **fields: Any) -> Want:
        """What is wanted of one lead from now on, at the record that stands for it now."""
        self.wanted[number] = {"pql_key": self.key(number), **self.wanted.get(number, {}), **fields}
        return self._want(number)

    def _want(self, number: int) -> Want:
        (one,) = self._wants([number])
        return one

    def _wants(self, numbers: Sequence[int]) -> list[Want]:
        keys = [self.key(number) for number in numbers]
        with self.store.read() as tx:
            known, gone = links.by_key(tx, self.kind, keys), links.deleted_keys(tx, self.kind)
        return [self._of(number, known.get(key), key in gone) for number, key in zip(numbers, keys, strict=True)]

    def _of(self, number: int, link: links.Link | None, gone: bool) -> Want:
        key, fields = self.key(number), dict(self.wanted[number])
        if gone:  # not made anew within the episode
            return Want(key, self._object(number), fields, status="unmatched")
        if link is not None:
            return Want(key, link.object, fields, crm_id=link.crm_id, because="viewed pricing 3 times")
        if number in self.ids:
            return Want(key, self._object(number), fields, crm_id=self.ids[number], because="viewed pricing 3 times")
        who = {"email": f"n{number}@new.example", "last_name": f"n{number}", "company_name": "New"}
        return Want(key, self.place.person, fields | who, because="signed up")

    def task(self, number: int, episode: int = 1, hop: int = 0, owner: str = "ana") -> Planned | None:
        """The handoff of this episode; None while there is no record to hang it on."""
        effect = f"TASK{number:02}E{episode:02}H{hop:02}"
        if effect not in self.tasks:
            want = self._want(number)
            if want.crm_id is None:
                return None
            near = {"person": want.crm_id, "person_object": want.object}
            words = {"subject": f"Hot PQL: c{number}", "body": "Why now: pricing", "due": DUE, "owner": self.owners[owner]}
            self.tasks[effect] = Planned("task_create", effect, self.key(number), "pql", episode, {**words, **near}, hop)
        return self.tasks[effect]

    def change(self, kind: str, number: int, **payload: Any) -> Planned | None:
        """Move or close the newest task of this lead that is known to be there."""
        with self.store.read() as tx:
            rows = [row for row in intents.of_lead(tx, self.key(number)) if row["kind"] == "task_create" and row["crm_id"]]
        if not rows:
            return None
        last = rows[-1]
        doc = {"task": last["crm_id"], **payload}
        return Planned(kind, last["effect_key"], self.key(number), "pql", last["episode"], doc, last["hop"])

    def wish(self, *wishes: Want | Planned | None) -> None:
        """What a plan commits, in one transaction."""
        with self.store.write() as tx:
            run = runs.begin(tx, tx.now(), "sha")
        wants = [one for one in wishes if isinstance(one, Want) and int(one.record_key[1:]) not in self.merged]
        tasks = [one for one in wishes if isinstance(one, Planned)]
        commit(self.store, Wishes({self.kind: wants}, {self.kind: tasks}), run)
        with self.store.write() as tx:
            runs.finish(tx, run, "done")

    def plan_again(self) -> None:
        """What the next scheduled plan does: read what people did, want all of it again where the records are now."""
        watch(self.store, self.crm, self.kind)
        silent = [self.key(number) for number in self.merged]
        with self.store.write() as tx:
            records.forget(tx, self.kind, silent)
        self.wish(*self._wants([number for number in sorted(self.wanted) if number not in self.merged]))

    # -------------------------------------------------------------------------------- what is done

    def push(self, crm: Any = None, **how: Any) -> PushReport:
        asked = {"periods": PERIODS, "seconds": SLICE, "threads": 1, "limiter": self.limiter, **how}
        report = push(self.store, crm or self.crm, self.rules, Pushing(**asked))
        if self.totals is not None:
            tasks, rows = report.counts.tasks, report.counts.records
            self.totals.update(tasks=tasks.created + tasks.existing, records_created=rows.created)
        self._note_faults()
        return report

    def undo(self) -> None:
        """The last run is undone, as far as that goes within a slice; what waits is for the next push."""
        self.totals = None  # what an undo sends it reports itself
        until = time.monotonic() + SLICE
        tools: Any = SimpleNamespace(
            store=self.store,
            crms={self.kind: self.crm},
            stopping=lambda: time.monotonic() > until,
            progress=lambda *_: None,
        )
        with suppress(CannotUndo, ConnectorError):
            undo(tools, Asked("last", "ana"), lambda _: self.limiter)
        self._note_faults()

    def sweep(self) -> None:
        sweep(self.store, PERIODS)

    def start(self, what: str = "push", point: str = "", **asked: Any) -> int:
        """A process of its own that does this, and dies at the crash point; its id."""
        self.totals = None  # nobody reads the report of a process that died
        doc = {
            "store": self.store.engine.url.render_as_string(hide_password=False),
            "crm": [self.kind, self.endpoint.url, self.endpoint.token],
            "ahead": self.clock.ahead,
            "rules": {
                "modes": [[*where, mode] for where, mode in self.rules.modes.items()],
                "unowned": [*self.rules.unowned],
            },
            **asked,
        }
        return self.stage.pushers.start(what, {"PQL_TESTING": "1", "PQL_CRASHPOINT": point}, doc)

    def ended(self, pid: int) -> int:
        code = self.stage.pushers.wait(pid)
        self.killed += code == -signal.SIGKILL
        self.fault()
        self._note_faults()
        return code

    def kill(self, point: str, what: str = "push", **asked: Any) -> bool:
        """Whether it came as far as the crash point."""
        return self.ended(self.start(what, point, **asked)) == -signal.SIGKILL

    def elsewhere(self) -> None:
        """As if whoever holds something now ran on another host, of whose processes nobody can tell."""
        with self.store.write() as tx:
            for table in ("record_sync", "intent"):  # what a job holds is the job's
                held = "status = 'sending' and claimed_by not like 'bulk/%%'"
                tx.connection.exec_driver_sql(f"update {table} set claimed_by = 'elsewhere:1' where {held}")
            tx.connection.exec_driver_sql("update bulk_job set claimed_by = 'elsewhere:1' where claimed_by is not null")
            tx.connection.exec_driver_sql("update lease set owner = 'elsewhere:1' where owner is not null")

    def another_crm(self) -> Any:
        """A connector of its own, as another process has one."""
        return opened(self.kind, self.endpoint.url, self.endpoint.token)

    def advance(self, seconds: float) -> None:
        """Time passes; whatever was to be applied late has been applied by then."""
        self._land()
        self.clock.advance(seconds)

    def _land(self) -> None:
        """Wait for what the sandbox applies late, as the product waits before it writes again."""
        late = sum(one["struck"] for one in self.endpoint.faults() if one["fault"] == "commit_after")
        if late > self._landed:
            time.sleep(DELAY + 0.05)
        self._landed = late

    # -------------------------------------------------------------------------- weather and people

    def storm(self, what: str, fault: str, nth: int | Sequence[int] = 1, **args: Any) -> dict[str, Any]:
        method, path = self.place.paths.get(what, self.place.paths["records"])  # HubSpot has no jobs
        return {"match": {"method": method, "path": path}, "nth": nth, "fault": fault, "args": args}

    def weather(self, *rules: dict[str, Any]) -> None:
        self._land()
        self.endpoint.weather(*rules)
        self._struck = self._landed = 0

    def fault(self, lasting: float = 0.0) -> None:
        """A fault ends now, or when the CRM said."""
        self.calm_since = max(self.calm_since, datetime.fromtimestamp(self.clock.now().timestamp() + lasting, UTC))

    def _note_faults(self) -> None:
        rules = self.endpoint.faults()
        struck = sum(one["struck"] for one in rules)
        asked = self._asked_to_wait(rules)
        if struck > self._struck:
            self.fault(max(self.limiter.reserve(0), asked))
        elif asked:  # of two pushers at once the later one stores how long its rows wait
            self.fault(asked)
        self._struck = struck

    def _asked_to_wait(self, rules: Sequence[dict[str, Any]]) -> float:
        """How long the CRM's limit keeps rows waiting, whichever process was told so."""
        said = [{one["fault"], *map(str, one.get("args", {}).values())} for one in rules if one["struck"]]
        if not any({"daily_limit", "429", "REQUEST_LIMIT_EXCEEDED"} & one for one in said):
            return 0.0
        with self.store.read() as tx:
            waits = [row[0] for table in (record_sync, intent) for row in tx.rows(select(table.c.next_attempt_at)) if row[0]]
            return max(((at - tx.now()).total_seconds() for at in waits), default=0.0)

    def act(self, kind: str, object: str, id: str, **doc: Any) -> bool:
        """
        What a person does; False where there is nothing to do it to any more.

        What is applied late has been by then: a call that arrives after somebody's edit overwrites it, whoever sent it.
        """
        self._land()
        with suppress(ValueError):
            self.endpoint.act(kind, object=self.place.native(object), id=id, **doc)
            return True
        return False

    def there(self, number: int) -> tuple[str, str] | None:
        """Where the record of this lead stands in the CRM now, as a person sees it."""
        with self.store.read() as tx:
            link = links.by_key(tx, self.kind, [self.key(number)]).get(self.key(number))
        if link is not None:
            return link.object, link.crm_id
        return (self._object(number), self.ids[number]) if number in self.ids else None

    def task_of(self, number: int) -> str | None:
        """The CRM's id of the newest task about this lead."""
        made = [
            row["id"]
            for row in self.endpoint.ledger(self._since[0])
            if row["op"] == "create" and str(row["key"]).startswith(f"TASK{number:02}")
        ]
        return made[-1] if made else None

    # ------------------------------------------------------------------------------------- the end

    def until_quiet(self) -> None:
        """Push and sweep as the schedule would, until nothing is left to do."""
        for _ in range(400):
            self.sweep()
            report = self.push()
            held = self._in_hands()
            if report.next_in is None and not held:
                return
            if report.next_in is None:
                self.advance(PERIODS.sweep)  # with nothing else to do, whoever waits for a lease is the sweeper
                continue
            wait = max(report.next_in, report.limited or 0.0, self.limiter.reserve(0), 0.001)
            self.advance(min(wait, PERIODS.sweep) if held else wait)
        why = {name: getattr(report, name) for name in ("next_in", "limited", "refused", "warnings")}
        raise AssertionError(f"never quiet: {self.statuses()}; the last push: {why}, {self.limiter._pace}")

    def _in_hands(self) -> bool:
        return any("sending" in some for some in self.statuses().values())

    def statuses(self) -> dict[str, dict[str, int]]:
        with self.store.read() as tx:
            return {"record": records.counts(tx, self.kind).get(self.kind, {}), **intents.counts(tx, self.kind)}

    def evidence(self, *, in_between: bool = False) -> Evidence:
        """Everything since the scene was set; in between, reports and store may differ by what is under way."""
        named = {"respected": self.place.title, "appended": self.place.several}
        more: dict[str, Any] = {name: frozenset({one}) for name, one in named.items()} | {"dropped": frozenset(self.dropped)}
        if self.totals is not None and not in_between:
            more["reported"] = dict(self.totals)
        return gather(self.place.names, self.endpoint, self.store, self._since, **more)

    def end(self) -> tuple[Judgement, list[str]]:
        """The weather clears, work goes on until all is quiet, and the next plan runs: what became of everything?"""
        self.weather()
        self.until_quiet()
        tardy = late(self.evidence(), self.calm_since, WITHIN)
        self.plan_again()
        self.until_quiet()
        return judge(self.evidence()), tardy


def _last(rows: Sequence[dict[str, Any]]) -> int:
    return max((row["seq"] for row in rows), default=0)
