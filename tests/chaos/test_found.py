"""What random schedules once found, as the fewest steps that show it; each named after what went wrong."""

from collections.abc import Sequence

import pytest
from chaos.filing import Backfill, CrashFiling, File
from chaos.scene import DELAY, Scene
from chaos.steps import (
    Clear,
    Convert,
    Crash,
    Delete,
    Edit,
    Entitle,
    Jump,
    Meanwhile,
    Merge,
    Push,
    Qualify,
    Rescore,
    Step,
    Sweep,
    Undo,
    Watch,
    Weather,
)

from connectors.fields import OWNER
from worker.steps.pacing.limiter import LocalLimiter

FOUND: dict[str, Sequence[Step]] = {
    "after a merge the lead that fell silent was written last, and the one that speaks was not put right": [
        Qualify(3, 64),
        Merge(0, 3),
        Qualify(0, 96),
        Push(),
        Watch(),
    ],
    "a task behind an unproved one of its lead counted as ready at once, so a run asked for it in a tight loop": [
        Qualify(0, 74),
        Qualify(0, 74, episode=2),
        Crash("K4", far=True),
        Push(),
        Jump(31),
    ],
    "a lead that was converted while its first write was unproved": [
        Qualify(0, 74),
        Weather("records", "reset_after"),
        Push(),
        Convert(0),
    ],
    "more was wanted of a record while the call learned that it is gone, and it counted as in sync with no record at all": [
        Rescore(1, 85),
        Push(),
        Delete(1),
        Rescore(1, 45),
        Meanwhile(1, 85),
        Push(),
    ],
    "a record was deleted while a write of it was unproved, and the plan that learned of it made it anew": [
        Rescore(3, 71),
        Push(),
        Rescore(3, 45),
        Crash("K7", far=True),
        Delete(3),
        Watch(),
        Jump(125),
        Push(),
    ],
    "a record that turned out to have been made while its next write was unproved was told as updated": [
        Rescore(6, 45),
        Weather("records", "commit_after", (1,), {"seconds": DELAY}),
        Push(),
        Rescore(6, 85),
        Jump(61),
        Weather("records", "commit_after", (1,), {"seconds": DELAY}),
        Push(),
    ],
    "more was wanted of rows whose bulk job came to nothing, and no push could take them up any more": [
        Backfill(10),
        CrashFiling("B2"),
        Backfill(40),
        File(),
    ],
    "a page came instead of an answer to a file, and its job was closed and asked about for ever": [
        Backfill(10),
        Weather("files", "html", (1,), {"status": 200}),
        File(),
    ],
    "reading showed that a write had arrived, the next one was refused, and its value was taken for a person's": [
        Entitle(6, "VP Data"),
        Crash("K7", far=True),
        Jump(125),
        Sweep(),
        Entitle(6, "CEO"),
        Weather("records", "partial_as_200", (1, 2, 3), {"index": 0, "code": "UNABLE_TO_LOCK_ROW", "message": "locked"}),
        Push(),
    ],
    "nobody could tell whether an undo had arrived, a person wrote since, and the next plan took its value for ours": [
        Rescore(5, 45),
        Push(),
        Rescore(5, 85),
        Push(),
        Weather("records", "commit_after", (1,), {"seconds": DELAY}),
        Undo(),
        Edit(5, "score"),
        Clear(),
        Push(),
    ],
    "a record that was found under our key while its next write had to wait was wanted made again, and told twice": [
        Rescore(7, 45),
        Weather("all", "reset_after"),
        Push(limit=1),
        Rescore(7, 71),
        Push(),
        Rescore(7, 85),
    ],
}


@pytest.mark.parametrize("steps", FOUND.values(), ids=FOUND)
def test_what_once_went_wrong_goes_right(scene: Scene, steps: Sequence[Step]):
    for step in steps:
        step.do(scene)

    judgement, late = scene.end()
    assert (judgement.wrong, late) == ([], [])


@pytest.mark.parametrize("crm", ["hubspot"])
def test_a_record_that_is_read_first_is_written_although_others_leave_us_a_call_every_few_seconds(scene: Scene):
    """Each read came to nothing, because its write would have had to wait longer than a batch was held without a call."""
    scene.wish(scene.want(0, pql_score=71, **{OWNER: scene.owners["ana"]}))
    scene.endpoint.switch(ten_second_limit=4)
    scene.push(seconds=10.0, limiter=LocalLimiter())

    assert scene.statuses()["record"] == {"in_sync": 1}
