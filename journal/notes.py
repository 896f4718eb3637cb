"""The signed checkpoint: one short text by which the broker commits itself to the whole journal so far.

C2SP signed-note, tlog-checkpoint and tlog-cosignature. The text says whose journal, how many leaves, which
root. It is signed twice: Ed25519 over the text (type 0x01), and ML-DSA-44 over a structure with the time
(type 0x06), which outlives a quantum computer. Witnesses add signatures of type 0x04 or 0x06 below.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from journal.checkpoints import Checkpoint, parse_checkpoint
from journal.cosignatures import (
    MAX_SIGNATURES,
    NoteSignature,
    VerifiedSignature,
    cosign,
    parse_signatures,
    verify_signature,
    vkey_of,
)
from journal.vkeys import check_journal_keys, check_witness
from keys.errors import ForgedError, MalformedError
from keys.vkeys import ED25519, MLDSA44, Vkey

__all__ = [
    "MAX_NOTE",
    "MAX_SIGNATURES",
    "Checkpoint",
    "JournalSigner",
    "Note",
    "NoteSignature",
    "OpenedNote",
    "VerifiedSignature",
    "open_note",
    "parse_checkpoint",
    "parse_note",
    "verify_note",
    "with_cosignatures",
]

MAX_NOTE: Final = 256 * 1024
"""Bytes of the largest note that is read; a signature of type 0x06 takes about 3.3 kB."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it was read: nothing in it is verified yet."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The bytes of the note: the text, an empty line, the signature lines."""
        lines = "".join(f"{signature.line()}\n" for signature in self.signatures)
        return self.checkpoint.text() + b"\n" + lines.encode()


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A verified checkpoint and everybody known whose signature it bears."""

    checkpoint: Checkpoint
    signatures: tuple[VerifiedSignature, ...]

    @property
    def signed_at(self) -> datetime | None:
        """When the journal itself signed, as its ML-DSA-44 signature states: the earliest moment, if it signed twice.

        None when it states no time.
        """
        own = (each for each in self.signatures if each.vkey.name == self.checkpoint.origin)
        return min((each.at for each in own if each.at is not None), default=None)


@dataclass(frozen=True, slots=True)
class JournalSigner:
    """Signs the checkpoints of one journal with its two private keys (PROTOCOL §2, *broker: journal*)."""

    origin: str
    ed25519: Ed25519PrivateKey = field(repr=False)
    mldsa44: MLDSA44PrivateKey = field(repr=False)

    @property
    def vkeys(self) -> tuple[Vkey, Vkey]:
        """The two public keys to publish and to pin, Ed25519 first."""
        classic = Vkey(self.origin, ED25519, self.ed25519.public_key().public_bytes_raw())
        return classic, vkey_of(self.origin, self.mldsa44)

    def sign(self, checkpoint: Checkpoint, at: datetime) -> bytes:
        """The note of a checkpoint of this journal, signed twice at `at` (written to the second).

        Raises `MalformedError` (wrong-origin for another journal's checkpoint, bad-time without a time zone).
        The caller answers for never signing two checkpoints of which one does not continue the other, nor a smaller
        one at a later moment than a larger one: either would prove to anybody that the journal was changed.
        """
        if checkpoint.origin != self.origin:
            raise MalformedError("wrong-origin")
        lasting = cosign(self.origin, self.mldsa44, checkpoint, at)
        classic = NoteSignature(self.origin, self.vkeys[0].key_id, self.ed25519.sign(checkpoint.text()))
        return Note(checkpoint, (classic, lasting)).encode()


def parse_note(data: bytes) -> Note:
    """Read a signed checkpoint without verifying it; raises `MalformedError`.

    Slugs: too-large, not-utf8, wrong-note, too-many-signatures, and those of `parse_checkpoint`.
    """
    if len(data) > MAX_NOTE:
        raise MalformedError("too-large")
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("not-utf8") from None
    text, blank, lines = note.rpartition("\n\n")
    if not blank or _CONTROL.search(note):
        raise MalformedError("wrong-note")
    # The lines come first: a note that is cut short is told as such, whatever its text became.
    signatures = parse_signatures(lines)
    return Note(parse_checkpoint(text + "\n"), signatures)


def open_note(
    data: bytes, vkeys: Iterable[Vkey], *, witnesses: Iterable[Vkey] = (), required: Collection[Vkey] = ()
) -> OpenedNote:
    """Verify a signed checkpoint with the keys one has pinned, and say who signed it.

    The journal itself must have signed with both its keys, that is an Ed25519 and an ML-DSA-44 key among `vkeys`
    named as the checkpoint's origin; so must every key of `required`. Signatures of `witnesses` are verified and told,
    none of them is required: how many it takes is for a `QuorumPolicy` to say. Signatures by unknown keys are ignored.

    Raises `MalformedError` as `parse_note` does, and for keys that could pass for the journal's (vkeys-not-a-pair,
    not-a-witness-key, witness-is-the-journal); `ForgedError` (signature-does-not-hold for a known key whose signature
    fails, even when others hold; signature-missing). The caller compares the origin with the journal it asked for.
    """
    note = parse_note(data)
    origin, own = note.checkpoint.origin, frozenset(vkeys)
    others = frozenset(witnesses)
    check_journal_keys(own, origin)
    for vkey in others:
        check_witness(vkey, own, origin)
    pinned = (*own, *others, *(vkey for vkey in required if vkey.name != origin))
    known: dict[tuple[str, bytes], set[Vkey]] = {}
    for vkey in pinned:
        known.setdefault((vkey.name, vkey.key_id), set()).add(vkey)
    verified = tuple(
        _verified(known[signature.name, signature.key_id], signature, note.checkpoint)
        for signature in note.signatures
        if (signature.name, signature.key_id) in known
    )
    signers = {signature.vkey for signature in verified}
    own_types = {vkey.type for vkey in signers & own if vkey.name == origin}
    if own_types != {ED25519, MLDSA44} or not signers.issuperset(required):
        raise ForgedError("signature-missing")
    return OpenedNote(note.checkpoint, verified)


def _verified(vkeys: Collection[Vkey], signature: NoteSignature, checkpoint: Checkpoint) -> VerifiedSignature:
    """A signature that one of these keys made: an id has four bytes only, so that two keys may be made to share one.

    Raises `ForgedError` (signature-does-not-hold) when none of them made it.
    """
    for vkey in vkeys:
        with suppress(ForgedError):
            return verify_signature(vkey, signature, checkpoint)
    raise ForgedError("signature-does-not-hold")


def verify_note(data: bytes, vkeys: Iterable[Vkey], *, required: Collection[Vkey] = ()) -> Checkpoint:
    """The checkpoint of a note, once it is verified exactly as `open_note` does; raises as it does."""
    return open_note(data, vkeys, required=required).checkpoint


def with_cosignatures(data: bytes, cosignatures: Iterable[NoteSignature]) -> bytes:
    """The same note with these signatures below its own, in the order given; none is verified here.

    Of several by the same key the first stays, those that the note bears already before all. Whatever is more than a
    note may carry is left out, since a note that nobody can read any more would be worse. Raises as `parse_note` does.
    """
    note = parse_note(data)
    known = {(each.name, each.key_id) for each in note.signatures}
    signatures = [*note.signatures]
    for each in cosignatures:
        if (each.name, each.key_id) not in known and len(signatures) < MAX_SIGNATURES:
            known.add((each.name, each.key_id))
            signatures.append(each)
    return Note(note.checkpoint, tuple(signatures)).encode()
