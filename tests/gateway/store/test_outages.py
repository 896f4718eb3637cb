"""A locked database and a full disk: 503 with a delay, nothing lost, and everything works again afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.store import store as store_module
from gateway.store.store import StoreUnavailableError
from tests.gateway.world import World, refusal_of


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Another program that writes and does not finish."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def _full(world: World) -> Iterator[None]:
    """A disk without room: the database may not grow by one page, as SQLite itself sees to."""
    _limit(world, "(SELECT page_count FROM pragma_page_count)")
    try:
        yield
    finally:
        _limit(world, "1000000")


def _limit(world: World, pages: str) -> None:
    with world.broker.store.transaction() as tx:
        count = tx.connection.exec_driver_sql(f"SELECT {pages}").scalar()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")


def test_a_locked_database_is_503_and_the_same_call_passes_later(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program holds the lock every write is refused with a delay; then the same bytes pass."""
    world.line.register()
    wire = world.referral()
    world.line.token()
    with _locked(tmp_path / "gateway.sqlite3"):
        answer = world.line.deposit(wire)
        assert refusal_of(answer) == (503, "storage-busy")
        assert int(answer.headers["retry-after"]) > 0
        assert world.client.get("/v1/journal/checkpoint").status_code == 200
    assert world.line.deposit(wire).status_code == 201
    assert world.types() == ["consent.registered", "envelope.accepted"]


def test_a_full_disk_is_503_and_nothing_is_lost(world: World) -> None:
    """When the disk is full deposits are refused whole; what was there stays, and room makes them pass."""
    world.line.register()
    before = world.entries()
    wire = world.referral()
    with _full(world):
        answers = [world.line.deposit(wire) for _ in range(3)]
        assert {refusal_of(answer) for answer in answers} == {(503, "storage-full")}
        assert all(answer.headers["retry-after"] for answer in answers)
        assert world.entries() == before
    assert world.line.deposit(wire).status_code == 201
    assert [entry.type for entry in world.entries()[len(before) :]] == ["envelope.accepted"]


def test_an_outage_stops_the_whole_group_and_says_so_to_each(world: World, tmp_path: Path) -> None:
    """Everyone who shared the commit that failed is told the same, and none of them was served."""
    size = len(world.entries())
    with _locked(tmp_path / "gateway.sqlite3"), pytest.raises(StoreUnavailableError) as refused:
        world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    assert refused.value.code == "storage-busy"
    assert len(world.entries()) == size
    assert store_module.BUSY_MILLISECONDS <= 1000
