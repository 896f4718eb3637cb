"""What an organisation does with its own keys when the root is needed: revoke one, replace one that it vouches for.

PROTOCOL §2. The root stays offline: this program writes what it is to sign, and takes back what it signed. Every
statement is kept here before anybody else sees it, so that reading it in the journal is no surprise.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Literal

from adapters.enrolment import rotate
from adapters.identity import WitnessKey
from adapters.office import Office
from adapters.store.records import Shipment
from keys import strictjson
from keys.chainfile import read_chain
from keys.documents import Address, encode
from keys.errors import ForgedError, KeystoreError, MalformedError, UntrustedKeyError
from keys.identity import SigningKey, key_id
from keys.keystore import StoredKey
from keys.profiles import KEY_LIVES
from keys.signing import SignedDocument
from keys.signing_requests import SigningRequest
from keys.statements import (
    KIND,
    SIGNED_BY_ROOT,
    KeyChain,
    KeyPublication,
    KeyRevocation,
    RevocationReason,
    read_statement,
)

__all__ = ["RenewedUse", "chain_file", "import_statement", "own_chain", "request_key", "request_revocation"]

RenewedUse = Literal["signing", "witness"]
"""The keys of ours for which the root vouches, besides itself."""

_REPLACED_FIRST: Final = frozenset({"oauth", "sealing"})
"""The uses for which the signing key vouches: their next key is published before the old one is revoked."""
_OPENS_WHAT_WAS_SENT: Final = "sealing"


def chain_file(office: Office) -> bytes:
    """Our own chain as `passerelle-keys` reads it: a JSON array of signed statements, in order."""
    with office.store.transaction() as tx:
        return _file_of(tx.keyring.own())


def own_chain(office: Office) -> KeyChain:
    """Our keys as our own statements vouch for them; raises `KeystoreError` (not-enrolled).

    Places are those in the chain, not in the journal.
    """
    with office.store.transaction() as tx:
        own = tx.keyring.own()
    if not own:
        raise KeystoreError("not-enrolled")
    return read_chain(_file_of(own))


def request_revocation(office: Office, kid: str, reason: RevocationReason) -> SigningRequest:
    """What the root is to sign so that a key ends; its successor is published first, if we can still sign.

    Raises `UntrustedKeyError` (key-unknown) for a key that is not ours or was revoked, `StoreError`, `FileError`.
    """
    key = next((key for key in own_chain(office).keys if key.kid == kid and key.revoked_index is None), None)
    if key is None:
        raise UntrustedKeyError("key-unknown")
    if key.use in _REPLACED_FIRST:
        with suppress(KeystoreError):  # the signing key is lost: the revocation must not wait for another one
            rotate(office, leaving=frozenset({kid}))
    chain = own_chain(office)
    statement = KeyRevocation(v=1, org=office.address, seq=chain.seq, prev=chain.head, revokes=kid, reason=reason)
    return SigningRequest.of(KIND, encode(statement))


def request_key(office: Office, use: RenewedUse) -> SigningRequest:
    """Make the next key of this use, which waits unused, and what the root is to sign to vouch for it.

    Asked again before the answer came, it is for the same key. Who was enrolled before partners were witnesses makes
    the first key to witness with in this way. Raises `KeystoreError`, `StoreError`, `FileError`.
    """
    now, chain = office.now(), own_chain(office)
    with office.store.transaction():  # so that two programs of ours do not undo each other's keys
        waiting = office.identity.waiting(use)
        key = _key_of(office.address, use, waiting.secret if waiting else None)
        if waiting is None:
            office.identity.add({key.kid: StoredKey(use=use, kid=key.kid, secret=key.seed)}, at=now)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    statement = KeyPublication(
        v=1,
        org=office.address,
        seq=chain.seq,
        prev=chain.head,
        use=use,
        public_key=key.public_bytes,
        not_before=start,
        not_after=start + KEY_LIVES[use],
    )
    return SigningRequest.of(KIND, encode(statement))


def import_statement(office: Office, signed: SignedDocument) -> KeyPublication | KeyRevocation:
    """Take what the root signed into our own chain and put it in the outbox; taking it twice changes nothing.

    A revoked key is used no more from here on, except that a sealing key goes on opening what was sealed to it until
    its time is over; a fresh one is published at once. Raises `ForgedError` (statement-of-another, and for signatures),
    `MalformedError` (not-for-root), `ChainConflictError`, `UntrustedKeyError`, `WeakKeyError`, and `KeystoreError`
    (private-half-missing) for a signing key that was not made here.
    """
    statement = read_statement(signed)
    if statement.org != office.address:
        raise ForgedError("statement-of-another", "/org")
    if isinstance(statement, KeyPublication) and statement.use not in SIGNED_BY_ROOT:
        raise MalformedError("not-for-root", "/use")
    # A witness may be another machine of ours; what signs every day is this one.
    if isinstance(statement, KeyPublication) and statement.use == "signing" and _made_here(office, statement) is None:
        raise KeystoreError("private-half-missing")
    now = office.now()
    with office.store.transaction() as tx:
        own = tx.keyring.own()
        if not (statement.seq < len(own) and own[statement.seq].sha256 == signed.sha256):
            read_chain(_file_of([*own, signed]))
            tx.keyring.add_own(statement.seq, signed)
            tx.traffic.ship(Shipment(f"key:{statement.seq}", "key", "keys", signed.encode(), now))
    # Only now: a key must not be used before its statement is kept, nor given up before its revocation is.
    with office.store.transaction():
        _settle(office, statement)
    with suppress(KeystoreError):  # no signing key is left: the next one comes the same way as this statement
        rotate(office)
    return statement


def _key_of(address: Address, use: RenewedUse, secret: bytes | None) -> SigningKey | WitnessKey:
    """The key that waits for the root's answer, or a fresh one."""
    if use == "witness":
        return WitnessKey.generate(address) if secret is None else WitnessKey(address, secret)
    return SigningKey.generate(address) if secret is None else SigningKey(address, "signing", secret)


def _made_here(office: Office, statement: KeyPublication) -> StoredKey | None:
    """The private half of the key that a statement publishes, if it is here."""
    public = statement.public_key
    return office.identity.held(key_id(statement.org, statement.use, public)) if isinstance(public, bytes) else None


def _settle(office: Office, statement: KeyPublication | KeyRevocation) -> None:
    """Bring the private keys in line with a statement."""
    now, identity = office.now(), office.identity
    if isinstance(statement, KeyRevocation):
        if f"#{_OPENS_WHAT_WAS_SENT}-" not in statement.revokes:
            identity.add({}, at=now, gone=(statement.revokes,))
        return
    kept = _made_here(office, statement)
    if kept is not None:
        period = {"not_before": statement.not_before, "not_after": statement.not_after}
        identity.add({kept.kid: kept.model_copy(update=period)}, at=now)


def _file_of(statements: list[SignedDocument]) -> bytes:
    return strictjson.dumps([signed.to_json() for signed in statements])
