"""A disk without room: a sentence instead of a traceback, and the next run goes on."""

from __future__ import annotations

import subprocess

import pytest
from commands import PQL, Commands, ended


def sized(pql: Commands, most: int, *words: str) -> subprocess.Popen[str]:
    """A command in whose hands no file may grow beyond so many bytes: what a full disk does, without a disk."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    bounded = ["sh", "-c", 'ulimit -f "$0" && exec "$@"', str(most // 512), str(PQL), *words]
    return subprocess.Popen(bounded, cwd=pql.folder, env=pql.environment(), text=True, **pipes)


@pytest.mark.fault("F51")
def test_a_full_disk_stops_a_run_with_a_sentence_and_the_next_one_goes_on(stage, pql: Commands) -> None:
    email = stage.user("nina", "n1")
    stage.skip_baseline()
    stage.keen("nina")
    stage.write()
    stage.close()
    stage.portal.mark()
    full = ended(sized(pql, 330_000, "run", "--as-of", stage.now.isoformat()))
    before = (full.code, "Make room on its disk" in full.err, stage.portal.written())
    again = pql("run", "--as-of", stage.now.isoformat())

    assert before == (2, True, []), full.said
    assert again.code == 0, again.said
    assert (len(stage.portal.tasks()), stage.portal.contact(email)["pql_flag"]) == (1, "true")
