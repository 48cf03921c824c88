"""
What can happen: the one vocabulary of the random schedules and of the state machine.

Each step is a frozen record with one deed. A step that finds nothing to do (a task that is not there yet, a record that is
gone) does nothing, so that any sequence of steps is a schedule.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from chaos.scene import Scene

from connectors.fields import OWNER

Who = Literal["ana", "tom"]


class Step(Protocol):
    """One thing that happens."""

    def do(self, scene: Scene) -> None: ...


# ------------------------------------------------------------------------------------- what is wanted


@dataclass(frozen=True)
class Qualify:
    """A lead becomes a PQL: flag, score, tier, owner, and its task."""

    number: int
    score: int = 71
    episode: int = 1
    owner: Who = "ana"

    def do(self, scene: Scene) -> None:
        number = scene.merged.get(self.number, self.number)
        fields = {"pql_flag": True, "pql_score": self.score, "pql_tier": "hot", OWNER: scene.owners[self.owner]}
        want = scene.want(number, **fields)
        scene.wish(want, scene.task(number, self.episode, owner=self.owner))


@dataclass(frozen=True)
class Rescore:
    """Its score moves."""

    number: int
    score: int

    def do(self, scene: Scene) -> None:
        scene.wish(scene.want(scene.merged.get(self.number, self.number), pql_score=self.score))


@dataclass(frozen=True)
class Entitle:
    """A field that people share with us is wanted."""

    number: int
    text: str

    def do(self, scene: Scene) -> None:
        scene.wish(scene.want(scene.merged.get(self.number, self.number), **{scene.place.title: self.text}))


@dataclass(frozen=True)
class Add:
    """A value is to stand in a field of several values, beside what stands there."""

    number: int
    text: str

    def do(self, scene: Scene) -> None:
        scene.wish(scene.want(scene.merged.get(self.number, self.number), **{scene.place.several: self.text}))


@dataclass(frozen=True)
class Cool:
    """It is no PQL any more: the flag goes, the tier is cleared, its task is closed."""

    number: int

    def do(self, scene: Scene) -> None:
        number = scene.merged.get(self.number, self.number)
        scene.wish(scene.want(number, pql_flag=False, pql_tier=None), scene.change("task_close", number))


@dataclass(frozen=True)
class Reassign:
    """Its task is to be somebody else's."""

    number: int
    owner: Who

    def do(self, scene: Scene) -> None:
        number = scene.merged.get(self.number, self.number)
        scene.wish(scene.change("task_move", number, owner=scene.owners[self.owner]))


# ------------------------------------------------------------------------------------- what we do


@dataclass(frozen=True)
class Push:
    """A push, as the doorbell starts it."""

    threads: int = 1
    limit: int | None = None

    def do(self, scene: Scene) -> None:
        scene.push(threads=self.threads, limit=self.limit)


@dataclass(frozen=True)
class Twice:
    """The same bell twice: two pushers at once."""

    def do(self, scene: Scene) -> None:
        other = scene.another_crm()
        try:
            _beside(lambda: scene.push(other), scene.push)
        finally:
            other.close()


@dataclass(frozen=True)
class Overtaken:
    """A worker is so slow with an answer that its claim is taken over, and more is wanted; then it comes back."""

    what: Literal["records", "tasks"] = "records"
    number: int = 0
    score: int = 85

    def do(self, scene: Scene) -> None:
        with _slow_push(scene, self.what):
            scene.advance(200)
            scene.fault()
            scene.sweep()
            scene.push()
            Rescore(self.number, self.score).do(scene)
            scene.push()


@dataclass(frozen=True)
class Meanwhile:
    """Something else is wanted of a lead while the call about it is under way."""

    number: int
    score: int = 85

    def do(self, scene: Scene) -> None:
        with _slow_push(scene, "records"):
            Rescore(self.number, self.score).do(scene)


@dataclass(frozen=True)
class Crash:
    """A push in a process of its own is killed at this point; `far`: on a host of which nobody can tell that it died."""

    point: str
    far: bool = False

    def do(self, scene: Scene) -> None:
        if scene.kill(self.point) and self.far:
            scene.elsewhere()


@dataclass(frozen=True)
class Undo:
    """A person takes back what the last run wrote."""

    def do(self, scene: Scene) -> None:
        scene.undo()


@dataclass(frozen=True)
class Sweep:
    """The sweeper passes."""

    def do(self, scene: Scene) -> None:
        scene.sweep()


@dataclass(frozen=True)
class Watch:
    """What people did is read, and the next plan knows it."""

    def do(self, scene: Scene) -> None:
        scene.plan_again()


@dataclass(frozen=True)
class Jump:
    """The clock goes on by so many seconds in which nobody of ours is awake."""

    seconds: float

    def do(self, scene: Scene) -> None:
        scene.advance(self.seconds)
        scene.fault()


