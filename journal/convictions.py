"""Whether a file of evidence holds: it convicts the journal, or it says nothing.

PROTOCOL §7. Only the keys that the reader pinned are believed: not the file, not its author. What is the author's word
alone is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from journal.checkpoints import Checkpoint
from journal.entries import ClearLeaf, Entry, Opening, check_year, open_leaf, read_leaf
from journal.evidence import Evidence, EvidenceKind
from journal.notes import OpenedNote, open_note
from journal.publication import PROMISE
from journal.receipts import Promised, read_receipt
from journal.shards import CLOSED, HAND_OVER, RESTART_BLUR, resumes
from journal.tree import leaf_hash, verify_consistency, verify_inclusion
from keys.errors import ForgedError, MalformedError
from keys.identity import Verifier
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.statements import KIND, read_statement
from keys.vkeys import Vkey

__all__ = ["Conviction", "convict"]


@dataclass(frozen=True, slots=True)
class Conviction:
    """What a file of evidence shows.

    `by_itself` is true when it proves so to anybody; false when its author's word is a part of it. `notes` are its
    checkpoints, verified, in its order; `index` is the entry concerned, if it is one.
    """

    kind: EvidenceKind
    by_itself: bool
    notes: tuple[OpenedNote, ...]
    index: int | None = None


def convict(
    evidence: Evidence, vkeys: Collection[Vkey], receipts: Verifier | None = None, *, start: int = 0
) -> Conviction:
    """Verify a file of evidence with the journal's own two keys, and the broker's key for receipts where it needs one.

    They are the keys of the shard that the evidence is about, whose first entry has the index `start`.

    Raises `ForgedError`: wrong-origin for notes of another journal, evidence-proves-nothing when everything is genuine
    and contradicts nothing, and what `open_note`, `read_receipt` and the proofs raise for what is not genuine.
    `MalformedError`: receipts-key-missing when there is a receipt and no key for it, and the faults of what is inside.
    """
    notes = tuple(open_note(note, vkeys) for note in evidence.notes)
    if any(note.checkpoint.origin != evidence.origin for note in notes):
        raise ForgedError("wrong-origin")
    index = _SHOWN[evidence.kind](_Shown(evidence, notes, receipts, start))
    return Conviction(evidence.kind, evidence.kind not in _BY_WORD, notes, index)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a file shows: its checkpoints, verified, of the shard whose first entry has the index `start`."""

    evidence: Evidence
    notes: tuple[OpenedNote, ...]
    receipts: Verifier | None
    start: int

    def standing(self, checkpoint: Checkpoint) -> tuple[int, bytes]:
        """The index and the leaf that the evidence is about, once the proof shows that they stand in the journal."""
        evidence = self.evidence
        if evidence.index is None or evidence.leaf is None:
            raise ForgedError("evidence-proves-nothing")
        self.check_stands(evidence.index, checkpoint)
        return evidence.index, evidence.leaf

    def check_stands(self, index: int, checkpoint: Checkpoint) -> None:
        """Raise `ForgedError` unless the proof shows that the leaf is that of the entry `index`."""
        leaf, proof = self.evidence.leaf, self.evidence.proof
        if leaf is None or proof is None:
            raise ForgedError("evidence-proves-nothing")
        verify_inclusion(leaf_hash(leaf), index - self.start, checkpoint.size, proof, checkpoint.root)


def _fork(shown: _Shown) -> None:
    """Two roots for one size; or a larger tree that begins with another tree of the smaller size."""
    evidence = shown.evidence
    smaller, larger = sorted((note.checkpoint for note in shown.notes), key=lambda checkpoint: checkpoint.size)
    if smaller.size == larger.size:
        _require(smaller.root != larger.root and evidence.proof is None)
        return
    if evidence.root is None or evidence.proof is None:
        raise ForgedError("evidence-proves-nothing")
    verify_consistency(smaller.size, evidence.root, larger.size, larger.root, evidence.proof)
    _require(evidence.root != smaller.root)


