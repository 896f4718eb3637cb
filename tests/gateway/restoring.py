"""A broker whose database is set back to an earlier day, and partners who remember what came after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from httpx2 import Response

from gateway.restores import begin_restore, restart, resume
from gateway.store.store import Store
from journal.notes import parse_note
from journal.shards import Shard
from keys.documents import b64url
from tests.databases import Server
from tests.gateway.witnessing import bring, request
from tests.gateway.world import World

__all__ = ["Copy", "backup_on_server", "backup_to", "begun", "newest_note", "restarted", "resumed", "show"]

Copy = Callable[[World], AbstractContextManager[World]]
"""Copies the database of a world as it is now, and serves the copy."""


def backup_to(folder: Path) -> Copy:
    """Copies files of SQLite."""

    @contextmanager
    def copied(world: World) -> Iterator[World]:
        path = world.broker.store.engine.url.database
        assert path is not None
        world.broker.store.close()  # whatever is in the log goes to the file
        copy = folder / "backup.sqlite3"
        shutil.copy(path, copy)
        with closing(Store(f"sqlite:///{copy}")) as store:
            yield World(store)

    return copied


def backup_on_server(server: Server) -> Copy:
    """Copies databases of a PostgreSQL server."""

    @contextmanager
    def copied(world: World) -> Iterator[World]:
        name = world.broker.store.engine.url.database
        assert name is not None
        world.broker.store.close()  # a database that somebody uses is not copied
        copy = server.create(name)
        with closing(Store(server.url(copy))) as store:
            yield World(store)
        server.drop(copy)

    return copied


def begun(world: World) -> None:
    """The operator says that a backup was restored."""
    with world.broker.store.transaction() as tx:
        begin_restore(tx, world.clock())


def newest_note(world: World) -> bytes:
    """The newest checkpoint of the shard that grows, as partners saw it."""
    world.integrate()
    with world.broker.store.reading() as tx:
        newest = tx.tiles.newest_checkpoint()
    assert newest is not None
    return newest.note


def show(world: World, note: bytes, by: str) -> Response:
    """A partner shows the last checkpoint that it saw, as its adapter does."""
    checkpoint = parse_note(note).checkpoint
    line = parse_note(note).signatures[0].line()
    return bring(world, request(checkpoint, {"note": b64url(note), "cosignature": line}), by)


def resumed(world: World, *without: str) -> None:
    """The operator goes on without these witnesses."""
    world.act(lambda tx, at: resume(world.broker, tx, without, at))


def restarted(world: World, *without: str) -> Shard:
    """The operator goes on in a new shard, without these witnesses."""
    shard: Shard = world.act(lambda tx, at: restart(world.broker, tx, without, at))
    return shard
