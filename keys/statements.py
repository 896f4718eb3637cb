"""The published life of an organisation's keys: who vouches for which key, from when to when, until revoked.

PROTOCOL §2. Each organisation has one chain of key statements; its root vouches for signing keys, a signing key for
sealing and sign-in keys. The chain is replayed by everyone who must trust a key; a fork or a gap is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from keys.documents import encode
from keys.errors import ChainConflictError, ForgedError, UntrustedKeyError
from keys.identity import RootPublic, Signer, Use, Verifier, root_verifiers, verifier
from keys.publications import (
    KIND,
    SIGNED_BY_ROOT,
    KeyPublication,
    KeyRevocation,
    PublishedKey,
    PublishedUse,
    RevocationReason,
    RootPublicKey,
    published_key,
    read_statement,
)
from keys.sealing_keys import SealingPublicKey
from keys.signing import SignedDocument, sign

__all__ = [
    "KIND",
    "SIGNED_BY_ROOT",
    "KeyChain",
    "KeyPublication",
    "KeyRevocation",
    "PublishedKey",
    "PublishedUse",
    "RevocationReason",
    "RootPublicKey",
    "publish",
    "read_statement",
    "replay",
    "revoke",
]


@dataclass(frozen=True, slots=True)
class KeyChain:
    """Everything one organisation has published, in order: the next `seq`, the last digest, and its keys."""

    org: str
    seq: int
    head: str
    keys: tuple[PublishedKey, ...]

    @property
    def root(self) -> RootPublic:
        """The first root: the one whose fingerprint is pinned in agreements."""
        return self.keys[0].root

    def trusted(self, kid: str, use: Use, *, at: datetime, index: int | None = None) -> PublishedKey:
        """The key under `kid` if it may be used for `use` at `at`; `index` judges it as the journal stood there."""
        for key in self.keys:
            if key.kid == kid and key.use == use and (index is None or key.index <= index):
                key.check(at, index)
                return key
        raise UntrustedKeyError("key-unknown")

    def signature_verifier(self, kid: str, *, at: datetime, index: int | None = None) -> Verifier:
        """The verifier of a trusted signing key; raises `UntrustedKeyError`."""
        return verifier(self.org, "signing", self.trusted(kid, "signing", at=at, index=index).raw)

    def current_root_verifiers(self, *, at: datetime, index: int | None = None) -> tuple[Verifier, Verifier]:
        """Both verifiers of the newest root in force; raises `UntrustedKeyError`."""
        return root_verifiers(self.org, self._newest("root", at, index).root)

    def sealing_key(self, *, at: datetime) -> tuple[str, SealingPublicKey]:
        """The key id and key to which a referral is sealed now; raises `UntrustedKeyError`."""
        key = self._newest("sealing", at, None)
        return key.kid, SealingPublicKey(key.raw)

    def _newest(self, use: Use, at: datetime, index: int | None) -> PublishedKey:
        for key in reversed(self.keys):
            if key.use == use and (index is None or key.index <= index):
                try:
                    key.check(at, index)
                except UntrustedKeyError:
                    continue
                return key
        raise UntrustedKeyError("key-unknown")

    @staticmethod
    def start(signed: SignedDocument, *, at: datetime, index: int) -> KeyChain:
        """Begin a chain: its first statement publishes the root and is signed by both of its halves."""
        statement = read_statement(signed)
        if not isinstance(statement, KeyPublication) or statement.use != "root":
            raise ChainConflictError("chain-starts-with-root", "/use")
        if statement.seq != 0 or statement.prev is not None:
            raise ChainConflictError("chain-conflict", "/seq")
        key = published_key(statement, at, index)
        signed.verify(root_verifiers(statement.org, key.root))
        return KeyChain(statement.org, 1, signed.sha256, (key,))

    def extend(self, signed: SignedDocument, *, at: datetime, index: int) -> KeyChain:
        """Add the next statement; raises `ChainConflictError`, `ForgedError`, `WeakKeyError`, `UntrustedKeyError`."""
        statement = read_statement(signed)
        if statement.org != self.org:
            raise ChainConflictError("chain-conflict", "/org")
        if statement.seq != self.seq or statement.prev != self.head:
            raise ChainConflictError("chain-conflict", "/seq" if statement.seq != self.seq else "/prev")
        signed.verify(self._signers_of(statement, signed, at))
        if isinstance(statement, KeyRevocation):
            keys = self._with_revocation(statement, index)
        else:
            keys = self._with_publication(published_key(statement, at, index))
        return KeyChain(self.org, self.seq + 1, signed.sha256, keys)

    def _signers_of(
        self, statement: KeyPublication | KeyRevocation, signed: SignedDocument, at: datetime
    ) -> Iterable[Verifier]:
        # A revocation acts at its index whatever the hour, but its signer must be a root in force.
        if isinstance(statement, KeyRevocation) or statement.use in SIGNED_BY_ROOT:
            return self.current_root_verifiers(at=at)
        if len(signed.signatures) != 1:
            raise ForgedError("wrong-signers", "/signatures")
        return (self.signature_verifier(signed.keyids[0], at=at),)

    def _with_publication(self, key: PublishedKey) -> tuple[PublishedKey, ...]:
        # A key has one use for its whole life: neither half of a root may come back in another key.
        if any(known.kid == key.kid or known.parts & key.parts for known in self.keys):
            raise ChainConflictError("key-already-published", "/public_key")
        return (*self.keys, key)

    def _with_revocation(self, statement: KeyRevocation, index: int) -> tuple[PublishedKey, ...]:
        if not any(key.kid == statement.revokes and key.revoked_index is None for key in self.keys):
            raise ChainConflictError("key-unknown", "/revokes")
        return tuple(replace(key, revoked_index=index) if key.kid == statement.revokes else key for key in self.keys)


def replay(statements: Iterable[tuple[SignedDocument, datetime, int]]) -> KeyChain:
    """The chain of one organisation from its statements, each with its journal time and index, in order."""
    chain: KeyChain | None = None
    for signed, at, index in statements:
        chain = (
            KeyChain.start(signed, at=at, index=index) if chain is None else chain.extend(signed, at=at, index=index)
        )
    if chain is None:
        raise UntrustedKeyError("key-unknown")
    return chain


def publish(
    chain_position: tuple[int, str | None],
    org: str,
    use: PublishedUse,
    public: bytes | RootPublic,
    period: tuple[datetime, datetime],
    signers: Iterable[Signer],
) -> SignedDocument:
    """Make and sign the next statement of a chain; `chain_position` is (seq, digest of the previous payload)."""
    root = RootPublicKey(ed25519=public.ed25519, mldsa65=public.mldsa65) if isinstance(public, RootPublic) else public
    statement = KeyPublication(
        v=1,
        org=org,
        seq=chain_position[0],
        prev=chain_position[1],
        use=use,
        public_key=root,
        not_before=period[0],
        not_after=period[1],
    )
    return sign(KIND, encode(statement), signers)


def revoke(
    chain_position: tuple[int, str], org: str, kid: str, reason: RevocationReason, signers: Iterable[Signer]
) -> SignedDocument:
    """Make and sign the revocation of `kid`; the signers are both halves of the root."""
    seq, prev = chain_position
    statement = KeyRevocation(v=1, org=org, seq=seq, prev=prev, revokes=kid, reason=reason)
    return sign(KIND, encode(statement), signers)