def _rollback(shown: _Shown) -> None:
    """A smaller tree, signed at a later second than a larger one."""
    smaller, larger = sorted(shown.notes, key=lambda note: note.checkpoint.size)
    _require(smaller.checkpoint.size < larger.checkpoint.size)
    _require(larger.signed_at is not None and smaller.signed_at is not None and smaller.signed_at > larger.signed_at)


def _late(shown: _Shown) -> int:
    """An entry that stands in the second checkpoint, was made a minute before the first, and is not in that one."""
    without, within = shown.notes
    index, leaf = shown.standing(within.checkpoint)
    entry = _entry(shown.evidence, leaf, index)
    check_year(entry.time, "/entry/time")
    _require(shown.start + without.checkpoint.size <= index)
    _require(without.signed_at is not None and without.signed_at > entry.time + PROMISE)
    return index


def _unhonoured(shown: _Shown) -> int:
    """A checkpoint signed when the promise was over that ends before the index; or another leaf at that index.

    In a shard that was closed before the index, its last entry is enough: nothing ever follows it there. So is the
    first entry of a restarted shard, for what the broker promised later in the shard before.
    """
    evidence, (note,) = shown.evidence, shown.notes
    if shown.receipts is None or evidence.receipt is None:
        raise MalformedError("receipts-key-missing")
    promised = read_receipt(evidence.receipt, shown.receipts, "/receipt")
    if promised.origin != evidence.origin:
        _check_left(shown, note.checkpoint, promised)
        return promised.index
    last = shown.start + note.checkpoint.size - 1
    if evidence.leaf is None:
        _require(last < promised.index)
        _require(note.signed_at is not None and note.signed_at > promised.due)
    elif last < promised.index:
        shown.check_stands(last, note.checkpoint)
        closing = _entry(evidence, evidence.leaf, last)
        _require((closing.type, closing.state) == (HAND_OVER, CLOSED))
    else:
        shown.check_stands(promised.index, note.checkpoint)
        _require(evidence.leaf != promised.leaf)
    return promised.index


def _check_left(shown: _Shown, checkpoint: Checkpoint, promised: Promised) -> None:
    """Raise `ForgedError` unless the shard was restarted after the promised one, and before the promise was made."""
    if shown.evidence.leaf is None:
        raise ForgedError("wrong-origin", "/receipt")
    shown.check_stands(shown.start, checkpoint)
    begun = _entry(shown.evidence, shown.evidence.leaf, shown.start)
    if not resumes(begun, promised.origin):
        raise ForgedError("wrong-origin", "/receipt")
    _require(promised.at >= begun.time + RESTART_BLUR)


def _foreign_key(shown: _Shown) -> int:
    """A key statement in the author's name stands in the journal; that the author did not make it is its word."""
    index, leaf = shown.standing(shown.notes[0].checkpoint)
    entry = _entry(shown.evidence, leaf, index)
    _require(entry.type.startswith("key."))
    statement = SignedDocument.parse(entry.document or b"", KIND, limit=MAX_DOCUMENT)
    _require(read_statement(statement).org == shown.evidence.by)
    return index


def _silence(shown: _Shown) -> None:
    """The newest checkpoint there was, and when; that no newer one could be had is the author's word."""
    signed_at = shown.notes[0].signed_at
    _require(signed_at is not None and signed_at < shown.evidence.at)


_SHOWN: Final[Mapping[EvidenceKind, Callable[[_Shown], int | None]]] = MappingProxyType(
    {
        "fork": _fork,
        "rollback": _rollback,
        "late": _late,
        "unhonoured-receipt": _unhonoured,
        "foreign-key": _foreign_key,
        "silence": _silence,
    }
)
_BY_WORD: Final = frozenset({"foreign-key", "silence"})


def _entry(evidence: Evidence, leaf: bytes, index: int) -> Entry:
    """What a leaf says, in clear or by its opening."""
    if evidence.entry is not None and evidence.salt is not None:
        return open_leaf(leaf, Opening(evidence.entry, evidence.salt), index)
    read = read_leaf(leaf, index)
    if not isinstance(read, ClearLeaf):
        raise ForgedError("evidence-proves-nothing")
    return read.entry


def _require(shown: bool) -> None:  # noqa: FBT001 - the one thing it is told
    if not shown:
        raise ForgedError("evidence-proves-nothing")
