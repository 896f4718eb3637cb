"""A bundle is written piece by piece and always alike, and gives back exactly what was put in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey as TheirVkey

from consent.statement import STATEMENT_KIND
from journal.bundle import Bundle, ShardFiles, write_bundle
from journal.entries import Opening
from journal.layout import SignedAgreement, encode_opening, largest_piece, read_opening
from journal.notes import Checkpoint, verify_note
from keys.errors import ForgedError, MalformedError
from tests.builders import signed_statement, statement
from tests.journal.builders import AT, ORIGIN, Files, leaves_of
from tests.journal.ledgers import Ledger, journal_keys, salt
from tests.journal.lives import lived
from tests.journal.serials import cut


class Pipe(io.RawIOBase):
    """A stream that can neither seek nor tell, as an answer over the network."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self.written = bytearray()

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # the library knows more kinds of buffers
        """Keep what is written."""
        self.written += data
        return len(data)


def test_everything_put_in_comes_out_again(tmp_path: Path) -> None:
    """Checkpoint, leaves, openings, agreements and statements are read back, each leaf with its own opening."""
    ledger = lived()
    with Bundle.open(ledger.bundle(tmp_path)) as bundle:
        checkpoint = verify_note(bundle.checkpoint(), journal_keys().vkeys)
        leaves = list(bundle.leaves(checkpoint))
        assert [(index, leaf) for index, leaf, _ in leaves] == list(enumerate(ledger.leaves()))
        shown = [(index, opening) for index, _, opening in leaves if opening is not None]
        assert shown == ledger.openings() == list(bundle.openings())
        file = ledger.agreements[0]
        assert bundle.agreement(file.sha256) == file
        assert bundle.agreement("00" * 32) is None
        for signed in ledger.statements:
            assert bundle.statement(signed.sha256, STATEMENT_KIND) == signed
        assert bundle.statement("00" * 32, STATEMENT_KIND) is None


def test_a_journal_of_several_tiles_is_read_in_order(tmp_path: Path) -> None:
    """Leaves come 256 at a time and none is missed or repeated, also where tiles of earlier sizes remain."""
    leaves = leaves_of(600)
    files = Files(leaves, 100, 256, 300)
    path = Ledger().bundle(tmp_path, files=sorted(files.items()), openings=[])
    with Bundle.open(path) as bundle:
        checkpoint = verify_note(journal_keys().sign(_checkpoint(files), AT), journal_keys().vkeys)
        assert [leaf for _, leaf, _ in bundle.leaves(checkpoint)] == leaves


def test_the_same_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    """No clock, user or machine leaves a trace in a bundle."""
    ledger = lived()
    first = ledger.bundle(tmp_path, checkpoint=b"note", checkpoints=[b"note"])
    data = first.read_bytes()
    assert ledger.bundle(tmp_path, checkpoint=b"note", checkpoints=[b"note"]).read_bytes() == data
    with zipfile.ZipFile(first) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.external_attr >> 16 for member in archive.infolist()} == {0o100644}


def test_it_is_written_as_it_is_read(tmp_path: Path) -> None:
    """An opening is written before the next one is asked for, so that no journal is too long to export."""
    pipe = Pipe()
    sizes: list[int] = []

    def openings() -> Iterator[tuple[int, Opening]]:
        for index in range(200):
            sizes.append(len(pipe.written))
            yield index, Opening(index.to_bytes(4, "big") * 4000, salt(index))

    stream = cast("BinaryIO", pipe)
    write_bundle(stream, shards=(ShardFiles(1, (), b"note", (), openings()),), agreements=(), statements=())
    assert sizes[-1] > sizes[0] > 0
    (tmp_path / "bundle.zip").write_bytes(pipe.written)
    with Bundle.open(tmp_path / "bundle.zip") as bundle:
        assert [index for index, _ in bundle.openings()] == list(range(200))


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 1], [2, 1]])
def test_shards_are_written_in_their_order(numbers: list[int]) -> None:
    """From the first, without a hole: a reader goes from one to the next."""
    shards = (ShardFiles(number, (), b"note", (), ()) for number in numbers)
    with pytest.raises(MalformedError, match="shards-out-of-order"):
        write_bundle(cast("BinaryIO", Pipe()), shards=shards, agreements=(), statements=())


def test_each_shard_has_its_own_files(tmp_path: Path) -> None:
    """The first one's lie at the top, where they always were; documents are the same for all."""
    ledger = cut()
    with zipfile.ZipFile(ledger.bundle(tmp_path)) as archive:
        names = archive.namelist()
    assert {name.split("/")[1] for name in names if name.startswith("shards/")} == {"2", "3", "4"}
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "tile",
        "vkeys",
        "openings.jsonl",
        "checkpoints.jsonl",
        "checkpoint",
        "agreements",
        "statements",
        "shards",
    }
    with Bundle.open(tmp_path / "bundle.zip") as bundle:
        part = bundle.shard(2)
        assert part is not None
        assert part.statement(ledger.statements[0].sha256, STATEMENT_KIND) == ledger.statements[0]
        assert bundle.shard(5) is None


