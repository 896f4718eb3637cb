"""Rotating the journal as an operator meets it: one command, keys made and destroyed, every interruption."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.broker_keys import held_shards
from gateway.commands import rotation
from gateway.store.migration import migrate
from gateway.store.store import Store
from keys.keystore import Keystore
from tests.databases import Server
from tests.gateway.operator import PASSPHRASE, Operator

FAULT = 70
"""The exit code of what nobody foresaw."""


class StoppedHereError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def founded(tmp_path: Path) -> Operator:
    """Somebody whose broker was just created."""
    made = Operator(tmp_path)
    made.write_settings()
    made.done("init")
    return made


def _held(operator: Operator) -> list[int]:
    """The shards whose private keys the keystore has."""
    return held_shards(Keystore.open(operator.folder / "gateway.keystore", PASSPHRASE).keys)


def _shards(operator: Operator) -> list[int]:
    """The shards that the database has, the last of which grows."""
    with closing(sqlite3.connect(operator.folder / "gateway.sqlite3")) as connection:
        found = [number for (number,) in connection.execute("SELECT number FROM journal_shard ORDER BY number")]
        assert connection.execute("SELECT shard FROM journal_head").fetchall() == [(found[-1],)]
    return found


def _forget_next(operator: Operator) -> None:
    """A keystore as earlier releases made it: with the keys of the first shard only."""
    keystore = Keystore.open(operator.folder / "gateway.keystore", PASSPHRASE)
    for name in ("journal-ed25519-2", "journal-mldsa44-2"):
        del keystore.keys[name]
    keystore.save()


def test_a_rotation_destroys_the_old_keys_and_makes_the_next(founded: Operator) -> None:
    """Before it the keystore has the keys of shards 1 and 2, after it those of 2 and 3; what to do is told."""
    assert (_held(founded), _shards(founded)) == ([1, 2], [1])
    code = founded("pins").err
    told = founded("journal", "rotate")
    assert told.code == 0
    assert (_held(founded), _shards(founded)) == ([2, 3], [1, 2])
    assert told.out.count("passerelle.example/laval/journal/2+") == 2
    assert "public witness" in told.out
    assert "Restart" not in told.err
    pins = founded.pins()
    assert ([each["number"] for each in pins["shards"]], founded("pins").err != code) == ([2], True)
    assert "All is well" in founded.done("check")
    founded.done("journal", "rotate")
    assert (_held(founded), _shards(founded)) == ([3, 4], [1, 2, 3])
    assert [each["number"] for each in founded.pins()["shards"]] == [2, 3]


def test_a_keystore_of_an_earlier_release_gets_its_keys_first(founded: Operator) -> None:
    """They are made before anything is closed; the processes that run are told to be started again."""
    _forget_next(founded)
    assert founded("check").code == 0
    told = founded("journal", "rotate")
    assert (told.code, "Restart every process" in told.err) == (0, True)
    assert (_held(founded), _shards(founded)) == ([2, 3], [1, 2])


@pytest.mark.parametrize(
    ("stop", "after"),
    [("publish_all", ([1, 2], [1])), ("rotate", ([1, 2], [1])), ("keep_only", ([1, 2], [1, 2]))],
)
def test_whoever_is_interrupted_runs_it_again(
    founded: Operator, monkeypatch: pytest.MonkeyPatch, stop: str, after: tuple[list[int], list[int]]
) -> None:
    """At every point keystore and database work together, and the second run ends where the first would have."""
    _forget_next(founded)

    def pulled(*_: object, **__: object) -> None:
        raise StoppedHereError

    with monkeypatch.context() as patched:
        patched.setattr(rotation, stop, pulled)
        assert founded("journal", "rotate").code == FAULT
    assert (_held(founded), _shards(founded)) == after
    assert founded("check").code == 0
    again = founded("journal", "rotate")
    assert again.code == 0
    assert ("finished now" in again.out) == (stop == "keep_only")
    assert (_held(founded), _shards(founded)) == ([2, 3], [1, 2])
    assert founded("check").code == 0


def test_an_old_keystore_does_not_fit_any_more(founded: Operator) -> None:
    """One that was put away before two rotations has no key of the shard that grows: refused in words."""
    old = (founded.folder / "gateway.keystore").read_bytes()
    founded.done("journal", "rotate")
    founded.done("journal", "rotate")
    (founded.folder / "gateway.keystore").write_bytes(old)
    for command in ("check", "serve"):
        assert "does not have the keys of the newest shard" in founded.refused(command)
    assert "does not have the keys of the newest shard" in founded.refused("journal", "rotate")
    assert _shards(founded) == [1, 2, 3]


def test_a_copy_of_the_database_is_not_rotated(founded: Operator) -> None:
    """Where nothing was published for two hours this may not be the database that is served."""
    with closing(sqlite3.connect(founded.folder / "gateway.sqlite3")) as connection, connection:
        connection.execute("UPDATE journal_checkpoint SET time = '2026-01-01T00:00:00.000Z'")
    assert "may be a copy" in founded.refused("journal", "rotate")
    assert _shards(founded) == [1]


def test_an_old_shard_is_told(founded: Operator) -> None:
    """`check` says that it is time, and is content all the same."""
    assert "for more than a year" not in founded.done("check")
    with closing(sqlite3.connect(founded.folder / "gateway.sqlite3")) as connection, connection:
        connection.execute("UPDATE journal_shard SET opened = '2025-01-01T00:00:00.000Z'")
    assert "for more than a year" in founded.done("check")


def test_a_database_that_knows_no_keys_learns_them(founded: Operator) -> None:
    """What an earlier release began is served by its keystore, and its public keys are kept when it is closed."""
    with closing(sqlite3.connect(founded.folder / "gateway.sqlite3")) as connection, connection:
        connection.execute("UPDATE journal_shard SET vkeys = NULL")
    before = founded.pins()
    founded.done("journal", "rotate")
    assert founded.pins()["journal"] == before["journal"]


@pytest.mark.slow
def test_only_the_owner_of_the_tables_rotates(server: Server, tmp_path: Path) -> None:
    """The account that serves cannot begin a shard; the one that migrates can, and serving goes on."""
    name = server.create()
    owner = Operator(tmp_path)
    owner.write_settings(database=server.url(name))
    owner.done("init")
    owner.done("roles", "--apply", "--prefix", name)
    account = f"{name}_serves"
    server.make_account(account, f"{name}_application")
    store = Store(server.url(name))
    migrate(store)
    owner.write_settings(database=server.url(name, account))
    owner.refused("journal", "rotate")
    with store.connected() as connection:
        assert connection.execute(text("SELECT count(*) FROM journal_shard")).scalar_one() == 1
    owner.write_settings(database=server.url(name))
    owner.done("journal", "rotate")
    owner.write_settings(database=server.url(name, account))
    owner.done("check")
    store.close()
    server.drop(name)
