"""The stage of the proof: both sandbox CRMs once for each test process, and scenes on SQLite and on Postgres."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.clock import Clock
from chaos.scene import Scene
from chaos.stage import Stage
from pusher import Pushers

from worker.store.database import Store


@pytest.fixture(scope="session")
def stage(pushers: Pushers) -> Iterator[Stage]:
    with Stage.opened(pushers) as opened:
        yield opened


@pytest.fixture(params=["hubspot", "salesforce"])
def crm(request: pytest.FixtureRequest) -> str:
    """Each CRM."""
    return str(request.param)


@pytest.fixture
def scene(stage: Stage, crm: str, sqlite_store: Store) -> Scene:
    """Each CRM, where the database makes no difference."""
    return set_scene(stage, crm, sqlite_store)


@pytest.fixture
def both_scenes(stage: Stage, crm: str, store: Store) -> Scene:
    """Each CRM, on SQLite and on Postgres."""
    return set_scene(stage, crm, store)


def set_scene(stage: Stage, crm: str, store: Store) -> Scene:
    clock = Clock()
    clock.rule(store)
    return Scene(stage, crm, store, clock)


def copied(template: Path, folder: Path) -> str:
    """The address of a store of its own."""
    return f"sqlite:///{shutil.copy(template, folder / 'store.sqlite')}"


@pytest.fixture(scope="module")
def url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store for one scene after another: `Stage.scratch` empties it."""
    return copied(sqlite_template, tmp_path_factory.mktemp("scratch"))
