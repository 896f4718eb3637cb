"""A proof that anybody can check offline, for years: this entry stands in that journal, seen by those witnesses.

C2SP tlog-proof: the index, the hashes from the leaf to the root, and the signed checkpoint, as a few lines of text. It
shows nothing of the entry itself; whoever holds the entry and its salt computes the leaf and finds it proven.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from journal.notes import MAX_NOTE, OpenedNote, open_note, parse_note
from journal.tree import HASH_SIZE, MAX_SIZE, NodeReader, inclusion_proof, leaf_hash, verify_inclusion
from journal.witness_calls import hash_lines, parse_hash_lines
from keys.errors import MalformedError
from keys.vkeys import Vkey, b64, from_b64

__all__ = ["MAX_EXTRA", "MAX_HASHES", "MAX_PROOF", "PROOF_TYPE", "LogProof", "parse_proof", "prove"]

PROOF_TYPE: Final = "text/plain; charset=utf-8"
"""The content type under which a proof travels; as a file it is called `….tlog-proof`."""
MAX_HASHES: Final = 53
"""Hashes of the longest proof: one for each level of the largest tree."""
MAX_EXTRA: Final = 96 * 1024
"""Bytes that may travel along with a proof, unproven."""
MAX_PROOF: Final = MAX_NOTE + 2 * MAX_EXTRA
"""Bytes of the largest proof that is read."""
_HEADER: Final = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})", re.ASCII)
_EXTRA: Final = "extra "


@dataclass(frozen=True, slots=True)
class LogProof:
    """A proof as it was read or made; only `verify` tells whether it holds.

    `index` is the place of the leaf in the tree of the note, which counts from the start of its shard. `extra` is
    whatever the maker sent along; nothing vouches for it. Raises `MalformedError`: no-such-entry, too-many-hashes,
    wrong-hash-size, too-large, and for an empty `extra` wrong-proof.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_SIZE:
            raise MalformedError("no-such-entry")
        if len(self.hashes) > MAX_HASHES:
            raise MalformedError("too-many-hashes")
        if any(len(each) != HASH_SIZE for each in self.hashes):
            raise MalformedError("wrong-hash-size")
        if self.extra is not None and len(self.extra) > MAX_EXTRA:
            raise MalformedError("too-large")
        if self.extra == b"":
            raise MalformedError("wrong-proof")

    def encode(self) -> bytes:
        """The proof as text."""
        extra = "" if self.extra is None else f"{_EXTRA}{b64(self.extra)}\n"
        return f"{_HEADER}\n{extra}index {self.index}\n{hash_lines(self.hashes)}\n".encode() + self.note

    def verify(self, leaf: bytes, vkeys: Iterable[Vkey], *, witnesses: Iterable[Vkey] = ()) -> OpenedNote:
        """The checkpoint under which `leaf` stands at `index`, once signatures and hashes hold.

        `leaf` is the leaf's bytes (`journal.entries` makes them of an entry and its salt), `vkeys` the journal's own
        two keys, `witnesses` those of the quorum, which a `QuorumPolicy` then counts. Raises what `open_note` raises,
        and `ForgedError` (proof-does-not-hold).
        """
        opened = open_note(self.note, vkeys, witnesses=witnesses)
        checkpoint = opened.checkpoint
        verify_inclusion(leaf_hash(leaf), self.index, checkpoint.size, self.hashes, checkpoint.root)
        return opened


def prove(index: int, note: bytes, read: NodeReader, *, extra: bytes | None = None) -> LogProof:
    """The proof of the entry at `index` under a signed checkpoint, from the nodes of that checkpoint's tree.

    Raises `MalformedError` (no-such-entry, and as `parse_note` does), and whatever `read` raises.
    """
    size = parse_note(note).checkpoint.size
    return LogProof(index, tuple(inclusion_proof(index, size, read)), note, extra)


def parse_proof(data: bytes) -> LogProof:
    """Read a proof; nothing in it is verified.

    Raises `MalformedError`: too-large, not-utf8, wrong-proof, too-many-hashes, wrong-hash-line, and what `parse_note`
    raises.
    """
    if len(data) > MAX_PROOF:
        raise MalformedError("too-large")
    head, blank, note = data.partition(b"\n\n")
    try:
        lines = head.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise MalformedError("not-utf8") from None
    if not blank or lines.pop(0) != _HEADER:
        raise MalformedError("wrong-proof")
    extra = _extra(lines.pop(0)) if lines and lines[0].startswith(_EXTRA) else None
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None:
        raise MalformedError("wrong-proof")
    hashes = parse_hash_lines(lines, limit=MAX_HASHES)
    parse_note(note)
    return LogProof(int(index[1]), hashes, note, extra)


def _extra(line: str) -> bytes:
    read = from_b64(line.removeprefix(_EXTRA))
    if read is None:
        raise MalformedError("wrong-proof")
    return read
