"""
Random schedules: a seed gives a list of steps, which run against a real store and a sandbox CRM and are judged at the end.

The same seed gives the same steps for ever, as long as this file and `steps` stand; two pushers at once still meet each
other as the machine pleases. Run as a program, one seed is repeated and told step by step.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import steps
from chaos.checker import Judgement
from chaos.scene import DELAY, PEOPLE, Scene
from chaos.stage import PLACES, Stage
from chaos.steps import Step

LEADS = PEOPLE + 2
POINTS = ("K3", "K3:2", "K4", "K4:2", "K5", "K6", "K7", "K7:2", "K8", "K8:2")
CRASHING = 0.25
"""The share of schedules in which processes are killed, which costs the most."""


@dataclass(frozen=True)
class Schedule:
    """What happens, in order, in which CRM."""

    seed: int
    crm: str
    steps: Sequence[Step]

    @property
    def faults(self) -> list[str]:
        """The kinds of fault in it, for the report."""
        named = {_fault(step) for step in self.steps} - {None}
        return sorted(str(one) for one in named)


@dataclass(frozen=True)
class Outcome:
    """What became of one schedule."""

    schedule: Schedule
    judgement: Judgement
    late: Sequence[str]
    killed: int

    @property
    def wrong(self) -> list[str]:
        return [*self.judgement.wrong, *self.late]

    def told(self) -> str:
        lines = [f"seed {self.schedule.seed}, {self.schedule.crm}"]
        lines += [f"  {number}. {step}" for number, step in enumerate(self.schedule.steps, 1)]
        return "\n".join([*lines, *(f"  WRONG {one}" for one in self.wrong)])


def schedule(seed: int) -> Schedule:
    """The schedule of this seed."""
    dice = random.Random(seed)
    crm = dice.choice(sorted(PLACES))
    crashing = dice.random() < CRASHING
    first = [steps.Qualify(number, dice.randrange(60, 100), owner=_who(dice)) for number in dice.sample(range(LEADS), 4)]
    rest = [_step(dice, crm, crashing=crashing) for _ in range(dice.randrange(8, 17))]
    return Schedule(seed, crm, [*first, *rest])


def run(stage: Stage, url: str, plan: Schedule) -> Outcome:
    """Carry it out and judge it."""
    scene = Scene(stage, plan.crm, *stage.scratch(url))
    for step in plan.steps:
        step.do(scene)
    judgement, late = scene.end()
    return Outcome(plan, judgement, late, scene.killed)


def _who(dice: random.Random) -> steps.Who:
    return dice.choice(("ana", "tom"))


def _step(dice: random.Random, crm: str, *, crashing: bool) -> Step:
    number = dice.randrange(LEADS)
    table: list[tuple[float, Callable[[], Step]]] = [
        (4, steps.Push),
        (5, lambda: _weather(dice, crm)),
        (1, lambda: steps.Push(threads=2)),
        (1, lambda: steps.Push(limit=dice.randrange(1, 4))),
        (0.7, steps.Twice),
        (0.5, lambda: steps.Overtaken(dice.choice(("records", "tasks")))),
        (2.5 if crashing else 0, lambda: steps.Crash(dice.choice(POINTS), far=dice.random() < 0.5)),
        (1, steps.Sweep),
        (1, steps.Watch),
        (2, lambda: steps.Jump(dice.choice((1, 31, 61, 125, 3600)))),
        (0.7, steps.Clear),
        (3, lambda: steps.Rescore(number, dice.randrange(100))),
        (2, lambda: steps.Qualify(number, dice.randrange(60, 100), dice.randrange(1, 3), _who(dice))),
        (1, lambda: steps.Entitle(number, dice.choice(("CEO", "VP Data")))),
        (1, lambda: steps.Cool(number)),
        (1, lambda: steps.Reassign(number, _who(dice))),
        (1.5, lambda: steps.Edit(number, dice.choice(("title", "score", "owner")))),
        (1.5, lambda: steps.EditTask(number, dice.choice(("subject", "owner", "close", "delete")))),
        (0.5, lambda: steps.Delete(number)),
        (0.7, lambda: steps.Merge(number, dice.randrange(LEADS))),
        (0.7 if crm == "salesforce" else 0, lambda: steps.Convert(number)),
        (0.3, lambda: steps.Leave(_who(dice))),
        (0.3, lambda: steps.Return(_who(dice))),
    ]
    return dice.choices([make for _, make in table], [weight for weight, _ in table])[0]()


def _weather(dice: random.Random, crm: str) -> steps.Weather:
    what = dice.choice(("records", "records", "tasks", "tasks", "changes", "reads", "all"))
    nth = dice.choice(((1,), (1,), (1,), (2,), (1, 2), (1, 2, 3), (1, 3)))
    fault, args = dice.choice(_FAULTS + (_SALESFORCE if crm == "salesforce" else _HUBSPOT))
    return steps.Weather(what, fault, nth, args)


_FAULTS: list[tuple[str, dict[str, object]]] = [
    *(("status", {"status": status}) for status in (500, 502, 503, 504)),
    ("reset_before", {}),
    ("reset_after", {}),
    ("reset_after", {}),
    ("truncate", {}),
    ("commit_after", {"seconds": DELAY}),
    ("html", {"status": 200}),
    ("html", {"status": 200, "applied": True}),
    ("html", {"status": 502, "applied": True}),
    ("empty_2xx", {}),
    ("empty_2xx", {"body": "lists"}),
    ("drop_item", {"index": 0}),
    ("drop_item", {"index": 1}),
    ("drip", {"seconds": 0.02}),
    ("latency", {"seconds": 0.01}),
    ("locked", {}),
    ("unauthorized", {}),
    ("forbidden", {}),
]
_HUBSPOT: list[tuple[str, dict[str, object]]] = [
    ("status", {"status": 429, "policy": "TEN_SECONDLY_ROLLING", "retry_after": 10}),
    ("status", {"status": 429, "policy": "TEN_SECONDLY_ROLLING"}),
    ("status", {"status": 429, "policy": "SECONDLY"}),
    ("daily_limit", {}),
    ("row_error", {"index": 0}),
    ("row_error", {"index": 1, "whole": True}),
    ("partial_as_200", {"index": 0}),
]
_LOCK = {"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}
_RULE = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "A validation rule says no"}
_SALESFORCE: list[tuple[str, dict[str, object]]] = [
    ("status", {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"}),
    ("daily_limit", {}),
    ("row_error", {"index": 0, **_LOCK}),
    ("row_error", {"index": 1, **_LOCK}),
    ("row_error", {"index": 0, **_RULE}),
    ("row_error", {"index": 0, "whole": True, **_LOCK}),
    ("partial_as_200", {"index": 0, **_LOCK}),
]


def _fault(step: Step) -> str | None:
    if isinstance(step, steps.Weather):
        status = step.args.get("status")
        return f"{step.fault} {status}" if status else step.fault
    if isinstance(step, steps.Crash):
        return f"kill at {step.point.partition(':')[0]}"
    named = {
        steps.Twice: "two pushers",
        steps.Overtaken: "claim taken over",
        steps.Jump: "clock jump",
        steps.Edit: "record edited by a person",
        steps.EditTask: "task edited by a person",
        steps.Delete: "record deleted",
        steps.Merge: "records merged",
        steps.Convert: "lead converted",
        steps.Leave: "owner left",
    }
    return named.get(type(step))


def main() -> int:
    """Repeat one seed and tell what happened."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("seed", type=int)
    asked = parser.parse_args()
    from worker.store.schema import migrate

    with tempfile.TemporaryDirectory() as folder, Stage.opened() as stage:
        url = f"sqlite:///{folder}/store.sqlite"
        migrate(url)
        plan = schedule(asked.seed)
        outcome = run(stage, url, plan)
    print(outcome.told())
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
