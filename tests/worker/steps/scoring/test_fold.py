"""Fold: whole days are folded once, and a score reads the same rows with or without the cache."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scoring_samples import NOON, count, sample_settings, sample_signals, sample_source

from connectors.contract import Pulled
from connectors.errors import TryLater
from settings.sources import Kept
from worker.core import frame, rollup
from worker.engine import Engine
from worker.lake import Arrival, Lake, LakeDamaged, LakeFile, land
from worker.steps.holding import held
from worker.steps.listing import as_lake_files, as_listed
from worker.steps.scoring import fold as step
from worker.steps.scoring.score import measure
from worker.steps.tools import Tools
from worker.store import landing
from worker.store.database import Store, open_store
from worker.store.tables import metadata

STAMP = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema(
    [(name, pa.string()) for name in ("event_id", "user_id", "anonymous_id", "account_id", "name")]
    + [("at", STAMP), ("received", STAMP), ("pages", pa.float64()), ("integration", pa.string())]
)
DAY = timedelta(days=1)


class World:
    """A store, a lake and an engine; `event` puts events into the next landing."""

    def __init__(self, folder: Path, store: Store, engine: Engine) -> None:
        keep = (Kept(name="pages", type="number"), Kept(name="integration"))
        source = sample_source()
        self.source = source.model_copy(update={"events": source.events.model_copy(update={"keep": keep})})
        self.tools = Tools(self.settings(), store, Lake(folder / "lake", "acme"), engine, {}, {})
        self.number, self.waiting = 0, []

    def settings(self, **changed):
        return sample_settings(**({"sources": {"product": self.source}} | changed))

    def using(self, **changed) -> None:
        old = self.tools
        self.tools = Tools(self.settings(**changed), old.store, old.lake, old.engine, {}, {})

    def event(self, name: str, ago: float, arrived: float | None = None, **more) -> World:
        """`ago` and `arrived` in days before noon of the instant."""
        self.number += 1
        row = {"event_id": str(self.number), "user_id": "u1", "account_id": "a1", "name": name, "pages": 3.0}
        received = NOON - DAY * (ago if arrived is None else arrived)
        self.waiting.append(row | {"at": NOON - DAY * ago, "received": received, "integration": "slack"} | more)
        return self

    def know(self, rows: dict, at: datetime) -> None:
        """Versions of users, landed at an instant."""
        piece = Pulled("users", pa.table(rows | {"received": pa.array([at], STAMP)}), "c", "x")
        brought = land(self.tools.lake, piece, Arrival("product", at), self.listed("users"))
        self._list(brought.files)

    def land(self) -> World:
        piece = Pulled("events", pa.Table.from_pylist(self.waiting, EVENTS), "c", "x")
        brought = land(self.tools.lake, piece, Arrival("product", NOON + DAY), self.listed("events"))
        self._list(brought.files)
        self.waiting = []
        return self

    def _list(self, files) -> None:
        with self.tools.store.write() as tx:
            landing.add_files(tx, as_listed(files, None))

    def listed(self, kind: str) -> list[LakeFile]:
        with self.tools.store.read() as tx:
            return as_lake_files(landing.files(tx, kind))

    def fold(self, as_of: datetime = NOON) -> int:
        return step.fold(self.tools, as_of)

    def read(self, as_of: datetime = NOON) -> tuple[set, set]:
        """What a score would read: sums per user, account, day and column; and the side rows."""
        given = step.scoring_input(self.tools, as_of)
        rows = self.tools.engine.run(given.inputs.rollup).to_pylist()
        side = self.tools.engine.run(given.inputs.side).to_pylist()
        return _sums(rows), {tuple(sorted((k, str(v)) for k, v in row.items())) for row in side}

    def truth(self, as_of: datetime = NOON) -> tuple[set, set]:
        """The same from raw events in one go."""
        wanted, side = rollup.columns(self.tools.settings), rollup.side_columns(self.tools.settings)
        events = step._events(self.tools, self.listed("events"), (*wanted, *side))
        rows = self.tools.engine.run(rollup.fold(events, wanted, as_of)).to_pylist()
        more = self.tools.engine.run(rollup.side_fold(events, side, as_of)).to_pylist()
        return _sums(rows), {tuple(sorted((k, str(v)) for k, v in row.items())) for row in more}


def _sums(rows: list[dict]) -> set:
    sums: dict[tuple, int] = {}
    for row in rows:
        where = (row["user"], row["account"], row["day"])
        for name, value in row.items():
            if name.startswith("c_") and value is not None:
                sums[*where, name] = sums.get((*where, name), 0) + value
        sums[*where, "last_at"] = max(sums.get((*where, "last_at"), 0), int(row["last_at"].timestamp()))
    return set(sums.items())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", "acme")
    metadata.create_all(store.engine)
    with Engine(threads=2, memory="300MB") as engine:
        yield World(tmp_path, store, engine)
    store.close()


def test_days_before_the_instant_are_folded_once(world: World) -> None:
    world.event("project_created", 3).event("report_viewed", 2).event("report_viewed", 0.1).land()

    assert world.fold() == 2 * 2, "two days, in the roll-up and in the side roll-up"
    assert world.fold() == 0
    assert world.read() == world.truth()


@pytest.mark.fault("F37")
def test_a_late_event_folds_again_only_the_day_it_touches(world: World) -> None:
    for ago in range(1, 6):
        world.event("report_viewed", ago)
    world.land().fold()
    world.event("project_created", 3, arrived=-0.5).land()

    assert world.fold() == 2
    days = [sorted(file.facts["days"]) for file in world.listed("rollup")]
    assert [len(one) for one in days] == [5, 1]
    assert world.read(NOON + DAY) == world.truth(NOON + DAY)
    assert world.read() == world.truth(), "before it arrived"


def test_a_new_column_is_folded_alone(world: World) -> None:
    for ago in range(1, 4):
        world.event("report_viewed", ago).event("export", ago)
    world.land().fold()
    world.using(signals=sample_signals() | {"exports": count("exports", "export")})

    assert world.fold() == 3
    old, new = world.listed("rollup")
    assert len(new.facts["columns"]) == 1
    assert not set(old.facts["columns"]) & set(new.facts["columns"])
    assert world.read() == world.truth()


def test_a_roll_up_that_no_day_needs_any_more_leaves_the_list(world: World) -> None:
    world.event("report_viewed", 2).land().fold()
    (first,) = world.listed("rollup")
    world.event("report_viewed", 2.1).land().fold()

    (second,) = world.listed("rollup")
    assert second.path != first.path
    assert (
        world.tools.lake.sweep([file.path for kind in ("events", "rollup", "side") for file in world.listed(kind)], 9e9) == 2
    )


def test_a_day_some_of_whose_events_arrived_later_is_read_as_it_was(world: World) -> None:
    world.event("report_viewed", 5).event("project_created", 5, arrived=1).event("report_viewed", 4).land().fold()

    past = NOON - 3 * DAY
    assert world.read(past) == world.truth(past)
    assert world.read(past) != world.read()
    assert step.scoring_input(world.tools, past).fresh_days == 1


def test_reading_needs_no_fold_and_an_empty_lake_is_no_trouble(world: World) -> None:
    assert world.read() == (set(), set())
    world.event("project_created", 3).event("integration_connected", 0.2, user_id=None, anonymous_id="c1").land()

    assert world.read() == world.truth()


def test_runs_are_cut_to_fit_into_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step.rollups, "ROWS_AT_ONCE", 4)
    for ago in range(1, 7):
        world.event("report_viewed", ago).event("project_created", ago)
    world.land().fold()

    assert [len(file.facts["days"]) for file in world.listed("rollup")] == [2, 2, 2]
    assert world.read() == world.truth()


def test_one_process_folds_at_a_time(world: World) -> None:
    world.event("report_viewed", 2).land()

    with held(world.tools.store, step.LEASE), pytest.raises(TryLater, match="under way"):
        world.fold()


@pytest.mark.fault("F51")
def test_a_listed_file_that_is_gone_stops_the_score(world: World) -> None:
    world.event("report_viewed", 2).land()
    Path(world.tools.lake.path(world.listed("events")[0])).unlink()

    with pytest.raises(LakeDamaged):
        step.scoring_input(world.tools, NOON)


def test_a_property_declared_otherwise_in_older_files_is_read_as_declared_now(world: World) -> None:
    world.event("project_created", 3, pages=5.0).land()
    events = EVENTS.set(EVENTS.get_field_index("pages"), pa.field("pages", pa.string()))
    row = {"event_id": "text", "user_id": "u1", "name": "project_created", "at": NOON - 2 * DAY, "pages": "7"}
    piece = Pulled("events", pa.Table.from_pylist([row], events), "c", "x")
    world._list(land(world.tools.lake, piece, Arrival("product", NOON - DAY), []).files)
    world.fold()

    assert world.read() == world.truth()
    key = next(one.key for one in rollup.columns(world.tools.settings) if one.kind == "sum")
    assert sorted(value for (*_, name), value in world.read()[0] if name == key) == [5_000_000, 7_000_000]


def test_what_has_landed_is_named_by_a_hash_that_folding_leaves_alone(world: World) -> None:
    world.event("report_viewed", 2).land()
    before = step.scoring_input(world.tools, NOON).landed
    world.fold()
    after = step.scoring_input(world.tools, NOON).landed
    world.event("report_viewed", 1).land()

    assert before == after != step.scoring_input(world.tools, NOON).landed


def test_visitors_are_known_by_their_links(world: World) -> None:
    world.event("report_viewed", 3, user_id=None, anonymous_id="c1").event("login", 2, anonymous_id="c1").land()
    given = step.scoring_input(world.tools, NOON)

    assert world.tools.engine.run(given.inputs.identity).to_pylist() == [{"visitor": "~product:c1", "user_id": "u1"}]


NAMES = st.sampled_from(
    ["report_viewed", "project_created", "integration_connected", "integration_removed", "pricing_viewed"]
)
HAPPENED = st.tuples(NAMES, st.integers(0, 12), st.integers(0, 6), st.sampled_from(["u1", "u2"]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    landings=st.lists(st.tuples(st.lists(HAPPENED, min_size=1, max_size=6), st.booleans()), min_size=1, max_size=4),
    back=st.integers(0, 8),
)
def test_cached_or_not_late_or_not_every_instant_reads_the_same(tmp_path_factory, landings, back: int) -> None:
    folder = tmp_path_factory.mktemp("world")
    store = open_store(f"sqlite:///{folder / 'store.db'}", "acme")
    metadata.create_all(store.engine)
    with Engine(threads=2, memory="300MB") as engine:
        world = World(folder, store, engine)
        for events, folding in landings:
            for name, ago, late, user in events:
                world.event(name, ago + 0.3, arrived=max(ago + 0.3 - late, 0), user_id=user)
            world.land()
            if folding:
                world.fold()
        as_of = NOON - back * DAY

        assert world.read(as_of) == world.truth(as_of)
    store.close()


# ------------------------------------------------------------------------------- a process that lives


def anew(world: World, as_of: datetime) -> pa.Table:
    """What a new process would measure, its query built for this instant alone."""
    old = world.tools
    with Engine(threads=2, memory="300MB") as engine:
        tools = Tools(old.settings, old.store, old.lake, engine, {}, {})
        read = step.scoring_input(tools, as_of)
        return engine.run(engine.keep(frame.measured(tools.settings, read.inputs, as_of))).sort_by("user_id")


def again(world: World, as_of: datetime) -> pa.Table:
    """What this process measures, with the queries it has."""
    engine = world.tools.engine
    return engine.run(measure(world.tools, step.scoring_input(world.tools, as_of))).sort_by("user_id")


def test_an_hour_later_the_lake_is_read_in_the_same_form(world: World) -> None:
    world.event("login", 3).event("login", 0.1, anonymous_id="c1").land().fold()
    one = step.scoring_input(world.tools, NOON)
    world.event("login", 0.05, user_id="u2").land()
    two = step.scoring_input(world.tools, NOON + DAY / 24)

    assert one.form == two.form
    assert {name: table.schema() for name, table in one.tables.items()} == {n: t.schema() for n, t in two.tables.items()}


HAPPENINGS = {
    "an hour passes": lambda world, now: now + DAY / 24,
    "a day passes": lambda world, now: now + DAY,
    "back an hour": lambda world, now: now - DAY / 24,
    "events land": lambda world, now: world.event("report_viewed", 0.01).event("project_created", 2, arrived=0.02).land(),
    "somebody is known": lambda world, now: world.event("login", 0.3, anonymous_id="c1", user_id="u2").land(),
    "a visitor comes": lambda world, now: world.event("report_viewed", 0.4, anonymous_id="c1", user_id=None).land(),
    "days are folded": lambda world, now: world.fold(now),
    "users get a column": lambda world, now: world.know({"user_id": ["u1"], "title": ["boss"]}, now),
    "users are known": lambda world, now: world.know({"user_id": ["u1"]}, now),
    "a signal changes": lambda world, now: world.using(signals=sample_signals() | {"logins": count("logins", "login")}),
    "settings return": lambda world, now: world.using(),
}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_process_that_lives_measures_what_a_new_one_would(world: World, seed: int) -> None:
    now = NOON
    world.event("login", 1).event("report_viewed", 0.2).land()
    for what in random.Random(seed).sample([*HAPPENINGS, "an hour passes", "events land"], k=9):
        moved = HAPPENINGS[what](world, now)
        now = moved if isinstance(moved, datetime) else now

        assert again(world, now).equals(anew(world, now)), what


def test_a_process_that_lives_sees_the_event_of_this_hour(world: World) -> None:
    world.event("report_viewed", 0.2).land()
    counts = [again(world, NOON)["active_days"].to_pylist()]
    world.event("report_viewed", -0.02, arrived=-0.02, user_id="u2").land()

    counts += [again(world, NOON + part * DAY)["active_days"].to_pylist() for part in (0.01, 0.03, 0.01)]

    assert counts == [[1], [1], [1, 1], [1]]
