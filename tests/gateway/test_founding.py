"""The first day of a broker, and a first day that failed."""

from pathlib import Path

import pytest

from gateway.founding import found_broker
from gateway.store.journal import Instance, NotInitialisedError
from gateway.store.store import Store
from journal.notes import open_note
from keys.errors import FileError, MalformedError
from tests.builders import AT
from tests.gateway.first_day import ORIGIN, SETTINGS
from tests.gateway.operator import PASSPHRASE


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A database that does not exist yet."""
    return Store(f"sqlite:///{tmp_path / 'gateway.sqlite3'}")


def test_the_first_checkpoint_signs_an_empty_journal(store: Store, tmp_path: Path) -> None:
    """Keys, tables and journal are there, and a checkpoint of size 0 signed by both keys."""
    keys = found_broker(SETTINGS, store, tmp_path / "keys", PASSPHRASE, origin=ORIGIN, at=AT)
    with store.reading() as tx:
        assert tx.journal.instance() == Instance("laval", ORIGIN)
        newest = tx.tiles.newest_checkpoint()
    assert newest is not None
    assert open_note(newest.note, keys.signer(1).vkeys).checkpoint.size == 0
    store.close()


def test_a_failed_first_day_can_be_begun_again(store: Store, tmp_path: Path) -> None:
    """When the journal cannot be signed, neither keys nor journal stay, and the next try succeeds."""
    with pytest.raises(MalformedError) as refused:
        found_broker(SETTINGS, store, tmp_path / "keys", PASSPHRASE, origin="a name with spaces", at=AT)
    assert refused.value.code == "wrong-name"
    assert not (tmp_path / "keys").exists()
    found_broker(SETTINGS, store, tmp_path / "keys", PASSPHRASE, origin=ORIGIN, at=AT)
    store.close()


def test_neither_keys_nor_journal_are_ever_replaced(store: Store, tmp_path: Path) -> None:
    """A keystore of that name, or a journal in the database, stops everything before anything is written."""
    keystore = tmp_path / "keys"
    keystore.write_bytes(b"precious")
    with pytest.raises(FileError):
        found_broker(SETTINGS, store, keystore, PASSPHRASE, origin=ORIGIN, at=AT)
    assert keystore.read_bytes() == b"precious"
    found_broker(SETTINGS, store, tmp_path / "others", PASSPHRASE, origin=ORIGIN, at=AT)
    with pytest.raises(NotInitialisedError):
        found_broker(SETTINGS, store, tmp_path / "third", PASSPHRASE, origin=ORIGIN, at=AT)
    assert not (tmp_path / "third").exists()
    store.close()
