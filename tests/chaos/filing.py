"""
Many records at once: what a plan wants of everybody, sent as bulk jobs where the CRM has such.

HubSpot has none, so there the same steps are ordinary pushes.
"""

from dataclasses import dataclass

from chaos.scene import PEOPLE, SLICE, Scene
from chaos.stage import FILING

PART = 2
"""Rows of a job that are claimed or settled in one transaction: few, so that a kill falls between two of them."""
POINTS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8:2")
CALLS = ("jobs", "files", "states", "looks")
"""Which calls about a job are struck: any, the file, a change of its state, a look."""


@dataclass(frozen=True)
class Backfill:
    """A score that everybody has changes, as after new rules."""

    score: int

    def do(self, scene: Scene) -> None:
        numbers = [number for number in range(PEOPLE) if number not in scene.merged]
        scene.wish(*(scene.want(number, pql_fit_score=self.score) for number in numbers))


@dataclass(frozen=True)
class File:
    """A push for which two rows are enough for a bulk job."""

    def do(self, scene: Scene) -> None:
        scene.push(scene.stage.filing if scene.kind == "salesforce" else None, part=PART)


@dataclass(frozen=True)
class CrashFiling:
    """Such a push in a process of its own is killed at this point; `far`: nobody can tell that it died."""

    point: str
    far: bool = False

    def do(self, scene: Scene) -> None:
        options = FILING if scene.kind == "salesforce" else {}
        if scene.kill(self.point, options=options, part=PART, seconds=2 * SLICE) and self.far:
            scene.elsewhere()
