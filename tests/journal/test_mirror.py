"""A folder is as safe to read as an archive: no link is followed, nothing but files is read, nothing is left half."""

from __future__ import annotations

import os
import socket
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.bundle import Bundle, open_bundle
from journal.layout import CHECKPOINT, CHECKPOINTS, OPENINGS
from journal.mirror import Mirror
from journal.replay import verify
from keys.errors import FileError, ForgedError, MalformedError, PasserelleError
from tests.journal.ledgers import journal_keys
from tests.journal.lives import lived

TILE = "tile/0/000.p/38"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid bundle, unpacked."""
    with zipfile.ZipFile(lived().bundle(tmp_path)) as archive:
        archive.extractall(tmp_path / "mirror")
    return tmp_path / "mirror"


def refusal(path: Path) -> PasserelleError:
    """What verifying a folder from its first to its last byte raises."""
    with pytest.raises(PasserelleError) as caught, open_bundle(path) as bundle:
        verify(bundle, journal_keys().vkeys)
    return caught.value


def test_a_folder_is_read_as_the_archive_is(folder: Path, tmp_path: Path) -> None:
    """Unpacked by ordinary means, a bundle says the same; so an auditor may keep either."""
    reports = []
    for path in (folder, tmp_path / "bundle.zip"):
        with open_bundle(path) as bundle:
            reports.append((verify(bundle, journal_keys().vkeys), list(bundle.checkpoints())))
    assert reports[0] == reports[1]
    assert reports[0][0].holds


def test_other_files_beside_a_mirror_do_no_harm(folder: Path) -> None:
    """What a file manager leaves in a folder is not read."""
    (folder / ".DS_Store").write_bytes(b"\x00")
    (folder / "notes.txt").write_text("Personne-Fictive")
    with open_bundle(folder) as bundle:
        assert verify(bundle, journal_keys().vkeys).holds


@pytest.mark.parametrize("name", [CHECKPOINT, OPENINGS, TILE])
def test_a_link_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    """A link in a folder that somebody gave could lead to any file of this machine."""
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert refusal(folder).code == "archive-special-file"


@pytest.mark.parametrize("name", ["tile", "tile/0"])
def test_a_link_in_place_of_a_folder_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    """Nor on the way to a file."""
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert refusal(folder).code == "archive-special-file"


def test_what_is_no_file_is_not_read(folder: Path) -> None:
    """A pipe would make the reader wait for ever, a folder or a socket is no file."""
    (folder / TILE).unlink()
    os.mkfifo(folder / TILE)
    assert refusal(folder).code == "archive-special-file"
    (folder / TILE).unlink()
    (folder / TILE).mkdir()
    assert refusal(folder).code == "archive-special-file"
    (folder / TILE).rmdir()
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(folder / "tile" / "0")  # the name of a socket is short
        try:
            listener.bind("000.p/38".replace("/", "-"))
        finally:
            os.chdir(here)
        (folder / "tile/0/000.p-38").rename(folder / TILE)
        assert refusal(folder).code == "archive-special-file"


@pytest.mark.parametrize("name", [CHECKPOINT, TILE, "tile/entries/000.p/38"])
def test_a_file_larger_than_its_kind_is_refused(folder: Path, name: str) -> None:
    """A sparse file of a terabyte takes no room on the disk it comes on, nor in memory here."""
    with (folder / name).open("r+b") as file:
        file.truncate(1 << 40)
    assert refusal(folder).code == "too-large"


@pytest.mark.parametrize("name", [OPENINGS, CHECKPOINTS])
def test_a_line_without_end_is_refused(folder: Path, name: str) -> None:
    """Nor does a line of it."""
    with (folder / name).open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(MalformedError), open_bundle(folder) as bundle:
        list(bundle.openings() if name == OPENINGS else bundle.checkpoints())


def test_a_file_swapped_while_it_is_read_deceives_nobody(folder: Path) -> None:
    """Every piece is verified as it was read, so one that is exchanged afterwards, or before, is found out."""

    def swapping(bundle: Bundle) -> Iterator[int]:
        checkpoint = verify(bundle, journal_keys().vkeys).checkpoint
        for index, _, _ in bundle.leaves(checkpoint):
            yield index

    with open_bundle(folder) as bundle:
        walk = swapping(bundle)
        assert next(walk) == 0
        entries = folder / "tile/entries/000.p/38"
        data = bytearray(entries.read_bytes())
        data[-1] ^= 1
        (folder / "new").write_bytes(data)
        (folder / "new").rename(entries)
        assert list(walk) == list(range(1, 38))  # what was verified is what is used
        with pytest.raises(ForgedError, match="wrong-leaf"):
            next(swapping(bundle))


def test_a_folder_renamed_while_it_is_read_stays_the_same_one(folder: Path, tmp_path: Path) -> None:
    """What is open is the folder, not its name: another one put in its place is not read."""
    with open_bundle(folder) as bundle:
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        assert verify(bundle, journal_keys().vkeys).holds


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """When writing fails in the middle the old file is there, and nothing else."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise KeyError

    mirror = Mirror.make(tmp_path / "m")
    mirror.put(CHECKPOINT, (b"old",))
    with pytest.raises(KeyError):
        mirror.put(CHECKPOINT, pieces())
    assert mirror.read(CHECKPOINT) == b"old"
    mirror.put(CHECKPOINT, (b"n", b"ew"))
    assert mirror.read(CHECKPOINT) == b"new"
    mirror.close()
    assert {path.name for path in (tmp_path / "m").iterdir()} == {CHECKPOINT, ".lock"}


