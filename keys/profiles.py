"""The named, dated sets of algorithms; this is the only place where an algorithm is chosen.

A profile is never edited once documents exist under it: a better one gets a new name and a new date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from cryptography.hazmat.primitives import hpke

__all__ = ["AT_REST_1", "KEY_LIVES", "PQ1", "SEALING_EPOCHS_AHEAD", "AtRestName", "AtRestProfile", "SealingProfile"]


@dataclass(frozen=True, slots=True)
class SealingProfile:
    """How an envelope is sealed: HPKE (RFC 9180) wraps one fresh key per section, Cobblestone-256 seals each."""

    name: str
    since: str
    kem: hpke.KEM
    kdf: hpke.KDF
    aead: hpke.AEAD
    key_info: bytes
    section_context: bytes
    attachment_context: bytes
    pad_floor: int

    def suite(self) -> hpke.Suite:
        """The HPKE suite; single-shot base mode is all that is used of it."""
        return hpke.Suite(self.kem, self.kdf, self.aead)


PQ1 = SealingProfile(
    name="PQ1",
    since="2026-11-21",
    kem=hpke.KEM.MLKEM768_X25519,  # 0x647a, X-Wing: stays closed to a recorder with a future quantum computer
    kdf=hpke.KDF.HKDF_SHA256,  # 0x0001
    aead=hpke.AEAD.CHACHA20_POLY1305,  # 0x0003
    key_info=b"passerelle/key/1\x00",
    section_context=b"passerelle/section/1\x00",
    attachment_context=b"passerelle/attachment/1\x00",
    pad_floor=1024,
)


AtRestName = Literal["argon2id-aes256gcm-1"]
"""What a keystore file says of its own form."""


@dataclass(frozen=True, slots=True)
class AtRestProfile:
    """How private keys rest on disk: Argon2id (RFC 9106) makes the key, AES-256-GCM seals the file."""

    name: AtRestName
    since: str
    iterations: int
    memory_kib: int
    lanes: int
    salt_bytes: int
    nonce_bytes: int


AT_REST_1 = AtRestProfile(
    name="argon2id-aes256gcm-1",
    since="2026-11-21",
    iterations=3,  # RFC 9106 §4, second recommended option: 3 passes, 64 MiB, 4 lanes
    memory_kib=64 * 1024,
    lanes=4,
    salt_bytes=16,
    nonce_bytes=12,
)

KEY_LIVES = {
    "root": timedelta(days=366 * 20),
    "signing": timedelta(days=366),
    "sealing": timedelta(days=7),
    "oauth": timedelta(days=90),
    "witness": timedelta(days=366),
}
"""The longest period a key statement may give to each use (PROTOCOL §2)."""
SEALING_EPOCHS_AHEAD = 6
"""How many sealing epochs are published ahead of the current one (PROTOCOL §2)."""
