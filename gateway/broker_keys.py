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

from gateway.store.heads import StoppedError
from journal.notes import JournalSigner
from journal.shards import FIRST
from keys.documents import Address
from keys.errors import KeystoreError
from keys.identity import SigningKey
from keys.keystore import StoredKey

__all__ = ["BrokerKeys", "held_shards", "key_names", "new_broker_keys", "new_shard_keys"]

_ALWAYS = ("tokens", "receipts", "nonces")
_ED25519, _MLDSA44 = "journal-ed25519", "journal-mldsa44"


@dataclass(frozen=True)
class BrokerKeys:
    """What the broker signs with, and the secret that makes its nonces and its keyed digests.

    `signers` sign the journal's checkpoints, by number of the shard: the one that grows, and the next.
    """

    tokens: SigningKey
    receipts: SigningKey
    signers: Mapping[int, JournalSigner]
    nonce_secret: bytes = field(repr=False)

    @classmethod
    def from_stored(cls, stored: Mapping[str, StoredKey], address: Address, origin: str) -> BrokerKeys:
        """Take the keys out of an opened keystore; `origin` is the name of the first shard.

        Raises `KeystoreError` (keystore-incomplete) when one is missing, or every shard's.
        """
        held = held_shards(stored)
        if not held or not set(_ALWAYS) <= set(stored):
            raise KeystoreError("keystore-incomplete")
        return cls(
            tokens=SigningKey(address, "tokens", stored["tokens"].secret),
            receipts=SigningKey(address, "receipts", stored["receipts"].secret),
            signers={number: _signer(stored, origin, number) for number in held},
            nonce_secret=stored["nonces"].secret,
        )

    def signer(self, shard: int) -> JournalSigner:
        """What signs the checkpoints of a shard; raises `StoppedError` (journal-keys-missing)."""
        signer = self.signers.get(shard)
        if signer is None:
            raise StoppedError("journal-keys-missing")
        return signer

    def pepper(self, use: str) -> bytes:
        """A secret for the keyed digests of one use, 32 bytes: it never stands in the database (PROTOCOL §3).

        It is derived from the secret behind the nonces, which is therefore kept for the life of the broker.
        """
        derived = HKDF(SHA256(), length=32, salt=None, info=b"passerelle/pepper/1\x00" + use.encode())
        return derived.derive(self.nonce_secret)


def key_names(shard: int) -> tuple[str, str]:
    """Under which names a keystore has the two private keys of a shard."""
    suffix = "" if shard == FIRST else f"-{shard}"
    return f"{_ED25519}{suffix}", f"{_MLDSA44}{suffix}"


def held_shards(stored: Mapping[str, StoredKey]) -> list[int]:
    """The shards whose two private keys a keystore has, ascending."""
    ends = {name.removeprefix(_ED25519) for name in stored if name.startswith(_ED25519)}
    numbers = sorted(int(end.removeprefix("-") or FIRST) for end in ends)
    return [number for number in numbers if set(key_names(number)) <= set(stored)]


def new_broker_keys(address: Address, at: datetime) -> dict[str, StoredKey]:
    """Fresh keys for a new broker, ready for its keystore: also those of the shard after the first."""
    uses: Mapping[str, str] = {"tokens": "tokens", "receipts": "receipts", "nonces": "pepper"}
    return {
        **{name: _fresh(address, name, use, at) for name, use in uses.items()},
        **new_shard_keys(address, FIRST, at),
        **new_shard_keys(address, FIRST + 1, at),
    }


def new_shard_keys(address: Address, shard: int, at: datetime) -> dict[str, StoredKey]:
    """Fresh keys for one shard of the journal."""
    return {name: _fresh(address, name, "journal", at) for name in key_names(shard)}


def _fresh(address: Address, name: str, use: str, at: datetime) -> StoredKey:
    members = {"use": use, "kid": f"{address}#{name}", "secret": secrets.token_bytes(32), "not_before": at}
    return StoredKey.model_validate(members)


def _signer(stored: Mapping[str, StoredKey], origin: str, number: int) -> JournalSigner:
    classic, lasting = (stored[name].secret for name in key_names(number))
    return JournalSigner(
        f"{origin.rpartition('/')[0]}/{number}" if number > FIRST else origin,
        Ed25519PrivateKey.from_private_bytes(classic),
        MLDSA44PrivateKey.from_seed_bytes(lasting),
    )
