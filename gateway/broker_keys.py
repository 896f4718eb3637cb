"""The broker's own keys, one per use: tokens, receipts, journal, and the secret of nonces and digests (PROTOCOL §2).

None of them opens or seals anything: the broker has no key that a referral could be sealed to.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from journal.notes import JournalSigner
from keys.documents import Address
from keys.errors import KeystoreError
from keys.identity import SigningKey
from keys.keystore import StoredKey

__all__ = ["BrokerKeys", "new_broker_keys"]

_SEEDS = ("tokens", "receipts", "journal-ed25519", "journal-mldsa44", "nonces")


@dataclass(frozen=True)
class BrokerKeys:
    """What the broker signs with, and the secret that makes its nonces and its keyed digests."""

    tokens: SigningKey
    receipts: SigningKey
    journal: JournalSigner
    nonce_secret: bytes = field(repr=False)

    @classmethod
    def from_stored(cls, stored: Mapping[str, StoredKey], address: Address, origin: str) -> BrokerKeys:
        """Take the keys out of an opened keystore; raises `KeystoreError` (keystore-incomplete)."""
        if not set(_SEEDS) <= set(stored):
            raise KeystoreError("keystore-incomplete")
        seeds = {name: stored[name].secret for name in _SEEDS}
        return cls(
            tokens=SigningKey(address, "tokens", seeds["tokens"]),
            receipts=SigningKey(address, "receipts", seeds["receipts"]),
            journal=JournalSigner(
                origin,
                Ed25519PrivateKey.from_private_bytes(seeds["journal-ed25519"]),
                MLDSA44PrivateKey.from_seed_bytes(seeds["journal-mldsa44"]),
            ),
            nonce_secret=seeds["nonces"],
        )

    def pepper(self, use: str) -> bytes:
        """A secret for the keyed digests of one use, 32 bytes: it never stands in the database (PROTOCOL §3).

        It is derived from the secret behind the nonces, which is therefore kept for the life of the broker.
        """
        derived = HKDF(SHA256(), length=32, salt=None, info=b"passerelle/pepper/1\x00" + use.encode())
        return derived.derive(self.nonce_secret)


def new_broker_keys(address: Address, at: datetime) -> dict[str, StoredKey]:
    """Fresh keys for a new broker, ready for its keystore."""
    uses = {"tokens": "tokens", "receipts": "receipts", "nonces": "pepper"}
    return {
        name: StoredKey.model_validate(
            {
                "use": uses.get(name, "journal"),
                "kid": f"{address}#{name}",
                "secret": secrets.token_bytes(32),
                "not_before": at,
            }
        )
        for name in _SEEDS
    }
