"""Seals the papers that accompany a referral, each on its own, so that only who holds its key reads them.

PROTOCOL §4 (*Attachments*). The key travels inside the sealed `documents` section; the sealed bytes travel beside the
envelope. They are bound to that envelope and to what kind of paper they are: elsewhere they do not open.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from keys.documents import sha256_hex
from keys.errors import CannotOpenError, MalformedError
from keys.profiles import PQ1
from keys.sealing import pad, unpad

__all__ = [
    "ATTACHMENT_KEY_BYTES",
    "MAX_ATTACHMENT",
    "MAX_SEALED_ATTACHMENT",
    "SealedAttachment",
    "open_attachment",
    "seal_attachment",
]

_PADDED: Final = 8 * 1024 * 1024
MAX_ATTACHMENT: Final = _PADDED - 4
"""Bytes of the largest paper in clear: with its length before it, it fills 8 MiB."""
_CHUNK: Final = 16 * 1024
_HEAD: Final = 56
_TAG: Final = 16
MAX_SEALED_ATTACHMENT: Final = _PADDED + _HEAD + _TAG * (_PADDED // _CHUNK + 1)
"""Bytes of the largest paper sealed: a head, and a tag for each chunk, the last of which is empty."""
ATTACHMENT_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, repr=False)
class SealedAttachment:
    """One paper sealed: the key to keep among the sealed sections, the bytes to hand over, and their digest."""

    key: bytes
    data: bytes
    sha256: str


def seal_attachment(data: bytes, envelope: str, kind: str) -> SealedAttachment:
    """Seal one paper of a kind under a fresh key, for one envelope; raises `MalformedError` (attachment-too-large)."""
    if len(data) > MAX_ATTACHMENT:
        raise MalformedError("attachment-too-large")
    key = Cobblestone256Encryptor.generate_key()
    encryptor = Cobblestone256Encryptor(key, _context(envelope, kind))
    sealed = encryptor.update(pad(data)) + encryptor.finalize()
    return SealedAttachment(key, sealed, sha256_hex(sealed))


def open_attachment(sealed: bytes, key: bytes, envelope: str, kind: str) -> bytes:
    """The paper in clear, once its last chunk verified; raises `CannotOpenError` (attachment-does-not-open)."""
    if len(sealed) > MAX_SEALED_ATTACHMENT or len(key) != ATTACHMENT_KEY_BYTES:
        raise CannotOpenError("attachment-does-not-open")
    decryptor = Cobblestone256Decryptor(key, _context(envelope, kind))
    try:
        return unpad(decryptor.update(sealed) + decryptor.finalize())
    except (CannotOpenError, InvalidTag, ValueError):
        raise CannotOpenError("attachment-does-not-open") from None


def _context(envelope: str, kind: str) -> bytes:
    named = kind.encode()
    return PQ1.attachment_context + envelope.encode() + struct.pack(">I", len(named)) + named
