"""
Short stories that the random schedules weave in: steps which have to meet before a certain mistake can show at all.

Dice alone bring a handled task and its reassignment together once in hundreds of schedules. Each story says which promise
it puts to the test; `test_sabotage` shows that a product which breaks the promise is noticed.
"""

import random
from collections.abc import Callable

from chaos import filing, steps
from chaos.faults import EVERYWHERE, NTH, STRUCK
from chaos.scene import DELAY
from chaos.steps import Step

Tell = Callable[[random.Random, int, bool], list[Step]]
TITLES = ("CEO", "VP Data")
UNPROVED = ("reset_after", "truncate", "html")
"""The call was applied, and nobody can tell from its answer."""


def _handled(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """A person has touched the task before we move or close it."""
    theirs = steps.EditTask(hero, dice.choice(("subject", "owner", "owner", "close", "delete")))
    ours = dice.choice((steps.Reassign(hero, "tom"), steps.Reassign(hero, "tom"), steps.Cool(hero)))
    return [steps.Qualify(hero), steps.Push(), theirs, ours, steps.Push()]


def _unproved(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """A person writes in a field of theirs after a write of ours of which nobody knows whether it arrived."""
    return [steps.Entitle(hero, dice.choice(TITLES)), *_lost(dice, crashing), steps.Edit(hero), steps.Sweep(), steps.Push()]


def _gone(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """The record is deleted while nobody knows whether a write of it arrived."""
    return [steps.Rescore(hero, 45), *_lost(dice, crashing), steps.Delete(hero), steps.Sweep(), steps.Push()]


def _belated(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """A write is applied after its connection broke, and more is wanted before it is."""
    broken = steps.Weather("records", "commit_after", (1,), {"seconds": DELAY})
    return [steps.Rescore(hero, 45), broken, steps.Push(), steps.Rescore(hero, 85), steps.Push()]


def _news(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """Something else is wanted while the call about it is under way."""
    return [steps.Rescore(hero, 45), steps.Meanwhile(hero, 85), steps.Push()]


def _lost(dice: random.Random, crashing: bool) -> list[Step]:
    if crashing:
        return [steps.Crash("K7", far=dice.random() < 0.5)]
    fault = dice.choice(UNPROVED)
    args = {"status": 200, "applied": True} if fault == "html" else {}
    return [steps.Weather("records", fault, (1,), args), steps.Push()]


def _filed(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """A bulk job is under way, or fails, while people and plans go on."""
    told: list[Step] = [filing.Backfill(dice.choice((10, 20, 30)))]
    if dice.random() < 0.5:
        fault, args = dice.choice(EVERYWHERE)
        told.append(steps.Weather(dice.choice(filing.CALLS), fault, dice.choice(NTH), args))
    killed = filing.CrashFiling(dice.choice(filing.POINTS), far=dice.random() < 0.5)
    told.append(killed if crashing and dice.random() < 0.7 else filing.File())
    between = (steps.Edit(hero, "score"), steps.Edit(hero), steps.Delete(hero), steps.Convert(hero), steps.Merge(hero, 0))
    if dice.random() < 0.5:
        told.append(dice.choice((*between, steps.Rescore(hero, 45), filing.Backfill(40), steps.Jump(125))))
    return [*told, dice.choice((filing.File(), steps.Push(), steps.Sweep(), steps.Twice()))]


def _regretted(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """A run is taken back; people write over some of it before, or while it is not through in bad weather."""
    ours: list[Step] = [steps.Rescore(hero, 45), steps.Push(), dice.choice((steps.Rescore(hero, 85), steps.Qualify(hero)))]
    theirs = dice.choice((steps.Edit(hero, "score"), steps.Edit(hero), steps.EditTask(hero, "subject"), steps.Delete(hero)))
    fault, args = dice.choice(EVERYWHERE)
    weather = steps.Weather(dice.choice(("records", *STRUCK)), fault, dice.choice(NTH), args)
    if dice.random() < 0.5:
        return [*ours, steps.Push(), theirs, *([weather] if dice.random() < 0.5 else []), steps.Undo(), steps.Push()]
    meanwhile = (steps.Edit(hero, "score"), steps.Edit(hero, "score"), steps.Undo(), steps.Rescore(hero, 71), theirs)
    return [*ours, steps.Push(), weather, steps.Undo(), dice.choice(meanwhile), steps.Clear(), steps.Push()]


def _crowded(dice: random.Random, hero: int, crashing: bool) -> list[Step]:
    """People and we fill one field of several values in turn."""
    first, second = dice.sample(("hot", "warm"), 2)
    ours: list[Step] = [steps.Add(hero, first), *([steps.Push()] if dice.random() < 0.7 else _lost(dice, crashing))]
    theirs = [steps.Edit(hero, "several", dice.choice(("Head of IT", f"{first};VIP")))] if dice.random() < 0.7 else []
    return [*ours, *theirs, steps.Add(hero, second), steps.Push()]


STORIES: tuple[Tell, ...] = (_handled, _unproved, _gone, _belated, _news, _filed, _regretted, _crowded)
