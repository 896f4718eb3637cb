"""A bundle made to deceive, to fill the machine or to reach other files is refused before anything is done with it."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.bundle import Bundle
from journal.entries import Opening
from journal.layout import CHECKPOINT, MAX_LINE, OPENINGS, encode_opening, largest_piece
from journal.replay import verify
from journal.succession import follow_unchecked, leaves_of
from keys.errors import FileError, MalformedError, PasserelleError
from tests.journal.ledgers import journal_keys, salt
from tests.journal.lives import lived
from tests.journal.relays import restarts
from tests.journal.serials import cut, resumed


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A valid bundle."""
    return lived().bundle(tmp_path)


def refusal(path: Path) -> PasserelleError:
    """What verifying a bundle from its first to its last byte raises."""
    with pytest.raises(PasserelleError) as caught, Bundle.open(path) as bundle:
        verify(bundle, journal_keys().vkeys)
    return caught.value


def repacked(path: Path, change: Callable[[zipfile.ZipInfo, bytes], bytes | None]) -> Path:
    """The bundle packed again, each member changed or, for None, left out."""
    new = path.with_name("repacked.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as archive:
        for member in old.infolist():
            data = change(member, old.read(member))
            if data is not None:
                archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return new


def test_packed_again_by_ordinary_means_it_is_still_a_bundle(good: Path) -> None:
    """The attacks below fail by what they change, not because anything was packed again."""
    with Bundle.open(repacked(good, lambda _, data: data)) as bundle:
        assert verify(bundle, journal_keys().vkeys).holds


@pytest.mark.parametrize(
    "name",
    [
        "../checkpoint",
        "/checkpoint",
        "C:/checkpoint",
        "tile/../checkpoint",
        "tile\\0\\000",
        "./checkpoint",
        "checkpoint/",
        "tile/",
        "tile/0/",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "agreements/" + "A" * 64 + ".json",
        "agreements/" + "a" * 63 + ".json",
        "agreements",
        "statements/" + "a" * 64,
        "agreements/../" + "a" * 64 + ".json",
        "README",
        "",
        "checkpoint\n",
        "CHECKPOINT",
        "tile/0/" + "\N{ARABIC-INDIC DIGIT ZERO}" * 3,
    ],
)
def test_a_name_that_no_bundle_has_is_refused(good: Path, name: str) -> None:
    """Only the names of the layout are taken, so no path leads anywhere else and nothing is smuggled along."""
    with pytest.raises(MalformedError, match="archive-unknown-file"):
        largest_piece(name)
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"")
    assert refusal(good).code == "archive-unknown-file"


def test_a_name_hidden_behind_a_nul_is_refused(good: Path) -> None:
    """`vkeys`, a NUL and more is another name: two programs would read it as two different files."""
    path = repacked(good, lambda member, data: None if member.filename == "vkeys" else data)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("vkeys-hidden", b"")
    path.write_bytes(path.read_bytes().replace(b"vkeys-hidden", b"vkeys\x00hidden"))
    assert refusal(path).code == "archive-unknown-file"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(good: Path) -> None:
    """Otherwise one program could verify the first checkpoint and another one show the second."""
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr(CHECKPOINT, b"another one")
    assert refusal(good).code == "archive-duplicate-file"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_what_is_not_a_plain_file_is_refused(good: Path, kind: int) -> None:
    """A symbolic link would make whoever unpacks the bundle write or read elsewhere."""

    def link(member: zipfile.ZipInfo, data: bytes) -> bytes:
        if member.filename == "vkeys":
            member.external_attr = (kind | 0o777) << 16
        return data

    assert refusal(repacked(good, link)).code == "archive-special-file"


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_file_is_refused(good: Path, flag: int) -> None:
    """The auditor is never asked for a password."""
    data = bytearray(good.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, at + 8, flag)
    good.write_bytes(data)
    assert refusal(good).code == "archive-encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93])
def test_another_compression_is_refused(good: Path, method: int) -> None:
    """Only stored and deflated members are read: what they can unpack to is known."""
    data = bytearray(good.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, at + 10, method)
    good.write_bytes(data)
    assert refusal(good).code == "archive-compression"


@pytest.mark.parametrize("name", [CHECKPOINT, OPENINGS])
def test_a_bundle_without_a_file_that_it_needs_is_refused(good: Path, name: str) -> None:
    """The checkpoint and the openings, however few, are always there."""
    broken = repacked(good, lambda member, data: None if member.filename == name else data)
    error = refusal(broken)
    assert (error.code, error.__notes__) == ("archive-file-missing", [name])


@pytest.mark.parametrize("name", [CHECKPOINT, "tile/0/000.p/38", "tile/entries/000.p/38"])
def test_a_file_that_unpacks_to_more_than_its_kind_may_hold_is_refused(good: Path, name: str) -> None:
    """A member is read up to the limit of its kind, whatever size it declares."""
    broken = repacked(good, lambda member, data: bytes(20_000_000) if member.filename == name else data)
    assert broken.stat().st_size < 200_000
    error = refusal(broken)
    assert error.code == "too-large"
    assert name in error.__notes__


