"""The broker's signed word: this was accepted, here in the journal, and will be visible within a minute.

PROTOCOL §6 and §7: a receipt older than its promise whose leaf is not in the tree is evidence against the broker.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from consent.identifiers import EnvelopeId, StatementId
from gateway.store.journal import Appended
from keys.documents import Address, Base64Url, Document, Sha256, Time, Version, encode
from keys.identity import SigningKey
from keys.signing import sign

__all__ = ["PROMISE", "RECEIPT_KIND", "EnvelopeReceipt", "StatementReceipt", "receipt"]

RECEIPT_KIND = "receipt"
PROMISE = 60
"""Seconds within which the leaf is in a published checkpoint (PROTOCOL §7)."""


class _Receipt(Document):
    v: Version
    by: Address
    payload_sha256: Sha256
    origin: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    index: int = Field(ge=0)
    leaf: Base64Url
    time: Time
    promise: int


class EnvelopeReceipt(_Receipt):
    """The receipt of an envelope."""

    envelope: EnvelopeId


class StatementReceipt(_Receipt):
    """The receipt of one version of a consent statement."""

    statement: StatementId
    version: int


def receipt(key: SigningKey, origin: str, appended: Appended, payload_sha256: str, **about: object) -> bytes:
    """Sign the receipt of what was just journalled; `about` names the envelope, or the statement and version."""
    model = EnvelopeReceipt if "envelope" in about else StatementReceipt
    document = model.model_validate(
        {
            "v": 1,
            "by": key.address,
            "payload_sha256": payload_sha256,
            "origin": origin,
            "index": appended.index,
            "leaf": appended.leaf,
            "time": appended.time,
            "promise": PROMISE,
            **about,
        }
    )
    return sign(RECEIPT_KIND, encode(document), (key,)).encode()
