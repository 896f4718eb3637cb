"""What a root is asked to sign: a document without its signatures, read and judged before anyone types yes.

A signing request is `{payloadType, payload}` as in a signed document (PROTOCOL §1), carried to the offline machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from keys import strictjson
from keys.documents import Document, encode, parse, sha256_hex
from keys.errors import ForgedError, MalformedError
from keys.identity import RootKey, root_verifiers
from keys.signing import MAX_DOCUMENT, SignedDocument, StdBase64, media_type, sign
from keys.statements import KIND, SIGNED_BY_ROOT, KeyPublication, read_statement

__all__ = ["ROOT_KINDS", "SigningRequest"]

ROOT_KINDS = (KIND, "agreement-signature", "agreement")
"""The kinds of documents that a root signs (PROTOCOL §2)."""


class _Wire(Document):
    payloadType: str = Field(max_length=100)  # noqa: N815 - the member's name in DSSE
    payload: StdBase64


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """The exact bytes to sign, their kind, and what they say."""

    kind: str
    payload: bytes
    content: Mapping[str, Any]

    @classmethod
    def parse(cls, data: bytes) -> SigningRequest:
        """Read a request; raises `MalformedError` (not-for-root when it is of a kind that no root signs)."""
        wire = parse(_Wire, data, limit=MAX_DOCUMENT)
        kind = next((each for each in ROOT_KINDS if media_type(each) == wire.payloadType), None)
        if kind is None:
            raise MalformedError("not-for-root", "/payloadType")
        content = strictjson.loads(wire.payload, limit=MAX_DOCUMENT)
        if not isinstance(content, dict):
            raise MalformedError("wrong-type", "/payload")
        if type(content.get("v")) is not int or content["v"] != 1:
            raise MalformedError("out-of-range", "/payload/v")
        request = cls(kind, wire.payload, content)
        request._check_statement()
        return request

    @classmethod
    def of(cls, kind: str, payload: bytes) -> SigningRequest:
        """A request to sign these bytes as a document of `kind`; raises as `parse`."""
        return cls.parse(encode(_Wire(payloadType=media_type(kind), payload=payload)))

    def encode(self) -> bytes:
        """The file that is carried to the offline machine."""
        return encode(_Wire(payloadType=media_type(self.kind), payload=self.payload))

    def _check_statement(self) -> None:
        """A key statement is complete, and of a use for which the root vouches itself."""
        if self.kind == KIND:
            statement = read_statement(SignedDocument(media_type(KIND), self.payload, ()))
            if isinstance(statement, KeyPublication) and statement.use not in SIGNED_BY_ROOT:
                raise MalformedError("not-for-root", "/payload/use")

    @property
    def sha256(self) -> str:
        """The digest by which the document will be named."""
        return sha256_hex(self.payload)

    def sign(self, root: RootKey) -> SignedDocument:
        """Sign with both halves; raises `ForgedError` (other-organisation) when this root may not speak here."""
        if not self._concerns(root):
            raise ForgedError("other-organisation", "/payload")
        signed = sign(self.kind, self.payload, root.signers)
        signed.verify(root_verifiers(root.address, root.public))
        return signed

    def _concerns(self, root: RootKey) -> bool:
        if self.kind == KIND:
            return bool(self.content.get("org") == root.address)
        if self.kind == "agreement-signature":
            return bool(self.content.get("by") == root.address)
        # An agreement names its parties: this root must be pinned there, under its own address.
        pinned = {"address": root.address, "root_fingerprint": root.public.fingerprint}
        parties = self.content.get("parties")
        return isinstance(parties, list) and any(
            isinstance(party, dict) and pinned.items() <= party.items() for party in parties
        )
