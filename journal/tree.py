"""The Merkle tree that makes the past unchangeable: one 32-byte root stands for every entry, in its order.

RFC 9162 §2.1 with SHA-256. A *node* is named by its height above the leaves and its position: node (h, i) is
the root of the complete subtree over leaves i·2^h to (i + 1)·2^h - 1. Proofs are lists of 32-byte hashes,
from the leaf upward. Verifying raises; it never returns a boolean.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from keys.errors import ForgedError, MalformedError
from keys.strictjson import MAX_INTEGER

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "MAX_SIZE",
    "Frontier",
    "NodeReader",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "peaks",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]

HASH_SIZE: Final = 32
"""Bytes of a hash."""
MAX_SIZE: Final = MAX_INTEGER
"""Leaves of the largest tree: an index must remain an exact integer in JSON."""
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162 §2.1.1)."""


class NodeReader(Protocol):
    """Whatever can give the hash of a complete subtree."""

    def __call__(self, height: int, index: int, /) -> bytes:
        """The 32-byte hash of node (height, index); raises `PasserelleError` when it cannot be had."""
        ...


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf), the hash of a leaf (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), the hash of two neighbours (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that is needed to add a leaf and to tell the root.

    It holds the roots of the complete subtrees that make the tree up, largest first: one per binary digit 1
    of the size, hence at most 53 hashes however many leaves there are.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Continue a tree of `size` leaves from its peaks; raises `MalformedError` (wrong-frontier)."""
        self._size = size
        self._peaks = list(peaks)
        if not 0 <= size <= MAX_SIZE or len(self._peaks) != size.bit_count() or not _are_hashes(self._peaks):
            raise MalformedError("wrong-frontier")

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, largest first; with `size`, enough to continue later."""
        return tuple(self._peaks)

    def append(self, hashed_leaf: bytes) -> None:
        """Add one leaf by its 32-byte hash, in constant time on average; raises `MalformedError`."""
        if len(hashed_leaf) != HASH_SIZE:
            raise MalformedError("wrong-hash-size")
        if self._size == MAX_SIZE:
            raise MalformedError("tree-full")
        node = hashed_leaf
        carries = self._size
        while carries & 1:
            node = node_hash(self._peaks.pop(), node)
            carries >>= 1
        self._peaks.append(node)
        self._size += 1

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        return _joined(self._peaks)


def root_of(hashed_leaves: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaf hashes, in order (RFC 9162 §2.1.1)."""
    frontier = Frontier()
    for hashed in hashed_leaves:
        frontier.append(hashed)
    return frontier.root()


def peaks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The nodes (height, index), largest first, that together cover the leaves `start` to `end` - 1.

    `start` must be a multiple of the smallest power of two that is at least `end` - `start`, as it is for the
    whole tree and for every subtree of RFC 9162.
    """
    for height in reversed(range((end - start).bit_length())):
        if (end - start) >> height & 1:
            yield height, start >> height
            start += 1 << height


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 9162 §2.1.3.1), leaf to root.

    Raises `MalformedError` (no-such-entry), and whatever `read` raises.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise MalformedError("no-such-entry")
    _, siblings = _descent(index, size, whole_way=True)
    return [_range_root(start, end, read) for _, start, end in siblings]


def verify_inclusion(hashed_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash stands at `index` in the tree of `size` leaves under `root`.

    Raises `ForgedError` (proof-does-not-hold) for anything else: a missing, superfluous or displaced hash, a
    hash of another length, an index outside the tree, an empty tree (RFC 9162 §2.1.3.2).
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ForgedError("proof-does-not-hold")
    _, siblings = _descent(index, size, whole_way=True)
    if len(proof) != len(siblings) or not _are_hashes([hashed_leaf, root, *proof]):
        raise ForgedError("proof-does-not-hold")
    node = hashed_leaf
    for (on_the_right, _, _), sibling in zip(siblings, proof, strict=True):
        node = node_hash(node, sibling) if on_the_right else node_hash(sibling, node)
    _require_equal(node, root)


def consistency_proof(old_size: int, new_size: int, read: NodeReader) -> list[bytes]:
    """The proof that the first `old_size` leaves of the tree of `new_size` never changed (RFC 9162 §2.1.4.1).

    Raises `MalformedError` (no-such-size) unless 0 < old_size ≤ new_size, and whatever `read` raises. Empty
    when the sizes are equal.
    """
    if not 0 < old_size <= new_size <= MAX_SIZE:
        raise MalformedError("no-such-size")
    shared, siblings = _descent(old_size - 1, new_size, whole_way=False)
    hashes = [_range_root(start, end, read) for _, start, end in siblings]
    # When the old tree is itself a complete subtree of the new one, the verifier has its root already.
    return hashes if shared[0] == 0 else [_range_root(*shared, read), *hashes]


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree under `new_root` begins with the very leaves of the tree under `old_root`.

    Raises `ForgedError` (proof-does-not-hold) for anything else. An empty old tree is refused as well:
    everything is consistent with it, so a caller that lost what it had seen would accept any journal (RFC
    9162 §2.1.4.2).
    """
    if not 0 < old_size <= new_size <= MAX_SIZE:
        raise ForgedError("proof-does-not-hold")
    shared, siblings = _descent(old_size - 1, new_size, whole_way=False)
    hashes = [old_root, *proof] if shared[0] == 0 else list(proof)
    if len(hashes) != 1 + len(siblings) or not _are_hashes([old_root, new_root, *hashes]):
        raise ForgedError("proof-does-not-hold")
    old = new = hashes[0]
    for (on_the_right, _, _), sibling in zip(siblings, hashes[1:], strict=True):
        new = node_hash(new, sibling) if on_the_right else node_hash(sibling, new)
        old = old if on_the_right else node_hash(sibling, old)
    _require_equal(old, old_root)
    _require_equal(new, new_root)


_Sibling = tuple[bool, int, int]


def _descent(leaf: int, size: int, *, whole_way: bool) -> tuple[tuple[int, int], list[_Sibling]]:
    """Walk from the root of the tree of `size` leaves towards `leaf`.

    The walk stops at the leaf itself (`whole_way`, for an inclusion), or before it at the largest subtree
    that ends with that leaf (for a consistency: the last complete part that the old tree and the new one
    share). Returns where it stopped as (start, end), and the siblings passed, from the bottom up, each with
    whether it is on the right. Prover and verifier both walk here, so they cannot disagree on the shape of
    the tree.
    """
    start, end = 0, size
    siblings: list[_Sibling] = []
    while end - start > 1 and (whole_way or end != leaf + 1):
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if leaf < middle:
            siblings.append((True, middle, end))
            end = middle
        else:
            siblings.append((False, start, middle))
            start = middle
    siblings.reverse()
    return (start, end), siblings


def _range_root(start: int, end: int, read: NodeReader) -> bytes:
    return _joined([read(height, index) for height, index in peaks(start, end)])


def _joined(nodes: Sequence[bytes]) -> bytes:
    """The root of a tree from its peaks, largest first."""
    if not nodes:
        return EMPTY_ROOT
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_SIZE for value in values)


def _require_equal(computed: bytes, claimed: bytes) -> None:
    if not hmac.compare_digest(computed, claimed):
        raise ForgedError("proof-does-not-hold")
