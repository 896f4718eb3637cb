"""The broker's signed word: this was accepted, here in the journal, and will be visible within a minute.

PROTOCOL §6 and §7: a receipt older than its promise whose leaf is not in the tree is evidence against the broker.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from consent.identifiers import EnvelopeId, StatementId
from consent.incident import IncidentId
from gateway.store.journal import Appended
from keys.documents import Address, Base64Url, Document, Sha256, Time, Version, encode
from keys.identity import SigningKey
from keys.signing import sign

__all__ = [
    "LONGEST_PROMISE",
    "PROMISE",
    "RECEIPT_KIND",
    "EnvelopeReceipt",
    "IncidentReceipt",
    "ReviewReceipt",
    "StatementReceipt",
    "WithdrawalReceipt",
    "receipt",
    "withdrawal_receipt",
]

RECEIPT_KIND = "receipt"
PROMISE = 60
"""Seconds within which the leaf is in a published checkpoint (PROTOCOL §7)."""
LONGEST_PROMISE = 24 * 3600
"""The same while nothing is signed, because the journal is contradicted: the most that a receipt may promise."""


class _Promise(Document):
    v: Version
    by: Address
    origin: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    index: int = Field(ge=0)
    leaf: Base64Url
    time: Time
    promise: int


class _Receipt(_Promise):
    payload_sha256: Sha256


class EnvelopeReceipt(_Receipt):
    """The receipt of an envelope."""

    envelope: EnvelopeId


class StatementReceipt(_Receipt):
    """The receipt of one version of a consent statement."""

    statement: StatementId
    version: int


class IncidentReceipt(_Receipt):
    """The receipt of a report that opened an incident; `payload_sha256` is the report's."""

    envelope: EnvelopeId
    incident: IncidentId


class ReviewReceipt(_Receipt):
    """The receipt of the review of an emergency; `payload_sha256` is the review's."""

    reviewed: EnvelopeId


class WithdrawalReceipt(_Promise):
    """What whoever said a person's code is given: it is done, and says nothing of what it was about."""

    withdrawal: Literal["done"]


def _model(about: Collection[str]) -> type[_Receipt]:
    if "incident" in about:
        return IncidentReceipt
    if "reviewed" in about:
        return ReviewReceipt
    return EnvelopeReceipt if "envelope" in about else StatementReceipt


def _promise(appended: Appended) -> int:
    return LONGEST_PROMISE if appended.unsigned else PROMISE


def receipt(key: SigningKey, origin: str, appended: Appended, payload_sha256: str, **about: object) -> bytes:
    """Sign the receipt of what was just journalled; `about` names what it is for, as the receipts above do."""
    document = _model(about).model_validate(
        {
            "v": 1,
            "by": key.address,
            "payload_sha256": payload_sha256,
            "origin": origin,
            "index": appended.index,
            "leaf": appended.leaf,
            "time": appended.time,
            "promise": _promise(appended),
            **about,
        }
    )
    return sign(RECEIPT_KIND, encode(document), (key,)).encode()


def withdrawal_receipt(key: SigningKey, origin: str, ended: Appended) -> bytes:
    """Sign the receipt of a withdrawal by its code, by the journal entry of the consent's end."""
    document = WithdrawalReceipt(
        v=1,
        by=key.address,
        withdrawal="done",
        origin=origin,
        index=ended.index,
        leaf=ended.leaf,
        time=ended.time,
        promise=_promise(ended),
    )
    return sign(RECEIPT_KIND, encode(document), (key,)).encode()