def test_only_its_owner_may_read_a_mirror(tmp_path: Path) -> None:
    """It tells who refers to whom."""
    mirror = Mirror.make(tmp_path / "m")
    mirror.put(TILE, (b"x",))
    mirror.close()
    for path in [tmp_path / "m", *(tmp_path / "m").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_two_programs_never_write_to_one_mirror(tmp_path: Path) -> None:
    """The second is told so; once the first is done, or dead, it may."""
    first = Mirror.make(tmp_path / "m")
    with pytest.raises(FileError, match="mirror-in-use"):
        Mirror.make(tmp_path / "m")
    first.close()
    Mirror.make(tmp_path / "m").close()


def test_what_a_crash_left_is_cleared_away(tmp_path: Path) -> None:
    """Unfinished files do not pile up, and other files stay."""
    Mirror.make(tmp_path / "m").close()
    (tmp_path / "m" / ".new.0011").write_bytes(b"half")
    (tmp_path / "m" / "notes.txt").write_bytes(b"mine")
    Mirror.make(tmp_path / "m").close()
    assert {path.name for path in (tmp_path / "m").iterdir()} == {".lock", "notes.txt"}


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A mirror that somebody gave cannot make its reader write elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    mirror = Mirror.make(tmp_path / "m")
    (tmp_path / "m" / "tile").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MalformedError, match="archive-special-file"):
        mirror.put(TILE, (b"x",))
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "m" / CHECKPOINT).symlink_to(tmp_path / "file")
    mirror.put(CHECKPOINT, (b"new",))  # takes the place of the link
    mirror.close()
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@given(st.text(max_size=40))
def test_only_names_of_a_bundle_are_read_or_written(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Whatever else is asked for is refused before anything is opened."""
    mirror = Mirror.make(tmp_path_factory.mktemp("m"))
    try:
        for other in (f"../{name}", "", f"tile/{name}/.."):
            with pytest.raises(MalformedError, match="archive-unknown-file"):
                mirror.read(other)
            with pytest.raises(MalformedError, match="archive-unknown-file"):
                mirror.put(other, ())
    finally:
        mirror.close()


def test_a_wrong_path_is_told_apart_from_a_damaged_mirror(tmp_path: Path, folder: Path) -> None:
    """A folder without a checkpoint is no journal; one without openings lacks something."""
    with pytest.raises(FileError, match="no-journal-here"):
        Bundle.open(tmp_path)
    (folder / OPENINGS).unlink()
    assert refusal(folder).code == "archive-file-missing"
