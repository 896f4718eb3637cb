"""The one rule of a witness: sign for a checkpoint only if it continues the last one signed for, and never two pasts.

PROTOCOL §7 *Witnesses*, C2SP tlog-witness. What a witness remembers is small: the last checkpoint it saw of each
journal. Whoever keeps it must check and replace it in one step, so that two checks at once cannot both go on from the
same past. A journal that contradicts what was remembered has been changed: both notes are kept, and prove it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from journal.checkpoints import Checkpoint
from journal.contradictions import Contradiction, Signed, contradiction, read_signed
from journal.cosignatures import CosigningKey, NoteSignature, VerifiedSignature, verify_signature
from journal.cosignatures import cosign as _cosign
from journal.tree import EMPTY_ROOT, Frontier, verify_consistency
from journal.vkeys import check_witness
from keys.errors import ForgedError, MalformedError
from keys.vkeys import Vkey

__all__ = [
    "NewLeaves",
    "Witnessed",
    "advance",
    "cosign",
    "verify_cosignature",
]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness remembers of one journal: the name, the size and the root, and the last note that said so.

    `first` is the earliest note of the same tree, where more than one was seen: a smaller journal that was signed
    between the two contradicts the one, and a larger one that was signed between them the other.
    """

    origin: str
    size: int
    root: bytes
    note: bytes
    first: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewLeaves:
    """The other way to show that a journal continues: every new leaf, by its 32-byte hash, in order.

    `frontier` is the right edge of the tree that was remembered (`Frontier()` for none); it is grown in place, and is
    the right edge of the new tree once `advance` has returned, of nothing at all when it has raised.
    """

    frontier: Frontier
    hashes: Iterable[bytes]


def advance(
    before: Witnessed | None, note: bytes, vkeys: Collection[Vkey], shown: Sequence[bytes] | NewLeaves
) -> Witnessed | Contradiction:
    """What a witness remembers once it has been shown `note`, or how that note contradicts what it remembers.

    `vkeys` are the journal's own two keys as they are pinned; `shown` is the consistency proof from the size remembered
    (empty for none), or the new leaves. Without memory, the note is believed as it is and the proof must be empty. An
    older, smaller note than the one remembered is no news: what was remembered stays.

    Raises what `read_signed` raises, `MalformedError` (wrong-origin for another journal, witness-damaged when what is
    remembered is not what its note says), and `ForgedError` (wrong-root for an empty journal whose root is not that of
    nothing; proof-does-not-hold): either the journal was changed or the proof is wrong, so nothing may be signed, but
    nothing is proven either; see `journal.evidence` for what would.
    """
    met = read_signed(note, vkeys)
    if met.checkpoint.size == 0 and met.checkpoint.root != EMPTY_ROOT:
        raise ForgedError("wrong-root")
    if before is None:
        _check_continues(0, EMPTY_ROOT, met.checkpoint, shown)
        return _remembered(met)
    first, latest = (read_signed(each, vkeys) for each in (before.first or before.note, before.note))
    if any(replace(before, note=each.note, first=None) != _remembered(each) for each in (first, latest)):
        raise MalformedError("witness-damaged")
    found = contradiction(first, met) or contradiction(latest, met)
    if found is not None:
        return found
    if met.checkpoint.size < before.size:
        return before
    _check_continues(before.size, before.root, met.checkpoint, shown)
    if met.checkpoint.size > before.size:
        return _remembered(met)
    if met.at > latest.at:
        return replace(before, note=note, first=first.note)
    return replace(before, first=note) if met.at < first.at else before


def cosign(name: str, key: CosigningKey, witnessed: Witnessed, at: datetime) -> NoteSignature:
    """The witness's signature of the checkpoint that it now remembers, at the moment `at`.

    Call it only once what it remembers is kept for good: a witness that forgets what it signed can be made to sign
    another past. Raises `MalformedError` (bad-time, wrong-name, witness-is-the-journal for the journal's own name).
    """
    if name == witnessed.origin:
        raise MalformedError("witness-is-the-journal")
    return _cosign(name, key, Checkpoint(witnessed.origin, witnessed.size, witnessed.root), at)


def verify_cosignature(
    vkey: Vkey, signature: NoteSignature, checkpoint: Checkpoint, journal: Collection[Vkey]
) -> VerifiedSignature:
    """Verify one witness's signature of a checkpoint that is the journal's; `journal` are the journal's own two keys.

    Raises `MalformedError` (not-a-witness-key, witness-is-the-journal) and `ForgedError` (signature-does-not-hold;
    cosignature-undated when it states no moment, hence not that no larger tree had been seen).
    """
    check_witness(vkey, journal, checkpoint.origin)
    verified = verify_signature(vkey, signature, checkpoint)
    if verified.at is None:
        raise ForgedError("cosignature-undated")
    return verified


def _remembered(signed: Signed) -> Witnessed:
    checkpoint = signed.checkpoint
    return Witnessed(checkpoint.origin, checkpoint.size, checkpoint.root, signed.note)


def _check_continues(old_size: int, old_root: bytes, new: Checkpoint, shown: Sequence[bytes] | NewLeaves) -> None:
    """Raise `ForgedError` (proof-does-not-hold) unless what is shown leads from the old tree to the new one."""
    if isinstance(shown, NewLeaves):
        _check_leaves(old_size, old_root, new, shown)
    elif old_size:
        verify_consistency(old_size, old_root, new.size, new.root, shown)
    elif shown:
        # Everything continues an empty tree; C2SP tlog-witness wants this said by a proof of nothing.
        raise ForgedError("proof-does-not-hold")


def _check_leaves(old_size: int, old_root: bytes, new: Checkpoint, shown: NewLeaves) -> None:
    frontier = shown.frontier
    if (frontier.size, frontier.root()) != (old_size, old_root):
        raise ForgedError("proof-does-not-hold")
    for hashed in shown.hashes:
        if frontier.size == new.size:
            raise ForgedError("proof-does-not-hold")
        frontier.append(hashed)
    if (frontier.size, frontier.root()) != (new.size, new.root):
        raise ForgedError("proof-does-not-hold")