def test_a_size_that_is_understated_deceives_nobody(good: Path) -> None:
    """The size in the archive is not believed: more data than declared are found out."""
    broken = repacked(good, lambda member, data: bytes(20_000_000) if member.filename == CHECKPOINT else data)
    data = bytearray(broken.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    assert data[at + 46 : at + 56] == CHECKPOINT.encode()
    struct.pack_into("<I", data, at + 24, 100)
    broken.write_bytes(data)
    assert refusal(broken).code in {"archive-damaged", "wrong-note"}


def test_openings_without_end_are_refused(good: Path) -> None:
    """What comes out of an archive is bounded by the size of the archive: nobody's machine is filled."""
    line = encode_opening(0, Opening(b"", salt(0)))[:-1] + b" " * 60_000 + b"\n"
    lines = b"".join(line.replace(b'"index":0', b'"index":%d' % number) for number in range(800))
    broken = repacked(good, lambda member, data: lines if member.filename == OPENINGS else data)
    assert broken.stat().st_size < 200_000
    with pytest.raises(MalformedError, match="archive-bomb"), Bundle.open(broken) as bundle:
        for _ in bundle.openings():
            pass


def test_a_line_without_end_is_refused(good: Path) -> None:
    """A line of openings is read up to the longest that an entry can need."""
    broken = repacked(good, lambda member, data: b"[" * (MAX_LINE + 1) if member.filename == OPENINGS else data)
    assert refusal(broken).code == "too-large"


@pytest.mark.parametrize(
    ("change", "slug", "line"),
    [
        (lambda lines: [lines[1], lines[0], *lines[2:]], "openings-out-of-order", 2),
        (lambda lines: [lines[0], *lines], "openings-out-of-order", 2),
        (lambda lines: [lines[0][:-20] + b"\n", *lines[1:]], "not-json", 1),
        (lambda lines: [lines[0], b"\n", *lines[1:]], "not-json", 2),
        (lambda lines: [b"\xff" + lines[0], *lines[1:]], "not-utf8", 1),
        (lambda lines: [lines[0].replace(b'"salt":"', b'"salt":"AA'), *lines[1:]], "bad-base64", 1),
        (lambda lines: [lines[0].replace(b'"index"', b'"idx"'), *lines[1:]], "missing-field", 1),
        (lambda lines: [lines[0].replace(b'"index":', b'"index":-'), *lines[1:]], "out-of-range", 1),
        (lambda lines: [lines[0].replace(b"{", b'{"index":1,', 1), *lines[1:]], "duplicate-key", 1),
        (lambda lines: [b'{"index":0,"salt":"","entry":""}\n', *lines], "wrong-salt", 1),
    ],
)
def test_a_malformed_line_of_openings_is_told_by_its_number(
    good: Path, change: Callable[[list[bytes]], list[bytes]], slug: str, line: int
) -> None:
    """Each fault of the openings names the line it stands on."""

    def spoil(member: zipfile.ZipInfo, data: bytes) -> bytes:
        return b"".join(change(data.splitlines(keepends=True))) if member.filename == OPENINGS else data

    error = refusal(repacked(good, spoil))
    assert error.code == slug
    assert f"{OPENINGS}:{line}" in error.__notes__


def test_an_opening_beyond_the_end_of_the_journal_is_refused(good: Path) -> None:
    """An opening of an entry that the checkpoint does not cover proves nothing."""
    extra = encode_opening(38, Opening(b"{}", salt(38)))
    broken = repacked(good, lambda member, data: data + extra if member.filename == OPENINGS else data)
    error = refusal(broken)
    assert (error.code, error.__notes__) == ("no-such-entry", [OPENINGS])


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    """A wrong name on the command line is not a forged bundle."""
    with pytest.raises(FileError, match="file-missing"):
        Bundle.open(tmp_path / "absent.zip")
    with pytest.raises(FileError, match="no-journal-here"):
        Bundle.open(tmp_path)


@given(st.binary(max_size=200))
def test_garbage_is_not_a_bundle(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever bytes are given, the answer is a refusal."""
    path = tmp_path_factory.mktemp("garbage") / "bundle.zip"
    path.write_bytes(data)
    assert refusal(path).code == "archive-damaged"


_GOOD: dict[str, bytes] = {}
_WHOLE = {"one shard": lived, "four shards": cut, "restarted": resumed}


@given(st.data(), st.sampled_from(sorted(_WHOLE)))
def test_a_damaged_bundle_is_refused_or_unharmed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
) -> None:
    """However its bytes are changed or cut, reading it raises our refusals only, and never finds a false promise."""
    folder = tmp_path_factory.mktemp("damaged")
    if name not in _GOOD:
        _GOOD[name] = _WHOLE[name]().bundle(folder).read_bytes()
    damaged = bytearray(_GOOD[name])
    directory = damaged.index(b"PK\x01\x02")
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.sampled_from([0, directory]))
        damaged[data.draw(st.integers(first, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "bundle.zip"
    path.write_bytes(damaged[: data.draw(st.sampled_from([len(damaged), len(damaged) // 2]))])
    with suppress(PasserelleError), Bundle.open(path) as bundle:
        assert verify(bundle, journal_keys().vkeys, later=restarts(_WHOLE[name]())).holds
    with suppress(PasserelleError), Bundle.open(path) as bundle:
        legs = follow_unchecked(bundle)
        assert sum(1 for _ in leaves_of(legs)) == sum(leg.checkpoint.size for leg in legs)
