"""A reader of the journal's files believes only what hashes to the signed root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.tiles import TileReader, encode_bundle, new_tiles
from journal.tree import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from keys.errors import ForgedError, MalformedError, PasserelleError
from tests.journal.builders import Files, hashes_of, nothing_yet, short_leaves


@given(st.lists(st.integers(0, 700), max_size=4), st.integers(1, 700), st.data())
def test_whatever_the_steps_the_files_give_the_root_and_every_proof(
    steps: list[int], size: int, data: st.DataObject
) -> None:
    """Files grown in any steps recompute the root of the list, and their proofs hold."""
    files = Files(short_leaves(size), *sorted(step for step in steps if step <= size))
    reader = files.reader()
    assert reader.root == root_of(files.hashes)
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(files.hashes[index], index, size, inclusion_proof(index, size, reader), reader.root)
    old = data.draw(st.integers(1, size))
    verify_consistency(old, files.root(old), size, reader.root, consistency_proof(old, size, reader))
    assert reader.leaf(index) == index.to_bytes(4, "big")


def test_a_large_tree_is_read_through_three_levels() -> None:
    """Proofs from a tree of 70,000 leaves read tiles of every level and hold."""
    hashes = hashes_of(70_000)
    files = {str(tile.path): tile.data for tile in new_tiles(0, hashes, nothing_yet())}
    reader = TileReader(files.get, 70_000, root_of(hashes), keep=2)
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        verify_inclusion(hashes[index], index, 70_000, inclusion_proof(index, 70_000, reader), reader.root)
    for old in (1, 256, 65_536, 65_537, 69_999):
        proof = consistency_proof(old, 70_000, reader)
        verify_consistency(old, root_of(hashes[:old]), 70_000, reader.root, proof)


def test_an_older_checkpoint_is_read_from_newer_files() -> None:
    """When partial files were removed once full, the full ones stand in for them."""
    files = Files(short_leaves(600), 100, 300, 512)
    root = files.root(300)
    for path in [path for path in files if path.partition(".p/")[0] in files and ".p/" in path]:
        del files[path]
    assert not any(path.startswith(("tile/0/001.p/", "tile/entries/001.p/")) for path in files)
    reader = TileReader(files.get, 300, root)
    assert [len(reader.leaves(0)), len(reader.leaves(1))] == [256, 44]
    assert reader.leaf(299) == (299).to_bytes(4, "big")


@pytest.mark.parametrize("path", sorted(Files(short_leaves(600))))
def test_every_file_altered_or_missing_is_noticed(path: str) -> None:
    """One bit of one file, a file cut short, exchanged or removed: reading everything refuses."""
    whole = Files(short_leaves(600))
    data = bytearray(whole[path])
    data[-1] ^= 1
    for forged in (bytes(data), whole[path][:-1], whole[path] + b"\x00", b"", None):
        files = dict(whole)
        del files[path]
        if forged is not None:
            files[path] = forged
        with pytest.raises(PasserelleError):
            read_everything(files, 600, whole.root())


def read_everything(files: dict[str, bytes], size: int, root: bytes) -> None:
    """Read every node's tile and every leaf of a tree."""
    reader = TileReader(files.get, size, root)
    for index in range(size):
        reader(0, index)
        reader.leaf(index)


def test_two_full_tiles_that_change_places_are_noticed() -> None:
    """A reordered journal is not the journal."""
    files = Files(short_leaves(600))
    root = files.root()
    files["tile/0/000"], files["tile/0/001"] = files["tile/0/001"], files["tile/0/000"]
    reader = TileReader(files.get, 600, root)
    with pytest.raises(ForgedError) as caught:
        reader(0, 3)
    assert caught.value.code == "wrong-tile"


def test_two_leaves_that_change_places_are_noticed() -> None:
    """Leaves are compared with the hash at their own place."""
    files = Files(short_leaves(5))
    leaves = short_leaves(5)
    files["tile/entries/000.p/5"] = encode_bundle([leaves[1], leaves[0], *leaves[2:]])
    with pytest.raises(ForgedError) as caught:
        files.reader().leaves(0)
    assert caught.value.code == "wrong-leaf"


def test_files_of_another_root_are_refused_at_once() -> None:
    """A reader never starts on files that do not belong to the checkpoint, the empty ones included."""
    files = Files(short_leaves(5))
    for size, root in ((5, EMPTY_ROOT), (5, b""), (0, files.root()), (0, b""), (4, files.root())):
        with pytest.raises(PasserelleError) as caught:
            TileReader(files.get, size, root)
        assert caught.value.code in {"wrong-root", "missing-tile"}
    with pytest.raises(MalformedError) as caught:
        TileReader(files.get, -1, EMPTY_ROOT)
    assert caught.value.code == "no-such-size"


@pytest.mark.parametrize(("height", "index"), [(0, 5), (0, -1), (-1, 0), (1, 2), (3, 0), (500, 0), (0, 2**60)])
def test_a_node_outside_the_tree_is_refused(height: int, index: int) -> None:
    """Incomplete subtrees have no node, and no file is asked for them."""
    files = Files(short_leaves(5))
    reader = files.reader()
    files.clear()
    with pytest.raises(MalformedError) as caught:
        reader(height, index)
    assert caught.value.code == "no-such-entry"


@pytest.mark.parametrize("index", [5, -1, 256, 2**60])
def test_a_leaf_outside_the_tree_is_refused(index: int) -> None:
    """There is no leaf before the first nor after the last."""
    reader = Files(short_leaves(5)).reader()
    with pytest.raises(MalformedError) as caught:
        inclusion_proof(index, 5, reader)
    assert caught.value.code == "no-such-entry"
    with pytest.raises(MalformedError) as caught:
        reader.leaf(index)
    assert caught.value.code == "no-such-entry"


@pytest.mark.parametrize("number", [1, -1, 2**60])
def test_a_bundle_outside_the_tree_is_refused(number: int) -> None:
    """There is no bundle before the first nor after the last."""
    with pytest.raises(MalformedError) as caught:
        Files(short_leaves(5)).reader().leaves(number)
    assert caught.value.code == "no-such-entry"


@given(st.binary(max_size=300), st.integers(0, 1000))
def test_garbage_files_raise_our_errors_only(data: bytes, size: int) -> None:
    """Whatever the files hold, reading them refuses with an error that callers handle."""
    with pytest.raises(PasserelleError):
        TileReader(lambda _: data, size, leaf_hash(data))
