"""Finds the public key behind a signature; whether that key may still be used is asked again under the lock."""

from __future__ import annotations

from collections import OrderedDict

from gateway.store.store import Store
from keys.errors import UntrustedKeyError
from keys.identity import Verifier, verifier

__all__ = ["Verifiers"]

REMEMBERED = 4096


class Verifiers:
    """Signing keys by id. An id holds the digest of its key, so what is remembered can never become wrong."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Verifier] = OrderedDict()

    def find(self, store: Store, kid: str) -> Verifier:
        """The verifier of a published signing key; raises `UntrustedKeyError` (key-unknown)."""
        known = self._known.get(kid)
        if known is not None:
            self._known.move_to_end(kid)
            return known
        with store.reading() as tx:
            key = tx.keys.get(kid)
        if key is None or key.use != "signing":
            raise UntrustedKeyError("key-unknown", "/signatures/0/keyid")
        made = self._known[kid] = verifier(kid.partition("#")[0], "signing", key.raw)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return made
