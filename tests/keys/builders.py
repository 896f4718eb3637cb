"""Valid keys, documents and chains of an invented organisation; a test changes the one thing it is about."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from keys.identity import ClientKey, RootKey, RootPublic, Signer, SigningKey
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument, sign
from keys.statements import KIND, KeyChain, PublishedUse, RevocationReason, publish, replay, revoke

ADDRESS = "refuge-invente@laval"
OTHER = "autre-invente@laval"
NOW = datetime(2027, 3, 1, 14, 5, tzinfo=UTC)
DAY = timedelta(days=1)
PASSPHRASE = "phrase inventée pour les tests"


Key = TypeVar("Key")
_MADE: dict[object, object] = {}


def _made(make: Callable[..., Key], name: str, *address: str) -> Key:
    key = (make, name, *address)
    if key not in _MADE:
        _MADE[key] = make(*address)
    return cast("Key", _MADE[key])


def root(name: str = "first", address: str = ADDRESS) -> RootKey:
    """One root per name and address, made once: ML-DSA keys are slow to make again for each test."""
    return _made(RootKey.generate, name, address)


def signing_key(name: str = "first", address: str = ADDRESS) -> SigningKey:
    """One everyday signing key per name and address."""
    return _made(SigningKey.generate, name, address)


def sealing_key(name: str = "first") -> SealingKey:
    """One sealing key per name."""
    return _made(SealingKey.generate, name)


def client_key(name: str = "first", address: str = ADDRESS) -> ClientKey:
    """One sign-in key per name and address."""
    return _made(ClientKey.generate, name, address)


@dataclass
class ChainBuilder:
    """A chain that grows by one valid statement at a time; each stands at its number as its journal index."""

    address: str = ADDRESS
    at: datetime = NOW
    root: RootKey = field(default_factory=root)
    signing: SigningKey = field(default_factory=signing_key)
    documents: list[SignedDocument] = field(default_factory=list)

    def publication(
        self,
        use: PublishedUse,
        public: bytes | RootPublic,
        *,
        days: float = 5,
        start: datetime | None = None,
        signers: tuple[Signer, ...] | None = None,
        position: tuple[int, str | None] | None = None,
        org: str | None = None,
    ) -> SignedDocument:
        """The next statement, valid unless an argument makes it otherwise; it is not added."""
        begin = start or self.at
        return publish(
            self.position if position is None else position,
            org or self.address,
            use,
            public,
            (begin, begin + timedelta(days=days)),
            (self.root.signers if use in {"root", "signing", "witness"} else (self.signing,))
            if signers is None
            else signers,
        )

    def revocation(
        self,
        kid: str,
        *,
        reason: RevocationReason = "superseded",
        signers: tuple[Signer, ...] | None = None,
        position: tuple[int, str] | None = None,
    ) -> SignedDocument:
        """The revocation of a key, signed by the root; it is not added."""
        seq, prev = position or (len(self.documents), self.documents[-1].sha256)
        return revoke((seq, prev), self.address, kid, reason, signers or self.root.signers)

    def add(self, *signed: SignedDocument) -> "ChainBuilder":
        """Add statements as they are."""
        self.documents.extend(signed)
        return self

    def with_root(self) -> "ChainBuilder":
        """Begin with the root."""
        return self.add(self.publication("root", self.root.public, days=3000))

    def with_signing(self) -> "ChainBuilder":
        """Add the signing key."""
        return self.add(self.publication("signing", self.signing.public_bytes, days=300))

    def with_sealing(self, name: str = "first", *, days: float = 5) -> "ChainBuilder":
        """Add a sealing key."""
        return self.add(self.publication("sealing", sealing_key(name).public.data, days=days))

    @property
    def position(self) -> tuple[int, str | None]:
        """Where the next statement stands: its `seq` and `prev`."""
        return len(self.documents), self.documents[-1].sha256 if self.documents else None

    def replay(self, at: datetime | None = None) -> KeyChain:
        """The chain, every statement taken at `at`."""
        return replay((signed, at or self.at, index) for index, signed in enumerate(self.documents))

    def file(self) -> bytes:
        """The chain as a file."""
        return json.dumps([signed.to_json() for signed in self.documents]).encode()


def full_chain() -> ChainBuilder:
    """A root, a signing key and a sealing key."""
    return ChainBuilder().with_root().with_signing().with_sealing()


def statement_of(payload: bytes, signers: tuple[Signer, ...]) -> SignedDocument:
    """A key statement of any payload, however wrong."""
    return sign(KIND, payload, signers)
