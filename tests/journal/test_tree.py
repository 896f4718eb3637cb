"""A root stands for every leaf in its order, and a proof holds for exactly one claim."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    peaks,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from keys.errors import ForgedError, MalformedError
from tests.journal.builders import hashes_of

SIZES = st.integers(min_value=1, max_value=300)


class Nodes:
    """Reads nodes straight from the list of leaf hashes, by the definition."""

    def __init__(self, hashes: list[bytes]) -> None:
        """Hold the leaf hashes."""
        self.hashes = hashes

    def __call__(self, height: int, index: int, /) -> bytes:
        """The root of the complete subtree, which must be inside the tree."""
        part = self.hashes[index << height : (index + 1) << height]
        assert len(part) == 1 << height
        return recursive_root(part)


def recursive_root(hashes: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1 as it defines itself: split at the largest power of two below the size."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = recursive_root(hashes[:split]), recursive_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def refused_inclusion(hashed: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Whether the verifier refuses, with the one slug it has for that."""
    with pytest.raises(ForgedError) as caught:
        verify_inclusion(hashed, index, size, proof, root)
    return caught.value.code == "proof-does-not-hold"


def refused_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Whether the verifier refuses, with the one slug it has for that."""
    with pytest.raises(ForgedError) as caught:
        verify_consistency(old, old_root, new, new_root, proof)
    return caught.value.code == "proof-does-not-hold"


def test_the_hashes_are_those_of_the_standard() -> None:
    """Known values: the empty tree, the empty leaf, and a leaf never hashes like a node."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(b"a", b"b") == hashlib.sha256(b"\x01ab").digest()
    assert leaf_hash(b"ab") != node_hash(b"a", b"b")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 256, 257])
def test_the_root_is_that_of_the_definition(size: int) -> None:
    """The root built leaf by leaf is the one the standard defines by halves."""
    assert root_of(hashes_of(size)) == recursive_root(hashes_of(size))


@given(st.integers(min_value=0, max_value=300), st.integers(min_value=0, max_value=60))
def test_a_frontier_can_be_put_down_and_taken_up(first: int, more: int) -> None:
    """Size and peaks are all that must be kept to continue a tree."""
    hashes = hashes_of(first + more)
    frontier = Frontier()
    for hashed in hashes[:first]:
        frontier.append(hashed)
    resumed = Frontier(frontier.size, frontier.peaks)
    for hashed in hashes[first:]:
        resumed.append(hashed)
    assert (resumed.size, resumed.root()) == (first + more, recursive_root(hashes))
    assert len(resumed.peaks) == resumed.size.bit_count()


@pytest.mark.parametrize(
    ("size", "saved"),
    [(1, []), (0, [bytes(32)]), (2, [bytes(32), bytes(32)]), (1, [bytes(31)]), (-1, [bytes(32)]), (2**53, [bytes(32)])],
)
def test_a_damaged_frontier_is_refused(size: int, saved: list[bytes]) -> None:
    """Peaks that do not fit the size are never continued from."""
    with pytest.raises(MalformedError) as caught:
        Frontier(size, saved)
    assert caught.value.code == "wrong-frontier"


def test_a_frontier_takes_only_whole_hashes_and_no_more_than_fit() -> None:
    """A hash cut short is refused, and so is the leaf whose index JSON could no longer write."""
    with pytest.raises(MalformedError) as caught:
        Frontier().append(bytes(31))
    assert caught.value.code == "wrong-hash-size"
    with pytest.raises(MalformedError) as caught:
        Frontier(MAX_SIZE, [bytes(32)] * 53).append(bytes(32))
    assert caught.value.code == "tree-full"


@given(SIZES)
def test_peaks_cover_every_leaf_once(size: int) -> None:
    """The peaks of a tree are complete, from left to right, and leave nothing out."""
    covered = [leaf for height, index in peaks(0, size) for leaf in range(index << height, (index + 1) << height)]
    assert covered == list(range(size))


@given(SIZES, st.data())
def test_every_inclusion_proof_holds(size: int, data: st.DataObject) -> None:
    """Whatever the size and the place, the proof made is the proof accepted."""
    index = data.draw(st.integers(0, size - 1))
    hashes = hashes_of(size)
    proof = inclusion_proof(index, size, Nodes(hashes))
    verify_inclusion(hashes[index], index, size, proof, recursive_root(hashes))
    assert len(proof) <= size.bit_length()


@given(SIZES, st.data())
def test_every_consistency_proof_holds(size: int, data: st.DataObject) -> None:
    """Whatever the two sizes, the proof made is the proof accepted."""
    old = data.draw(st.integers(1, size))
    hashes = hashes_of(size)
    proof = consistency_proof(old, size, Nodes(hashes))
    verify_consistency(old, recursive_root(hashes[:old]), size, recursive_root(hashes), proof)
    assert (old == size) <= (proof == [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 3), (0, -1), (0, MAX_SIZE + 1)])
def test_no_inclusion_in_an_empty_tree_or_outside_it(index: int, size: int) -> None:
    """An empty tree contains nothing, whatever root and proof are shown; no proof of it can be made either."""
    for root in (EMPTY_ROOT, b"", leaf_hash(b"a")):
        assert refused_inclusion(leaf_hash(b"a"), index, size, [], root)
    with pytest.raises(MalformedError) as caught:
        inclusion_proof(index, size, Nodes([]))
    assert caught.value.code == "no-such-entry"


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 3), (-1, 3), (4, 3), (1, MAX_SIZE + 1)])
def test_no_consistency_with_an_empty_tree_or_backwards(old: int, new: int) -> None:
    """Consistency with nothing proves nothing, and a journal never shrinks."""
    root = recursive_root(hashes_of(3))
    for old_root in (EMPTY_ROOT, b"", root):
        assert refused_consistency(old, old_root, new, root, [])
    with pytest.raises(MalformedError) as caught:
        consistency_proof(old, new, Nodes(hashes_of(3)))
    assert caught.value.code == "no-such-size"


