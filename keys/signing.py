"""Signed documents: one format for everything that is signed, so that it is checked in one place.

DSSE v1 (PROTOCOL §1): the signature covers the payload type and the exact payload bytes. Nothing is canonicalised
and no algorithm is named in the document: the key decides. Verification raises; it never answers yes or no.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from keys.documents import Document, Listing, encode, fault, parse, sha256_hex, validate
from keys.errors import ForgedError, MalformedError
from keys.identity import Signer, Verifier

__all__ = [
    "MAX_DOCUMENT",
    "MAX_SIGNATURES",
    "Signature",
    "SignedDocument",
    "StdBase64",
    "media_type",
    "pae",
    "sign",
]

MAX_DOCUMENT = 256 * 1024
"""The largest signed document other than an envelope, in bytes on the wire."""
MAX_SIGNATURES = 2
"""One signature, or the two of a root; nobody's document needs more (PROTOCOL §2)."""


def _std_base64(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        data = base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise fault("bad-base64") from None
    if base64.b64encode(data).decode("ascii") != value:
        raise fault("bad-base64")
    return data


def _to_std_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


StdBase64 = Annotated[bytes, BeforeValidator(_std_base64), PlainSerializer(_to_std_base64, return_type=str)]
"""Bytes as DSSE writes them: standard base64 with padding (RFC 4648 §4), stray bits refused."""


def media_type(kind: str) -> str:
    """`application/vnd.passerelle.<kind>+json` (PROTOCOL §0)."""
    return f"application/vnd.passerelle.{kind}+json"


def pae(payload_type: str, payload: bytes) -> bytes:
    """The DSSE v1 pre-authentication encoding: what is actually signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


class Signature(Document):
    """One signature and the hint that helps to find its key."""

    keyid: str = Field(min_length=1, max_length=200)
    sig: StdBase64


class _Wire(Document):
    payloadType: str = Field(max_length=100)  # noqa: N815 - the member's name in DSSE
    payload: StdBase64
    signatures: Listing[Signature] = Field(min_length=1, max_length=MAX_SIGNATURES)


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A payload with its signatures, verified or not: only `verify` tells."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes, kind: str, *, limit: int = MAX_DOCUMENT) -> SignedDocument:
        """Read `{payloadType, payload, signatures}` of one kind; raises `MalformedError`."""
        return cls._of(parse(_Wire, data, limit=limit), kind)

    @classmethod
    def from_json(cls, value: object, kind: str, *, pointer: str = "") -> SignedDocument:
        """The same from an already read JSON value, standing at `pointer` in its document."""
        return cls._of(validate(_Wire, value, pointer=pointer), kind, pointer)

    @classmethod
    def _of(cls, wire: _Wire, kind: str, pointer: str = "") -> SignedDocument:
        if wire.payloadType != media_type(kind):
            raise MalformedError("wrong-payload-type", f"{pointer}/payloadType")
        return cls(wire.payloadType, wire.payload, wire.signatures)

    def _wire(self) -> _Wire:
        return _Wire(payloadType=self.payload_type, payload=self.payload, signatures=self.signatures)

    def encode(self) -> bytes:
        """The document as it travels and is stored."""
        return encode(self._wire())

    def to_json(self) -> dict[str, object]:
        """The document as a JSON value, to stand inside another."""
        return self._wire().model_dump(mode="json")

    @property
    def sha256(self) -> str:
        """The digest of the payload bytes, by which this document is named elsewhere."""
        return sha256_hex(self.payload)

    @property
    def keyids(self) -> tuple[str, ...]:
        """The key ids the signatures claim; hints, until `verify` returns."""
        return tuple(signature.keyid for signature in self.signatures)

    def verify(self, verifiers: Iterable[Verifier]) -> None:
        """Return only if there is exactly one valid signature for each verifier and no other; else `ForgedError`."""
        expected = {verifier.kid: verifier for verifier in verifiers}
        if not expected or sorted(self.keyids) != sorted(expected):
            raise ForgedError("wrong-signers", "/signatures")
        message = pae(self.payload_type, self.payload)
        for signature in self.signatures:
            expected[signature.keyid].verify(signature.sig, message)


def sign(kind: str, payload: bytes, signers: Iterable[Signer]) -> SignedDocument:
    """Sign exact payload bytes as a document of `kind` with every signer given."""
    message = pae(media_type(kind), payload)
    signatures = tuple(Signature(keyid=signer.kid, sig=signer.sign(message)) for signer in signers)
    return SignedDocument(media_type(kind), payload, signatures)
