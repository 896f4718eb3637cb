"""What the store promises: grouped commits, each job whole or not at all, and no answer before the disk has it."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway.store.journal import NotInitialisedError
from gateway.store.migration import migrate
from gateway.store.store import GROUP, Store
from gateway.store.transaction import Transaction
from tests.builders import AT, BROKER
from tests.gateway.first_day import ORIGIN


class _SlipError(Exception):
    """What a job of these tests raises."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a fresh broker's database."""
    return tmp_path / "gateway.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A database with an empty journal."""
    made = Store(f"sqlite:///{path}")
    migrate(made)
    with made.transaction() as tx:
        tx.journal.create("laval", ORIGIN, AT)
    yield made
    made.close()


def _note(tx: Transaction, at: datetime = AT) -> int:
    """Append one harmless entry; returns its index."""
    return tx.journal.append(tx.journal.lock(at), type="audit.read", actor=BROKER).index


def _note_and_slip(tx: Transaction) -> int:
    _note(tx)
    tx.replay.once("test", "slipped", AT)
    raise _SlipError


def _undone(tx: Transaction, at: datetime) -> None:
    with tx.savepoint():
        _note(tx, at)
        raise _SlipError


def _size_on_disk(path: Path) -> int:
    """What another program sees of the journal."""
    with sqlite3.connect(path) as other:
        [[size]] = other.execute("SELECT size FROM journal_head")
        [[leaves]] = other.execute("SELECT count(*) FROM journal_leaf")
    other.close()
    assert size == leaves
    return int(size)


def _gathered(store: Store, *jobs: Callable[[Transaction], Any]) -> list[Any]:
    async def run() -> list[Any]:
        return await asyncio.gather(*(store.write(job) for job in jobs), return_exceptions=True)

    return asyncio.run(run())


def test_requests_of_one_moment_share_a_commit(store: Store, path: Path) -> None:
    """Ten jobs that are ready together are one commit, and get consecutive places in the order they came."""
    commits: list[object] = []
    event.listen(store.engine, "commit", commits.append)
    assert _gathered(store, *[_note] * 10) == list(range(10))
    assert len(commits) == 1
    assert _size_on_disk(path) == 10


def test_a_job_that_fails_leaves_no_trace_and_the_others_stand(store: Store, path: Path) -> None:
    """Between two good jobs of the same commit, one that raises after writing is undone alone, place included."""
    first, failed, last = _gathered(store, _note, _note_and_slip, _note)
    assert (first, last) == (0, 1)
    assert isinstance(failed, _SlipError)
    assert _size_on_disk(path) == 2
    with store.transaction() as tx:
        assert tx.replay.once("test", "slipped", AT)


def test_nothing_is_answered_before_it_is_on_disk(store: Store, path: Path) -> None:
    """At the moment a job's answer arrives, another program already reads what it wrote."""

    async def run() -> list[tuple[int, int]]:
        async def ask() -> tuple[int, int]:
            index = await store.write(_note)
            return index, _size_on_disk(path)

        return await asyncio.gather(*(ask() for _ in range(5)))

    assert all(size > index for index, size in asyncio.run(run()))


def test_more_than_a_group_is_committed_in_turns(store: Store, path: Path) -> None:
    """What does not fit into one commit goes into the next one; nobody is forgotten."""
    assert _gathered(store, *[_note] * (2 * GROUP + 1)) == list(range(2 * GROUP + 1))
    assert _size_on_disk(path) == 2 * GROUP + 1


def test_a_caller_who_left_does_not_disturb_the_others(store: Store, path: Path) -> None:
    """A cancelled request's job is not run, and the jobs beside it are."""

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(store.write(_note)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, cancelled, last = asyncio.run(run())
    assert (first, last) == (0, 1)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert _size_on_disk(path) == 2


def test_who_has_news_hears_of_it_after_the_commit_only(store: Store, path: Path) -> None:
    """A bell rings once the news can be read, and not at all for a job that was undone."""
    rung: list[tuple[str, int]] = []
    store.on_commit(lambda address: rung.append((address, _size_on_disk(path))))

    def tell(tx: Transaction) -> None:
        _note(tx)
        tx.news.add("refuge@laval")

    def tell_and_slip(tx: Transaction) -> None:
        tx.news.add("carrefour@laval")
        raise _SlipError

    _gathered(store, tell, tell_and_slip)
    assert rung == [("refuge@laval", 1)]


def test_an_undone_savepoint_gives_the_place_in_the_journal_back(store: Store) -> None:
    """Within one transaction, what is undone takes no index and no time with it."""
    later = AT.replace(hour=23)
    with store.transaction() as tx:
        _note(tx)
        with pytest.raises(_SlipError):
            _undone(tx, later)
        assert tx.journal.head().size == 1
        assert _note(tx) == 1
        assert tx.journal.head().time == AT


def test_the_first_job_of_a_transaction_can_be_undone_too(store: Store) -> None:
    """Undone before the end of the journal was ever read outside of it, it is read again."""
    with store.transaction() as tx:
        with pytest.raises(_SlipError):
            _undone(tx, AT)
        assert _note(tx) == 0


def test_a_database_without_a_journal_is_told(tmp_path: Path) -> None:
    """Nothing is ever journalled into nowhere: `init` comes first, and only once."""
    store = Store(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    migrate(store)
    with pytest.raises(NotInitialisedError) as missing, store.transaction() as tx:
        tx.journal.lock(AT)
    assert missing.value.code == "journal-missing"
    with store.transaction() as tx:
        tx.journal.create("laval", ORIGIN, AT)
    with pytest.raises(NotInitialisedError) as exists, store.transaction() as tx:
        tx.journal.create("laval", ORIGIN, AT)
    assert exists.value.code == "journal-exists"
    store.close()
