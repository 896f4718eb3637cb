"""The keys to which referrals are sealed: X-Wing (ML-KEM-768 with X25519), kept as one 32-byte seed.

Kept apart from sealing itself so that the broker can check a published key without being able to seal or open.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from keys.profiles import PQ1

__all__ = ["MLKEM768_PUBLIC_BYTES", "XWING_PUBLIC_BYTES", "SealingKey", "SealingPublicKey"]

MLKEM768_PUBLIC_BYTES = 1184
"""The size of an ML-KEM-768 public key (FIPS 203 §8), the first part of a sealing key."""
XWING_PUBLIC_BYTES = MLKEM768_PUBLIC_BYTES + 32
"""The size of a published sealing key: ML-KEM-768, then X25519."""
_SEED_BYTES = 32
_MLKEM_SEED_BYTES = 64
_EXPANDED_BYTES = _MLKEM_SEED_BYTES + 32


@dataclass(frozen=True, slots=True)
class SealingPublicKey:
    """A published sealing key of 1,216 bytes: ML-KEM-768 then X25519."""

    data: bytes

    def load(self) -> hpke.MLKEM768X25519PublicKey:
        """The key as HPKE takes it; `ValueError` when a part cannot be loaded."""
        return hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(self.data[:MLKEM768_PUBLIC_BYTES]),
            x25519.X25519PublicKey.from_public_bytes(self.data[MLKEM768_PUBLIC_BYTES:]),
        )

    def seal_nothing(self) -> None:
        """The trial of PROTOCOL §2: seal an empty text and drop it; `ValueError` when not even that works."""
        PQ1.suite().encrypt(b"", self.load(), b"passerelle/trial/1\x00")


@dataclass(frozen=True)
class SealingKey:
    """The private half of one sealing epoch; destroyed 21 days after its end, never backed up.

    `seed` is 32 bytes; `ValueError` for another size, because a short seed would make a key that works.
    """

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != _SEED_BYTES:
            raise ValueError

    @classmethod
    def generate(cls) -> SealingKey:
        """A fresh key from the operating system's randomness."""
        return cls(secrets.token_bytes(_SEED_BYTES))

    @cached_property
    def _parts(self) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
        expanded = hashlib.shake_256(self.seed).digest(_EXPANDED_BYTES)  # X-Wing §5.2
        return (
            mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES]),
            x25519.X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:]),
        )

    @cached_property
    def private(self) -> hpke.MLKEM768X25519PrivateKey:
        """The key as HPKE takes it."""
        return hpke.MLKEM768X25519PrivateKey(*self._parts)

    @cached_property
    def public(self) -> SealingPublicKey:
        """The half that is published."""
        lattice, curve = self._parts
        return SealingPublicKey(lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw())
