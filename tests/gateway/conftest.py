"""What the tests of the broker share: a world of its own for each, copied from one that was made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.store import Store
from tests.gateway.first_day import make_database
from tests.gateway.paper_world import with_papers
from tests.gateway.world import World


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that every world begins with."""
    path = tmp_path_factory.mktemp("broker") / "first-day.sqlite3"
    make_database(path)
    return path


@pytest.fixture
def world(first_day: Path, tmp_path: Path) -> Iterator[World]:
    """A broker of the invented territory, ready to be called."""
    path = tmp_path / "gateway.sqlite3"
    shutil.copy(first_day, path)
    store = Store(f"sqlite:///{path}")
    try:
        yield World(store)
    finally:
        store.close()


@pytest.fixture
def papers(world: World) -> World:
    """A world whose agreement and consent let papers pass."""
    return with_papers(world)
