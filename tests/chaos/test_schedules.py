"""
Random schedules of wishes, people's edits, faults, kills and clock jumps: every effect once, nobody's word overwritten.

200 fixed seeds run here on SQLite and 30 on Postgres, thousands with `make chaos`. What a seed once found stands in
`test_found`, because the generator may change.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest
from chaos.report import ALL, note, table, totals
from chaos.schedules import SEEDS, Outcome, run, schedule
from chaos.stage import Stage

AT_ONCE, ON_POSTGRES = 10, 30


def outcomes(stage: Stage, url: str, seeds: Iterable[int]) -> list[Outcome]:
    found = [run(stage, url, schedule(seed)) for seed in seeds]
    for one in found:
        note(one.schedule.faults, one.schedule.crm, one.judgement, one.late, seed=one.schedule.seed)
    return found


def told(found: Iterable[Outcome]) -> str:
    return "\n".join(one.told() for one in found if one.wrong)


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_after_any_schedule_every_effect_stands_once(stage: Stage, url: str, first: int):
    found = outcomes(stage, url, range(first, first + AT_ONCE))

    assert told(found) == ""
    assert all(one.judgement.effects for one in found), "a schedule in which nothing is wanted proves nothing"


@pytest.mark.parametrize("first", range(SEEDS, SEEDS + ON_POSTGRES, AT_ONCE))
def test_the_same_holds_on_postgres(stage: Stage, postgres_url: str, first: int):
    try:
        assert told(outcomes(stage, postgres_url, range(first, first + AT_ONCE))) == ""
    finally:
        stage.leave(postgres_url)


def test_a_seed_always_gives_the_same_schedule_and_both_crms_and_all_faults_occur():
    plans = [schedule(seed) for seed in range(SEEDS)]
    faults = {fault for one in plans for fault in one.faults}

    assert plans == [schedule(seed) for seed in range(SEEDS)]
    assert {one.crm for one in plans} == {"hubspot", "salesforce"}
    assert {
        "kill at K4",
        "kill at K7",
        "two pushers",
        "claim taken over",
        "commit_after",
        "status 429",
        "daily_limit",
    } <= faults
    assert {"reset_before", "reset_after", "truncate", "html 200", "row_error", "records merged", "lead converted"} <= faults


def test_the_report_adds_up_what_was_noted(stage: Stage, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PQL_CHAOS_OUT", str(tmp_path / "chaos"))
    outcomes(stage, url, [1, 2])
    from chaos import report

    sums = report.write(tmp_path / "chaos", seeds="1 to 2")

    assert sums[ALL]["runs"] == 2
    assert sums[ALL]["effects"] == sums[ALL]["once"] + sums[ALL]["aside"] > 0
    assert table(totals(report.runs(tmp_path / "chaos"))) in (tmp_path / "chaos.md").read_text()
    assert (tmp_path / "chaos.json").stat().st_size > 0
