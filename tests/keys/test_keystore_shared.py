"""A keystore that two people, or two programs, change at once: none undoes what the other has done."""

from pathlib import Path

import pytest

from keys.errors import FileError, KeystoreError
from keys.files import one_at_a_time
from keys.keystore import Keystore, StoredKey
from tests.keys.builders import PASSPHRASE, sealing_key
from tests.keys.test_keystore import STORED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A valid keystore."""
    made = tmp_path / "keys.json"
    Keystore.create(made, PASSPHRASE, {"signing": STORED})
    return made


def test_a_file_that_somebody_else_wrote_is_not_written_over(path: Path) -> None:
    """Two who opened the same file: the second would destroy the keys that the first one made; opened again, it may."""
    first, second = Keystore.open(path, PASSPHRASE), Keystore.open(path, PASSPHRASE)
    first.keys["made"] = StoredKey(use="sealing", kid="x", secret=sealing_key().seed)
    first.save()
    second.keys["other"] = STORED
    with pytest.raises(KeystoreError) as refused:
        second.save()
    assert refused.value.code == "keystore-changed"
    again = second.reopened()
    assert set(again.keys) == {"signing", "made"}
    again.save()
    first.path.unlink()
    Keystore.create(path, PASSPHRASE, {})
    with pytest.raises(KeystoreError):
        again.reopened()


def test_one_at_a_time_changes_a_file(path: Path) -> None:
    """Whoever comes second is refused at once, and may when the first has ended; a folder without access is refused."""
    with one_at_a_time(path):
        with pytest.raises(FileError) as refused, one_at_a_time(path):
            pass
        assert refused.value.code == "file-in-use"
    with one_at_a_time(path):
        assert Keystore.open(path, PASSPHRASE).keys == {"signing": STORED}
    with pytest.raises(FileError) as unwritable, one_at_a_time(path.parent / "no-such-folder" / "keys.json"):
        pass
    assert unwritable.value.code == "file-unwritable"
