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

from chaos import filing, steps
from chaos.checker import Judgement
from chaos.faults import BY_ROW, FAULTS, NTH, POINTS, STRUCK
from chaos.scene import COMPANIES, PEOPLE, Scene
from chaos.stage import PLACES, Stage
from chaos.steps import Step
from chaos.stories import STORIES

SEEDS = 200
"""The fixed seeds, from 0 on, that `make test` runs."""
LEADS = PEOPLE + 2
SCORES = (45, 71, 85)
"""Few, so that a value comes back that was there before."""
CRASHING = 0.25
"""The share of schedules in which processes are killed, which costs the most."""
TOLD = 0.25
"""The share of moments that are one of the stories."""


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
    """The schedule of this seed: moments in which something is wanted, something goes wrong, and we do our work."""
    dice = random.Random(seed)
    crm = dice.choice(sorted(PLACES))
    crashing = dice.random() < CRASHING
    plan: list[Step] = [_wish(dice, number) for number in dice.sample(range(LEADS), 3)]
    for _ in range(dice.randrange(3, 6)):
        plan += _moment(dice, crm, crashing=crashing)
    return Schedule(seed, crm, plan)


def run(stage: Stage, url: str, plan: Schedule) -> Outcome:
    """Carry it out and judge it."""
    scene = Scene(stage, plan.crm, *stage.scratch(url))
    for step in plan.steps:
        step.do(scene)
    judgement, late = scene.end()
    return Outcome(plan, judgement, late, scene.killed)


def _who(dice: random.Random) -> steps.Who:
    return dice.choice(("ana", "tom"))


def _moment(dice: random.Random, crm: str, *, crashing: bool) -> list[Step]:
    """What is wanted, under which weather which of our deeds, what people do, how time passes; any of it may be left out."""
    hero = dice.randrange(LEADS)
    if dice.random() < TOLD:
        return dice.choice(STORIES)(dice, hero, crashing)
    moment: list[Step] = [_wish(dice, dice.choice((hero, dice.randrange(LEADS)))) for _ in range(dice.randrange(3))]
    if dice.random() < 0.6:
        moment.append(_weather(dice, crm))
    moment.append(_deed(dice, hero, crashing=crashing))
    if dice.random() < 0.5:
        moment.append(_person(dice, crm, hero))
    if dice.random() < 0.5:  # the same lead once more, right behind
        moment += [_wish(dice, hero), dice.choice((steps.Push(), steps.Push(limit=1), steps.Sweep()))]
    if dice.random() < 0.4:
        moment.append(
            dice.choice((steps.Jump(dice.choice((1, 31, 61, 125, 3600))), steps.Watch(), steps.Sweep(), steps.Clear()))
        )
    return moment


def _drawn(dice: random.Random, table: list[tuple[float, Callable[[], Step]]]) -> Step:
    return dice.choices([make for _, make in table], [weight for weight, _ in table])[0]()


def _wish(dice: random.Random, number: int) -> Step:
    score = dice.choice(SCORES)
    return _drawn(
        dice,
        [
            (4, lambda: steps.Qualify(number, score, dice.randrange(1, 3), _who(dice))),
            (3, lambda: steps.Rescore(number, score)),
            (2, lambda: steps.Entitle(number, dice.choice(("CEO", "VP Data")))),
            (1.5, lambda: steps.Rescore(dice.choice(COMPANIES), score)),
            (1, lambda: steps.Add(number, dice.choice(("hot", "warm")))),
            (1.5, lambda: steps.Cool(number)),
            (1.5, lambda: steps.Reassign(number, _who(dice))),
        ],
    )


def _deed(dice: random.Random, hero: int, *, crashing: bool) -> Step:
    return _drawn(
        dice,
        [
            (6, steps.Push),
            (1, lambda: steps.Push(threads=2)),
            (1, lambda: steps.Push(limit=dice.randrange(1, 4))),
            (0.7, steps.Twice),
            (0.7, lambda: steps.Overtaken(dice.choice(("records", "tasks")), hero, dice.choice(SCORES))),
            (0.7, lambda: steps.Meanwhile(hero, dice.choice(SCORES))),
            (5 if crashing else 0, lambda: steps.Crash(dice.choice(POINTS), far=dice.random() < 0.5)),
        ],
    )


def _person(dice: random.Random, crm: str, hero: int) -> Step:
    number = dice.choice((hero, hero, dice.randrange(LEADS), dice.choice(COMPANIES)))
    other = next(one for one in COMPANIES if one != number) if number in COMPANIES else dice.randrange(LEADS)
    return _drawn(
        dice,
        [
            (3, lambda: steps.Edit(number, dice.choice(("title", "title", "several", "score", "owner")))),
            (3, lambda: steps.EditTask(number, dice.choice(("subject", "owner", "close", "delete")))),
            (1, lambda: steps.Delete(number)),
            (1, lambda: steps.Merge(number, other)),
            (1 if crm == "salesforce" else 0, lambda: steps.Convert(number)),
            (0.4, lambda: steps.Leave(_who(dice))),
            (0.4, lambda: steps.Return(_who(dice))),
        ],
    )


def _weather(dice: random.Random, crm: str) -> steps.Weather:
    what, nth = dice.choice(STRUCK), dice.choice(NTH)
    fault, args = dice.choice(FAULTS[crm])
    if fault in BY_ROW:  # a row is refused in a batch that writes
        what = dice.choice(("records", "tasks"))
    return steps.Weather(what, fault, nth, args)


def _fault(step: Step) -> str | None:
    if isinstance(step, steps.Weather):
        status = step.args.get("status")
        return f"{step.fault} {status}" if status else step.fault
    if isinstance(step, steps.Crash | filing.CrashFiling):
        return f"kill at {step.point.partition(':')[0]}"
    named = {
        steps.Twice: "two pushers",
        steps.Overtaken: "claim taken over",
        steps.Meanwhile: "wanted anew during a call",
        steps.Jump: "clock jump",
        steps.Edit: "record edited by a person",
        steps.EditTask: "task edited by a person",
        steps.Delete: "record deleted",
        steps.Merge: "records merged",
        steps.Convert: "lead converted",
        steps.Leave: "owner left",
        filing.File: "many at once",
        steps.Undo: "run undone",
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
