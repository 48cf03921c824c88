"""
A state machine over the same steps as the random schedules: Hypothesis looks for the shortest way to do wrong.

After each step the laws that always hold are asked of the checker; at the end, when all is quiet, what became of every
effect.
"""

from typing import Any

import pytest
from chaos import filing, steps
from chaos.checker import judge
from chaos.faults import BY_ROW, FAULTS, NTH, POINTS, STRUCK
from chaos.scene import COMPANIES, PEOPLE, Scene
from chaos.stage import Stage
from chaos.steps import Step
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

LEADS = st.integers(0, PEOPLE + 1)
SCORES = st.integers(0, 100)
COMPANY = st.sampled_from(COMPANIES)
WHO = st.sampled_from(["ana", "tom"])


class Machine(RuleBasedStateMachine):
    """One scene; each rule is a step of the vocabulary."""

    def __init__(self, stage: Stage, url: str, crm: str) -> None:
        super().__init__()
        self.scene = Scene(stage, crm, *stage.scratch(url))

    def do(self, step: Step) -> None:
        step.do(self.scene)

    @initialize(number=LEADS, score=SCORES)
    def somebody_qualifies(self, number: int, score: int) -> None:
        self.do(steps.Qualify(number, score))

    @rule(step=st.builds(steps.Qualify, LEADS, SCORES, st.integers(1, 2), WHO))
    def qualify(self, step: Step) -> None:
        self.do(step)

    @rule(
        step=st.one_of(
            st.builds(steps.Rescore, LEADS | COMPANY, SCORES),
            st.builds(steps.Entitle, LEADS, st.just("CEO")),
            st.builds(steps.Add, LEADS, st.sampled_from(["hot", "warm"])),
            st.builds(filing.Backfill, SCORES),
        )
    )
    def want(self, step: Step) -> None:
        self.do(step)

    @rule(step=st.one_of(st.builds(steps.Cool, LEADS), st.builds(steps.Reassign, LEADS, WHO)))
    def reassign(self, step: Step) -> None:
        self.do(step)

    @rule(step=st.builds(steps.Push, limit=st.none() | st.integers(1, 3)) | st.just(filing.File()))
    def push(self, step: Step) -> None:
        self.do(step)

    @rule(step=st.one_of(st.just(steps.Twice()), st.builds(steps.Overtaken, st.sampled_from(["records", "tasks"]))))
    def redeliver(self, step: Step) -> None:
        self.do(step)

    @rule(
        step=st.one_of(
            st.builds(steps.Crash, st.sampled_from(POINTS), st.booleans()),
            st.builds(filing.CrashFiling, st.sampled_from(filing.POINTS), st.booleans()),
        )
    )
    def crash(self, step: Step) -> None:
        self.do(step)

    @rule(seconds=st.sampled_from([1, 31, 61, 125, 3600]))
    def jump(self, seconds: float) -> None:
        self.do(steps.Jump(seconds))

    @rule(what=st.sampled_from([*STRUCK, *filing.CALLS]), nth=st.sampled_from(NTH), data=st.data())
    def weather(self, what: Any, nth: tuple[int, ...], data: st.DataObject) -> None:
        fault, args = data.draw(st.sampled_from(FAULTS[self.scene.kind]))
        what = "records" if fault in BY_ROW else what  # a row is refused in a batch that writes
        self.do(steps.Weather(what, fault, nth, args))

    @rule(step=st.builds(steps.Edit, LEADS | COMPANY, st.sampled_from(["title", "several", "score", "owner"])))
    def edit(self, step: Step) -> None:
        self.do(step)

    @rule(step=st.builds(steps.EditTask, LEADS, st.sampled_from(["subject", "owner", "close", "delete"])))
    def edit_task(self, step: Step) -> None:
        self.do(step)

    @rule(
        step=st.one_of(
            st.builds(steps.Merge, LEADS, LEADS),
            st.builds(steps.Merge, COMPANY, COMPANY),
            st.builds(steps.Convert, LEADS),
            st.builds(steps.Delete, LEADS | COMPANY),
        )
    )
    def merge_convert_or_delete(self, step: Step) -> None:
        self.do(step)

    @rule(step=st.one_of(st.builds(steps.Leave, WHO), st.builds(steps.Return, WHO)))
    def owners_come_and_go(self, step: Step) -> None:
        self.do(step)

    @rule(step=st.sampled_from([steps.Watch(), steps.Sweep(), steps.Clear(), steps.Undo()]))
    def look_around(self, step: Step) -> None:
        self.do(step)

    @invariant()
    def nothing_stands_twice_and_nobodys_word_is_overwritten(self) -> None:
        judgement = judge(self.scene.evidence(in_between=True))
        assert [*judgement.broken, *(one for one in judgement.effects if one.verdict == "twice")] == []

    def teardown(self) -> None:
        judgement, late = self.scene.end()
        assert (judgement.wrong, late) == ([], [])


def look_for_trouble(stage: Stage, url: str, crm: str, examples: int, length: int, *, fixed: bool) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=length,
        derandomize=fixed,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )
    run_state_machine_as_test(lambda: Machine(stage, url, crm), settings=how)


def test_no_short_sequence_of_steps_loses_or_doubles_anything(stage: Stage, url: str, crm: str):
    look_for_trouble(stage, url, crm, 15, 12, fixed=True)


@pytest.mark.chaos
def test_no_long_sequence_of_steps_loses_or_doubles_anything(stage: Stage, url: str, crm: str):
    look_for_trouble(stage, url, crm, 300, 30, fixed=False)
