"""Pull: sources land in the lake in whole transactions, one process per source, whatever dies in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from connectors.errors import Refused, TryLater
from connectors.sources.files import Files
from settings.sources import EventFeed, Kept, SourceSpec, UserFeed
from worker.lake import Lake
from worker.steps.holding import held
from worker.steps.intake.pull import Progress, Pulling, Result, pull
from worker.store import landing
from worker.store.database import Store, open_store
from worker.store.tables import metadata

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EVENTS = EventFeed(
    file="events-*.jsonl", id="id", user="user", name="event", at="at", keep=(Kept(name="pages", type="number"),)
)
USERS = UserFeed(file="users.csv", id="id", email="email")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def spec() -> SourceSpec:
    return SourceSpec(kind="files", events=EVENTS)


class World:
    """A folder of files, a store and a lake; `pull` is one run."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store, self.lake, self.hours = folder, store, Lake(folder / "lake", "default"), 0

    def write(self, name: str, ids: range, at: datetime = NOW - timedelta(days=3)) -> None:
        rows = ({"id": f"e{n}", "user": f"u{n % 7}", "event": "opened", "at": at.isoformat(), "pages": 1} for n in ids)
        (self.folder / f"events-{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def pull(self, spec: SourceSpec, **more) -> Result:
        self.hours += 1
        pulling = Pulling(self.store, self.lake, NOW + timedelta(hours=self.hours), **more)
        return pull({"product": (spec, Files(spec, self.folder))}, pulling)

    def files(self, kind: str = "events") -> list[landing.File]:
        with self.store.read() as tx:
            return landing.files(tx, kind)

    def ids(self) -> list[str]:
        return [
            one
            for file in self.files()
            for one in pq.read_table(self.folder / "lake" / file.path).column("event_id").to_pylist()
        ]

    def cursor(self) -> landing.Cursor:
        with self.store.read() as tx:
            found = landing.cursor(tx, "product", "events")
        assert found
        return found


@pytest.fixture
def world(tmp_path: Path, store: Store) -> World:
    return World(tmp_path, store)


def test_a_pull_lands_what_is_new_and_says_so(world: World, spec: SourceSpec) -> None:
    world.write("a", range(5))
    first = world.pull(spec).counts["product"]
    same = world.pull(spec).counts["product"]
    world.write("b", range(3, 9))
    then = world.pull(spec).counts["product"]

    assert (first.read, first.new, first.duplicate, first.quarantined) == (5, 5, 0, 0)
    assert (same.read, same.new) == (0, 0)
    assert (then.read, then.new, then.duplicate) == (6, 4, 2)
    assert sorted(world.ids()) == [f"e{n}" for n in range(9)]


@pytest.mark.fault("F32")
def test_rows_set_aside_stand_in_quarantine_once(world: World, spec: SourceSpec) -> None:
    world.write("a", range(2))
    with (world.folder / "events-a.jsonl").open("a") as opened:
        opened.write("{broken\n")
    counts = world.pull(spec).counts["product"]
    world.write("b", range(1))
    world.pull(spec)

    assert (counts.read, counts.new, counts.quarantined) == (3, 2, 1)
    with world.store.read() as tx:
        (row,) = landing.quarantined(tx, "product")
    assert (row["where"], row["raw"]) == ("events-a.jsonl:3", "{broken")


@pytest.mark.fault("F37")
def test_a_first_pull_arrived_when_it_happened_and_late_events_when_they_landed(world: World, spec: SourceSpec) -> None:
    happened = NOW - timedelta(days=3)
    world.write("a", range(2), happened)
    world.pull(spec)
    world.write("late", range(2, 4), happened)
    world.pull(spec)
    world.write("history", range(4, 6), happened)
    world.pull(spec, backfill=True)

    assert [file.max_arrived for file in world.files()] == [happened, NOW + timedelta(hours=2), happened]
    assert [list(file.facts["days"]) for file in world.files()] == [["20776"]] * 3


def test_freshness_and_the_usual_number_of_rows_are_kept(world: World, spec: SourceSpec) -> None:
    world.write("a", range(100))
    world.pull(spec)
    after_first = world.cursor()
    world.write("b", range(100, 110))
    world.pull(spec)
    world.write("c", range(110, 130))
    world.pull(spec)

    assert (after_first.pulled_at, after_first.usual_rows) == (NOW + timedelta(hours=1), None)
    assert (world.cursor().last_rows, world.cursor().usual_rows) == (20, 12.0)
    assert world.cursor().newest_event == NOW - timedelta(days=3)


def test_users_land_as_versions(world: World) -> None:
    (world.folder / "users.csv").write_text("id,email\nu1,A@Example.com\nu2,b@example.com\n")
    spec = SourceSpec(kind="files", users=USERS)
    world.pull(spec)
    (world.folder / "users.csv").write_text("id,email\nu1,A@Example.com\nu2,new+tag@example.com\n")
    counts = world.pull(spec).counts["product"]

    assert (counts.read, counts.new, counts.duplicate) == (2, 1, 1)
    assert [file.rows for file in world.files("users")] == [2, 1]


def test_an_event_of_a_user_nobody_described_is_kept(world: World) -> None:
    world.write("a", range(1))
    (world.folder / "users.csv").write_text("id,email\n")

    assert world.pull(SourceSpec(kind="files", events=EVENTS, users=USERS)).counts["product"].new == 1


def test_somebody_watching_hears_how_far_it_is_and_may_stop_between_pieces(world: World, spec: SourceSpec) -> None:
    world.write("a", range(3))
    world.write("b", range(3, 6))
    heard: list[Progress] = []

    stopped = world.pull(spec, progress=heard.append, stop=lambda: True)
    resumed = world.pull(spec)

    assert (stopped.interrupted, [one.rows for one in heard]) == (True, [3])
    assert (resumed.interrupted, resumed.counts["product"].new) == (False, 3)
    assert [file.max_arrived for file in world.files()] == [NOW - timedelta(days=3)] * 2, "still the first pull"


def test_the_trouble_of_one_source_leaves_the_others_alone(world: World, spec: SourceSpec) -> None:
    world.write("a", range(3))
    broken = SourceSpec(kind="files", events=EVENTS.model_copy(update={"file": "gone.jsonl"}))
    sources = {"gone": (broken, Files(broken, world.folder)), "product": (spec, Files(spec, world.folder))}

    result = pull(sources, Pulling(world.store, world.lake, NOW))

    assert isinstance(result.problems["gone"], Refused)
    assert result.counts["product"].new == 3


def test_one_process_pulls_a_source_at_a_time(world: World, spec: SourceSpec) -> None:
    world.write("a", range(3))

    with held(world.store, "pull:product"):
        busy = world.pull(spec)

    assert isinstance(busy.problems["product"], TryLater)
    assert world.files() == []
    assert world.pull(spec).counts["product"].new == 3


def test_a_pull_whose_lease_was_taken_over_lists_nothing(world: World, spec: SourceSpec) -> None:
    world.write("a", range(3))
    source = Files(spec, world.folder)

    class Slow(Files):
        def pull(self, stream, cursor, until):
            for piece in source.pull(stream, cursor, until):
                with world.store.write() as tx:
                    tx.connection.exec_driver_sql("update lease set fence = fence + 1, owner = 'elsewhere:1:x'")
                yield piece

    result = pull({"product": (spec, Slow(spec, world.folder))}, Pulling(world.store, world.lake, NOW))

    assert isinstance(result.problems["product"], TryLater)
    assert world.files() == []


def test_kept_properties_may_come_and_go(world: World, spec: SourceSpec) -> None:
    world.write("a", range(2))
    world.pull(spec)
    keep = (Kept(name="color"), Kept(name="pages"))
    changed = SourceSpec(kind="files", events=EVENTS.model_copy(update={"keep": keep}))
    world.write("b", range(2, 4))
    world.pull(changed)

    assert [file.facts["columns"] for file in world.files()] == [{"pages": "double"}, {"color": "string", "pages": "string"}]


DIES = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from connectors.sources.files import Files
from settings.sources import EventFeed, Kept, SourceSpec
from worker.lake import Lake
from worker.steps.intake import pull as step
from worker.store.database import open_store

folder, where = Path(sys.argv[1]), sys.argv[2]
write, landed, rename = Lake.write, step.landing.landed, Path.rename
pieces = []


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def listing(tx, piece):
    pieces.append(piece)
    if where == "before listing" and len(pieces) == 2:
        die()
    landed(tx, piece)
    if where == "before commit" and len(pieces) == 2:
        die()


def renaming(path, target):
    if where == "before rename" and pieces:
        die()
    return rename(path, target)


step.landing.landed, Path.rename = listing, renaming
feed = EventFeed(file="events-*.jsonl", id="id", user="user", name="event", at="at")
spec = SourceSpec(kind="files", events=feed)
store = open_store(f"sqlite:///{folder / 'store.db'}")
pulling = step.Pulling(store, Lake(folder / "lake", "default"), datetime(2026, 11, 22, tzinfo=UTC))
step.pull({"product": (spec, Files(spec, folder))}, pulling)
"""


@pytest.mark.parametrize("where", ["before rename", "before listing", "before commit"])
def test_a_pull_killed_in_the_middle_leaves_rubbish_and_lands_the_same_rows_once(
    world: World, spec: SourceSpec, where: str
) -> None:
    for number in range(3):
        world.write(str(number), range(number * 10, number * 10 + 10))

    dead = subprocess.run(
        [sys.executable, "-c", DIES, str(world.folder), where], check=False, capture_output=True, text=True
    )
    listed = len(world.files())
    again = world.pull(spec)

    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert listed == 1, "the second piece had not been committed"
    assert again.problems == {}
    assert again.counts["product"].new == 20
    assert sorted(world.ids()) == sorted(f"e{n}" for n in range(30))
    rubbish = {path for path in (world.folder / "lake").rglob("*") if path.is_file()}
    assert len(rubbish) == 4, "three listed and what the dead process left"
    assert world.lake.sweep([file.path for file in world.files()], now=datetime.now(UTC).timestamp() + 4000) == 1
