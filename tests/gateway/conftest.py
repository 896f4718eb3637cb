"""What the tests of the broker share: a world of its own for each, copied from one that was made once.

Each test that asks for a world runs twice: on SQLite and on a real PostgreSQL.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from gateway.store.store import Store
from tests.builders import LINE
from tests.databases import Server, running_server
from tests.gateway.emergency_world import Emergencies
from tests.gateway.first_day import make_database
from tests.gateway.paper_world import with_papers
from tests.gateway.restoring import Copy, backup_on_server, backup_to, begun, newest_note
from tests.gateway.witnessing import publish_witness_key
from tests.gateway.world import World

Copies = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for this test run."""
    with running_server() as started:
        yield started


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A PostgreSQL server that nobody else uses, to be stopped."""
    with running_server() as started:
        yield started


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def copies(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Makes copies of the database that every world begins with; each is gone when its block ends."""
    folder = tmp_path_factory.mktemp("broker")
    if request.param == "sqlite":
        path = folder / "first-day.sqlite3"
        make_database(f"sqlite:///{path}")

        @contextmanager
        def copied() -> Iterator[str]:
            copy = Path(tmp_path_factory.mktemp("world")) / "gateway.sqlite3"
            shutil.copy(path, copy)
            yield f"sqlite:///{copy}"

        return copied
    started: Server = request.getfixturevalue("server")
    template = started.create()
    make_database(started.url(template))

    @contextmanager
    def cloned() -> Iterator[str]:
        name = started.create(template)
        try:
            yield started.url(name)
        finally:
            started.drop(name)

    return cloned


@pytest.fixture
def world(copies: Copies) -> Iterator[World]:
    """A broker of the invented territory, ready to be called."""
    with copies() as url:
        store = Store(url)
        try:
            yield World(store)
        finally:
            store.close()


@pytest.fixture
def second_world(copies: Copies) -> Iterator[World]:
    """Another broker of the same beginning, with a database of its own."""
    with copies() as url:
        store = Store(url)
        try:
            yield World(store)
        finally:
            store.close()


@pytest.fixture
def papers(world: World) -> World:
    """A world whose agreement and consent let papers pass."""
    return with_papers(world)


@pytest.fixture
def audited(world: World) -> World:
    """A world whose agreement has auditors, and a referral under it."""
    urgent = Emergencies(world)
    assert world.line.register().status_code == 201
    assert world.line.deposit(world.referral(urgent.terms())).status_code == 201
    assert len(world.shelter.lease()) == 1
    return world


@pytest.fixture
def copied(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Copy:
    """Copies the world's database on its own engine."""
    if world.broker.store.engine.dialect.name == "sqlite":
        return backup_to(tmp_path)
    return backup_on_server(request.getfixturevalue("server"))


@pytest.fixture
def observed(world: World) -> World:
    """A world with two witnesses, a consent, and a referral that was accepted and waits."""
    publish_witness_key(world)
    publish_witness_key(world, LINE)
    world.deposited()
    world.integrate()
    return world


@pytest.fixture
def backup(observed: World, copied: Copy) -> Iterator[World]:
    """A backup of that world, restored; the world itself goes on and is what gets lost."""
    with copied(observed) as made:
        begun(made)
        yield made


@pytest.fixture
def lost(observed: World, backup: World) -> bytes:
    """The newest checkpoint of a world in which the person withdrew after the backup was made."""
    assert backup.types() == observed.types()
    assert observed.line.withdraw().status_code == 201
    return newest_note(observed)
