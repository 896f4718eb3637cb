"""Who holds which key: key pairs, key identifiers, fingerprints to read aloud, and the refusal of weak keys.

Private halves never leave the organisation; what is published is checked here before anyone relies on it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

from keys.errors import ForgedError
from keys.weakness import check_public_key

__all__ = [
    "ClientKey",
    "RootKey",
    "RootPublic",
    "Signer",
    "SigningKey",
    "Use",
    "Verifier",
    "fingerprint_digits",
    "key_id",
    "root_fingerprint",
    "root_verifiers",
    "verifier",
]

Use = Literal["root", "signing", "sealing", "oauth", "witness", "tokens", "journal", "receipts"]
"""What a key is for (PROTOCOL §2); the last three belong to the broker alone."""


def key_id(address: str, use: Use, public_key: bytes) -> str:
    """`<address>#<use>-<first 32 hex of SHA-256 of the public key>` (PROTOCOL §1): a hint, never a proof."""
    return f"{address}#{use}-{hashlib.sha256(public_key).hexdigest()[:32]}"


class Signer(Protocol):
    """Something that signs bytes under a key id."""

    @property
    def kid(self) -> str:
        """The key id written beside the signature."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature of exactly these bytes."""
        ...


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key pair (RFC 8032) of one address and one use; the 32-byte seed is never printed."""

    address: str
    use: Use
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, address: str, use: Use = "signing") -> SigningKey:
        """A fresh key pair from the operating system's randomness."""
        return cls(address, use, secrets.token_bytes(32))

    @cached_property
    def private(self) -> ed25519.Ed25519PrivateKey:
        """The key as the cryptography package holds it."""
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def public_bytes(self) -> bytes:
        """The 32 public bytes."""
        return self.private.public_key().public_bytes_raw()

    @cached_property
    def kid(self) -> str:
        """The key id."""
        return key_id(self.address, self.use, self.public_bytes)

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature of 64 bytes."""
        return self.private.sign(message)


@dataclass(frozen=True)
class _MlDsa65Signer:
    address: str
    seed: bytes = field(repr=False)

    @cached_property
    def private(self) -> mldsa.MLDSA65PrivateKey:
        return mldsa.MLDSA65PrivateKey.from_seed_bytes(self.seed)

    @cached_property
    def public_bytes(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @cached_property
    def kid(self) -> str:
        return key_id(self.address, "root", self.public_bytes)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)  # randomised: a stored signature is never made again


@dataclass(frozen=True, slots=True)
class RootPublic:
    """The public root of an organisation: Ed25519 (32 bytes) and ML-DSA-65 (1,952 bytes), always both."""

    ed25519: bytes
    mldsa65: bytes

    @property
    def fingerprint(self) -> str:
        """The 26 characters a counterparty types when it signs an agreement (PROTOCOL §2)."""
        return root_fingerprint(self)


@dataclass(frozen=True)
class RootKey:
    """The offline root of an organisation: two key pairs that sign together, so that either may fall alone."""

    address: str
    ed25519_seed: bytes = field(repr=False)
    mldsa65_seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, address: str) -> RootKey:
        """A fresh root."""
        return cls(address, secrets.token_bytes(32), secrets.token_bytes(32))

    @cached_property
    def _halves(self) -> tuple[SigningKey, _MlDsa65Signer]:
        return SigningKey(self.address, "root", self.ed25519_seed), _MlDsa65Signer(self.address, self.mldsa65_seed)

    @property
    def signers(self) -> tuple[Signer, Signer]:
        """Both halves, in the order their signatures are written."""
        return self._halves

    @property
    def public(self) -> RootPublic:
        """What is published of both halves."""
        classic, lattice = self._halves
        return RootPublic(classic.public_bytes, lattice.public_bytes)


def _root_hash(root: RootPublic) -> bytes:
    return hashlib.sha256(b"passerelle/root/1\x00" + root.ed25519 + root.mldsa65).digest()


def root_fingerprint(root: RootPublic) -> str:
    """Base32 of SHA-256(`passerelle/root/1` NUL ed25519 ‖ mldsa65), the first 26 characters (PROTOCOL §2)."""
    return base64.b32encode(_root_hash(root)).decode("ascii")[:26]


def fingerprint_digits(root: RootPublic) -> str:
    """The same hash modulo 10^60 as twelve groups of five digits, to be read over the phone in any language."""
    number = str(int.from_bytes(_root_hash(root)) % 10**60).zfill(60)
    return " ".join(number[i : i + 5] for i in range(0, 60, 5))


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key that was already trusted for something; `verify` raises, it never answers yes or no."""

    kid: str
    _check: Callable[[bytes, bytes], None]

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if the signature is this key's over exactly these bytes; else `ForgedError`."""
        try:
            self._check(signature, message)
        except (InvalidSignature, ValueError):
            raise ForgedError("bad-signature") from None


@lru_cache(maxsize=1024)  # a few keys sign everything, and to find that a key is not weak takes longer than to verify
def verifier(address: str, use: Use, public_key: bytes) -> Verifier:
    """The verifier of an Ed25519 key; raises `WeakKeyError` for a key that must not be relied on."""
    check_public_key("signing", public_key)
    return Verifier(key_id(address, use, public_key), ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify)


def root_verifiers(address: str, root: RootPublic) -> tuple[Verifier, Verifier]:
    """Both halves of a root, for a document that needs both; raises `WeakKeyError` for a key not to rely on."""
    check_public_key("mldsa65", root.mldsa65)
    classic = verifier(address, "root", root.ed25519)
    lattice = mldsa.MLDSA65PublicKey.from_public_bytes(root.mldsa65).verify
    return classic, Verifier(key_id(address, "root", root.mldsa65), lattice)


@dataclass(frozen=True)
class ClientKey:
    """The ES256 key (P-256) with which an adapter signs in; the scalar is never printed."""

    address: str
    scalar: bytes = field(repr=False)

    @classmethod
    def generate(cls, address: str) -> ClientKey:
        """A fresh key pair."""
        number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        return cls(address, number.to_bytes(32))

    @cached_property
    def private(self) -> ec.EllipticCurvePrivateKey:
        """The key as the cryptography package holds it."""
        return ec.derive_private_key(int.from_bytes(self.scalar), ec.SECP256R1())

    @cached_property
    def public_bytes(self) -> bytes:
        """The uncompressed point of 65 bytes (SEC 1 §2.3.3)."""
        numbers = self.private.public_key().public_numbers()
        return b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)

    @cached_property
    def kid(self) -> str:
        """The key id."""
        return key_id(self.address, "oauth", self.public_bytes)
