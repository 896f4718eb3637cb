"""The signed checkpoint: one short text by which the broker commits itself to the whole journal so far.

C2SP signed-note, tlog-checkpoint and tlog-cosignature. The text says whose journal, how many leaves, which
root. It is signed twice: Ed25519 over the text (type 0x01), and ML-DSA-44 over a structure with the time
(type 0x06), which outlives a quantum computer. Witnesses add signatures of type 0x06 below.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from journal.tree import HASH_SIZE, MAX_SIZE
from journal.vkeys import ED25519, KEY_ID_SIZE, MLDSA44, Vkey, b64, check_name, from_b64, parse_vkey
from keys.errors import ForgedError, MalformedError

__all__ = [
    "ED25519",
    "MAX_NOTE",
    "MAX_SIGNATURES",
    "MLDSA44",
    "Checkpoint",
    "JournalSigner",
    "Note",
    "NoteSignature",
    "OpenedNote",
    "VerifiedSignature",
    "Vkey",
    "open_note",
    "parse_checkpoint",
    "parse_note",
    "parse_vkey",
    "verify_note",
]

MAX_NOTE: Final = 256 * 1024
"""Bytes of the largest note that is read; a signature of type 0x06 takes about 3.3 kB."""
MAX_SIGNATURES: Final = 64
"""Signatures that a note may carry; the format wants at least 16 to be accepted."""
_TIME_SIZE: Final = 8
_LAST_SECOND: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_TEXT = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[^\n]+)\n")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH: Final = "\u2014 "
_LABEL: Final = b"subtree/v1\n\x00"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed: the journal's name, its size in leaves, its root.

    The name (`origin`) has the form `<host>/<territory>/journal/<shard>`. Raises `MalformedError`
    (wrong-name, no-such-size, wrong-hash-size).
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_name(self.origin)
        if not 0 <= self.size <= MAX_SIZE:
            raise MalformedError("no-such-size")
        if len(self.root) != HASH_SIZE:
            raise MalformedError("wrong-hash-size")

    def text(self) -> bytes:
        """The three lines of C2SP tlog-checkpoint."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n".encode()


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who says to have signed, under which 4-byte key id, and the signature's bytes."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The line as it stands in a note, without its newline."""
        return f"{_DASH}{self.name} {b64(self.key_id + self.data)}"


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
class VerifiedSignature:
    """A signature that holds: by whose key, and when it was made.

    The time is to the second and as the signer states it; None when the signature states none.
    """

    vkey: Vkey
    at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A verified checkpoint and everybody known whose signature it bears."""

    checkpoint: Checkpoint
    signatures: tuple[VerifiedSignature, ...]


@dataclass(frozen=True, slots=True)
class JournalSigner:
    """Signs the checkpoints of one journal with its two private keys (PROTOCOL §2, *broker: journal*)."""

    origin: str
    ed25519: Ed25519PrivateKey = field(repr=False)
    mldsa44: MLDSA44PrivateKey = field(repr=False)

    @property
    def vkeys(self) -> tuple[Vkey, Vkey]:
        """The two public keys to publish and to pin, Ed25519 first."""
        return (
            Vkey(self.origin, ED25519, self.ed25519.public_key().public_bytes_raw()),
            Vkey(self.origin, MLDSA44, self.mldsa44.public_key().public_bytes_raw()),
        )

    def sign(self, checkpoint: Checkpoint, at: datetime) -> bytes:
        """The note of a checkpoint of this journal, signed twice at `at` (written to the second).

        Raises `MalformedError` (wrong-origin for another journal's checkpoint, bad-time without a time zone).
        The caller answers for never signing two checkpoints of which one does not continue the other.
        """
        if checkpoint.origin != self.origin:
            raise MalformedError("wrong-origin")
        if at.tzinfo is None or at.timestamp() < 1:
            raise MalformedError("bad-time")
        classic, lasting = self.vkeys
        seconds = int(at.timestamp())
        cosignature = self.mldsa44.sign(_cosigned(self.origin, seconds, checkpoint))
        signatures = (
            NoteSignature(self.origin, classic.key_id, self.ed25519.sign(checkpoint.text())),
            NoteSignature(self.origin, lasting.key_id, seconds.to_bytes(_TIME_SIZE, "big") + cosignature),
        )
        return Note(checkpoint, signatures).encode()


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint, exactly three lines.

    Raises `MalformedError` (wrong-checkpoint, or what `Checkpoint` raises). Extension lines are refused: the
    ML-DSA-44 signature does not cover them.
    """
    match = _TEXT.fullmatch(text)
    root = from_b64(match["root"]) if match else None
    if match is None or root is None:
        raise MalformedError("wrong-checkpoint")
    return Checkpoint(match["origin"], int(match["size"]), root)


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
    if not blank or not lines.endswith("\n") or _CONTROL.search(note):
        raise MalformedError("wrong-note")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedError("too-many-signatures")
    return Note(parse_checkpoint(text + "\n"), tuple(_parse_signature(line) for line in signatures))


def open_note(data: bytes, vkeys: Iterable[Vkey], *, required: Collection[Vkey] = ()) -> OpenedNote:
    """Verify a signed checkpoint with the keys one has pinned, and say who signed it.

    The journal itself must have signed with both its keys, that is an Ed25519 and an ML-DSA-44 key among
    `vkeys` named as the checkpoint's origin (never pin a witness under a journal's name); so must every key
    of `required` (a quorum of witnesses). Signatures by unknown keys are ignored. Raises `MalformedError` as
    `parse_note` does, and `ForgedError` (signature-does-not-hold for a known key whose signature fails, even
    when others hold; signature-missing). The caller compares the origin with the journal it asked for.
    """
    note = parse_note(data)
    known = {(vkey.name, vkey.key_id): vkey for vkey in (*vkeys, *required)}
    verified = tuple(
        _verified(known[signature.name, signature.key_id], signature, note.checkpoint)
        for signature in note.signatures
        if (signature.name, signature.key_id) in known
    )
    signers = {signature.vkey for signature in verified}
    own_types = {vkey.type for vkey in signers if vkey.name == note.checkpoint.origin}
    if own_types != {ED25519, MLDSA44} or not signers.issuperset(required):
        raise ForgedError("signature-missing")
    return OpenedNote(note.checkpoint, verified)


def verify_note(data: bytes, vkeys: Iterable[Vkey], *, required: Collection[Vkey] = ()) -> Checkpoint:
    """The checkpoint of a note, once it is verified exactly as `open_note` does; raises as it does."""
    return open_note(data, vkeys, required=required).checkpoint


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = from_b64(encoded)
    if not line.startswith(_DASH) or not space or data is None or len(data) <= KEY_ID_SIZE:
        raise MalformedError("wrong-note")
    check_name(name)
    return NoteSignature(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


def _verified(vkey: Vkey, signature: NoteSignature, checkpoint: Checkpoint) -> VerifiedSignature:
    try:
        if vkey.type == ED25519:
            Ed25519PublicKey.from_public_bytes(vkey.public_key).verify(signature.data, checkpoint.text())
            return VerifiedSignature(vkey, None)
        seconds = int.from_bytes(signature.data[:_TIME_SIZE], "big")
        if seconds > _LAST_SECOND:
            raise ForgedError("signature-does-not-hold")
        message = _cosigned(vkey.name, seconds, checkpoint)
        MLDSA44PublicKey.from_public_bytes(vkey.public_key).verify(signature.data[_TIME_SIZE:], message)
    except (InvalidSignature, ValueError):
        raise ForgedError("signature-does-not-hold") from None
    # Zero is how a signer says that it states no time (C2SP tlog-cosignature).
    return VerifiedSignature(vkey, datetime.fromtimestamp(seconds, UTC) if seconds else None)


def _cosigned(name: str, seconds: int, checkpoint: Checkpoint) -> bytes:
    """The `cosigned_message` of C2SP tlog-cosignature for a whole tree: it starts at leaf 0."""
    names = [_LABEL, _short(name), seconds.to_bytes(_TIME_SIZE, "big"), _short(checkpoint.origin)]
    bounds = [(0).to_bytes(8, "big"), checkpoint.size.to_bytes(8, "big")]
    return b"".join([*names, *bounds, checkpoint.root])


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded
