"""A referral envelope as everyone on its way sees it: a signed header in clear, and sections nobody but one can read.

PROTOCOL §4. What is here can be checked without opening anything; sealing and opening are in `keys.sealing`, which
the broker cannot import. The header itself is in `consent.headers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field

from consent.headers import (
    MAX_HEADER,
    MAX_LIFE,
    MAX_SLOTS,
    AuthorityRef,
    Emergency,
    Event,
    EventHeader,
    Header,
    Justification,
    MessageHeader,
    Notice,
    NoticeHeader,
    ReferralHeader,
    SealedHeader,
    SlotHeader,
    SlotId,
    protect,
    read_header,
    read_inner,
)
from keys.documents import Base64Url, Document, Listing, Sha256, Version, b64url, encode, parse, sha256_hex, validate
from keys.errors import ForgedError, MalformedError
from keys.identity import Signer, Verifier
from keys.signing import Signature, SignedDocument, StdBase64, media_type, sign

__all__ = [
    "ENVELOPE_KIND",
    "MAX_ENVELOPE",
    "MAX_HEADER",
    "MAX_LIFE",
    "MAX_SLOTS",
    "AuthorityRef",
    "Emergency",
    "Envelope",
    "Event",
    "EventHeader",
    "Header",
    "Justification",
    "MessageHeader",
    "Notice",
    "NoticeHeader",
    "ReferralHeader",
    "SealedHeader",
    "SlotHeader",
    "UnverifiedEnvelope",
    "compose",
    "protect",
    "read_header",
]

ENVELOPE_KIND = "envelope"
MAX_ENVELOPE = 2 * 1024 * 1024
"""Bytes on the wire (PROTOCOL §0)."""


class KeyDigest(Document):
    """Which key of the recipient opens the key block, and the digest of that block."""

    kid: str = Field(min_length=1, max_length=200)
    sha256: Sha256


class SectionDigest(Document):
    """The digest and size, in bytes, of one sealed section."""

    sid: SlotId
    sha256: Sha256
    size: int = Field(ge=1, le=MAX_ENVELOPE)


class Payload(Document):
    """What the sender signs: the header as it was sealed to, and the digest of everything that is sealed."""

    v: Version
    protected: Base64Url
    key: KeyDigest | None = None
    sections: Listing[SectionDigest] | None = Field(default=None, min_length=1, max_length=MAX_SLOTS)


class _Wire(Document):
    payloadType: str = Field(max_length=100)  # noqa: N815 - the member's name in DSSE
    payload: StdBase64
    signatures: Listing[Signature] = Field(min_length=1, max_length=1)
    key: Base64Url | None = None
    sections: dict[SlotId, Base64Url] | None = Field(default=None, min_length=1, max_length=MAX_SLOTS)


@dataclass(frozen=True, slots=True)
class UnverifiedEnvelope:
    """An envelope of the right form, by whoever sent it: nothing in it may be relied on yet."""

    wire: bytes
    signed: SignedDocument
    payload: Payload
    header: Header
    key: bytes | None
    sections: Mapping[str, bytes]

    @staticmethod
    def parse(wire: bytes) -> UnverifiedEnvelope:
        """Read the bytes of an envelope; raises `MalformedError` with every fault and its place."""
        outer = parse(_Wire, wire, limit=MAX_ENVELOPE)
        if outer.payloadType != media_type(ENVELOPE_KIND):
            raise MalformedError("wrong-payload-type", "/payloadType")
        signed = SignedDocument(outer.payloadType, outer.payload, outer.signatures)
        inner = read_inner(outer.payload, limit=MAX_ENVELOPE, pointer="/payload")
        payload = validate(Payload, inner, pointer="/payload")
        header = read_header(payload.protected)
        _check_parts(header, payload)
        return UnverifiedEnvelope(wire, signed, payload, header, outer.key, outer.sections or {})

    def verify(self, verifier: Verifier) -> Envelope:
        """The same envelope, verified: the signature is the sender's and every sealed part is what was signed.

        `verifier` is a signing key that the chain of `header.from` vouches for; raises `ForgedError`.
        """
        if verifier.kid.partition("#")[0] != self.header.from_:
            raise ForgedError("signer-is-not-sender", "/signatures/0")
        self.signed.verify((verifier,))
        self._check_digests()
        return Envelope(self.wire, self.signed, self.payload, self.header, self.key, self.sections)

    def _check_digests(self) -> None:
        """What travels beside the payload is exactly what the payload lists: nothing less, more or other."""
        promised = self.payload.key
        if (self.key is None) != (promised is None):
            raise ForgedError("digest-mismatch", "/key")
        if promised is not None and sha256_hex(self.key or b"") != promised.sha256:
            raise ForgedError("digest-mismatch", "/key")
        digests = self.payload.sections or ()
        if self.sections.keys() != {digest.sid for digest in digests}:
            raise ForgedError("digest-mismatch", "/sections")
        for digest in digests:
            data = self.sections[digest.sid]
            if len(data) != digest.size or sha256_hex(data) != digest.sha256:
                raise ForgedError("digest-mismatch", f"/sections/{digest.sid}")


class Envelope(UnverifiedEnvelope):
    """An envelope whose signature and digests were verified; only `UnverifiedEnvelope.verify` makes one."""

    __slots__ = ()

    @property
    def payload_sha256(self) -> str:
        """The digest by which receipts, acknowledgements and the journal name exactly these bytes."""
        return self.signed.sha256

    @property
    def signer_kid(self) -> str:
        """The id of the signing key that verified."""
        return self.signed.keyids[0]

    @property
    def protected(self) -> str:
        """The header as it was sealed to: base64url text."""
        return b64url(self.payload.protected)


def _check_parts(header: Header, payload: Payload) -> None:
    """A sealed kind lists a key block for its recipient and one section a slot; the other kinds list nothing."""
    for member in ("key", "sections"):
        present = getattr(payload, member) is not None
        if present != isinstance(header, SealedHeader):
            raise MalformedError("unexpected-member" if present else "missing-field", f"/payload/{member}")
    if not isinstance(header, SealedHeader) or payload.key is None:
        return
    if not payload.key.kid.startswith(f"{header.to}#sealing-"):
        raise MalformedError("key-of-somebody-else", "/payload/key/kid")
    if [digest.sid for digest in payload.sections or ()] != [slot.sid for slot in header.slots]:
        raise MalformedError("sections-and-slots", "/payload/sections")


def compose(
    protected: bytes,
    signer: Signer,
    *,
    kid: str | None = None,
    key: bytes | None = None,
    sections: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """Put an envelope together and sign it: the protected header, and for sealed kinds the key block and sections."""
    parts = dict(sections)
    payload = Payload(
        v=1,
        protected=protected,
        key=KeyDigest(kid=kid, sha256=sha256_hex(key)) if kid is not None and key is not None else None,
        sections=tuple(SectionDigest(sid=sid, sha256=sha256_hex(data), size=len(data)) for sid, data in parts.items())
        or None,
    )
    signed = sign(ENVELOPE_KIND, encode(payload), (signer,))
    return encode(
        _Wire(
            payloadType=signed.payload_type,
            payload=signed.payload,
            signatures=signed.signatures,
            key=key,
            sections=parts or None,
        )
    )
