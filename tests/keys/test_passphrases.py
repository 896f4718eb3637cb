"""Where a passphrase may come from when nobody is there to type it."""

from pathlib import Path

import pytest

from keys.errors import FileError, PasserelleError
from keys.keystore import read_passphrase


def test_a_passphrase_file_is_private_and_gives_its_first_line(tmp_path: Path) -> None:
    """Only the owner's file is read; line endings of any system are taken off, spaces are kept."""
    file = tmp_path / "passphrase"
    for content in (b"two words", b"two words\n", b"two words\r\nsecond line"):
        file.write_bytes(content)
        file.chmod(0o600)
        assert read_passphrase(file) == "two words"
    file.write_bytes(b" \xc3\xa9 \n")
    assert read_passphrase(file) == " é "
    for content, mode, code in ((b"x", 0o644, "file-readable-by-others"), (b"\xff", 0o600, "not-utf8")):
        file.write_bytes(content)
        file.chmod(mode)
        with pytest.raises(PasserelleError) as caught:
            read_passphrase(file)
        assert caught.value.code == code


def test_a_systemd_credential_may_show_its_access_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of credentials, and there only, reading by the group is the service's own access list."""
    file = tmp_path / "passphrase"
    file.write_bytes(b"two words")
    file.chmod(0o440)
    with pytest.raises(FileError):
        read_passphrase(file)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_passphrase(file) == "two words"
    file.chmod(0o444)
    with pytest.raises(FileError):
        read_passphrase(file)
