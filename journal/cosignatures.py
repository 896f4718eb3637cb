"""One signature line below a checkpoint, and what the signer thereby states: who, when, under which key.

C2SP signed-note and tlog-cosignature. A signature of type 0x01 covers the text alone. One of type 0x04 or 0x06 also
covers the moment, and states that no larger tree of this journal had been seen by then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from journal.checkpoints import Checkpoint
from keys.errors import ForgedError, MalformedError
from keys.vkeys import ED25519, ED25519_COSIGNATURE, KEY_ID_SIZE, MLDSA44, Vkey, b64, check_name, from_b64

__all__ = [
    "MAX_SIGNATURES",
    "CosigningKey",
    "NoteSignature",
    "VerifiedSignature",
    "cosign",
    "parse_signature",
    "parse_signatures",
    "verify_signature",
    "vkey_of",
]

CosigningKey = Ed25519PrivateKey | MLDSA44PrivateKey
"""A private key that signs with the time: type 0x04 by Ed25519, 0x06 by ML-DSA-44."""
MAX_SIGNATURES: Final = 64
"""Signatures that a note may carry; the format wants at least 16 to be accepted."""
_TIME_SIZE: Final = 8
_LAST_SECOND: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_DASH: Final = "\u2014 "
_SUBTREE_LABEL: Final = b"subtree/v1\n\x00"
_LINE_LABEL: Final = b"cosignature/v1\n"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


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
class VerifiedSignature:
    """A signature that holds: by whose key, and when it was made.

    The time is to the second and as the signer states it; None when the signature states none.
    """

    vkey: Vkey
    at: datetime | None


def vkey_of(name: str, key: CosigningKey) -> Vkey:
    """The public key by which cosignatures of this private key are verified; raises `MalformedError` (wrong-name)."""
    kind = ED25519_COSIGNATURE if isinstance(key, Ed25519PrivateKey) else MLDSA44
    return Vkey(name, kind, key.public_key().public_bytes_raw())


def cosign(name: str, key: CosigningKey, checkpoint: Checkpoint, at: datetime) -> NoteSignature:
    """The signature of a checkpoint at the moment `at` (written to the second) by the signer called `name`.

    Raises `MalformedError` (bad-time without a time zone or before 1970, wrong-name). The caller answers for what the
    signature states: that it verified the checkpoint, and that it saw no larger one of this journal by then.
    """
    if at.tzinfo is None or at.timestamp() < 1:
        raise MalformedError("bad-time")
    vkey, seconds = vkey_of(name, key), int(at.timestamp())
    signature = key.sign(_signed_text(vkey, seconds, checkpoint))
    return NoteSignature(name, vkey.key_id, seconds.to_bytes(_TIME_SIZE, "big") + signature)


def parse_signature(line: str) -> NoteSignature:
    """Read one signature line, without its newline; raises `MalformedError` (wrong-note, wrong-name)."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = from_b64(encoded)
    if not line.startswith(_DASH) or not space or data is None or len(data) <= KEY_ID_SIZE or _CONTROL.search(line):
        raise MalformedError("wrong-note")
    check_name(name)
    return NoteSignature(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Read one or more signature lines, each ended by a newline.

    Raises `MalformedError` (wrong-note, wrong-name, too-many-signatures).
    """
    if not lines.endswith("\n"):
        raise MalformedError("wrong-note")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedError("too-many-signatures")
    return tuple(parse_signature(line) for line in signatures)


def verify_signature(vkey: Vkey, signature: NoteSignature, checkpoint: Checkpoint) -> VerifiedSignature:
    """Verify a signature of a checkpoint by one key.

    Raises `ForgedError` (signature-does-not-hold), also when the line names another key, and for a moment that no
    calendar has.
    """
    if (signature.name, signature.key_id) != (vkey.name, vkey.key_id):
        raise ForgedError("signature-does-not-hold")
    return _verified(vkey, signature.data, checkpoint)


def _verified(vkey: Vkey, data: bytes, checkpoint: Checkpoint) -> VerifiedSignature:
    timed = vkey.type != ED25519
    seconds = int.from_bytes(data[:_TIME_SIZE], "big") if timed else 0
    if seconds > _LAST_SECOND:
        raise ForgedError("signature-does-not-hold")
    message = _signed_text(vkey, seconds, checkpoint)
    public = MLDSA44PublicKey if vkey.type == MLDSA44 else Ed25519PublicKey
    try:
        public.from_public_bytes(vkey.public_key).verify(data[_TIME_SIZE:] if timed else data, message)
    except (InvalidSignature, ValueError):
        raise ForgedError("signature-does-not-hold") from None
    # Zero is how a signer says that it states no time (C2SP tlog-cosignature).
    return VerifiedSignature(vkey, datetime.fromtimestamp(seconds, UTC) if seconds else None)


def _signed_text(vkey: Vkey, seconds: int, checkpoint: Checkpoint) -> bytes:
    """What a key of this type signs for a whole tree, which starts at leaf 0 (C2SP tlog-cosignature)."""
    if vkey.type == ED25519:
        return checkpoint.text()
    if vkey.type == ED25519_COSIGNATURE:
        return b"%btime %d\n%b" % (_LINE_LABEL, seconds, checkpoint.text())
    names = [_SUBTREE_LABEL, _short(vkey.name), seconds.to_bytes(_TIME_SIZE, "big"), _short(checkpoint.origin)]
    bounds = [(0).to_bytes(8, "big"), checkpoint.size.to_bytes(8, "big")]
    return b"".join([*names, *bounds, checkpoint.root])


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded
