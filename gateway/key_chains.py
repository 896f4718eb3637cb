"""Adds a key statement to its organisation's chain and, whole and in clear, to the journal (PROTOCOL §2)."""

from __future__ import annotations

from datetime import datetime

from gateway.store.transaction import Transaction
from keys.errors import UntrustedKeyError
from keys.signing import SignedDocument
from keys.statements import KeyChain, KeyPublication, KeyRevocation

__all__ = ["extend_chain"]


def extend_chain(
    tx: Transaction, signed: SignedDocument, statement: KeyPublication | KeyRevocation, at: datetime
) -> int:
    """Verify a statement against its chain, journal and keep it; returns its journal index.

    Raises `ChainConflictError`, `ForgedError`, `WeakKeyError`, `UntrustedKeyError`, having written nothing. A root
    that is not the one the operator heard the fingerprint of is refused.
    """
    organisation = tx.organisations.get(statement.org)
    if organisation is None:
        raise UntrustedKeyError("organisation-unknown", "/org")
    before = tx.keys.chain(statement.org)
    index = tx.journal.head().size
    after = KeyChain.start(signed, at=at, index=index) if before is None else before.extend(signed, at=at, index=index)
    if after.root.fingerprint != organisation.root_fingerprint:
        raise UntrustedKeyError("fingerprint-differs", "/public_key")
    revokes = isinstance(statement, KeyRevocation)
    tx.journal.append(
        at,
        type="key.revoked" if revokes else "key.published",
        actor=statement.org,
        **{"from": statement.org},
        document=signed.encode(),
    )
    tx.keys.extend(before, after, signed, at, index)
    return index
