"""Private keys at rest: nobody else reads the file, nothing in it changes unseen, and no crash leaves half of it."""

import errno
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.documents import b64url
from keys.errors import FileError, KeystoreError, MalformedError, PasserelleError
from keys.keystore import Keystore, StoredKey
from tests.keys.builders import DAY, NOW, PASSPHRASE, sealing_key, signing_key

STORED = StoredKey(use="signing", kid=signing_key().kid, secret=signing_key().seed, not_before=NOW, not_after=NOW + DAY)


def _created(folder: Path) -> Path:
    path = folder / "keys.json"
    Keystore.create(path, PASSPHRASE, {"signing": STORED})
    return path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a valid keystore, made once because Argon2id takes its time."""
    return _created(tmp_path_factory.mktemp("keystore")).read_bytes()


@pytest.fixture
def path(tmp_path: Path, original: bytes) -> Path:
    """A valid keystore of its own for each test."""
    path = tmp_path / "keys.json"
    path.write_bytes(original)
    path.chmod(0o600)
    return path


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _refused(path: Path, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(PasserelleError) as caught:
        Keystore.open(path, passphrase)
    return caught.value.code


def test_keys_come_back_as_they_were_stored(tmp_path: Path) -> None:
    """What is created, opened, changed, saved and opened again is the same."""
    path = _created(tmp_path / "deep" / "folder")
    store = Keystore.open(path, PASSPHRASE)
    assert store.keys == {"signing": STORED}
    store.keys["epoch"] = StoredKey(use="sealing", kid="x", secret=sealing_key().seed)
    store.save()
    again = Keystore.open(path, PASSPHRASE).keys
    assert again == store.keys
    assert again["signing"].secret == signing_key().seed


def test_the_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, from the first moment and after each save; the folder made for it is closed."""
    before = os.umask(0)
    try:
        path = _created(tmp_path / "new")
        Keystore.open(path, PASSPHRASE).save()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert _names(path.parent) == ["keys.json"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o606, 0o610, 0o601, 0o620])
def test_a_looser_mode_is_refused(path: Path, mode: int) -> None:
    """Any permission of the group or of others refuses the file before the passphrase is even tried."""
    path.chmod(mode)
    assert _refused(path) == "file-readable-by-others"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_mode_is_taken(path: Path, mode: int) -> None:
    """The owner may make the file read-only."""
    path.chmod(mode)
    assert Keystore.open(path, PASSPHRASE).keys


def test_another_passphrase_opens_nothing(path: Path) -> None:
    """One letter less, an empty one, or one that no keyboard types is refused, and never repeated."""
    for wrong in (PASSPHRASE[:-1], PASSPHRASE + " ", "", "Personne-Fictive"):
        with pytest.raises(KeystoreError) as caught:
            Keystore.open(path, wrong)
        assert caught.value.code == "wrong-passphrase"
        assert wrong == "" or wrong not in repr(caught.value) + str(caught.value)
    assert _refused(path, "\ud800" * 12) == "not-utf8"


def test_accents_open_however_they_are_typed(tmp_path: Path) -> None:
    """é as one character or as e and an accent is the same passphrase."""
    path = tmp_path / "keys.json"
    Keystore.create(path, "été comme hiver", {})
    assert Keystore.open(path, "e\u0301te\u0301 comme hiver").keys == {}


def test_a_short_passphrase_and_a_taken_name_are_refused(path: Path) -> None:
    """Twelve characters at least; and a keystore never replaces a file, nor follows a link to one."""
    before = path.read_bytes()
    with pytest.raises(KeystoreError) as short:
        Keystore.create(path.with_name("other"), "eleven char", {})
    assert short.value.code == "passphrase-too-short"
    assert not path.with_name("other").exists()
    link = path.with_name("link")
    link.symlink_to("nowhere")
    for taken in (path, link):
        with pytest.raises(FileError) as caught:
            Keystore.create(taken, PASSPHRASE, {})
        assert caught.value.code == "file-exists"
    assert path.read_bytes() == before
    assert _names(path.parent) == ["keys.json", "link"]


@given(st.data())
def test_every_altered_byte_is_refused(
    tmp_path_factory: pytest.TempPathFactory, original: bytes, data: st.DataObject
) -> None:
    """Whatever byte of the file is changed, to whatever else, it does not open."""
    place = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != original[place]))
    altered = original[:place] + bytes([byte]) + original[place + 1 :]
    path = tmp_path_factory.mktemp("altered") / "keys.json"
    path.write_bytes(altered)
    path.chmod(0o600)
    assert _refused(path)


@pytest.mark.parametrize("length", [0, 1, 50, -30, -2, -1])
def test_a_cut_file_is_refused(path: Path, original: bytes, length: int) -> None:
    """A file cut anywhere is not JSON any more."""
    path.write_bytes(original[:length])
    assert _refused(path) == "not-json"


