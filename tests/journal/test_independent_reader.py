"""Another program, written by other people, reads our journal and believes exactly what we do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import CheckpointSigner, MLDSA44CosignatureSigner, PlainEd25519Signer
from tlog_scales.signing import Vkey as TheirVkey
from tlog_scales.tiles import tile_path
from tlog_scales.tlog import Checkpoint as TheirCheckpoint
from tlog_scales.tlog import ConsistencyProof, InclusionProof
from tlog_scales.writer import TilesWriter

from journal.entries import ClearLeaf, read_leaf
from journal.notes import verify_note
from journal.tiles import ENTRIES, TilePath, TileReader
from journal.tree import consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion
from keys.vkeys import parse_vkey
from tests.journal.builders import AT, ORIGIN, Files, checkpoint, journal_signer, leaves_of

SIGNER = journal_signer()
LEAVES = leaves_of(600)
FILES = Files(LEAVES, 1, 255, 256, 400)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of 600 leaves as files, with its signed checkpoint."""
    FILES.write(tmp_path)
    (tmp_path / "checkpoint").write_bytes(SIGNER.sign(checkpoint(FILES), AT))
    return tmp_path


def test_it_reads_our_checkpoint_our_root_and_our_leaves(folder: Path) -> None:
    """Both our signatures verify there, our files give it our root, and every leaf is where we put it."""
    reader = TilesReader(LocalBackend(folder))
    theirs = reader.get_checkpoint()
    assert (theirs.origin, theirs.size, theirs.root_hash) == (ORIGIN, 600, FILES.root())
    for vkey in SIGNER.vkeys:
        theirs.verify(TheirVkey.from_string(str(vkey)))
    assert reader.calculate_root_hash() == FILES.root()
    assert [reader.get_entry(index) for index in range(600)] == LEAVES


def test_it_refuses_our_checkpoint_under_another_key(folder: Path) -> None:
    """The check above can fail: another journal's keys do not verify."""
    theirs = TilesReader(LocalBackend(folder)).get_checkpoint()
    for vkey in journal_signer().vkeys:
        with pytest.raises(RuntimeError):
            theirs.verify(TheirVkey.from_string(str(vkey)))


@given(st.integers(1, 600), st.data())
def test_it_accepts_our_proofs_and_makes_the_same(size: int, data: st.DataObject) -> None:
    """Our proofs pass its check, hash for hash the ones it would make itself."""
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    reader = FILES.reader()
    theirs = TilesReader(_Memory())
    theirs.set_size(600)
    inclusion = inclusion_proof(index, size, reader)
    consistency = consistency_proof(old, size, reader)
    assert inclusion == theirs.get_inclusion_proof(index, size).node_hashes
    assert consistency == theirs.get_consistency_proof(old, size).node_hashes
    InclusionProof(index, size, inclusion).check(leaf_hash(LEAVES[index]), FILES.root(size))
    ConsistencyProof(old, size, consistency).check(FILES.root(old), FILES.root(size))
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, inclusion, FILES.root(size))
    verify_consistency(old, FILES.root(old), size, FILES.root(size), consistency)


def test_we_read_the_journal_that_it_writes(tmp_path: Path) -> None:
    """A log written and signed there is read and verified here, from its files to its entries."""
    writer = TilesWriter.create(tmp_path / "log", ORIGIN)
    signers: list[CheckpointSigner] = [
        PlainEd25519Signer(ORIGIN, SIGNER.ed25519),
        MLDSA44CosignatureSigner(ORIGIN, SIGNER.mldsa44),
    ]
    (tmp_path / "log" / "tile" / "0").mkdir(parents=True)
    for leaf in LEAVES[:300]:
        writer.add_leaf(leaf)
    writer.commit(signers)
    for vkey, signer in zip(SIGNER.vkeys, signers, strict=True):
        assert parse_vkey(signer.vkey.serialize()) == vkey  # type: ignore[no-untyped-call]  # untyped over there
    found = verify_note((tmp_path / "log" / "checkpoint").read_bytes(), SIGNER.vkeys)
    reader = TileReader(_folder_reader(tmp_path / "log"), found.size, found.root)
    for index in range(300):
        assert isinstance(read_leaf(reader.leaf(index), index), ClearLeaf) == (index % 5 == 0)


def test_its_checkpoint_text_is_ours() -> None:
    """The signed text is the same there, byte for byte."""
    ours = checkpoint(FILES)
    assert TheirCheckpoint(ours.origin, ours.size, ours.root, []).serialize_body().encode() == ours.text()


@given(st.integers(ENTRIES, 63), st.integers(0, 2**40), st.integers(1, 256))
def test_its_paths_are_ours(level: int, index: int, width: int) -> None:
    """Every tile has the same path there."""
    assert "/".join(tile_path(level, index, width % 256)) == str(TilePath(level, index, width))


class _Memory:
    """Our files as the other program asks for them."""

    def get(self, *path: str) -> bytes | None:
        """The bytes under a path given in parts."""
        return FILES.get("/".join(path))


def _folder_reader(folder: Path) -> Callable[[str], bytes | None]:
    """Reads the files of a folder by their path in the journal."""

    def read(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    return read
