"""Seals the sections of a referral so that only their recipient opens them (PROTOCOL §4, suite PQ1).

Each section is sealed under a fresh key of its own; those keys travel in one block sealed to the recipient. Both
are bound to the header: moved under another header, to another slot or to another recipient, nothing opens.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from pydantic import RootModel

from keys import strictjson
from keys.documents import Base64Url, b64url
from keys.errors import CannotOpenError, MalformedError
from keys.profiles import PQ1
from keys.sealing_keys import SealingKey, SealingPublicKey

__all__ = ["MAX_KEY_BLOCK", "SealedParts", "Slot", "open_sections", "pad", "seal_sections", "unpad"]

MAX_KEY_BLOCK = 4096
"""The largest key block in bytes; eleven sections need less than 700 plus the KEM's 1,120."""
_KEY_BYTES = 32
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one section sits in an envelope: its place (`s1`, `s2`, …) and which section it is."""

    sid: str
    section: str


@dataclass(frozen=True, slots=True)
class SealedParts:
    """What the broker carries: the block of section keys, and each section, all unreadable to it."""

    key: bytes
    sections: Mapping[str, bytes]


def pad(data: bytes) -> bytes:
    """4-byte length, the data, zeros to the smallest 2^k ≥ max(1024, 4 + length): sizes tell little."""
    size = max(PQ1.pad_floor, 1 << (_LENGTH_BYTES + len(data) - 1).bit_length())
    return (struct.pack(">I", len(data)) + data).ljust(size, b"\x00")


def unpad(padded: bytes) -> bytes:
    """Undo `pad`, refusing any other padding; raises `CannotOpenError`."""
    length = int.from_bytes(padded[:_LENGTH_BYTES])
    data = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(data) != length or pad(data) != padded:
        raise CannotOpenError("bad-padding")
    return data


def seal_sections(protected: str, kid: str, recipient: SealingPublicKey, sections: Mapping[Slot, bytes]) -> SealedParts:
    """Seal each section and the block of their keys to one recipient, bound to the protected header.

    `protected` is the header as it stands in the payload (base64url text); `kid` names the recipient's key.
    Raises `MalformedError` when two slots have one place, or when there are more than a key block can hold.
    """
    bound = _header_hash(protected)
    if len({slot.sid for slot in sections}) != len(sections):
        raise MalformedError("duplicate-slot", "/slots")
    keys: dict[str, str] = {}
    sealed: dict[str, bytes] = {}
    for slot, plaintext in sections.items():
        key = Cobblestone256Encryptor.generate_key()
        encryptor = Cobblestone256Encryptor(key, _section_context(bound, slot))
        sealed[slot.sid] = encryptor.update(pad(plaintext)) + encryptor.finalize()
        keys[slot.sid] = b64url(key)
    block = PQ1.suite().encrypt(strictjson.dumps(keys), recipient.load(), _key_info(bound, kid))
    if len(block) > MAX_KEY_BLOCK:
        raise MalformedError("too-long", "/slots")
    return SealedParts(block, sealed)


def open_sections(
    protected: str, kid: str, key: SealingKey, parts: SealedParts, slots: tuple[Slot, ...]
) -> dict[str, bytes]:
    """Open every section or none; raises `CannotOpenError`, and releases nothing before all of it verified."""
    bound = _header_hash(protected)
    keys = _open_key_block(bound, kid, key, parts.key)
    wanted = {slot.sid for slot in slots}
    if len(wanted) != len(slots) or set(keys) != wanted or set(parts.sections) != wanted:
        raise CannotOpenError("sections-do-not-match")
    return {
        slot.sid: unpad(_open_section(keys[slot.sid], _section_context(bound, slot), parts.sections[slot.sid]))
        for slot in slots
    }


class _KeyBlock(RootModel[dict[str, Base64Url]]):
    pass


def _open_key_block(bound: bytes, kid: str, key: SealingKey, block: bytes) -> dict[str, bytes]:
    if len(block) > MAX_KEY_BLOCK:
        raise CannotOpenError("key-block-malformed")
    try:
        plaintext = PQ1.suite().decrypt(block, key.private, _key_info(bound, kid))
    except (InvalidTag, ValueError):
        raise CannotOpenError("key-block-does-not-open") from None
    try:
        value = strictjson.loads(plaintext, limit=MAX_KEY_BLOCK)
        keys = _KeyBlock.model_validate(value, context={"json": True}).root
    except (MalformedError, ValueError):
        raise CannotOpenError("key-block-malformed") from None
    if any(len(section_key) != _KEY_BYTES for section_key in keys.values()):
        raise CannotOpenError("key-block-malformed")
    return keys


def _open_section(key: bytes, context: bytes, ciphertext: bytes) -> bytes:
    decryptor = Cobblestone256Decryptor(key, context)
    try:
        # The decryptor hands out text before it has seen the last chunk; ours leaves only once it has.
        return decryptor.update(ciphertext) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise CannotOpenError("section-does-not-open") from None


def _header_hash(protected: str) -> bytes:
    try:
        return hashlib.sha256(protected.encode("ascii")).digest()
    except UnicodeEncodeError:
        raise MalformedError("bad-base64", "/protected") from None


def _prefixed(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">I", len(data)) + data


def _section_context(bound: bytes, slot: Slot) -> bytes:
    return PQ1.section_context + bound + _prefixed(slot.sid) + _prefixed(slot.section)


def _key_info(bound: bytes, kid: str) -> bytes:
    return PQ1.key_info + bound + _prefixed(kid)