def test_one_size_has_one_root() -> None:
    """Two roots for the same size are a fork: refused, with or without a proof."""
    hashes = hashes_of(5)
    root, other = recursive_root(hashes), recursive_root(hashes[::-1])
    verify_consistency(5, root, 5, root, [])
    assert refused_consistency(5, root, 5, other, [])
    assert refused_consistency(5, root, 5, root, [root])
    assert refused_consistency(5, b"", 5, b"", [])


@given(SIZES, st.data())
def test_an_inclusion_proof_tampered_with_is_refused(size: int, data: st.DataObject) -> None:
    """A node more, less, cut, displaced or doubled, another leaf, root, place: all refused."""
    index = data.draw(st.integers(0, size - 1))
    hashes = hashes_of(size)
    root = recursive_root(hashes)
    proof = inclusion_proof(index, size, Nodes(hashes))
    hashed = hashes[index]
    forgeries = [[*proof, root], [hashed, *proof], [*proof, b""]]
    if proof:
        forgeries += [proof[:-1], proof[1:], [proof[0][:-1], *proof[1:]], [*proof, proof[-1]]]
    if len(proof) > 1:
        forgeries += [proof[::-1], [proof[1], proof[0], *proof[2:]]]
    for forged in forgeries:
        assert refused_inclusion(hashed, index, size, forged, root)
    assert refused_inclusion(leaf_hash(b"another"), index, size, proof, root)
    assert refused_inclusion(hashed, index, size, proof, EMPTY_ROOT)
    assert refused_inclusion(hashed[:-1], index, size, proof, root)
    if size > 1:
        assert refused_inclusion(hashed, (index + 1) % size, size, proof, root)


@given(st.integers(2, 300), st.data())
def test_a_consistency_proof_tampered_with_is_refused(size: int, data: st.DataObject) -> None:
    """A node more, less, cut or displaced, the roots exchanged, another size: all refused."""
    old = data.draw(st.integers(1, size - 1))
    hashes = hashes_of(size)
    old_root, root = recursive_root(hashes[:old]), recursive_root(hashes)
    proof = consistency_proof(old, size, Nodes(hashes))
    forgeries = [[*proof, root], [old_root, *proof], proof[:-1], proof[1:], [proof[0][:-1], *proof[1:]], []]
    if len(proof) > 1:
        forgeries += [proof[::-1], [proof[1], proof[0], *proof[2:]]]
    for forged in forgeries:
        assert refused_consistency(old, old_root, size, root, forged)
    assert refused_consistency(old, root, size, old_root, proof)
    assert refused_consistency(old, EMPTY_ROOT, size, root, proof)
    assert refused_consistency(size, old_root, old, root, proof)


def test_a_byte_moved_between_two_hashes_is_noticed() -> None:
    """A leaf hash one byte short and a sibling one byte longer give the same node: lengths are checked."""
    left, right = hashes_of(2)
    root = node_hash(left, right)
    assert node_hash(left[:-1], left[-1:] + right) == root
    assert refused_inclusion(left[:-1], 0, 2, [left[-1:] + right], root)
    assert refused_inclusion(right[1:], 1, 2, [left + right[:1]], root)


@given(st.integers(2, 200), st.data())
def test_any_flipped_bit_fails(size: int, data: st.DataObject) -> None:
    """No bit of a proof, a leaf hash or a root can change unnoticed."""
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    bit = data.draw(st.integers(0, 255))
    hashes = hashes_of(size)
    old_root, root = recursive_root(hashes[:old]), recursive_root(hashes)
    inclusion = [hashes[index], root, *inclusion_proof(index, size, Nodes(hashes))]
    consistency = [old_root, root, *consistency_proof(old, size, Nodes(hashes))]
    for values in (inclusion, consistency):
        which = data.draw(st.integers(0, len(values) - 1))
        changed = bytearray(values[which])
        changed[bit // 8] ^= 1 << bit % 8
        values[which] = bytes(changed)
    assert refused_inclusion(inclusion[0], index, size, inclusion[2:], inclusion[1])
    assert refused_consistency(old, consistency[0], size, consistency[1], consistency[2:])


def test_a_rewritten_past_has_no_consistency_proof() -> None:
    """When one old leaf is replaced or two change places, no proof the forger can make is accepted."""
    hashes = hashes_of(40)
    old_root = recursive_root(hashes[:23])
    replaced = [*hashes[:4], leaf_hash(b"forged"), *hashes[5:]]
    swapped = [*hashes[:4], hashes[5], hashes[4], *hashes[6:]]
    shortened = [*hashes[:4], *hashes[5:], leaf_hash(b"filler")]
    for forged in (replaced, swapped, shortened):
        proof = consistency_proof(23, 40, Nodes(forged))
        assert refused_consistency(23, old_root, 40, recursive_root(forged), proof)


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(-3, 50), st.integers(-3, 50), st.binary(max_size=40))
def test_garbage_proofs_are_refused(proof: list[bytes], small: int, large: int, root: bytes) -> None:
    """Whatever is shown as a proof, the verifiers refuse it and never break."""
    assert refused_inclusion(hashlib.sha256(root).digest(), small, large, proof, root)
    if (small, proof) != (large, []):
        assert refused_consistency(small, root, large, hashlib.sha256(root).digest(), proof)
