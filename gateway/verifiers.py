"""Finds the public key behind a signature; whether that key may still be used is asked again under the lock."""

from __future__ import annotations

from functools import lru_cache

from gateway.store.transaction import Transaction
from keys.errors import UntrustedKeyError
from keys.identity import Verifier, verifier

__all__ = ["Verifiers"]

REMEMBERED = 4096


class Verifiers:
    """Signing keys by id. An id contains the digest of its key, so what is remembered can never become wrong."""

    def __init__(self) -> None:
        self._make = lru_cache(maxsize=REMEMBERED)(lambda org, public: verifier(org, "signing", public))

    def find(self, tx: Transaction, kid: str) -> Verifier:
        """The verifier of a published signing key; raises `UntrustedKeyError` (key-unknown)."""
        key = tx.keys.get(kid)
        if key is None or key.use != "signing":
            raise UntrustedKeyError("key-unknown", "/signatures/0/keyid")
        return self._make(kid.partition("#")[0], key.raw)
