"""The published tree: always the tree of the leaves, whatever grows, stops or fails between two checkpoints."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.broker import Broker
from gateway.journal_files import tile_data
from gateway.sequencer import integration
from gateway.sequencer.integration import integrate
from gateway.sequencer.loop import run_sequencer
from gateway.store.migration import migrate
from gateway.store.store import Store
from journal.notes import Checkpoint, open_note
from journal.shards import first_shard
from journal.tiles import TileReader, parse_path
from journal.tree import Frontier, leaf_hash
from keys.errors import PasserelleError
from tests.builders import AT, BROKER
from tests.gateway.first_day import ORIGIN, SETTINGS, broker_keys
from tests.gateway.sign_in import HeldClock

SIGNER = broker_keys().signer(1)
SHARDS = [first_shard(SIGNER.vkeys)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with an empty journal."""
    made = _fresh(tmp_path / "gateway.sqlite3")
    yield made
    made.close()


def _fresh(path: Path) -> Store:
    made = Store(f"sqlite:///{path}")
    migrate(made)
    with made.transaction() as tx:
        tx.journal.create("laval", ORIGIN, AT)
    return made


def _grow(store: Store, count: int) -> None:
    with store.transaction() as tx:
        at = tx.journal.lock(AT)
        for _ in range(count):
            tx.journal.append(at, type="audit.read", actor=BROKER)


def _integrate(store: Store, at: datetime = AT) -> None:
    with store.transaction() as tx:
        integrate(tx, broker_keys().signer, at)


def _published(store: Store) -> Checkpoint:
    """The newest checkpoint, its signatures and its tiles verified against the leaves as rows hold them."""
    with store.reading() as tx:
        newest = tx.tiles.newest_checkpoint()
        assert newest is not None
        checkpoint = open_note(newest.note, SIGNER.vkeys).checkpoint
        leaves = tx.journal.leaves(0, checkpoint.size)
        frontier = Frontier()
        for leaf in leaves:
            frontier.append(leaf_hash(leaf))
        assert frontier.root() == checkpoint.root
        reader = TileReader(
            lambda path: tile_data(tx, SHARDS, SHARDS[0], parse_path(path)), checkpoint.size, checkpoint.root
        )
        assert [leaf for number in range(-(-len(leaves) // 256)) for leaf in reader.leaves(number)] == leaves
    return checkpoint


def _checkpoints(store: Store) -> int:
    with store.connected() as connection:
        return int(connection.execute(text("SELECT count(*) FROM journal_checkpoint")).scalar_one())


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(steps=st.lists(st.integers(0, 40) | st.sampled_from((255, 256, 257)), min_size=1, max_size=5))
def test_tiles_are_the_tree_of_the_leaves(tmp_path_factory: pytest.TempPathFactory, steps: list[int]) -> None:
    """However the journal grows between two looks, what is published verifies leaf by leaf."""
    store = _fresh(tmp_path_factory.mktemp("sequencer") / "gateway.sqlite3")
    for size, count in zip(accumulate(steps), steps, strict=True):
        _grow(store, count)
        _integrate(store)
        assert _published(store).size == size
    store.close()


def test_an_empty_journal_has_a_checkpoint_of_size_zero(store: Store) -> None:
    """The first look signs that there is nothing yet."""
    _integrate(store)
    assert _published(store).size == 0


def test_a_long_catch_up_is_published_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that lacked what was there before it was signed would convict the journal of publishing it late."""
    monkeypatch.setattr(integration, "BATCH", 300)
    _grow(store, 100)
    _integrate(store)
    _grow(store, 700)
    _integrate(store, AT + timedelta(hours=5))
    assert _checkpoints(store) == 2
    assert _published(store).size == 800


def test_a_crash_between_two_looks_loses_nothing(tmp_path: Path) -> None:
    """What was begun and not committed is as if it had not been; the next start publishes it all."""
    path = tmp_path / "gateway.sqlite3"
    store = _fresh(path)
    _grow(store, 260)
    _integrate(store)
    _grow(store, 10)
    with suppress(RuntimeError), store.transaction() as tx:
        integrate(tx, broker_keys().signer, AT)
        raise RuntimeError
    store.close()
    again = Store(f"sqlite:///{path}")
    assert _published(again).size == 260
    _integrate(again)
    assert _published(again).size == 270
    again.close()


def test_a_quiet_journal_is_signed_every_hour(store: Store) -> None:
    """Nothing new is signed within the hour; after it the same tree is, with the new time."""
    _grow(store, 3)
    _integrate(store)
    for minutes, count in ((1, 1), (59, 1), (60, 2), (61, 2), (120, 3)):
        _integrate(store, AT + timedelta(minutes=minutes))
        assert _checkpoints(store) == count
    assert _published(store).size == 3


def test_a_smaller_tree_is_never_signed_later_than_a_larger_one(store: Store) -> None:
    """A process whose clock is ahead signs a quiet journal; the next one, whose clock is behind, signs no earlier."""
    _grow(store, 3)
    _integrate(store)
    ahead = AT + timedelta(hours=1, seconds=90)
    _integrate(store, ahead)
    _grow(store, 1)
    _integrate(store, AT + timedelta(seconds=5))
    with store.reading() as tx:
        notes = [open_note(each.note, SIGNER.vkeys) for each in tx.tiles.checkpoints(0, None, 10)]
    assert [each.checkpoint.size for each in notes] == [3, 3, 4]
    times = [each.signed_at for each in notes if each.signed_at]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE journal_tile SET data = zeroblob(length(data)) WHERE level = 0",
        "DELETE FROM journal_tile WHERE level = 0",
        "DELETE FROM journal_leaf WHERE position = 261",
        "UPDATE journal_checkpoint SET peaks = zeroblob(length(peaks))",
        "UPDATE journal_checkpoint SET size = 256, peaks = substr(peaks, 1, 32)",
        "UPDATE journal_checkpoint SET note = CAST(replace(CAST(note AS TEXT), '260', '259') AS BLOB)",
    ],
)
def test_nothing_is_signed_over_a_damaged_journal(store: Store, harm: str) -> None:
    """Tiles, leaves or edge that no longer fit stop the signing, and the last good checkpoint stands."""
    _grow(store, 260)
    _integrate(store)
    _grow(store, 5)
    with store.connected("BEGIN IMMEDIATE") as connection:
        connection.execute(text(harm))
    with pytest.raises(PasserelleError):
        _integrate(store)
    assert _checkpoints(store) == 1


def test_the_sequencer_publishes_while_the_broker_runs_and_outlives_a_fault(store: Store) -> None:
    """It tells a fault without words of others, tries again, and catches up once the fault is mended."""
    broker = Broker(SETTINGS, store, broker_keys(), HeldClock(AT))

    async def run() -> None:
        task = asyncio.create_task(run_sequencer(broker))
        await asyncio.sleep(0.05)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    _grow(store, 4)
    asyncio.run(run())
    assert _published(store).size == 4
    _grow(store, 1)
    with store.connected("BEGIN IMMEDIATE") as connection:
        connection.execute(text("ALTER TABLE journal_tile RENAME TO put_away"))
    with capture_logs() as logs:
        asyncio.run(run())
    assert {log["event"] for log in logs} == {"journal.integration_failed"}
    with store.connected("BEGIN IMMEDIATE") as connection:
        connection.execute(text("ALTER TABLE put_away RENAME TO journal_tile"))
    asyncio.run(run())
    assert _published(store).size == 5
