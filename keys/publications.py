"""What a key statement says, and the key that it publishes once it was checked.

PROTOCOL §2. Who must have signed it, and whether it continues its chain, is judged in `keys.statements`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator

from keys import strictjson
from keys.documents import Address, Base64Url, Document, Sha256, Time, Version, b64url, fault, from_b64url, validate
from keys.errors import MalformedError, UntrustedKeyError
from keys.identity import RootPublic, Use, key_id, root_verifiers
from keys.profiles import KEY_LIVES
from keys.signing import MAX_DOCUMENT, SignedDocument, media_type
from keys.weakness import check_public_key

__all__ = [
    "KIND",
    "SIGNED_BY_ROOT",
    "KeyPublication",
    "KeyRevocation",
    "PublishedKey",
    "PublishedUse",
    "RevocationReason",
    "RootPublicKey",
    "published_key",
    "read_statement",
]

KIND = "key-statement"
"""The kind of these documents (PROTOCOL §0)."""
PublishedUse = Literal["root", "signing", "sealing", "oauth", "witness"]
RevocationReason = Literal["compromised", "lost", "superseded", "ceased"]
"""Why a key is revoked (the reasons of RFC 5280 §5.3.1 that fit an organisation)."""
SIGNED_BY_ROOT = frozenset({"root", "signing", "witness"})
"""The uses for which a root vouches itself; for the others a signing key does."""


class RootPublicKey(Document):
    """The two halves of a root as a key statement writes them."""

    ed25519: Base64Url
    mldsa65: Base64Url


def _raw_or_root(value: object) -> bytes | RootPublicKey:
    if isinstance(value, bytes | RootPublicKey):
        return value
    if isinstance(value, dict):
        return validate(RootPublicKey, value, pointer="/public_key")
    try:
        return from_b64url(value if isinstance(value, str) else "=")
    except ValueError:
        raise fault("bad-base64") from None


def _write_raw_or_root(value: bytes | RootPublicKey) -> object:
    return b64url(value) if isinstance(value, bytes) else value.model_dump(mode="json")


class KeyPublication(Document):
    """A key of `org` for one use and one period; `prev` is the digest of the previous statement's payload."""

    v: Version
    org: Address
    seq: int = Field(ge=0)
    prev: Sha256 | None = None
    use: PublishedUse
    public_key: Annotated[
        bytes | RootPublicKey,
        PlainValidator(_raw_or_root, json_schema_input_type=Base64Url | RootPublicKey),
        PlainSerializer(_write_raw_or_root),
    ]
    not_before: Time
    not_after: Time


class KeyRevocation(Document):
    """The end of a key of `org`, effective at the journal index of this statement; always signed by the root."""

    v: Version
    org: Address
    seq: int = Field(ge=1)
    prev: Sha256
    revokes: str = Field(min_length=1, max_length=200)
    reason: RevocationReason


def read_statement(signed: SignedDocument) -> KeyPublication | KeyRevocation:
    """Read the payload of a key statement, whoever signed it; raises `MalformedError`."""
    if signed.payload_type != media_type(KIND):
        raise MalformedError("wrong-payload-type", "/payloadType")
    value = strictjson.loads(signed.payload, limit=MAX_DOCUMENT)
    is_revocation = isinstance(value, dict) and "revokes" in value
    return validate(KeyRevocation, value) if is_revocation else validate(KeyPublication, value)


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key as its chain vouches for it; `index` and `revoked_index` are places in the journal."""

    kid: str
    use: Use
    public: bytes | RootPublic
    not_before: datetime
    not_after: datetime
    index: int
    revoked_index: int | None = None

    @property
    def root(self) -> RootPublic:
        """Both halves of a root; `UntrustedKeyError` when this key is not one."""
        if isinstance(self.public, RootPublic):
            return self.public
        raise UntrustedKeyError("key-wrong-use")

    @property
    def raw(self) -> bytes:
        """The bytes of a key of one part; `UntrustedKeyError` when this key is a root."""
        if isinstance(self.public, bytes):
            return self.public
        raise UntrustedKeyError("key-wrong-use")

    @property
    def parts(self) -> frozenset[bytes]:
        """The bytes of each part, to find a key that comes back under another name."""
        return frozenset({self.public} if isinstance(self.public, bytes) else {self.root.ed25519, self.root.mldsa65})

    def check(self, at: datetime, index: int | None) -> None:
        """Raise `UntrustedKeyError` unless in period at `at` and not revoked before `index` (None: by now)."""
        if not self.not_before <= at < self.not_after:
            raise UntrustedKeyError("key-not-in-period")
        if self.revoked_index is not None and (index is None or self.revoked_index <= index):
            raise UntrustedKeyError("key-revoked")


def published_key(statement: KeyPublication, at: datetime, index: int) -> PublishedKey:
    """The key of a statement, checked with its period, under its id; `index` is the statement's place in the journal.

    Raises `UntrustedKeyError` (key-period), `WeakKeyError` and `MalformedError` (wrong-type).
    """
    lifetime = statement.not_after - statement.not_before
    if lifetime <= timedelta(0) or lifetime > KEY_LIVES[statement.use] or statement.not_after <= at:
        raise UntrustedKeyError("key-period", "/not_after")
    public, named = _sound_public(statement)
    kid = key_id(statement.org, statement.use, named)
    return PublishedKey(kid, statement.use, public, statement.not_before, statement.not_after, index)


def _sound_public(statement: KeyPublication) -> tuple[bytes | RootPublic, bytes]:
    """The checked public key, and those of its bytes that give it its id (of a root, the Ed25519 half)."""
    given = statement.public_key
    if statement.use == "root" and isinstance(given, RootPublicKey):
        root = RootPublic(given.ed25519, given.mldsa65)
        root_verifiers(statement.org, root)
        return root, root.ed25519
    if statement.use != "root" and isinstance(given, bytes):
        check_public_key(statement.use, given)
        return given, given
    raise MalformedError("wrong-type", "/public_key")