@dataclass(frozen=True)
class Weather:
    """The CRM answers the nth of these calls with a fault."""

    what: str
    fault: str
    nth: tuple[int, ...] = (1,)
    args: Mapping[str, Any] = field(default_factory=dict)

    def do(self, scene: Scene) -> None:
        scene.weather(scene.storm(self.what, self.fault, list(self.nth), **self.args))


@dataclass(frozen=True)
class Clear:
    """The weather ends."""

    def do(self, scene: Scene) -> None:
        scene.weather()


# ------------------------------------------------------------------------------------- what people do


@dataclass(frozen=True)
class Edit:
    """A person edits a record: a field that is shared with us, one of ours, or its owner."""

    number: int
    what: Literal["title", "several", "score", "owner"] = "title"
    value: str = "Head of IT"

    def do(self, scene: Scene) -> None:
        where = scene.there(self.number)
        if where is None or (where[0] == "company" and self.what in ("title", "several")):
            return
        names = scene.place.names
        said = {
            "title": {scene.place.title: self.value},
            "several": {scene.place.several: self.value},
            "score": {names.field("pql_score"): 1},
            "owner": {names.owner: scene.owners["eva"]},
        }
        scene.act("edit", *where, properties=said[self.what])


@dataclass(frozen=True)
class EditTask:
    """A person writes on our task, takes it over, closes or deletes it."""

    number: int
    what: Literal["subject", "owner", "close", "delete"]

    def do(self, scene: Scene) -> None:
        task, names = scene.task_of(self.number), scene.place.names
        if task is None:
            return
        if self.what in ("close", "delete"):
            scene.act(self.what, "task", task)
        else:
            said = {"subject": {names.subject: "Call Maria at 5"}, "owner": {names.owner: scene.owners["eva"]}}
            scene.act("edit", "task", task, properties=said[self.what])


@dataclass(frozen=True)
class Delete:
    """A person deletes a record."""

    number: int

    def do(self, scene: Scene) -> None:
        where = scene.there(self.number)
        if where is not None:
            scene.act("delete", *where)


@dataclass(frozen=True)
class Merge:
    """A person merges the record of one lead into that of another, who speaks for both from now on."""

    number: int
    other: int

    def do(self, scene: Scene) -> None:
        one, other = scene.there(self.number), scene.there(self.other)
        apart = self.number != self.other and not {self.number, self.other} & {*scene.merged, *scene.merged.values()}
        if (
            apart
            and one is not None
            and other is not None
            and one[0] == other[0]
            and scene.act("merge", *one, into_it=other[1])
        ):
            scene.merged[self.other] = self.number
            # the plan that learns of it wants for the one that speaks what it wanted for either
            scene.wanted[self.number] = {**scene.wanted.get(self.other, {}), **scene.wanted.get(self.number, {})}
            if not scene.wanted[self.number]:
                del scene.wanted[self.number]


@dataclass(frozen=True)
class Convert:
    """A person converts a lead to a contact (in HubSpot nothing of the kind happens)."""

    number: int

    def do(self, scene: Scene) -> None:
        where = scene.there(self.number)
        if where is not None and where[0] == "lead":
            scene.act("convert", *where)


@dataclass(frozen=True)
class Leave:
    """An owner leaves the company."""

    who: Who = "ana"

    def do(self, scene: Scene) -> None:
        scene.endpoint.act("deactivate_owner", email=f"{self.who}@acme.com")


@dataclass(frozen=True)
class Return:
    """And comes back."""

    who: Who = "ana"

    def do(self, scene: Scene) -> None:
        scene.endpoint.act("activate_owner", email=f"{self.who}@acme.com")


@contextmanager
def _slow_push(scene: Scene, what: str) -> Iterator[None]:
    """A push whose first call about these was applied and is answered slowly; until something is in its hands at most."""
    scene.weather(scene.storm(what, "drip", seconds=0.2))
    other = scene.another_crm()
    defects: list[BaseException] = []
    slow = threading.Thread(target=_caught, args=(lambda: scene.push(other), defects))
    slow.start()
    while slow.is_alive() and not scene.endpoint.struck():
        time.sleep(0.002)
    time.sleep(0.01)  # the fault strikes before the call is applied
    yield
    slow.join()
    other.close()
    scene.weather()
    if defects:
        raise defects[0]


def _caught(deed: Callable[[], object], defects: list[BaseException]) -> None:
    try:
        deed()
    except BaseException as defect:  # noqa: BLE001  raised again in the thread that waits
        defects.append(defect)


def _beside(*deeds: Callable[[], object]) -> None:
    defects: list[BaseException] = []
    threads = [threading.Thread(target=_caught, args=(deed, defects)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if defects:
        raise defects[0]