def test_the_parts_of_two_files_do_not_mix(path: Path, original: bytes, tmp_path: Path) -> None:
    """The salt, nonce and ciphertext of another keystore of the same passphrase open nothing here."""
    other = json.loads(_created(tmp_path / "other").read_bytes())
    for member in ("salt", "nonce", "ciphertext"):
        path.write_bytes(json.dumps({**json.loads(original), member: other[member]}).encode())
        assert _refused(path) == "wrong-passphrase"
    for short in ("", b64url(b"x" * 15)):
        path.write_bytes(json.dumps({**json.loads(original), "ciphertext": short}).encode())
        assert _refused(path) == "wrong-passphrase"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"profile": "none"}, "unknown-code"),
        ({"profile": "argon2id-aes256gcm-0"}, "unknown-code"),
        ({"v": 2}, "out-of-range"),
        ({"iterations": 1}, "unknown-field"),
        ({"salt": ""}, "too-short"),
        ({"nonce": b64url(bytes(13))}, "too-long"),
    ],
)
def test_a_file_does_not_choose_its_own_strength(
    path: Path, original: bytes, change: dict[str, object], code: str
) -> None:
    """The parameters are those of the profile: a file cannot name weaker ones."""
    path.write_bytes(json.dumps({**json.loads(original), **change}).encode())
    assert _refused(path) == code


def test_a_keystore_of_another_content_is_damaged(path: Path) -> None:
    """What opens but holds no keys of our form is refused, without showing it."""
    store = Keystore.open(path, PASSPHRASE)
    store.keys["signing"] = STORED.model_copy(update={"use": "Personne-Fictive"})
    store.save()
    with pytest.raises(KeystoreError) as caught:
        Keystore.open(path, PASSPHRASE)
    assert caught.value.code == "keystore-damaged"
    assert "Personne-Fictive" not in repr(caught.value.__cause__) + repr(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a huge file: each has its slug."""
    assert _refused(tmp_path / "missing") == "file-missing"
    assert _refused(tmp_path / "missing" / "deeper") == "file-missing"
    tmp_path.chmod(0o700)
    assert _refused(tmp_path) == "file-unreadable"
    huge = tmp_path / "huge"
    huge.write_bytes(b" " * (256 * 1024 + 1))
    huge.chmod(0o600)
    assert _refused(huge) == "too-large"


def test_a_keystore_too_large_to_be_opened_is_not_written(path: Path) -> None:
    """A save that could never be read back is refused, and the old file stays."""
    before = path.read_bytes()
    store = Keystore.open(path, PASSPHRASE)
    for number in range(3000):
        store.keys[f"epoch-{number}"] = STORED
    with pytest.raises(KeystoreError) as caught:
        store.save()
    assert caught.value.code == "too-large"
    assert path.read_bytes() == before


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_a_crash_while_saving_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """When the disk is full, or the system fails at any step, the old keystore is whole and nothing lies about."""
    store = Keystore.open(path, PASSPHRASE)
    before = path.read_bytes()
    store.keys["more"] = STORED

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(FileError) as caught:
        store.save()
    monkeypatch.undo()
    assert caught.value.code == "file-unwritable"
    assert path.read_bytes() == before
    assert _names(path.parent) == ["keys.json"]
    assert Keystore.open(path, PASSPHRASE).keys == {"signing": STORED}


def test_an_interruption_while_saving_leaves_no_second_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a write passes through, and takes the temporary file away."""
    store = Keystore.open(path, PASSPHRASE)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.save()
    assert _names(path.parent) == ["keys.json"]


def test_each_save_has_its_own_nonce(path: Path) -> None:
    """The same keys saved twice share no ciphertext."""
    store = Keystore.open(path, PASSPHRASE)
    first = path.read_bytes()
    store.save()
    assert json.loads(first)["nonce"] != json.loads(path.read_bytes())["nonce"]
    assert json.loads(first)["ciphertext"] != json.loads(path.read_bytes())["ciphertext"]


def test_secrets_are_neither_printed_nor_written_in_clear(path: Path) -> None:
    """Neither the file nor any printed form holds a seed, the passphrase or the derived key."""
    store = Keystore.open(path, PASSPHRASE)
    shown = f"{store!r} {store} {store.keys!r} {STORED!r} {STORED}"
    for secret in (signing_key().seed, store._key):  # noqa: SLF001 - what must not be shown
        for written in (repr(secret), secret.hex(), b64url(secret)):
            assert written not in shown
            assert written.encode() not in path.read_bytes()
        assert secret not in path.read_bytes()
    assert signing_key().kid.encode() not in path.read_bytes()


def test_what_is_malformed_has_a_place(path: Path) -> None:
    """A keystore edited by hand is refused with line and column."""
    path.write_bytes(b'{"v":1,\n "profile": 3}')
    with pytest.raises(MalformedError) as caught:
        Keystore.open(path, PASSPHRASE)
    assert {fault.line for fault in caught.value.faults} == {1, 2}


def test_two_keystores_open_at_once(tmp_path: Path) -> None:
    """Programs with threads may open keystores at the same moment: none waits for ever."""
    paths = [tmp_path / f"{number}.json" for number in range(4)]
    with ThreadPoolExecutor(len(paths)) as threads:
        stores = list(threads.map(lambda path: Keystore.create(path, PASSPHRASE, {}), paths))
        opened = list(threads.map(lambda store: Keystore.open(store.path, PASSPHRASE), stores, timeout=60))
    assert [store.path for store in opened] == paths
