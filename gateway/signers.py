"""Checks who signed a document: the signature before the lock, the standing of its key under it."""

from __future__ import annotations

from datetime import datetime

from gateway.broker import Broker
from gateway.store.transaction import Transaction
from keys.errors import UntrustedKeyError
from keys.signing import SignedDocument

__all__ = ["check_signer", "verified_document"]


def verified_document(broker: Broker, body: bytes, kind: str) -> SignedDocument:
    """A document of this kind whose signature holds; raises `MalformedError`, `UntrustedKeyError`, `ForgedError`."""
    signed = SignedDocument.parse(body, kind)
    verifier = broker.verifiers.find(broker.store, signed.keyids[0])
    signed.verify((verifier,))
    return signed


def check_signer(tx: Transaction, signed: SignedDocument, at: datetime) -> None:
    """Return only if the key that signed is a signing key in period and not revoked; else `UntrustedKeyError`."""
    key = tx.keys.get(signed.keyids[0])
    if key is None or key.use != "signing":
        raise UntrustedKeyError("key-unknown", "/signatures/0/keyid")
    key.check(at, None)