@pytest.mark.parametrize(
    "name",
    [
        "shards/1/checkpoint",
        "shards/02/checkpoint",
        "shards/10000/vkeys",
        "shards/2",
        "shards/2/",
        "shards/2/agreements/" + "ab" * 32 + ".json",
        "shards/2/shards/3/vkeys",
        "shards/2/../vkeys",
        "shards/0/vkeys",
    ],
)
def test_no_file_of_a_shard_has_two_names(name: str) -> None:
    """One name for one thing, and no path that leads elsewhere."""
    with pytest.raises(MalformedError, match="archive-unknown-file"):
        largest_piece(name)


def test_a_bundle_that_was_interrupted_is_not_one(tmp_path: Path) -> None:
    """When something fails while it is written, what was written lacks its checkpoint and is refused."""

    def openings() -> Iterator[tuple[int, Opening]]:
        yield 0, Opening(b"", salt(0))
        raise MalformedError("no-such-entry")

    with pytest.raises(MalformedError, match="no-such-entry"):
        lived().bundle(tmp_path, openings=openings())
    with pytest.raises(MalformedError, match="archive-file-missing"):
        Bundle.open(tmp_path / "bundle.zip")


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"files": [("tile/0/0", b"")]}, "wrong-tile-path"),
        ({"files": [("../checkpoint", b"")]}, "wrong-tile-path"),
        ({"files": [("tile/0/000.p/1", bytes(33))]}, "too-large"),
        ({"files": [("tile/0/000.p/1", bytes(32))] * 2}, "archive-duplicate-file"),
        ({"openings": [(1, Opening(b"", salt(0))), (0, Opening(b"", salt(0)))]}, "openings-out-of-order"),
        ({"openings": [(1, Opening(b"", salt(0)))] * 2}, "openings-out-of-order"),
        ({"checkpoint": bytes(300_000)}, "too-large"),
    ],
)
def test_what_no_reader_would_take_is_not_written(tmp_path: Path, changes: dict[str, Any], slug: str) -> None:
    """The writer refuses what the reader refuses, so that a fault shows where it is made."""
    with pytest.raises(MalformedError) as caught:
        lived().bundle(tmp_path, **changes)
    assert caught.value.code == slug


def test_another_program_reads_the_unzipped_bundle(tmp_path: Path) -> None:
    """Unpacked by ordinary means, a bundle is a journal that an independent reader verifies whole."""
    ledger = lived()
    with zipfile.ZipFile(ledger.bundle(tmp_path)) as archive:
        archive.extractall(tmp_path / "out")
    reader = TilesReader(LocalBackend(tmp_path / "out"))
    theirs = reader.get_checkpoint()
    for line in (tmp_path / "out" / "vkeys").read_text().splitlines():
        theirs.verify(TheirVkey.from_string(line))
    assert reader.calculate_root_hash() == theirs.root_hash
    assert [reader.get_entry(index) for index in range(theirs.size)] == ledger.leaves()


def test_a_document_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    """The name of a document is its digest: nobody can put another text where an entry points to."""
    path = lived().bundle(tmp_path)
    other = "11" * 32
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"agreements/{other}.json", SignedAgreement(b"{}", ()).encode())
        archive.writestr(f"statements/{other}.json", signed_statement(statement()).encode())
    with Bundle.open(path) as bundle:
        for read in (lambda: bundle.agreement(other), lambda: bundle.statement(other, STATEMENT_KIND)):
            with pytest.raises(ForgedError, match="archive-wrong-name") as caught:
                read()
            assert other in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("data", "slug", "pointer"),
    [
        (b"", "not-json", ""),
        (b"[]", "wrong-type", ""),
        (b'{"v":1,"payload":"e30"}', "missing-field", "/signatures"),
        (b'{"v":2,"payload":"e30","signatures":[]}', "out-of-range", "/v"),
        (b'{"v":1,"payload":"e30=","signatures":[]}', "bad-base64", "/payload"),
        (b'{"v":1,"payload":"e30","signatures":[],"more":1}', "unknown-field", "/more"),
        (b'{"v":1,"payload":"e30","signatures":[{}]}', "missing-field", "/signatures/0/payloadType"),
        (b'{"v":1,"payload":"e30","signatures":["sig"]}', "wrong-type", "/signatures/0"),
    ],
)
def test_a_malformed_agreement_file_tells_where(data: bytes, slug: str, pointer: str) -> None:
    """Each fault of an agreement's file has its slug and its place."""
    with pytest.raises(MalformedError) as caught:
        SignedAgreement.parse(data)
    assert (caught.value.code, caught.value.pointer) == (slug, pointer)


def test_an_agreement_of_another_kind_of_signature_is_refused() -> None:
    """Only signatures of agreements stand beside an agreement."""
    file = SignedAgreement(b"{}", (signed_statement(statement()),)).encode()
    with pytest.raises(MalformedError, match="wrong-payload-type"):
        SignedAgreement.parse(file)


@given(st.integers(0, 2**53 - 1), st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_an_opening_survives_its_line(index: int, entry: bytes, secret: bytes) -> None:
    """A line of openings gives back its index, its entry and its salt, whatever their bytes."""
    line = encode_opening(index, Opening(entry, secret))
    assert line.count(b"\n") == 1
    assert read_opening(line) == (index, Opening(entry, secret))


def _checkpoint(files: Files) -> Checkpoint:
    return Checkpoint(ORIGIN, len(files.hashes), files.root())
