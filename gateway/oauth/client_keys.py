"""The public keys of partners' machines: P-256 (ES256) and Ed25519, each with the algorithm it was made for.

The key decides the algorithm (RFC 8725 §3.1): what a header announces is only compared with it, so that no header can
turn a public key into a shared secret, or a signature into none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from keys import strictjson
from keys.documents import b64url, from_b64url
from keys.errors import ForgedError, MalformedError
from keys.weakness import check_public_key

__all__ = ["CLIENT_ALGORITHMS", "ClientPublicKey", "client_key", "key_of_jwk"]

CLIENT_ALGORITHMS = ("ES256", "Ed25519", "EdDSA")
"""What is announced, the preferred first."""
_ED25519_BYTES = 32
_COORDINATE_BYTES = 32
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""What only a private or a secret key holds (RFC 7518 §6): whoever sends one has lost it."""
_ECDSA = ec.ECDSA(SHA256())


@dataclass(frozen=True, slots=True)
class ClientPublicKey:
    """A sound public key, the algorithm names that fit it, and its SHA-256 thumbprint (RFC 7638)."""

    algorithms: frozenset[str]
    thumbprint: str
    _check: Callable[[bytes, bytes], None]

    def verify(self, algorithm: str, signature: bytes, signed: bytes) -> None:
        """Return only if this key signed exactly these bytes, by its own algorithm; else `ForgedError`."""
        if algorithm not in self.algorithms:
            raise ForgedError("bad-signature")
        try:
            self._check(signature, signed)
        except (InvalidSignature, ValueError):
            raise ForgedError("bad-signature") from None


# Parsing a key costs as much as verifying with it, and a partner's machine keeps its key for hours.
@lru_cache(maxsize=4096)
def client_key(public: bytes) -> ClientPublicKey:
    """The key of these bytes: 32 for Ed25519, 65 (SEC 1 uncompressed) for P-256; raises `WeakKeyError`."""
    check_public_key("oauth", public)
    if len(public) == _ED25519_BYTES:
        members = {"crv": "Ed25519", "kty": "OKP", "x": b64url(public)}
        check = ed25519.Ed25519PublicKey.from_public_bytes(public).verify
        return ClientPublicKey(frozenset({"Ed25519", "EdDSA"}), _thumbprint(members), check)
    members = {"crv": "P-256", "kty": "EC", "x": b64url(public[1:33]), "y": b64url(public[33:])}
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    return ClientPublicKey(frozenset({"ES256"}), _thumbprint(members), _es256(point))


def key_of_jwk(jwk: Mapping[str, object]) -> ClientPublicKey:
    """The key of a public JWK (RFC 7517); raises `MalformedError` or `WeakKeyError`.

    Only the coordinates are used: an address of a key (`jku`, `x5u`) or a certificate beside them is never followed.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise MalformedError("private-key-sent")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind == ("EC", "P-256"):
        return client_key(b"\x04" + _coordinate(jwk, "x") + _coordinate(jwk, "y"))
    if kind == ("OKP", "Ed25519"):
        return client_key(_coordinate(jwk, "x"))
    raise MalformedError("unknown-code", "/kty")


def _coordinate(jwk: Mapping[str, object], name: str) -> bytes:
    text = jwk.get(name)
    try:
        data = from_b64url(text) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    if (
        len(data) != _COORDINATE_BYTES
    ):  # leading zeros included (RFC 7518 §6.2.1.2), so that each key is written one way
        raise MalformedError("wrong-form", f"/{name}")
    return data


def _es256(point: ec.EllipticCurvePublicKey) -> Callable[[bytes, bytes], None]:
    def check(signature: bytes, signed: bytes) -> None:
        if len(signature) != 2 * _COORDINATE_BYTES:  # R ‖ S, never DER (RFC 7518 §3.4)
            raise InvalidSignature
        r, s = int.from_bytes(signature[:_COORDINATE_BYTES]), int.from_bytes(signature[_COORDINATE_BYTES:])
        point.verify(encode_dss_signature(r, s), signed, _ECDSA)

    return check


def _thumbprint(members: Mapping[str, str]) -> str:
    """Base64url of SHA-256 of the required members, sorted, without spaces (RFC 7638 §3)."""
    return b64url(hashlib.sha256(strictjson.dumps(members)).digest())
